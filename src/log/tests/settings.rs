//! What a topic's settings do.

use super::bench::{Bench, batch, batch_at};
use super::small;
use crate::base::{Offset, Timestamp};
use crate::io::Op;
use crate::log::config::TimestampType;
use crate::log::{AppendError, CleanupPolicy, LogConfig, TimestampQuery};
use crate::wire::record_batch::{BatchBuilder, BatchHeader, Compression};

const NOW: i64 = 1_700_000_000_000;

/// Goal: without a flush setting, what is written is readable and acknowledged, and full segments
/// are synced all the same.
#[test]
fn nothing_waits_without_a_flush_setting() {
    let config = LogConfig { flush_messages: i64::MAX, ..small() };
    let mut bench = Bench::new(config);
    bench.append(batch(&["a"])).unwrap();
    bench.settle();
    let positions = bench.log.positions();
    assert_eq!((positions.high_watermark, positions.durable), (Offset(1), Offset(0)));
    assert_eq!(bench.log.acknowledged(), Offset(1));
    (0..40).for_each(|round| {
        bench.put(batch(&[&format!("a value {round}")]));
    });
    let durable = bench.log.positions().durable;
    assert!(durable > Offset(20) && durable < Offset(41), "{durable}");
    assert_eq!(bench.log.recovery_point(), durable);
    bench.restart();
    assert_eq!(bench.values_from(0).unwrap().len(), 41);
}

/// Goal: with `flush.messages` above 1, acknowledgements do not wait for the disk and readers do.
#[test]
fn readers_wait_for_every_nth_record() {
    let mut bench = Bench::new(LogConfig { flush_messages: 3, ..LogConfig::default() });
    for round in 0..7 {
        bench.append(batch(&["a"])).unwrap();
        bench.settle();
        assert_eq!(bench.log.acknowledged(), Offset(round + 1));
        assert_eq!(bench.log.positions().high_watermark, Offset((round + 1) / 3 * 3));
    }
}

/// Goal: `flush.ms` bounds how long a record stays invisible.
#[test]
fn readers_wait_no_longer_than_flush_ms() {
    let config = LogConfig { flush_messages: i64::MAX, flush_ms: 50, ..LogConfig::default() };
    let mut bench = Bench::new(config);
    bench.append(batch(&["a"])).unwrap();
    bench.settle();
    let due = bench.log.next_deadline().unwrap();
    assert_eq!(due.0, bench.disk.now.monotonic.0 + 50_000_000);
    bench.pass(49);
    assert_eq!(bench.log.positions().high_watermark, Offset(0));
    bench.pass(1);
    assert_eq!(bench.log.positions().high_watermark, Offset(1));
}

/// Goal: with LogAppendTime the broker's clock counts, and the checksum is right.
#[test]
fn log_append_time_is_stamped() {
    let timestamp_type = TimestampType::LogAppendTime;
    let mut bench = Bench::new(LogConfig { timestamp_type, ..LogConfig::default() });
    bench.disk.pass(77);
    let appended = bench.append(batch_at(&["a", "b"], &[5, 6])).unwrap();
    assert_eq!(appended.log_append_time, Timestamp(NOW + 77));
    bench.settle();
    assert_eq!(bench.values_from(0).unwrap().len(), 2);
    let found = bench.search(TimestampQuery::At(NOW)).unwrap();
    assert_eq!(found, Some((Offset(0), Timestamp(NOW + 77))));
}

/// Goal: timestamps outside the limits are refused, and so is the broker's own mark.
#[test]
fn timestamps_have_limits() {
    let config = LogConfig { timestamp_before_max_ms: 1000, ..LogConfig::default() };
    let mut bench = Bench::new(config);
    let refused = |result| matches!(result, Err(AppendError::TimestampOutOfRange { .. }));
    assert!(refused(bench.append(batch_at(&["a", "b"], &[NOW, NOW - 1001]))));
    assert!(refused(bench.append(batch_at(&["a"], &[NOW + 3_600_001]))));
    bench.put(batch_at(&["a", "b"], &[NOW - 1000, NOW + 3_600_000]));
}

/// Goal: a producer that leaves the max timestamp open is corrected, so that searches work.
#[test]
fn an_open_max_timestamp_is_filled_in() {
    let mut bench = Bench::new(LogConfig::default());
    let mut open = batch_at(&["a", "b"], &[NOW, NOW + 5]);
    open[35..43].copy_from_slice(&(-1i64).to_be_bytes());
    let crc = crc32c::crc32c(&open[21..]);
    open[17..21].copy_from_slice(&crc.to_be_bytes());
    bench.put(open);
    let found = bench.search(TimestampQuery::At(NOW + 1)).unwrap();
    assert_eq!(found, Some((Offset(1), Timestamp(NOW + 5))));
    bench.values_from(0).unwrap();
}

