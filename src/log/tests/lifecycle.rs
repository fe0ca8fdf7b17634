//! How logs begin and end, and what a deleted topic of the same name leaves.

use super::bench::{Bench, batch};
use super::small;
use crate::base::Offset;
use crate::io::Startup;
use crate::log::sweep::sweep_deleted;
use crate::log::{AppendError, Log, LogConfig, LogFact, RecoveryHints};
use std::path::{Path, PathBuf};

/// Goal: records appended before the directory exists are written once it does.
#[test]
fn appends_may_come_before_the_directory() {
    let mut bench = Bench::creating(LogConfig::default());
    bench.append(batch(&["early"])).unwrap();
    assert!(bench.plan(0, 100).unwrap().is_none());
    bench.settle();
    assert_eq!(bench.values_from(0).unwrap(), [(0, "early".to_owned())]);
}

/// Goal: a new topic finds nothing of an old one of the same name, at run time or at a start.
#[test]
fn a_new_topic_does_not_inherit() {
    let mut bench = Bench::new(small());
    (0..20).for_each(|round| {
        bench.put(batch(&[&format!("old value {round}")]));
    });
    let hints = bench.hints(false);
    bench.disk.crash();
    bench.topic = 9;
    let report = bench.recover(hints);
    assert_eq!(report.damage, []);
    assert_eq!(bench.log.positions().log_end, Offset(0));
    bench.put(batch(&["new"]));

    bench.disk.crash();
    let mut bench = bench.created_anew(10);
    bench.settle();
    assert_eq!(bench.put(batch(&["newer"])), Offset(0));
    let hints = bench.hints(false);
    bench.recover(hints);
    assert_eq!(bench.values_from(0).unwrap(), [(0, "newer".to_owned())]);

    bench.begin_close();
    bench.settle();
    let removed = sweep(&mut bench);
    assert_eq!(removed.len(), 2);
    assert_eq!(bench.disk.list(Path::new("d")), ["t-0"]);
}

/// Goal: a crash just after the first records of a topic costs none of them, though the data
/// directory's checkpoints are still those of a topic of the same name that was deleted.
#[test]
fn checkpoints_of_a_namesake_cost_nothing() {
    let mut bench = Bench::creating(small());
    while bench.log.acknowledged() < Offset(1) {
        if bench.log.positions().log_end == Offset(0) {
            bench.append(batch(&["new"])).unwrap();
        }
        bench.end_of_tick();
        bench.complete(0);
    }
    bench.disk.remove(&bench.path("leader-epoch-checkpoint"));
    let offset = Some(Offset(1000));
    let hints = RecoveryHints { recovery_point: offset, log_start: offset, ..Default::default() };
    bench.recover(hints);
    assert_eq!(bench.values_from(0).unwrap(), [(0, "new".to_owned())]);
}

/// Goal: a log that cannot be made yet says so, and is made later.
#[test]
fn creation_is_tried_again() {
    let mut bench = Bench::creating(LogConfig::default());
    bench.disk.faults = vec![super::disk::Fault { at: 3, errno: libc::ENOSPC, written: 0 }];
    bench.append(batch(&["early"])).unwrap();
    bench.settle();
    let failed = LogFact::AppendsFailed { from: Offset(0), error: AppendError::NoSpace };
    assert_eq!(bench.facts[0], failed);
    assert!(matches!(bench.facts[1..], [LogFact::Postponed(_)]), "{:?}", bench.facts);
    bench.append(batch(&["later"])).unwrap();
    bench.pass(1001);
    assert!(bench.facts.contains(&LogFact::Opened));
    assert_eq!(bench.values_from(0).unwrap(), [(0, "later".to_owned())]);
    assert_eq!(bench.disk.open_count(), 1);
}

