//! Bytes that changed behind the log's back, and files that are gone.

use super::bench::{Bench, batch};
use super::small;
use crate::base::Offset;
use crate::log::{LastEnd, LogConfig, ReadError, RecoveryHints, TimestampQuery};
use crate::wire::record_batch::Batches;

fn filled(config: LogConfig) -> Bench {
    let mut bench = Bench::new(config);
    for round in 0..30 {
        bench.put(batch(&[&format!("value {round:2} of thirty")]));
    }
    bench
}

/// What a reader sees of a log with damage: each record is right, or its read fails.
fn assert_nothing_wrong_is_served(bench: &mut Bench, what: &str) -> usize {
    let mut failures = 0;
    for offset in 0..30 {
        match bench.fetch(offset, 1) {
            Ok(bytes) => {
                let Some(batch) = Batches::new(&bytes).next() else {
                    // The end was cut.
                    failures += 1;
                    continue;
                };
                let batch = batch.unwrap();
                assert_eq!(batch.verify_crc(), Ok(()), "{what}, offset {offset}");
                assert_eq!(batch.header.base_offset, offset, "{what}");
            }
            Err(ReadError::Corrupt { .. }) => failures += 1,
            Err(ReadError::OffsetOutOfRange { .. }) => failures += 1,
            Err(other) => panic!("{what}: {other}"),
        }
    }
    failures
}

/// Goal: every flipped byte of a segment is detected, and costs no more than its neighbours.
#[test]
fn every_flipped_byte_of_a_segment_is_detected() {
    let mut bench = filled(small());
    bench.restart();
    let hints = bench.hints(true);
    for name in ["00000000000000000000.log", "00000000000000000020.log"] {
        let path = bench.path(name);
        let Some(length) = bench.disk.bytes(&path).map(Vec::len) else { continue };
        for at in 0..length {
            bench.disk.damage(&path, |bytes| bytes[at] ^= 0x41);
            let what = format!("{name}, byte {at}");
            bench.recover(hints);
            let failures = assert_nothing_wrong_is_served(&mut bench, &what);
            assert!(failures > 0, "{what} was not detected");
            assert!(failures <= 4, "{what} took {failures} records with it");
            bench.disk.damage(&path, |bytes| bytes[at] ^= 0x41);
        }
    }
}

/// Goal: missing indexes are made again.
#[test]
fn missing_indexes_are_rebuilt() {
    let mut bench = filled(small());
    let expected = bench.values_from(0).unwrap();
    bench.restart();
    let names = bench.disk.list(&bench.path(""));
    for name in names.iter().filter(|name| name.ends_with("index")) {
        let path = bench.path(name);
        bench.disk.remove(&path);
    }
    let hints = bench.hints(true);
    let report = bench.recover(hints);
    assert!(report.indexes_rebuilt > 0 && report.damage.is_empty());
    assert_eq!(bench.values_from(0).unwrap(), expected);
    assert_eq!(bench.log.positions().log_end, Offset(30));
}

/// Goal: every flipped byte of an index, a checkpoint or a snapshot is detected or harmless:
/// every record can be read, and searches by timestamp find what they should.
#[test]
fn every_flipped_byte_beside_the_records_is_harmless() {
    let mut bench = filled(small());
    bench.restart();
    for round in 30..40 {
        bench.put(batch(&[&format!("value {round:2} of forty")]));
    }
    let expected = bench.values_from(0).unwrap();
    let found = bench.search(TimestampQuery::At(1)).unwrap();
    let newest = bench.search(TimestampQuery::Max).unwrap();
    bench.restart();
    let hints = bench.hints(true);
    let content = |bench: &Bench| -> Vec<(String, Vec<u8>)> {
        let names = bench.disk.list(&bench.path(""));
        let bytes = |name: &String| bench.disk.bytes(&bench.path(name)).unwrap().clone();
        names.iter().map(|name| (name.clone(), bytes(name))).collect()
    };
    let before = content(&bench);
    let beside = before.iter().filter(|(name, _)| !name.ends_with(".log"));
    for (name, bytes) in beside {
        for at in 0..bytes.len() {
            for (name, bytes) in content(&bench) {
                if !before.contains(&(name.clone(), bytes)) {
                    bench.disk.remove(&bench.path(&name));
                }
            }
            for (name, bytes) in &before {
                bench.disk.put(&bench.path(name), bytes.clone());
            }
            bench.disk.damage(&bench.path(name), |bytes| bytes[at] ^= 0x01);
            let what = format!("{name}, byte {at}");
            let report = bench.recover(hints);
            assert!(report.damage.is_empty(), "{what}: {report:?}");
            assert_eq!(bench.values_from(0).unwrap(), expected, "{what}");
            assert_eq!(bench.search(TimestampQuery::At(1)).unwrap(), found, "{what}");
            assert_eq!(bench.search(TimestampQuery::Max).unwrap(), newest, "{what}");
            for offset in [3, 17, 29, 39] {
                assert_eq!(bench.values_from(offset).unwrap(), expected[offset as usize..]);
            }
        }
    }
}

