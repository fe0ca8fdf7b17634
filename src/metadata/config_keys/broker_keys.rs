//! The broker keys, sorted by name. Kafka's names and defaults, where Kafka has the key; a
//! default that differs says so in its documentation.

use super::kind::{Allowed, Kind, Range};
use super::topic_keys::{CLEANUP_POLICIES, COMPRESSION_TYPES, TIMESTAMP_TYPES};
use super::{ConfigKey, FORMER_SEGMENT_BYTES, SEGMENT_BYTES, Scope};
use crate::base::limits::SHARD_COUNT_MAX;
use std::net::SocketAddr;

const I32_MAX: i64 = i32::MAX as i64;

/// A key that is read when the broker starts.
const fn fixed(
    name: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    documentation: &'static str,
) -> ConfigKey {
    ConfigKey {
        name,
        scope: Scope::Broker,
        kind,
        default,
        dynamic: false,
        synonyms: &[],
        documentation,
        internal: false,
        former: None,
    }
}

/// A key that AlterConfigs may change while the broker runs.
const fn dynamic(
    name: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    documentation: &'static str,
) -> ConfigKey {
    ConfigKey { dynamic: true, ..fixed(name, kind, default, documentation) }
}

const fn long(min: i64) -> Kind {
    Kind::Long(Range { min, max: i64::MAX })
}

const fn int(min: i64, max: i64) -> Kind {
    Kind::Int(Range { min, max })
}

const TEXT: Kind = Kind::String(Allowed::Any);

/// Splits `PLAINTEXT://host:port` into host and port; an IPv6 host stands in brackets.
///
/// # Errors
/// What is wrong with it.
pub fn parse_listener(listener: &str) -> Result<(String, u16), String> {
    let Some((name, address)) = listener.split_once("://") else {
        return Err("A listener is written PLAINTEXT://HOST:PORT".into());
    };
    if name != "PLAINTEXT" {
        return Err(format!("Listener {name} is not supported; only PLAINTEXT is"));
    }
    let Some((host, port)) = address.rsplit_once(':') else {
        return Err("The listener has no port: write PLAINTEXT://HOST:PORT".into());
    };
    let port = port.parse().map_err(|_| format!("{port} is not a port: 0 to 65535"))?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    Ok((host.to_owned(), port))
}

fn listener_fault(listener: &str) -> Option<String> {
    parse_listener(listener).err()
}

/// Reads `IP:PORT`, or `:PORT` for all interfaces, or nothing for no address.
///
/// # Errors
/// What is wrong with it.
pub fn parse_metrics_address(address: &str) -> Result<Option<SocketAddr>, String> {
    if address.is_empty() {
        return Ok(None);
    }
    let host = if address.starts_with(':') { "0.0.0.0" } else { "" };
    format!("{host}{address}").parse().map(Some).map_err(|_| {
        "Must be IP:PORT, such as 127.0.0.1:9644, or :PORT for all interfaces, or empty for none"
            .into()
    })
}

fn metrics_address_fault(address: &str) -> Option<String> {
    parse_metrics_address(address).err()
}

fn directory_fault(directory: &str) -> Option<String> {
    if directory.is_empty() {
        return Some("A directory must be named".into());
    }
    directory.contains(',').then(|| "Exactly one directory is supported".into())
}

/// Reads `auto` as `None`, and a list of CPU numbers and ranges such as `2,4-7` as the numbers.
///
/// # Errors
/// What is wrong with it.
pub fn parse_cores(cores: &str) -> Result<Option<Vec<usize>>, String> {
    if cores == "auto" {
        return Ok(None);
    }
    let wrong = || "Must be auto, or CPU numbers and ranges such as 2,3 or 0-3".to_owned();
    let mut numbers = Vec::new();
    for entry in cores.split(',') {
        let (first, last) = entry.split_once('-').unwrap_or((entry, entry));
        let first: u16 = first.trim().parse().map_err(|_| wrong())?;
        let last: u16 = last.trim().parse().map_err(|_| wrong())?;
        if last < first {
            return Err(wrong());
        }
        for number in usize::from(first)..=usize::from(last) {
            if numbers.contains(&number) {
                return Err(format!("CPU {number} is named twice"));
            }
            if numbers.len() == SHARD_COUNT_MAX {
                return Err(format!("At most {SHARD_COUNT_MAX} CPUs are supported"));
            }
            numbers.push(number);
        }
    }
    Ok(Some(numbers))
}

