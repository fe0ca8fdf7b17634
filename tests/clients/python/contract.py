"""The checks of the README beside this folder, on any client that offers `Client`."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Protocol

import records
from records import RECORD_COUNT, Record

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
PARTITIONS = 3
MIDDLE = RECORD_COUNT // 2
TIMED = RECORD_COUNT * 3 // 4
ADMIN_RECORD_COUNT = 30
SOON_S = 10


class TopicExists(Exception):
    """What a client's `create_topic` raises for TOPIC_ALREADY_EXISTS."""


class Failure(Exception):
    """A check that saw something else than it expected."""


class Client(Protocol):
    """What the checks ask of a client. Partitions are assigned, offsets never committed."""

    profile: str
    """The profile of the records that it can write."""

    def create_topic(self, topic: str, partitions: int, configs: dict[str, str]) -> None: ...

    def produce(self, topic: str, codec: str, batch: Iterable[Record]) -> list[tuple[int, int]]:
        """Writes the records in order; gives the (partition, offset) that each ack named."""

    def read(self, topic: str, starts: dict[int, int], count: int) -> Iterator[Record]:
        """Reads `count` records from these offsets, by partition."""

    def offsets_for_time(self, topic: str, partitions: int, ms: int) -> dict[int, int | None]: ...

    def earliest(self, topic: str, partition: int) -> int: ...

    def partition_count(self, topic: str) -> int: ...

    def topics(self) -> set[str]: ...

    def config(self, topic: str, name: str) -> str: ...

    def set_config(self, topic: str, name: str, value: str) -> None: ...

    def add_partitions(self, topic: str, total: int) -> None: ...

    def delete_records(self, topic: str, partition: int, before: int) -> None: ...

    def delete_topic(self, topic: str) -> None: ...


def check(client: Client, prefix: str) -> None:
    """Runs every check."""
    for codec in CODECS:
        check_codec(client, f"{prefix}-{codec}", codec)
    check_admin(client, f"{prefix}-admin")


def read(client: Client, profile: str, topics: Iterable[str]) -> None:
    """Reads topics that another client wrote."""
    for topic in topics:
        read_from(client, topic, records.PROFILES[profile], client.partition_count(topic), 0)
        passed(f"{topic}: read what another client wrote")


def check_codec(client: Client, topic: str, codec: str) -> None:
    profile = records.PROFILES[client.profile]
    client.create_topic(topic, PARTITIONS, {"retention.ms": "-1"})
    try:
        client.create_topic(topic, PARTITIONS, {})
    except TopicExists:
        passed(f"{topic}: create")
    else:
        raise Failure(f"{topic}: create again: expected TOPIC_ALREADY_EXISTS, seen success")

    batch = [profile(i, PARTITIONS) for i in range(RECORD_COUNT)]
    acks = client.produce(topic, codec, batch)
    for record, ack in zip(batch, acks, strict=True):
        expect(f"{topic}: ack", (record.partition, record.offset), ack)
    passed(f"{topic}: produce {len(batch)} records")

    read_from(client, topic, profile, PARTITIONS, 0)
    passed(f"{topic}: read from the start")
    read_from(client, topic, profile, PARTITIONS, MIDDLE)
    passed(f"{topic}: read from the middle")

    between = records.timestamp_ms(TIMED) - records.TIMESTAMP_STEP_MS // 2
    found = client.offsets_for_time(topic, PARTITIONS, between)
    expect(f"{topic}: offsets for a time", starts(PARTITIONS, TIMED), found)
    read_from(client, topic, profile, PARTITIONS, TIMED)
    after = records.timestamp_ms(RECORD_COUNT)
    none = {partition: None for partition in range(PARTITIONS)}
    expect(
        f"{topic}: offsets for a time after the last record",
        none,
        client.offsets_for_time(topic, PARTITIONS, after),
    )
    passed(f"{topic}: read from a timestamp")


def check_admin(client: Client, topic: str) -> None:
    client.create_topic(topic, PARTITIONS, {"retention.ms": "-1"})
    expect_soon(f"{topic}: partitions", PARTITIONS, lambda: client.partition_count(topic))
    expect_soon(f"{topic}: retention.ms", "-1", lambda: client.config(topic, "retention.ms"))
    passed(f"{topic}: describe")

    client.set_config(topic, "max.message.bytes", "2000000")
    changed = lambda: client.config(topic, "max.message.bytes")
    expect_soon(f"{topic}: changed config", "2000000", changed)
    expect(f"{topic}: untouched config", "-1", client.config(topic, "retention.ms"))
    passed(f"{topic}: alter a config")

    profile = records.PROFILES[client.profile]
    client.produce(topic, "none", (profile(i, PARTITIONS) for i in range(ADMIN_RECORD_COUNT)))
    client.delete_records(topic, 1, 4)
    expect(f"{topic}: log start after deletion", 4, client.earliest(topic, 1))
    expect(f"{topic}: log start of another partition", 0, client.earliest(topic, 0))
    first = next(client.read(topic, {1: 4}, 1))
    expect(f"{topic}: first record after deletion", profile(4 * PARTITIONS + 1, PARTITIONS), first)
    passed(f"{topic}: delete records")

    more = PARTITIONS + 2
    client.add_partitions(topic, more)
    expect_soon(f"{topic}: more partitions", more, lambda: client.partition_count(topic))
    passed(f"{topic}: create partitions")

    expect(f"{topic}: listed", True, topic in client.topics())
    client.delete_topic(topic)
    expect_soon(f"{topic}: listed after deletion", False, lambda: topic in client.topics())
    passed(f"{topic}: delete")


def read_from(client: Client, topic: str, profile, partitions: int, first: int) -> None:
    """Reads the records `first` and later, and compares each with its rule."""
    next_offset = starts(partitions, first)
    for seen in client.read(topic, dict(next_offset), RECORD_COUNT - first):
        offset = next_offset[seen.partition]
        expected = profile(offset * partitions + seen.partition, partitions)
        expect(f"{topic}: partition {seen.partition} offset {offset}", expected, seen)
        next_offset[seen.partition] += 1
    expect(f"{topic}: end of each partition", starts(partitions, RECORD_COUNT), next_offset)


def starts(partitions: int, first: int) -> dict[int, int]:
    """The offset in each partition of the first record that is not before record `first`."""
    return {p: (first - p + partitions - 1) // partitions for p in range(partitions)}


def expect(what: str, expected: object, seen: object) -> None:
    if isinstance(expected, Record) and isinstance(seen, Record) and expected.timestamp_ms is None:
        seen = replace(seen, timestamp_ms=None)
    if expected != seen:
        raise Failure(f"{what}: expected {abridged(expected)}, seen {abridged(seen)}")


def expect_soon(what: str, expected: object, see: Callable[[], object]) -> None:
    """Looks again and again, since a broker may answer before all of it knows a change."""
    deadline = time.monotonic() + SOON_S
    while True:
        try:
            return expect(what, expected, see())
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def abridged(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 600 else f"{text[:600]}… ({len(text)} characters)"


def passed(what: str) -> None:
    print(f"ok {what}", flush=True)
