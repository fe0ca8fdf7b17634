//! Bytes that changed behind the log's back, and files that are gone.

use super::bench::{Bench, batch};
use super::small;
use crate::base::Offset;
use crate::log::{LogConfig, ReadError};

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
                let batch = crate::wire::record_batch::Batches::new(&bytes).next();
                let batch = batch.unwrap_or_else(|| panic!("{what}: nothing at {offset}")).unwrap();
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
