//! From configs in words to what a log goes by.

use super::effective::Configs;
use crate::log::LogConfig;
use crate::log::config::{CleanupPolicy, TimestampType};

/// The settings of the logs of a topic with these configs.
///
/// # Panics
/// If a value is not one that its key takes: configs are checked on their way in.
pub fn resolve(configs: &Configs<'_>) -> LogConfig {
    let number = |name| configs.topic_number(name);
    let size = |name| u64::try_from(number(name)).expect("the table allows no negative size");
    let small_size = |name| u32::try_from(number(name)).expect("the table allows 31 bits");
    let policies = configs.topic_value("cleanup.policy");
    let has_policy =
        |policy| super::config_keys::kind::list_entries(&policies).any(|p| p == policy);
    LogConfig {
        segment_bytes: size("segment.bytes"),
        segment_ms: number("segment.ms"),
        segment_jitter_ms: number("segment.jitter.ms"),
        segment_index_bytes: small_size("segment.index.bytes"),
        index_interval_bytes: size("index.interval.bytes"),
        retention_ms: number("retention.ms"),
        retention_bytes: number("retention.bytes"),
        retention_check_interval_ms: configs.broker_number("log.retention.check.interval.ms")
            as u64,
        flush_messages: number("flush.messages"),
        flush_ms: number("flush.ms"),
        max_message_bytes: small_size("max.message.bytes"),
        timestamp_type: match configs.topic_value("message.timestamp.type").as_str() {
            "LogAppendTime" => TimestampType::LogAppendTime,
            _ => TimestampType::CreateTime,
        },
        timestamp_before_max_ms: number("message.timestamp.before.max.ms"),
        timestamp_after_max_ms: number("message.timestamp.after.max.ms"),
        cleanup_policy: CleanupPolicy {
            delete: has_policy("delete"),
            compact: has_policy("compact"),
        },
        file_delete_delay_ms: size("file.delete.delay.ms"),
        preallocate: configs.topic_flag("preallocate"),
        producer_id_expiration_ms: configs.broker_number("producer.id.expiration.ms"),
        resident_window_bytes: configs.broker_number("pinion.log.resident.bytes") as u64,
        verify_cold_reads: configs.broker_flag("pinion.log.verify.reads"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::StaticConfig;
    use crate::metadata::config_keys::broker_key;
    use std::collections::BTreeMap;

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
        resolve(&Configs {
            overrides: &map(overrides),
            dynamic: &map(dynamic),
            fixed: &static_config,
        })
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
}
