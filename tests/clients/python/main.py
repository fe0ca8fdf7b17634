"""Runs the contract on one client: main.py CLIENT check|read BOOTSTRAP …"""

import importlib
import sys

import contract

CLIENTS = {
    "confluent-kafka": "client_confluent_kafka",
    "kafka-python": "client_kafka_python",
    "aiokafka": "client_aiokafka",
}


def main(name: str, mode: str, bootstrap: str, *rest: str) -> int:
    client = importlib.import_module(CLIENTS[name]).connect(bootstrap)
    try:
        if mode == "check":
            contract.check(client, *rest)
        else:
            profile, *topics = rest
            contract.read(client, profile, topics)
    except contract.Failure as failure:
        print(f"FAILED {name}: {failure}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
