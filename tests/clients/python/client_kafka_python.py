"""kafka-python: the pure Python client."""

from collections.abc import Iterable, Iterator

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import TopicAlreadyExistsError

from contract import Failure, TopicExists
from pure_python import (
    CONSUMER_OPTIONS,
    TIMEOUT_S,
    as_record,
    compression_type,
    offsets_of,
    send_arguments,
)
from records import Record


def connect(bootstrap: str) -> "KafkaPython":
    return KafkaPython(bootstrap)


class KafkaPython:
    profile = "no-null-headers"

    def __init__(self, bootstrap: str):
        self.bootstrap = bootstrap
        self.admin = KafkaAdminClient(bootstrap_servers=bootstrap)

    def create_topic(self, topic: str, partitions: int, configs: dict[str, str]) -> None:
        options = {"num_partitions": partitions, "replication_factor": 1, "configs": configs}
        try:
            self.admin.create_topics({topic: options})
        except TopicAlreadyExistsError as error:
            raise TopicExists from error

    def produce(self, topic: str, codec: str, batch: Iterable[Record]) -> list[tuple[int, int]]:
        producer = KafkaProducer(
            bootstrap_servers=self.bootstrap,
            compression_type=compression_type(codec),
            linger_ms=5,
        )
        pending = [producer.send(topic, **send_arguments(record)) for record in batch]
        producer.flush(TIMEOUT_S)
        acks = [future.get(TIMEOUT_S) for future in pending]
        producer.close()
        return [(ack.partition, ack.offset) for ack in acks]

    def read(self, topic: str, starts: dict[int, int], count: int) -> Iterator[Record]:
        consumer = self._consumer()
        consumer.assign([TopicPartition(topic, p) for p in starts])
        for partition, offset in starts.items():
            consumer.seek(TopicPartition(topic, partition), offset)
        seen = 0
        for seen, message in enumerate(consumer, start=1):
            yield as_record(message)
            if seen == count:
                break
        consumer.close()
        if seen < count:
            raise Failure(f"{topic}: no record within {TIMEOUT_S} s")

    def offsets_for_time(self, topic: str, partitions: int, ms: int) -> dict[int, int | None]:
        consumer = self._consumer()
        found = consumer.offsets_for_times(
            {TopicPartition(topic, p): ms for p in range(partitions)}
        )
        consumer.close()
        return offsets_of(found)

    def earliest(self, topic: str, partition: int) -> int:
        consumer = self._consumer()
        place = TopicPartition(topic, partition)
        offset = consumer.beginning_offsets([place])[place]
        consumer.close()
        return offset

    def partition_count(self, topic: str) -> int:
        return len(self.admin.describe_topics([topic])[0]["partitions"])

    def topics(self) -> set[str]:
        return set(self.admin.list_topics())

    def config(self, topic: str, name: str) -> str:
        resource = ConfigResource(ConfigResourceType.TOPIC, topic, {name: None})
        described = self.admin.describe_configs([resource], config_filter="all")
        return described["topic"][topic][name]["value"]

    def set_config(self, topic: str, name: str, value: str) -> None:
        self.admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {name: value})])

    def add_partitions(self, topic: str, total: int) -> None:
        self.admin.create_partitions({topic: total})

    def delete_records(self, topic: str, partition: int, before: int) -> None:
        self.admin.delete_records({TopicPartition(topic, partition): before})

    def delete_topic(self, topic: str) -> None:
        self.admin.delete_topics([topic])

    def _consumer(self) -> KafkaConsumer:
        return KafkaConsumer(
            bootstrap_servers=self.bootstrap,
            consumer_timeout_ms=TIMEOUT_S * 1000,
            **CONSUMER_OPTIONS,
        )