fn cores_fault(cores: &str) -> Option<String> {
    parse_cores(cores).err()
}

pub(super) const BROKER_KEYS: &[ConfigKey] = &[
    fixed(
        "advertised.listeners",
        Kind::List(Allowed::Checked(listener_fault)),
        None,
        "The address that clients are told to connect to. Unset: that of listeners, or the host's \
         name where that listens on all interfaces.",
    ),
    fixed(
        "auto.create.topics.enable",
        Kind::Boolean,
        Some("true"),
        "Whether a topic that a client asks for, but nobody made, is made.",
    ),
    fixed("broker.rack", TEXT, None, "The rack, or zone, that the broker stands in."),
    dynamic(
        "compression.gzip.level",
        int(-1, 9),
        Some("-1"),
        "Accepted for compatibility; without effect, because batches are stored as they came.",
    ),
    dynamic(
        "compression.lz4.level",
        int(1, 17),
        Some("9"),
        "Accepted for compatibility; without effect, because batches are stored as they came.",
    ),
    dynamic(
        "compression.type",
        Kind::String(COMPRESSION_TYPES),
        Some("producer"),
        "The codec of stored batches. Batches are stored as the producer sent them; nothing is \
         compressed again.",
    ),
    dynamic(
        "compression.zstd.level",
        int(-131_072, 22),
        Some("3"),
        "Accepted for compatibility; without effect, because batches are stored as they came.",
    ),
    fixed(
        "connections.max.idle.ms",
        long(-1),
        Some("600000"),
        "Time after which a connection without a request is closed, in ms; -1 for never.",
    ),
    fixed(
        "cores",
        Kind::String(Allowed::Checked(cores_fault)),
        Some("auto"),
        "The CPUs that shards are pinned to, one shard each: auto for all that the process may \
         use, or a list such as 2,3 or 0-3.",
    ),
    fixed(
        "default.replication.factor",
        int(1, 1),
        Some("1"),
        "Replicas of a topic that names no number. A single broker keeps one.",
    ),
    fixed("delete.topic.enable", Kind::Boolean, Some("true"), "Whether topics may be deleted."),
    fixed(
        "fetch.max.bytes",
        int(1024, I32_MAX),
        Some("57671680"),
        "The most record bytes in a fetch response, whatever the consumer asks for. A batch larger \
         than this is still returned, alone.",
    ),
    fixed(
        "listeners",
        Kind::List(Allowed::Checked(listener_fault)),
        Some("PLAINTEXT://127.0.0.1:9092"),
        "The address to listen on, PLAINTEXT://HOST:PORT; an empty host for all interfaces. The \
         default is this machine only (Kafka: all interfaces), since nothing asks clients who \
         they are.",
    ),
    dynamic(
        "log.cleaner.delete.retention.ms",
        long(0),
        Some("86400000"),
        "Topic default delete.retention.ms, in ms.",
    ),
    dynamic(
        "log.cleaner.max.compaction.lag.ms",
        long(1),
        Some("9223372036854775807"),
        "Topic default max.compaction.lag.ms, in ms.",
    ),
    dynamic(
        "log.cleaner.min.cleanable.ratio",
        Kind::Double(0.0, 1.0),
        Some("0.5"),
        "Topic default min.cleanable.dirty.ratio.",
    ),
    dynamic(
        "log.cleaner.min.compaction.lag.ms",
        long(0),
        Some("0"),
        "Topic default min.compaction.lag.ms, in ms.",
    ),
    dynamic(
        "log.cleanup.policy",
        Kind::List(CLEANUP_POLICIES),
        Some("delete"),
        "Topic default cleanup.policy: what becomes of old segments.",
    ),
    fixed(
        "log.dirs",
        Kind::String(Allowed::Checked(directory_fault)),
        Some("./pinion-data"),
        "The data directory; made if it does not exist. A relative path starts where the broker \
         was started.",
    ),
    dynamic(
        "log.flush.interval.messages",
        long(1),
        Some("1"),
        "Topic default flush.messages: records after which a log is made durable. The default \
         acknowledges nothing before it is on the disk (Kafka: 9223372036854775807, once it is in \
         the page cache).",
    ),
    dynamic(
        "log.flush.interval.ms",
        long(0),
        Some("9223372036854775807"),
        "Topic default flush.ms: time after which records are made durable, in ms.",
    ),
    fixed(
        "log.flush.offset.checkpoint.interval.ms",
        int(1, I32_MAX),
        Some("60000"),
        "How often the recovery points and the start offsets of all logs are written down, in ms.",
    ),
    fixed(
        "log.flush.start.offset.checkpoint.interval.ms",
        int(0, I32_MAX),
        Some("60000"),
        "Accepted for compatibility; without effect. The checkpoint of start offsets is written \
         with the recovery points, and decides nothing: where DeleteRecords has moved a log's \
         start, the partition's directory says so before that is answered.",
    ),
    dynamic(
        "log.index.interval.bytes",
        int(0, I32_MAX),
        Some("4096"),
        "Topic default index.interval.bytes.",
    ),
    dynamic(
        "log.index.size.max.bytes",
        int(4, I32_MAX),
        Some("10485760"),
        "Topic default segment.index.bytes.",
    ),
    dynamic(
        "log.message.timestamp.after.max.ms",
        long(0),
        Some("3600000"),
        "Topic default message.timestamp.after.max.ms, in ms.",
    ),
    dynamic(
        "log.message.timestamp.before.max.ms",
        long(0),
        Some("9223372036854775807"),
        "Topic default message.timestamp.before.max.ms, in ms.",
    ),
    dynamic(
        "log.message.timestamp.type",
        Kind::String(TIMESTAMP_TYPES),
        Some("CreateTime"),
        "Topic default message.timestamp.type.",
    ),
    dynamic("log.preallocate", Kind::Boolean, Some("false"), "Topic default preallocate."),
    dynamic(
        "log.retention.bytes",
        long(-1),
        Some("-1"),
        "Topic default retention.bytes: the size of a partition above which old segments are \
         dropped; -1 for no bound.",
    ),
    fixed(
        "log.retention.check.interval.ms",
        long(1),
        Some("300000"),
        "How often logs are looked through for segments past their retention, in ms.",
    ),
    fixed(
        "log.retention.hours",
        int(-1, I32_MAX),
        Some("168"),
        "Age of records above which they are dropped, in hours; -1 for no bound. \
         log.retention.minutes and log.retention.ms go before it.",
    ),
    fixed(
        "log.retention.minutes",
        int(-1, I32_MAX),
        None,
        "Age of records above which they are dropped, in minutes; -1 for no bound. \
         log.retention.ms goes before it.",
    ),
    dynamic(
        "log.retention.ms",
        long(-1),
        None,
        "Topic default retention.ms: age of records above which they are dropped, in ms; -1 for \
         no bound.",
    ),
    fixed(
        "log.roll.hours",
        int(1, I32_MAX),
        Some("168"),
        "Age of a segment at which the next is begun, in hours. log.roll.ms goes before it.",
    ),
    fixed(
        "log.roll.jitter.hours",
        int(0, I32_MAX),
        Some("0"),
        "The most that is taken off log.roll.hours at random, in hours. log.roll.jitter.ms goes \
         before it.",
    ),
    dynamic("log.roll.jitter.ms", long(0), None, "Topic default segment.jitter.ms, in ms."),
    dynamic("log.roll.ms", long(1), None, "Topic default segment.ms, in ms."),
    dynamic(
        "log.segment.bytes",
        SEGMENT_BYTES,
        Some("1073741824"),
        "Topic default segment.bytes: the size of a segment file.",
    )
    .formerly(FORMER_SEGMENT_BYTES),
    dynamic(
        "log.segment.delete.delay.ms",
        long(0),
        Some("60000"),
        "Topic default file.delete.delay.ms, in ms.",
    ),
    fixed(
        "max.connections",
        int(0, I32_MAX),
        Some("2147483647"),
        "The most connections at a time; further ones are closed at once.",
    ),
    dynamic(
        "message.max.bytes",
        int(0, I32_MAX),
        Some("1048588"),
        "Topic default max.message.bytes: the largest record batch accepted.",
    ),
    dynamic(
        "min.insync.replicas",
        int(1, I32_MAX),
        Some("1"),
        "Topic default min.insync.replicas.",
    ),
    fixed(
        "node.id",
        int(0, I32_MAX),
        Some("1"),
        "The number of this broker in its cluster. Written into the data directory, which serves \
         no other broker.",
    ),
    fixed(
        "num.partitions",
        int(1, I32_MAX),
        Some("1"),
        "Partitions of a topic that names no number, and of topics made on demand.",
    ),
    fixed(
        "pinion.cold.reads.max",
        int(1, 256),
        Some("4"),
        "Ranges that a shard reads from the disk at a time for consumers far behind, so that they \
         do not slow the others.",
    ),
    fixed(
        "pinion.connection.request.bytes",
        int(1, I32_MAX),
        Some("16777216"),
        "Bytes of requests of one connection worked on at a time; beyond, the next is read when \
         one is answered.",
    ),
    fixed(
        "pinion.connection.requests.max",
        int(1, 65_536),
        Some("64"),
        "Requests of one connection worked on at a time; the next is read when one is answered.",
    ),
    dynamic(
        "pinion.log.producer.ids.max",
        int(1, I32_MAX),
        Some("10000"),
        "Idempotent producers that a partition remembers. Of more, those that have not produced \
         for longest are forgotten, as after producer.id.expiration.ms: they can go on, and only a \
         retry of what they sent before is not told from new records.",
    ),
    fixed(
        "pinion.log.resident.bytes",
        long(0),
        Some("268435456"),
        "Bytes at the end of each log that are taken to be in the page cache, and sent without \
         asking.",
    ),
    fixed(
        "pinion.log.verify.reads",
        Kind::Boolean,
        Some("true"),
        "Whether batches that were written before the broker's start have their checksum tested \
         before they are first sent.",
    ),
    fixed(
        "pinion.metrics.listen",
        Kind::String(Allowed::Checked(metrics_address_fault)),
        Some("127.0.0.1:9644"),
        "IP:PORT of the HTTP server for /metrics and /healthz; :PORT for all interfaces, empty for \
         none.",
    ),
    fixed(
        "pinion.shard.receive.bytes",
        long(1 << 20),
        Some("268435456"),
        "Bytes of requests that a shard holds in memory at a time. Above it, connections wait.",
    ),
    fixed(
        "pinion.shard.receive.stall.ms",
        int(1, I32_MAX),
        Some("5000"),
        "Time in which a client that is in the middle of a large request has to send 64 KiB more \
         of it, in ms. While others wait for pinion.shard.receive.bytes, the one that is furthest \
         behind is closed.",
    ),
    fixed(
        "pinion.shutdown.grace.ms",
        int(0, I32_MAX),
        Some("5000"),
        "How long a clean end waits for clients to read their last replies, in ms.",
    ),
    dynamic(
        "producer.id.expiration.ms",
        int(1, I32_MAX),
        Some("86400000"),
        "Time after its last record at which an idempotent producer is forgotten, in ms.",
    ),
    fixed(
        "shards",
        int(0, SHARD_COUNT_MAX as i64),
        Some("0"),
        "The number of shards, not pinned to a CPU; 0 for one on each of cores.",
    ),
    fixed(
        "socket.receive.buffer.bytes",
        int(-1, I32_MAX),
        Some("-1"),
        "SO_RCVBUF of client connections, in bytes; -1 leaves it to the kernel (Kafka: 102400).",
    ),
    fixed(
        "socket.request.max.bytes",
        int(1, I32_MAX),
        Some("104857600"),
        "The largest request, in bytes. A connection that announces a larger one is closed.",
    ),
    fixed(
        "socket.send.buffer.bytes",
        int(-1, I32_MAX),
        Some("-1"),
        "SO_SNDBUF of client connections, in bytes; -1 leaves it to the kernel (Kafka: 102400).",
    ),
    dynamic(
        "unclean.leader.election.enable",
        Kind::Boolean,
        Some("false"),
        "Topic default unclean.leader.election.enable.",
    ),
];
