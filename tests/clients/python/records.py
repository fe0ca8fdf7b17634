"""The records of a topic, by the rule in the README beside this folder."""

from dataclasses import dataclass, replace

RECORD_COUNT = 10_000
TIMESTAMP_BASE_MS = 1_700_000_000_000
TIMESTAMP_STEP_MS = 10


@dataclass(frozen=True)
class Record:
    """One record as a client writes it or reads it, at its place in a topic."""

    partition: int
    offset: int
    timestamp_ms: int | None
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


def full(i: int, partitions: int) -> Record:
    """Record i of the profile `full`."""
    return Record(
        i % partitions, i // partitions, timestamp_ms(i), _key(i), _value(i), _headers(i)
    )


def no_null_headers(i: int, partitions: int) -> Record:
    """Record i of the profile `no-null-headers`."""
    record = full(i, partitions)
    return replace(record, headers=tuple((key, value or b"") for key, value in record.headers))


def plain(i: int, partitions: int) -> Record:
    """Record i of the profile `plain`."""
    header = ("written-by", b"kcat")
    return Record(
        i % partitions, i // partitions, None, _key(i) or None, _value(i) or None, (header,)
    )


PROFILES = {"full": full, "no-null-headers": no_null_headers, "plain": plain}


def timestamp_ms(i: int) -> int:
    return TIMESTAMP_BASE_MS + TIMESTAMP_STEP_MS * i


def _key(i: int) -> bytes | None:
    match i % 7:
        case 0 if i % 11:
            return None
        case 1:
            return b""
        case _:
            return b"key-%d" % (i % 100)


def _value(i: int) -> bytes | None:
    match i % 11:
        case 0:
            return None
        case 1:
            return b""
        case _:
            filler = b"x" * 20_000 if i % 1000 == 999 else "ü".encode() * (i % 50)
            return b"value-%d " % i + filler


def _headers(i: int) -> tuple[tuple[str, bytes | None], ...]:
    index = ("index", b"%d" % i)
    match i % 5:
        case 0:
            return ()
        case 1:
            return (index,)
        case 2:
            return (index, ("repeat", b"a"), ("repeat", b"b"))
        case 3:
            return (index, ("null", None))
        case _:
            return (index, ("empty", b""))
