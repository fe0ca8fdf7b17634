//! The table holds together, and values are checked as Kafka checks them.

use super::kind::Allowed;
use super::*;

/// Goal: both lists can be searched by halving, and no name stands twice.
#[test]
fn keys_are_sorted_and_unique() {
    for keys in [topic_keys::TOPIC_KEYS, broker_keys::BROKER_KEYS] {
        let sorted = keys.is_sorted_by(|a, b| a.name < b.name);
        assert!(sorted, "{:?}", keys.iter().map(|key| key.name).collect::<Vec<_>>());
    }
    for (alias, name) in ALIASES {
        assert!(find(broker_keys::BROKER_KEYS, alias).is_none());
        assert_eq!(broker_key(alias).map(|key| key.name), Some(name));
    }
}

/// Goal: a default is a value that its own key takes, and every topic key has one.
#[test]
fn defaults_are_allowed() {
    for key in all() {
        if let Some(default) = key.default {
            key.kind.check(key.name, default).unwrap();
        }
        let has_one = key.scope == Scope::Topic && !key.internal;
        assert!(key.default.is_some() || !has_one, "{}", key.name);
        assert!(key.documentation.ends_with('.'), "{}", key.name);
    }
}

/// Goal: a topic without an override gets what its own default says, and of all its synonyms
/// only one has a default, so that a weaker one that somebody set is not hidden.
#[test]
fn synonyms_agree_on_the_default() {
    for key in topic_keys().filter(|key| !key.synonyms.is_empty()) {
        let defaults: Vec<String> = key
            .synonyms
            .iter()
            .filter_map(|synonym| {
                let default = broker_key(synonym.name).unwrap().default?;
                Some(match default.parse::<i64>() {
                    Ok(number) => (number * synonym.scale).to_string(),
                    Err(_) => default.to_owned(),
                })
            })
            .collect();
        assert_eq!(defaults, [key.default.unwrap()], "{}", key.name);
    }
}

/// Goal: what a synonym may be set to, a topic may be set to.
#[test]
fn synonyms_stay_within_the_topic_range() {
    for key in topic_keys() {
        for synonym in key.synonyms {
            let broker_key = broker_key(synonym.name).unwrap();
            if let Kind::Int(range) | Kind::Long(range) = broker_key.kind {
                let min = if range.min < 0 { range.min } else { range.min * synonym.scale };
                key.kind.check(key.name, &min.to_string()).unwrap();
                let max = range.max.saturating_mul(synonym.scale);
                key.kind.check(key.name, &max.to_string()).unwrap();
            }
        }
    }
}

/// Goal: every topic config of Kafka 4 is there, but for those that only tiered storage needs.
#[test]
fn topic_keys_are_kafkas() {
    const KAFKAS: [&str; 31] = [
        "cleanup.policy",
        "compression.gzip.level",
        "compression.lz4.level",
        "compression.type",
        "compression.zstd.level",
        "delete.retention.ms",
        "file.delete.delay.ms",
        "flush.messages",
        "flush.ms",
        "follower.replication.throttled.replicas",
        "index.interval.bytes",
        "leader.replication.throttled.replicas",
        "local.retention.bytes",
        "local.retention.ms",
        "max.compaction.lag.ms",
        "max.message.bytes",
        "message.timestamp.after.max.ms",
        "message.timestamp.before.max.ms",
        "message.timestamp.type",
        "min.cleanable.dirty.ratio",
        "min.compaction.lag.ms",
        "min.insync.replicas",
        "preallocate",
        "remote.storage.enable",
        "retention.bytes",
        "retention.ms",
        "segment.bytes",
        "segment.index.bytes",
        "segment.jitter.ms",
        "segment.ms",
        "unclean.leader.election.enable",
    ];
    assert!(topic_keys().filter(|key| !key.internal).map(|key| key.name).eq(KAFKAS));
    let internal = topic_keys().filter(|key| key.internal).map(|key| key.name);
    assert!(internal.eq(["internal.segment.bytes"]));
}

