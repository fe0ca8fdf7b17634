//! The end of the process, or of the machine, between any two operations.

use super::bench::{Bench, batch, idempotent};
use super::disk::Random;
use super::small;
use crate::base::Offset;
use crate::io::Op;
use crate::log::{LastEnd, LogConfig, RecoveryHints};
use std::path::Path;

/// Appends at random and runs operations in random order, until `op_count` have run.
fn run(config: LogConfig, op_count: usize, random: &mut Random) -> (Bench, Vec<String>) {
    let mut bench = Bench::creating(config);
    let mut values = Vec::new();
    while bench.disk.run_count < op_count {
        for _ in 0..random.below(3) {
            let value = format!("value {} {}", values.len(), "y".repeat(random.below(120)));
            bench.append(batch(&[&value])).unwrap();
            values.push(value);
        }
        bench.end_of_tick();
        if !bench.in_flight.is_empty() {
            let index = random.below(bench.in_flight.len());
            bench.complete(index);
        }
        bench.disk.pass(10);
    }
    (bench, values)
}

/// What is there after a crash is a prefix of what was appended, with all that was promised.
fn check(bench: &mut Bench, values: &[String], promised: Offset, what: &str) {
    let read: Vec<String> = bench
        .values_from(bench.log.positions().log_start.0)
        .unwrap_or_else(|error| panic!("{what}: {error}"))
        .into_iter()
        .map(|(_, value)| value)
        .collect();
    assert!(read.len() as i64 >= promised.0, "{what}: {} of {promised} are left", read.len());
    assert_eq!(read[..], values[..read.len()], "{what}");
}

/// Goal: a log whose creation was interrupted keeps what is acknowledged after the next start,
/// though the files that it found were never made durable by the process that made them.
#[test]
fn an_interrupted_creation_leaves_nothing_to_be_lost_later() {
    for op_count in 3..30 {
        let mut bench = Bench::creating(small());
        while bench.disk.run_count < op_count && !bench.in_flight.is_empty() {
            bench.complete(0);
            bench.end_of_tick();
        }
        bench.disk.crash();
        bench.recover(RecoveryHints::default());
        bench.append(batch(&["a"])).unwrap();
        while bench.log.acknowledged() == Offset::ZERO {
            bench.end_of_tick();
            // What is not needed for the acknowledgement comes late.
            let is_needed = |op: &Op| matches!(op, Op::Write { .. } | Op::Sync { .. });
            let needed = bench.in_flight.iter().position(|(_, op)| is_needed(op));
            bench.complete(needed.unwrap_or(0));
        }
        bench.disk.lose_power();
        bench.recover(RecoveryHints::default());
        let values = bench.values_from(0).unwrap();
        assert_eq!(values, [(0, "a".to_owned())], "killed after {op_count} operations");
    }
}

/// Goal: whenever the power fails, and whatever of the unsynced writes and names survives, no
/// acknowledged record is lost, none is wrong, and appends go on.
#[test]
fn power_may_fail_between_any_two_operations() {
    for seed in 0..1500u64 {
        let mut random = Random(seed);
        let op_count = 1 + random.below(150);
        let (mut bench, mut values) = run(small(), op_count, &mut random);
        let promised = bench.log.acknowledged();
        assert!(bench.log.positions().high_watermark <= promised);
        let hints = match random.below(3) {
            0 => RecoveryHints::default(),
            _ => bench.hints(false),
        };
        bench.disk.lose_power_partly(&mut random);
        let report = bench.recover(hints);
        let what = format!("seed {seed}");
        assert!(report.damage.is_empty(), "{what}: {report:?}");
        check(&mut bench, &values, promised, &what);
        values.truncate(bench.log.positions().log_end.0 as usize);
        for round in 0..5 {
            values.push(format!("after {round}"));
            bench.put(batch(&[values.last().unwrap()]));
        }
        let promised = bench.log.acknowledged();
        let hints = bench.hints(false);
        bench.disk.lose_power();
        let report = bench.recover(hints);
        assert!(report.damage.is_empty() && report.cut_bytes == 0, "{what}: {report:?}");
        check(&mut bench, &values, promised, &what);
    }
}

/// Goal: what a start removes behind lost records stays removed, though the power fails again at
/// once: it must never stand beside new records of the same offsets.
#[test]
fn removed_segments_do_not_come_back() {
    let mut bench = Bench::new(LogConfig { flush_messages: i64::MAX, ..small() });
    for _ in 0..20 {
        bench.put(batch(&["of a segment that goes"]));
    }
    let segments = |bench: &Bench| {
        let mut names = bench.disk.list(Path::new("d/t-0"));
        names.retain(|name| name.ends_with(".log"));
        names
    };
    let before = segments(&bench);
    let path = bench.path(&before[0]);
    bench.disk.damage(&path, |bytes| bytes.truncate(bytes.len() - 100));
    bench.recover(RecoveryHints::default());
    let left = segments(&bench);
    assert!(left.len() == 1 && before.len() > 1, "{left:?} of {before:?}");
    bench.disk.lose_power();
    assert_eq!(segments(&bench), left);
}

/// Goal: the end of the process alone loses nothing that was written, in any mode.
#[test]
fn a_killed_process_loses_nothing_written() {
    for seed in 0..600u64 {
        let mut random = Random(seed);
        let flush_messages = [1, 3, i64::MAX][random.below(3)];
        let op_count = 10 + random.below(150);
        let config = LogConfig { flush_messages, ..small() };
        let (mut bench, values) = run(config, op_count, &mut random);
        let promised = bench.log.positions().written;
        let last_end = [LastEnd::Killed, LastEnd::Unknown][random.below(2)];
        let hints = RecoveryHints { last_end, ..bench.hints(false) };
        bench.disk.crash();
        let report = bench.recover(hints);
        let what = format!("seed {seed}");
        assert!(report.damage.is_empty() && report.cut_bytes == 0, "{what}: {report:?}");
        check(&mut bench, &values, promised, &what);
        assert_eq!(bench.log.positions().durable, bench.log.positions().log_end);
    }
}

/// Goal: sequences are known after any crash, from the snapshot and the batches after it.
#[test]
fn producers_survive_a_crash() {
    for count in 0..60 {
        let mut bench = Bench::new(small());
        for sequence in 0..count {
            bench.put(idempotent(9, 1, sequence, &"v".repeat(sequence as usize)));
            bench.put(idempotent(100 + i64::from(sequence), 0, 0, "other"));
        }
        let hints = bench.hints(false);
        bench.disk.lose_power();
        bench.recover(hints);
        for sequence in (count - 5).max(0)..count {
            let again = bench.append(idempotent(9, 1, sequence, &"v".repeat(sequence as usize)));
            assert!(again.unwrap().duplicate, "{sequence} of {count}");
        }
        let next = bench.append(idempotent(9, 1, count, "next")).unwrap();
        assert!(!next.duplicate);
    }
}
