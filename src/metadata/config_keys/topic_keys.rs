//! The topic keys, sorted by name. Defaults are Kafka's, but for `flush.messages`.

use super::kind::{Allowed, Kind, Range};
use super::{ConfigKey, FORMER_SEGMENT_BYTES, SEGMENT_BYTES, Scope, Synonym};

const I32_MAX: i64 = i32::MAX as i64;

/// What the keys of tiered storage say where there is none.
const AS_RETENTION: Range = Range { min: -2, max: -2 };

const fn topic(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    synonyms: &'static [Synonym],
    documentation: &'static str,
) -> ConfigKey {
    ConfigKey {
        name,
        scope: Scope::Topic,
        kind,
        default: Some(default),
        dynamic: true,
        synonyms,
        documentation,
        internal: false,
        former: None,
    }
}

/// A key for tests, which has a value only where one is set.
const fn internal(name: &'static str, kind: Kind, documentation: &'static str) -> ConfigKey {
    ConfigKey { default: None, internal: true, ..topic(name, kind, "", &[], documentation) }
}

const fn long(min: i64) -> Kind {
    Kind::Long(Range { min, max: i64::MAX })
}

const fn int(min: i64, max: i64) -> Kind {
    Kind::Int(Range { min, max })
}

const fn same(name: &'static str) -> Synonym {
    Synonym { name, scale: 1 }
}

const fn minutes(name: &'static str) -> Synonym {
    Synonym { name, scale: 60_000 }
}

const fn hours(name: &'static str) -> Synonym {
    Synonym { name, scale: 3_600_000 }
}

/// Says what is wrong with a list of throttled replicas: `*`, or entries PARTITION:BROKER.
fn throttled_replica_fault(entry: &str) -> Option<String> {
    let number = |text: &str| text.parse::<u32>().is_ok();
    let pair = |text: &str| text.split_once(':').is_some_and(|(a, b)| number(a) && number(b));
    (entry != "*" && !pair(entry))
        .then(|| "Every entry must be PARTITION:BROKER, or the only one *".to_owned())
}

pub(super) const COMPRESSION_TYPES: Allowed = Allowed::OneOf(&["producer"]);
pub(super) const TIMESTAMP_TYPES: Allowed = Allowed::OneOf(&["CreateTime", "LogAppendTime"]);
pub(super) const CLEANUP_POLICIES: Allowed = Allowed::OneOf(&["delete", "compact"]);

