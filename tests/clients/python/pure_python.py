"""What kafka-python and aiokafka, which descends from it, have in common."""

from records import Record

TIMEOUT_S = 30

CONSUMER_OPTIONS = {"group_id": None, "enable_auto_commit": False, "auto_offset_reset": "none"}
"""Of a consumer that is given its partitions and offsets."""


def compression_type(codec: str) -> str | None:
    return None if codec == "none" else codec


def send_arguments(record: Record) -> dict[str, object]:
    """The arguments of a producer's `send`, but for the topic."""
    return {
        "partition": record.partition,
        "timestamp_ms": record.timestamp_ms,
        "key": record.key,
        "value": record.value,
        "headers": list(record.headers),
    }


def as_record(message) -> Record:
    """The record of a consumer's message."""
    return Record(
        message.partition,
        message.offset,
        message.timestamp,
        message.key,
        message.value,
        tuple(message.headers),
    )


def offsets_of(found) -> dict[int, int | None]:
    """By partition, what a consumer's `offsets_for_times` gave."""
    return {place.partition: at.offset if at else None for place, at in found.items()}