/// Goal: where the machine has run on, a changed byte is no torn tail, wherever it is: the
/// records after it stay, and no offset is used again.
#[test]
fn a_flipped_byte_after_a_kill_costs_one_batch() {
    let mut bench = filled(LogConfig::default());
    let hints = RecoveryHints { last_end: LastEnd::Killed, ..RecoveryHints::default() };
    let path = bench.path("00000000000000000000.log");
    let length = bench.disk.bytes(&path).unwrap().len();
    let original = bench.disk.bytes(&path).unwrap().clone();
    for at in (0..length).step_by(7) {
        bench.disk.damage(&path, |bytes| bytes[at] ^= 0x10);
        let what = format!("byte {at}");
        let report = bench.recover(hints);
        let failures = assert_nothing_wrong_is_served(&mut bench, &what);
        assert!((1..=2).contains(&failures), "{what}: {failures} failed, {report:?}");
        let is_cut = report.cut_bytes > 0;
        assert_eq!(report.damage.len(), usize::from(!is_cut), "{what}");
        if !is_cut {
            assert!(bench.put(batch(&["next"])) >= Offset(30), "{what}");
        }
        for name in bench.disk.list(&bench.path("")) {
            bench.disk.remove(&bench.path(&name));
        }
        bench.disk.put(&path, original.clone());
    }
}

/// Changes a segment's bytes, whose last batch begins at a position.
type Wrong = fn(&mut Vec<u8>, usize);

/// Where the last batch of a segment begins.
fn last_batch_position(bytes: &[u8]) -> usize {
    let batches = Batches::new(bytes).map(|batch| batch.unwrap().header.size());
    bytes.len() - batches.last().unwrap()
}

/// Goal: where each segment waits for the one before it to be durable, only the last one can be
/// torn. Whatever is wrong with the end of another is damage, and later records stay.
#[test]
fn the_end_of_a_middle_segment_is_never_torn() {
    let wrongs: [(&str, Wrong); 4] = [
        ("a length past the end of the file", |bytes, last| bytes[last + 9] ^= 0x40),
        ("a file that ends in the middle of a batch", |bytes, last| bytes.truncate(last + 70)),
        ("a file that lacks its last batch", |bytes, last| bytes.truncate(last)),
        ("a sector that reads as zeros", |bytes, last| bytes[last..].fill(0)),
    ];
    for flush_messages in [1, 100] {
        for (what, wrong) in wrongs {
            let mut bench = filled(LogConfig { flush_messages, ..small() });
            let path = bench.path("00000000000000000000.log");
            bench.disk.damage(&path, |bytes| wrong(bytes, last_batch_position(bytes)));
            let report = bench.recover(RecoveryHints::default());
            assert_eq!((report.damage.len(), report.cut_bytes), (1, 0), "{what}: {report:?}");
            let next = report.damage[0].next_offset.0;
            assert!(matches!(bench.fetch(next - 1, 100), Err(ReadError::Corrupt { .. })), "{what}");
            let left = (next..30).map(|round| (round, format!("value {round:2} of thirty")));
            assert_eq!(bench.values_from(next).unwrap(), left.collect::<Vec<_>>(), "{what}");
            assert_eq!(bench.put(batch(&["next"])), Offset(30), "{what}");
        }
    }
}

/// Goal: a batch that is whole by its checksum is not cut by the file's end, whatever its length
/// field says: it was written whole, and may have been acknowledged.
#[test]
fn a_whole_last_batch_with_a_wrong_length_is_damage() {
    for flush_messages in [1, 100, i64::MAX] {
        let mut bench = filled(LogConfig { flush_messages, ..LogConfig::default() });
        let path = bench.path("00000000000000000000.log");
        bench.disk.damage(&path, |bytes| {
            let last = last_batch_position(bytes);
            bytes[last + 9] ^= 0x40;
        });
        let report = bench.recover(RecoveryHints::default());
        assert_eq!((report.damage.len(), report.cut_bytes), (1, 0), "{report:?}");
        assert!(matches!(bench.fetch(29, 100), Err(ReadError::Corrupt { .. })));
        assert_eq!(bench.put(batch(&["next"])), Offset(30));
    }
}

/// Goal: records that were durable and are gone leave a hole, not offsets to be used again.
#[test]
fn a_file_that_lost_its_end_is_reported() {
    let mut bench = filled(LogConfig::default());
    bench.restart();
    let hints = bench.hints(true);
    let path = bench.path("00000000000000000000.log");
    bench.disk.damage(&path, |bytes| bytes.truncate(bytes.len() - 100));
    let report = bench.recover(hints);
    assert_eq!(report.damage.len(), 1, "{report:?}");
    assert_eq!(report.damage[0].next_offset, Offset(30));
    assert!(matches!(bench.fetch(29, 100), Err(ReadError::Corrupt { .. })));
    assert_eq!(bench.put(batch(&["next"])), Offset(30));
    assert_eq!(bench.values_from(30).unwrap(), [(30, "next".to_owned())]);
    let hints = bench.hints(false);
    let report = bench.recover(hints);
    assert_eq!(bench.values_from(30).unwrap(), [(30, "next".to_owned())]);
    assert!(matches!(bench.fetch(29, 100), Err(ReadError::Corrupt { .. })), "{report:?}");
}