pub(super) const TOPIC_KEYS: &[ConfigKey] = &[
    topic(
        "cleanup.policy",
        Kind::List(CLEANUP_POLICIES),
        "delete",
        &[same("log.cleanup.policy")],
        "What becomes of old segments: delete drops them by age and size, compact keeps the last \
         record of every key. Both may be given. There is no compaction yet: compact is accepted, \
         wants a key in every record, and removes nothing.",
    ),
    topic(
        "compression.gzip.level",
        int(-1, 9),
        "-1",
        &[same("compression.gzip.level")],
        "Accepted for compatibility; without effect, because batches are stored as they came.",
    ),
    topic(
        "compression.lz4.level",
        int(1, 17),
        "9",
        &[same("compression.lz4.level")],
        "Accepted for compatibility; without effect, because batches are stored as they came.",
    ),
    topic(
        "compression.type",
        Kind::String(COMPRESSION_TYPES),
        "producer",
        &[same("compression.type")],
        "The codec of stored batches. Batches are stored as the producer sent them; nothing is \
         compressed again.",
    ),
    topic(
        "compression.zstd.level",
        int(-131_072, 22),
        "3",
        &[same("compression.zstd.level")],
        "Accepted for compatibility; without effect, because batches are stored as they came.",
    ),
    topic(
        "delete.retention.ms",
        long(0),
        "86400000",
        &[same("log.cleaner.delete.retention.ms")],
        "How long a compacted topic keeps the tombstone of a deleted key, in ms.",
    ),
    topic(
        "file.delete.delay.ms",
        long(0),
        "60000",
        &[same("log.segment.delete.delay.ms")],
        "How long the file of a dropped segment stays on the disk, in ms.",
    ),
    topic(
        "flush.messages",
        long(1),
        "1",
        &[same("log.flush.interval.messages")],
        "Records after which the log is made durable (fdatasync). At 1 a record is acknowledged \
         and readable once it is on the disk. With this and flush.ms at 9223372036854775807, as \
         in Kafka, once it is in the page cache.",
    ),
    topic(
        "flush.ms",
        long(0),
        "9223372036854775807",
        &[same("log.flush.interval.ms")],
        "Time after which appended records are made durable, in ms.",
    ),
    topic(
        "follower.replication.throttled.replicas",
        Kind::List(Allowed::Checked(throttled_replica_fault)),
        "",
        &[],
        "Replicas whose replication is throttled on the follower, PARTITION:BROKER or *.",
    ),
    topic(
        "index.interval.bytes",
        int(0, I32_MAX),
        "4096",
        &[same("log.index.interval.bytes")],
        "Bytes of records between two entries of the offset index.",
    ),
    internal(
        "internal.segment.bytes",
        int(1, I32_MAX),
        "Goes before segment.bytes, and may be smaller: for tests only.",
    ),
    topic(
        "leader.replication.throttled.replicas",
        Kind::List(Allowed::Checked(throttled_replica_fault)),
        "",
        &[],
        "Replicas whose replication is throttled on the leader, PARTITION:BROKER or *.",
    ),
    topic(
        "local.retention.bytes",
        Kind::Long(AS_RETENTION),
        "-2",
        &[],
        "Accepted for compatibility at -2, which stands for retention.bytes: there is no tiered \
         storage.",
    ),
    topic(
        "local.retention.ms",
        Kind::Long(AS_RETENTION),
        "-2",
        &[],
        "Accepted for compatibility at -2, which stands for retention.ms: there is no tiered \
         storage.",
    ),
    topic(
        "max.compaction.lag.ms",
        long(1),
        "9223372036854775807",
        &[same("log.cleaner.max.compaction.lag.ms")],
        "The longest time that a record may wait for compaction, in ms.",
    ),
    topic(
        "max.message.bytes",
        int(0, I32_MAX),
        "1048588",
        &[same("message.max.bytes")],
        "The largest record batch accepted, in bytes as sent (after compression).",
    ),
    topic(
        "message.timestamp.after.max.ms",
        long(0),
        "3600000",
        &[same("log.message.timestamp.after.max.ms")],
        "How far a record's timestamp may lie ahead of the broker's clock, in ms, where the \
         producer's timestamps are kept.",
    ),
    topic(
        "message.timestamp.before.max.ms",
        long(0),
        "9223372036854775807",
        &[same("log.message.timestamp.before.max.ms")],
        "How far a record's timestamp may lie behind the broker's clock, in ms, where the \
         producer's timestamps are kept.",
    ),
    topic(
        "message.timestamp.type",
        Kind::String(TIMESTAMP_TYPES),
        "CreateTime",
        &[same("log.message.timestamp.type")],
        "Whether a record carries the producer's time or that of its append.",
    ),
    topic(
        "min.cleanable.dirty.ratio",
        Kind::Double(0.0, 1.0),
        "0.5",
        &[same("log.cleaner.min.cleanable.ratio")],
        "The share of uncompacted bytes from which a log is compacted.",
    ),
    topic(
        "min.compaction.lag.ms",
        long(0),
        "0",
        &[same("log.cleaner.min.compaction.lag.ms")],
        "How long a record stays uncompacted at least, in ms.",
    ),
    topic(
        "min.insync.replicas",
        int(1, I32_MAX),
        "1",
        &[same("min.insync.replicas")],
        "Replicas that must have a record before a producer with acks=all is answered; all of \
         them where there are fewer.",
    ),
    topic(
        "preallocate",
        Kind::Boolean,
        "false",
        &[same("log.preallocate")],
        "Whether the room for a segment is reserved when it is made.",
    ),
    topic(
        "remote.storage.enable",
        Kind::OnlyFalse,
        "false",
        &[],
        "Accepted for compatibility at false: there is no tiered storage.",
    ),
    topic(
        "retention.bytes",
        long(-1),
        "-1",
        &[same("log.retention.bytes")],
        "The size of a partition, in bytes, above which its oldest segments are dropped; -1 for \
         no bound.",
    ),
    topic(
        "retention.ms",
        long(-1),
        "604800000",
        &[same("log.retention.ms"), minutes("log.retention.minutes"), hours("log.retention.hours")],
        "The age of records, in ms, above which their segment is dropped; -1 for no bound.",
    ),
    topic(
        "segment.bytes",
        SEGMENT_BYTES,
        "1073741824",
        &[same("log.segment.bytes")],
        "The size of a segment file, in bytes, at which the next one is begun.",
    )
    .formerly(FORMER_SEGMENT_BYTES),
    topic(
        "segment.index.bytes",
        int(4, I32_MAX),
        "10485760",
        &[same("log.index.size.max.bytes")],
        "The size of a segment's offset index, in bytes, at which the next segment is begun.",
    ),
    topic(
        "segment.jitter.ms",
        long(0),
        "0",
        &[same("log.roll.jitter.ms"), hours("log.roll.jitter.hours")],
        "At most this is taken off segment.ms, at random, so that segments do not all roll at \
         once; in ms.",
    ),
    topic(
        "segment.ms",
        long(1),
        "604800000",
        &[same("log.roll.ms"), hours("log.roll.hours")],
        "The age of a segment, in ms, at which the next one is begun even if it is not full.",
    ),
    topic(
        "unclean.leader.election.enable",
        Kind::Boolean,
        "false",
        &[same("unclean.leader.election.enable")],
        "Whether a replica that lacks acknowledged records may become leader.",
    ),
];
