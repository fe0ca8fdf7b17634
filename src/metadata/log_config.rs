//! From configs in words to what a log goes by.

use super::config_keys::{self, kind};
use super::effective::Configs;
use crate::log::LogConfig;
use crate::log::config::{CleanupPolicy, TimestampType};
use std::collections::BTreeMap;

/// Goes before `segment.bytes`.
const INTERNAL_SEGMENT_BYTES: &str = "internal.segment.bytes";

/// The settings of the logs of topics without an override.
///
/// # Panics
/// If a value is not one that its key takes: configs are checked on their way in.
pub fn resolve(broker: &Configs<'_>) -> LogConfig {
    let interval = broker.broker_number("log.retention.check.interval.ms");
    let resident = broker.broker_number("pinion.log.resident.bytes");
    let mut config = LogConfig {
        retention_check_interval_ms: size(interval),
        producer_id_expiration_ms: broker.broker_number("producer.id.expiration.ms"),
        producer_ids_max: size(broker.broker_number("pinion.log.producer.ids.max")) as usize,
        resident_window_bytes: size(resident),
        verify_cold_reads: broker.broker_flag("pinion.log.verify.reads"),
        ..LogConfig::default()
    };
    for key in config_keys::topic_keys() {
        // An internal key has none.
        let Some(value) = broker.value(key) else { continue };
        set(&mut config, key.name, &value);
    }
    config
}

/// The settings of the logs of a topic with these overrides, where others have `defaults`.
///
/// # Panics
/// As [`resolve`].
pub fn overridden(defaults: &LogConfig, overrides: &BTreeMap<String, String>) -> LogConfig {
    let mut config = defaults.clone();
    for (name, value) in overrides {
        set(&mut config, name, value);
    }
    if let Some(value) = overrides.get(INTERNAL_SEGMENT_BYTES) {
        // Wherever it stands among them.
        set(&mut config, INTERNAL_SEGMENT_BYTES, value);
    }
    config
}

fn set(config: &mut LogConfig, name: &str, value: &str) {
    let number = || -> i64 { value.trim().parse().expect("a checked number") };
    match name {
        "cleanup.policy" => {
            let has = |policy| kind::list_entries(value).any(|entry| entry == policy);
            config.cleanup_policy =
                CleanupPolicy { delete: has("delete"), compact: has("compact") };
        }
        "file.delete.delay.ms" => config.file_delete_delay_ms = size(number()),
        "flush.messages" => config.flush_messages = number(),
        "flush.ms" => config.flush_ms = number(),
        "index.interval.bytes" => config.index_interval_bytes = size(number()),
        "max.message.bytes" => config.max_message_bytes = small_size(number()),
        "message.timestamp.after.max.ms" => config.timestamp_after_max_ms = number(),
        "message.timestamp.before.max.ms" => config.timestamp_before_max_ms = number(),
        "message.timestamp.type" => {
            config.timestamp_type = match value {
                "LogAppendTime" => TimestampType::LogAppendTime,
                _ => TimestampType::CreateTime,
            };
        }
        "preallocate" => {
            config.preallocate = kind::parse_boolean(value).expect("a checked boolean");
        }
        "retention.bytes" => config.retention_bytes = number(),
        "retention.ms" => config.retention_ms = number(),
        "segment.bytes" | INTERNAL_SEGMENT_BYTES => config.segment_bytes = size(number()),
        "segment.index.bytes" => config.segment_index_bytes = small_size(number()),
        "segment.jitter.ms" => config.segment_jitter_ms = number(),
        "segment.ms" => config.segment_ms = number(),
        // The others concern what a log does not do: compaction, compression, replicas, elections.
        _ => {}
    }
}

fn size(number: i64) -> u64 {
    u64::try_from(number).expect("the table allows no negative size")
}

fn small_size(number: i64) -> u32 {
    u32::try_from(number).expect("the table allows 31 bits")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::StaticConfig;
    use crate::metadata::config_keys::broker_key;
    use crate::metadata::dynamic_configs::DynamicConfigs;

    fn resolved(
        overrides: &[(&str, &str)],
        dynamic: &[(&str, &str)],
        fixed: &[(&str, &str)],
    ) -> LogConfig {
        let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
        };
        let mut static_config = StaticConfig::default();
        for (key, value) in fixed {
            static_config.set(broker_key(key).unwrap(), value).unwrap();
        }
        let none = map(&[]);
        let dynamic = DynamicConfigs { broker: map(dynamic), cluster: map(&[]) };
        let configs = Configs { overrides: &none, dynamic: &dynamic, fixed: &static_config };
        overridden(&resolve(&configs), &map(overrides))
    }

    /// Goal: the table's defaults are those that the log states.
    #[test]
    fn defaults_agree_with_the_log() {
        assert_eq!(resolved(&[], &[], &[]), LogConfig::default());
    }

    /// Goal: an override goes before AlterConfigs, that before the file; of the file's synonyms
    /// the most exact one holds, in the right unit.
    #[test]
    fn the_strongest_layer_holds() {
        let hours = [("log.retention.hours", "2")];
        assert_eq!(resolved(&[], &[], &hours).retention_ms, 7_200_000);
        let minutes = [("log.retention.hours", "2"), ("log.retention.minutes", "3")];
        assert_eq!(resolved(&[], &[], &minutes).retention_ms, 180_000);
        let dynamic = [("log.retention.ms", "5")];
        assert_eq!(resolved(&[], &dynamic, &minutes).retention_ms, 5);
        let overrides = [("retention.ms", "-1")];
        assert_eq!(resolved(&overrides, &dynamic, &minutes).retention_ms, -1);
        assert_eq!(resolved(&[], &[], &[("log.retention.hours", "-1")]).retention_ms, -1);
    }

    /// Goal: a test may have segments smaller than anyone else, whatever else is set.
    #[test]
    fn the_internal_segment_size_goes_first() {
        let small = ("internal.segment.bytes", "1000");
        for overrides in [&[small][..], &[small, ("segment.bytes", "2000000")]] {
            let dynamic = [("log.segment.bytes", "3000000")];
            assert_eq!(resolved(overrides, &dynamic, &[]).segment_bytes, 1000);
        }
    }

    /// Goal: both policies may hold, and flags and types are read.
    #[test]
    fn reads_lists_flags_and_types() {
        let config = resolved(
            &[("cleanup.policy", "compact, delete"), ("preallocate", "TRUE")],
            &[("log.message.timestamp.type", "LogAppendTime")],
            &[],
        );
        assert_eq!(config.cleanup_policy, CleanupPolicy { delete: true, compact: true });
        assert!(config.preallocate);
        assert_eq!(config.timestamp_type, TimestampType::LogAppendTime);
    }

    /// Goal: every topic key that concerns a log reaches it under the name that the table has.
    #[test]
    fn every_key_of_a_log_has_an_effect() {
        let reaching = config_keys::topic_keys().filter(|key| {
            let value = match (key.name, &key.kind) {
                ("cleanup.policy", _) => "compact",
                ("message.timestamp.type", _) => "LogAppendTime",
                (_, kind::Kind::Boolean) => "true",
                _ => "77",
            };
            let config = resolved(&[(key.name, value)], &[], &[]);
            config != LogConfig::default()
        });
        assert_eq!(reaching.count(), 17);
    }
}
