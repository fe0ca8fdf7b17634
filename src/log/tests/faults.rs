//! Operations that fail, at each place where one can.

use super::bench::{Bench, batch, idempotent};
use super::disk::Fault;
use super::small;
use crate::base::Offset;
use crate::log::{AppendError, LogConfig, LogFact};

fn fault(at: usize, errno: i32) -> Fault {
    Fault { at, errno, written: 50 }
}

/// Goal: a full disk fails the appends under way, reads go on, and a later append works.
#[test]
fn a_full_disk_is_survived() {
    let mut bench = Bench::new(LogConfig::default());
    bench.put(idempotent(1, 0, 0, "a"));
    bench.disk.faults = vec![fault(bench.disk.run_count, libc::ENOSPC)];
    bench.append(idempotent(1, 0, 1, "b")).unwrap();
    bench.settle();
    let failed = LogFact::AppendsFailed { from: Offset(1), error: AppendError::NoSpace };
    assert!(bench.facts.contains(&failed));
    assert_eq!(bench.log.positions().log_end, Offset(1));
    assert_eq!(bench.values_from(0).unwrap().len(), 1);
    assert_eq!(bench.put(idempotent(1, 0, 1, "b")), Offset(1));
    assert_eq!(bench.put(idempotent(1, 0, 2, "c")), Offset(2));
    let report = bench.restart();
    assert!(report.damage.is_empty());
    assert_eq!(bench.values_from(0).unwrap().len(), 3);
}

/// Goal: after a failed sync nothing more is taken or shown, and what was durable stays readable.
#[test]
fn a_failed_sync_is_final() {
    let mut bench = Bench::new(LogConfig::default());
    bench.put(batch(&["a"]));
    bench.disk.faults = vec![fault(bench.disk.run_count + 1, libc::EIO)];
    bench.append(batch(&["b"])).unwrap();
    bench.settle();
    assert!(bench.facts.iter().any(|fact| matches!(fact, LogFact::Failed(_))));
    let failed = LogFact::AppendsFailed { from: Offset(1), error: AppendError::Failed };
    assert!(bench.facts.contains(&failed));
    assert_eq!(bench.append(batch(&["c"])), Err(AppendError::Failed));
    assert_eq!(bench.values_from(0).unwrap(), [(0, "a".to_owned())]);
}

/// Writes and syncs of 40 rounds, with a few segments' files.
const OPERATIONS_MIN: usize = 80;

/// Goal: whichever operation fails, an acknowledged record is readable then and after a restart,
/// and no offset has two records.
#[test]
fn every_operation_may_fail() {
    for errno in [libc::EIO, libc::ENOSPC] {
        for at in 0.. {
            let mut bench = Bench::creating(small());
            bench.disk.faults = vec![fault(at, errno)];
            let mut acknowledged: Vec<(i64, String)> = Vec::new();
            for round in 0..40 {
                let value = format!("value {round} to fill");
                let appended = bench.append(batch(&[&value]));
                bench.settle();
                bench.pass(500);
                if let Ok(appended) = appended
                    && bench.log.acknowledged() > appended.last_offset
                    && bench.log.positions().written > appended.last_offset
                {
                    acknowledged.push((appended.base_offset.0, value));
                }
                let read = bench.values_from(0).unwrap();
                assert_eq!(read, acknowledged, "fault {errno} at {at}, round {round}");
            }
            if bench.disk.run_count <= at {
                // It struck every operation there is.
                assert!(at > OPERATIONS_MIN, "{at} operations in 40 rounds are too few");
                break;
            }
            let hints = bench.hints(false);
            bench.disk.lose_power();
            let report = bench.recover(hints);
            assert!(report.damage.is_empty(), "fault {errno} at {at}: {report:?}");
            let read = bench.values_from(0).unwrap();
            let missing = acknowledged.iter().find(|record| !read.contains(record));
            assert_eq!(missing, None, "fault {errno} at {at}");
        }
    }
}

/// Goal: what a failed write left is cut off before the log closes, and before it goes on in
/// another segment: nothing of it is taken for damage later.
#[test]
fn what_a_failed_write_leaves_is_cut_off() {
    for closes_at_once in [true, false] {
        let mut bench = Bench::new(small());
        bench.put(batch(&["a"]));
        bench.disk.faults = vec![fault(bench.disk.run_count, libc::ENOSPC)];
        bench.append(batch(&["b"])).unwrap();
        bench.settle();
        if !closes_at_once {
            // Too long for what is left of the segment.
            bench.put(batch(&[&"c".repeat(890)]));
            assert_eq!(bench.log.segment_count(), 2);
        }
        let report = bench.restart();
        assert_eq!(report.damage, [], "closes at once: {closes_at_once}");
        assert_eq!(bench.values_from(0).unwrap()[0], (0, "a".to_owned()));
    }
}

/// Goal: the next segment begins when the cut is on the disk. A power loss would else bring back
/// what was cut off, in front of records that were acknowledged since.
#[test]
fn a_cut_is_durable_before_the_log_goes_on() {
    let mut bench = Bench::new(small());
    bench.put(batch(&["a"]));
    bench.disk.faults = vec![fault(bench.disk.run_count, libc::EIO)];
    bench.append(batch(&["b"])).unwrap();
    bench.settle();
    bench.append(batch(&[&"c".repeat(890)])).unwrap();
    bench.end_of_tick();
    let mut ops = Vec::new();
    while let Some((_, op)) = bench.in_flight.first() {
        ops.push(format!("{op:?}"));
        bench.complete(0);
        bench.end_of_tick();
    }
    assert!(ops[0].starts_with("Truncate"), "{ops:?}");
    assert!(ops[1].starts_with("Sync {"), "{ops:?}");
    assert!(ops[2..].iter().any(|op| op.starts_with("Write")), "{ops:?}");
}

/// Goal: a log says whether the next start may rely on how it was closed.
#[test]
fn a_close_that_fails_is_not_clean() {
    let mut count = 0;
    for at in 0.. {
        let mut bench = Bench::new(LogConfig::default());
        bench.put(batch(&["a"]));
        bench.append(batch(&["b"])).unwrap();
        let first = bench.disk.run_count;
        bench.disk.faults = vec![fault(first + at, libc::EIO)];
        bench.begin_close();
        bench.settle();
        assert!(bench.facts.contains(&LogFact::Closed), "fault {at}: {:?}", bench.facts);
        if bench.disk.run_count <= first + at {
            assert!(bench.log.is_cleanly_closed());
            break;
        }
        // Failing to close a file is no loss.
        count += usize::from(!bench.log.is_cleanly_closed());
    }
    assert!(count >= 10, "{count} operations of a close matter");
}