/// Goal: sizes above the topic's are refused.
#[test]
fn batches_have_limits() {
    let config = LogConfig { max_message_bytes: 500, segment_bytes: 400, ..LogConfig::default() };
    let mut bench = Bench::new(config);
    let of_size = |size: usize| batch(&[&"x".repeat(size)]);
    assert!(matches!(bench.append(of_size(450)), Err(AppendError::TooLarge { .. })));
    assert!(matches!(bench.append(of_size(390)), Err(AppendError::LargerThanSegment { .. })));
    bench.put(of_size(100));
}

/// Goal: the records of a compacted topic are not deleted by time.
#[test]
fn compacted_topics_outlive_the_retention_time() {
    let cleanup_policy = CleanupPolicy { delete: false, compact: true };
    let mut bench = Bench::new(LogConfig { cleanup_policy, retention_ms: 1, ..small() });
    (0..30).for_each(|round| {
        bench.put(batch(&[&format!("a value {round}")]));
    });
    bench.pass(400_000);
    assert_eq!(bench.values_from(0).unwrap().len(), 30);
}

/// Goal: segments end by the age of their records, and the next file is there before it is needed.
#[test]
fn segments_end_by_age() {
    let mut bench = Bench::new(LogConfig { segment_ms: 1000, ..LogConfig::default() });
    bench.put(batch_at(&["a"], &[NOW]));
    bench.put(batch_at(&["b"], &[NOW + 800]));
    assert!(bench.disk.bytes(&bench.path("next.log.prepared")).is_some());
    assert_eq!(bench.log.segment_count(), 1);
    bench.append(batch_at(&["c"], &[NOW + 1001])).unwrap();
    bench.end_of_tick();
    let is_write = |(_, op): &(_, Op)| matches!(op, Op::Write { .. });
    assert!(bench.in_flight.iter().any(is_write), "a roll does not wait");
    bench.settle();
    assert_eq!(bench.log.segment_count(), 2);
    assert_eq!(bench.values_from(0).unwrap().len(), 3);
}

/// Goal: a full index ends a segment.
#[test]
fn segments_end_when_their_index_is_full() {
    let config =
        LogConfig { segment_index_bytes: 12 * 5, index_interval_bytes: 1, ..LogConfig::default() };
    let mut bench = Bench::new(config);
    (0..30).for_each(|_| {
        bench.put(batch(&["a"]));
    });
    assert!(bench.log.segment_count() >= 6);
    bench.restart();
    assert_eq!(bench.values_from(0).unwrap().len(), 30);
}

/// Goal: compressed batches are searched record by record.
#[test]
fn compressed_records_are_found_by_timestamp() {
    let mut bench = Bench::new(small());
    for round in 0..20i64 {
        for codec in Compression::ALL {
            let mut builder = BatchBuilder::new();
            (0..5).for_each(|index| {
                builder.append(NOW + round * 100 + index * 10, None, Some(b"value"), &[]);
            });
            bench.put(builder.build_compressed(codec).unwrap());
        }
    }
    let found = bench.search(TimestampQuery::At(NOW + 725)).unwrap();
    assert_eq!(found, Some((Offset(7 * 25 + 3), Timestamp(NOW + 730))));
}

/// Goal: what a batch is stamped with is what its header says.
#[test]
fn stored_headers_have_offset_and_epoch() {
    let mut bench = Bench::new(LogConfig::default());
    bench.put(batch(&["a", "b"]));
    bench.restart();
    bench.put(batch(&["c"]));
    let header = BatchHeader::parse(&bench.fetch(2, 1).unwrap()).unwrap();
    assert_eq!((header.base_offset, header.partition_leader_epoch), (2, 1));
    let end = bench.log.end_offset_for_epoch(crate::base::LeaderEpoch(0));
    assert_eq!(end, Some((crate::base::LeaderEpoch(0), Offset(2))));
}

/// Goal: a log that became durable while nothing asked for it has nothing to sync when `flush.ms`
/// comes to be set.
#[test]
fn flush_ms_has_nothing_to_do_where_all_is_durable() {
    let mut bench = Bench::new(LogConfig { flush_messages: i64::MAX, ..small() });
    bench.put(batch(&["a"]));
    bench.delete_records(1).unwrap();
    bench.set_config(LogConfig { flush_messages: i64::MAX, flush_ms: 30, ..small() });
    assert_eq!(bench.log.positions().durable, bench.log.positions().written);
    bench.pass(100);
}