/// Goal: ends requested at any moment come, and leave no file open.
#[test]
fn ends_come_whenever_they_are_asked_for() {
    for op_count in 0..60 {
        for deletes in [false, true] {
            let mut bench = Bench::creating(small());
            let mut round = 0;
            while bench.disk.run_count < op_count {
                let _ = bench.append(batch(&[&format!("some value {round}")]));
                round += 1;
                bench.end_of_tick();
                bench.complete(0);
            }
            bench.facts.clear();
            if deletes {
                bench.begin_delete();
            } else {
                bench.begin_close();
            }
            bench.settle();
            let ended = if deletes { LogFact::Deleted } else { LogFact::Closed };
            assert!(bench.facts.contains(&ended), "{op_count}: {:?}", bench.facts);
            assert_eq!(bench.disk.open_count(), 0, "{op_count}, {ended:?}");
            let is_gone = bench.disk.list(Path::new("d")).is_empty();
            assert!(is_gone || !deletes, "{op_count}: {:?}", bench.disk.list(Path::new("d")));
        }
    }
}

/// Goal: thousands of idle logs are cheap.
#[test]
fn a_log_is_small() {
    assert!(size_of::<Log>() <= 2048, "{} bytes", size_of::<Log>());
}

/// Goal: a closed log begins nothing more, whatever time it is and whoever needs room.
#[test]
fn a_closed_log_keeps_still() {
    let mut bench = Bench::new(small());
    (0..20).for_each(|round| {
        bench.put(batch(&[&format!("value {round}")]));
    });
    bench.delete_records(15).unwrap();
    bench.begin_close();
    bench.settle();
    assert!(bench.facts.contains(&LogFact::Closed), "{:?}", bench.facts);
    let run_count = bench.disk.run_count;
    bench.make_room();
    bench.pass(1_000_000);
    assert_eq!(bench.disk.run_count, run_count);
}

fn sweep(bench: &mut Bench) -> Vec<PathBuf> {
    sweep_deleted(&mut Startup::new(&mut bench.disk), Path::new("d"), |_| false).unwrap()
}

/// A log that is being deleted on a full disk, where no directory can be renamed, and has come so
/// far; says whether it is done.
fn deleting_without_room(op_count: usize) -> (Bench, bool) {
    let mut bench = Bench::new(small());
    (0..20).for_each(|round| {
        bench.put(batch(&[&format!("value {round}")]));
    });
    let at = bench.disk.run_count;
    bench.disk.faults = vec![super::disk::Fault { at, errno: libc::ENOSPC, written: 0 }];
    bench.begin_delete();
    while bench.disk.run_count < at + op_count && !bench.in_flight.is_empty() {
        bench.complete(0);
    }
    let is_done = bench.in_flight.is_empty();
    (bench, is_done)
}

/// Goal: a directory that cannot be renamed, for want of room, is emptied and removed all the
/// same.
#[test]
fn a_deletion_needs_no_room() {
    let (mut bench, _) = deleting_without_room(0);
    bench.settle();
    bench.pass(1);
    assert!(bench.facts.contains(&LogFact::Deleted), "{:?}", bench.facts);
    assert!(bench.disk.list(Path::new("d")).is_empty());
}

/// Goal: what a crash leaves of a deletion on a full disk is removed at the next start, from when
/// its first file could be gone.
#[test]
fn remains_of_a_deletion_without_room_are_swept() {
    for op_count in 0.. {
        let (mut bench, is_done) = deleting_without_room(op_count);
        let files_before = bench.disk.list(&bench.path(""));
        bench.disk.crash();
        sweep(&mut bench);
        let left = bench.disk.list(&bench.path(""));
        let is_whole = files_before.contains(&"partition.metadata".to_owned());
        assert!(left.is_empty() || (is_whole && left == files_before), "{op_count}: {left:?}");
        if is_done {
            assert!(op_count > 10, "{op_count}");
            break;
        }
    }
}

/// Goal: a topic of the same name that was made meanwhile finds nothing of it, wherever the crash
/// came.
#[test]
fn a_namesake_finds_no_remains() {
    for op_count in 0.. {
        let (mut bench, is_done) = deleting_without_room(op_count);
        bench.topic = 9;
        let report = bench.recover(RecoveryHints::default());
        assert_eq!((report.damage, report.cut_bytes), (vec![], 0), "{op_count}");
        assert_eq!(bench.log.positions().log_end, Offset(0), "{op_count}");
        assert_eq!(bench.put(batch(&["new"])), Offset(0));
        if is_done {
            break;
        }
    }
}