/// Goal: a refusal reads as Kafka's does, for every type.
#[test]
fn refusals_read_as_kafkas() {
    for (name, value, expected) in [
        ("retention.ms", "-5", "Value must be at least -1"),
        ("retention.ms", "1d", "Not a number of type LONG"),
        ("segment.bytes", "1048575", "Value must be at least 1048576"),
        ("internal.segment.bytes", "0", "Value must be at least 1"),
        ("segment.bytes", "2147483648", "Not a number of type INT: it is too large"),
        ("min.cleanable.dirty.ratio", "1.5", "Value must be no more than 1"),
        ("min.cleanable.dirty.ratio", "NaN", "Not a number of type DOUBLE"),
        ("preallocate", "yes", "Expected value to be either true or false"),
        ("message.timestamp.type", "Now", "String must be one of: CreateTime, LogAppendTime"),
        ("cleanup.policy", "compact,drop", "Every entry must be one of: delete, compact"),
        ("compression.type", "zstd", "String must be one of: producer"),
        (
            "leader.replication.throttled.replicas",
            "1",
            "Every entry must be PARTITION:BROKER, or the only one *",
        ),
    ] {
        let fault = topic_key(name).unwrap().kind.check(name, value).unwrap_err();
        assert_eq!(
            fault.to_string(),
            format!("Invalid value {value} for configuration {name}: {expected}")
        );
    }
    for (name, value) in
        [("preallocate", "True"), ("cleanup.policy", "delete, compact"), ("retention.ms", " 5 ")]
    {
        topic_key(name).unwrap().kind.check(name, value).unwrap();
    }
}

/// Goal: what was accepted before a minimum rose can still be read from a metadata log.
#[test]
fn former_values_stay_readable() {
    for key in [topic_key("segment.bytes").unwrap(), broker_key("log.segment.bytes").unwrap()] {
        assert!(key.kind.check(key.name, "14").is_err());
        key.check_accepted("14").unwrap();
        assert!(key.check_accepted("13").is_err());
    }
    assert!(topic_key("retention.ms").unwrap().check_accepted("-2").is_err());
}

/// Goal: addresses and CPU lists are read as operators write them.
#[test]
fn special_texts_are_checked() {
    let check = |name: &str, value: &str| {
        let key = broker_key(name).unwrap();
        assert!(!matches!(key.kind, Kind::String(Allowed::Any)));
        key.kind.check(name, value).is_ok()
    };
    for good in ["PLAINTEXT://:9092", "PLAINTEXT://[::1]:9092", "PLAINTEXT://kafka.example:0"] {
        assert!(check("listeners", good), "{good}");
    }
    for bad in ["localhost:9092", "SSL://:9093", "PLAINTEXT://host", "PLAINTEXT://host:70000"] {
        assert!(!check("listeners", bad), "{bad}");
    }
    for good in ["auto", "0", "2,3", "0-3", "8,0-3"] {
        assert!(check("cores", good), "{good}");
    }
    for bad in ["", "all", "3-1", "1,1", "0-3,2", "0-65535"] {
        assert!(!check("cores", bad), "{bad}");
    }
    for good in ["", ":9644", "127.0.0.1:9644", "[::1]:9644"] {
        assert!(check("pinion.metrics.listen", good), "{good}");
    }
    assert!(!check("pinion.metrics.listen", "9644"));
    assert!(!check("log.dirs", "/a,/b"));
}

/// Goal: a slip of the pen finds its key, a topic key the broker's, noise none.
#[test]
fn nearest_key_is_suggested() {
    assert_eq!(nearest_broker_key("log.segment.byte"), Some("log.segment.bytes"));
    assert_eq!(nearest_broker_key("num.partition"), Some("num.partitions"));
    assert_eq!(nearest_broker_key("flush.messages"), Some("log.flush.interval.messages"));
    assert_eq!(nearest_broker_key("zzz"), None);
}
