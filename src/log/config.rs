//! A topic's settings, as far as its logs care.

pub use crate::wire::record_batch::TimestampType;

/// Settings of one log, under Kafka's names for topic configs unless a field says otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// `segment.bytes`: the size of a segment before the next one begins.
    pub segment_bytes: u64,
    /// `segment.ms`: the age of a segment, by its records' timestamps, before the next one begins.
    pub segment_ms: i64,
    /// `segment.jitter.ms`: up to this much is taken off `segment.ms`, so that logs do not roll
    /// together.
    pub segment_jitter_ms: i64,
    /// `segment.index.bytes`: the size of an index before the next segment begins.
    pub segment_index_bytes: u32,
    /// `index.interval.bytes`: an index entry for about every so many bytes.
    pub index_interval_bytes: u64,
    /// `retention.ms`: segments whose newest record is older go; −1 keeps them.
    pub retention_ms: i64,
    /// `retention.bytes`: the oldest segments above this total size go; −1 keeps them.
    pub retention_bytes: i64,
    /// `log.retention.check.interval.ms` of the broker: how often retention looks.
    pub retention_check_interval_ms: u64,
    /// `flush.messages`: records between two syncs.
    pub flush_messages: i64,
    /// `flush.ms`: the longest time that a record may stay unsynced.
    pub flush_ms: i64,
    /// `max.message.bytes`: the largest batch.
    pub max_message_bytes: u32,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`: how far a record's timestamp may lie in the past.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`: how far a record's timestamp may lie in the future.
    pub timestamp_after_max_ms: i64,
    /// `cleanup.policy`.
    pub cleanup_policy: CleanupPolicy,
    /// `file.delete.delay.ms`: how long files of retired segments stay on the disk.
    pub file_delete_delay_ms: u64,
    /// `preallocate`: reserve a new segment's room on the disk.
    pub preallocate: bool,
    /// `producer.id.expiration.ms` of the broker: producers idle for longer are forgotten.
    pub producer_id_expiration_ms: i64,
    /// `pinion.log.producer.ids.max` of the broker: of more producers, those are forgotten that
    /// have not appended for longest.
    pub producer_ids_max: usize,
    /// Bytes at the end of a log that count as being in the page cache, where this process wrote
    /// them.
    pub resident_window_bytes: u64,
    /// Whether bytes that an earlier process wrote have their checksums tested before they are
    /// first served.
    pub verify_cold_reads: bool,
}

/// What happens to old records; both may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CleanupPolicy {
    /// Old segments are deleted by time and size.
    pub delete: bool,
    /// Only the last record of each key is kept.
    pub compact: bool,
}

/// When appended records are made durable, as `flush.messages` and `flush.ms` ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlushPolicy {
    /// Each write is synced; acknowledgements and readers wait for that.
    Always,
    /// Now and then; acknowledgements follow writes, readers wait for the sync.
    Sometimes,
    /// As the kernel likes; neither waits.
    Never,
}

impl LogConfig {
    /// The flush policy that the two flush settings amount to.
    pub fn flush_policy(&self) -> FlushPolicy {
        if self.flush_messages <= 1 {
            FlushPolicy::Always
        } else if self.flush_messages == i64::MAX && self.flush_ms == i64::MAX {
            FlushPolicy::Never
        } else {
            FlushPolicy::Sometimes
        }
    }
}

impl FlushPolicy {
    /// Whether readers wait for the disk.
    pub fn readers_wait(self) -> bool {
        self != FlushPolicy::Never
    }
}

impl Default for LogConfig {
    /// Kafka's defaults, but for `flush.messages`: here an acknowledgement means on disk.
    fn default() -> Self {
        LogConfig {
            segment_bytes: 1 << 30,
            segment_ms: 7 * 24 * 3_600_000,
            segment_jitter_ms: 0,
            segment_index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            retention_ms: 7 * 24 * 3_600_000,
            retention_bytes: -1,
            retention_check_interval_ms: 300_000,
            flush_messages: 1,
            flush_ms: i64::MAX,
            max_message_bytes: (1 << 20) + 12,
            timestamp_type: TimestampType::CreateTime,
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: 3_600_000,
            cleanup_policy: CleanupPolicy { delete: true, compact: false },
            file_delete_delay_ms: 60_000,
            preallocate: false,
            producer_id_expiration_ms: 86_400_000,
            producer_ids_max: 10_000,
            resident_window_bytes: 256 << 20,
            verify_cold_reads: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: the three policies, from the two settings.
    #[test]
    fn flush_settings_make_a_policy() {
        let policy = |flush_messages, flush_ms| {
            LogConfig { flush_messages, flush_ms, ..LogConfig::default() }.flush_policy()
        };
        assert_eq!(policy(1, i64::MAX), FlushPolicy::Always);
        assert_eq!(policy(1, 5), FlushPolicy::Always);
        assert_eq!(policy(10, i64::MAX), FlushPolicy::Sometimes);
        assert_eq!(policy(i64::MAX, 1000), FlushPolicy::Sometimes);
        assert_eq!(policy(i64::MAX, i64::MAX), FlushPolicy::Never);
    }
}
