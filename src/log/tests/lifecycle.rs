//! How logs begin and end, and what a deleted topic of the same name leaves.

use super::bench::{Bench, batch};
use super::small;
use crate::base::Offset;
use crate::io::Startup;
use crate::log::sweep::sweep_deleted;
use crate::log::{AppendError, Log, LogConfig, LogFact};
use std::path::Path;

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
    let removed = sweep_deleted(&mut Startup::new(&mut bench.disk), Path::new("d")).unwrap();
    assert_eq!(removed.len(), 2);
    assert_eq!(bench.disk.list(Path::new("d")), ["t-0"]);
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

/// Goal: a directory that cannot be renamed, for want of room, is emptied and removed all the
/// same.
#[test]
fn a_deletion_needs_no_room() {
    let mut bench = Bench::new(small());
    (0..20).for_each(|round| {
        bench.put(batch(&[&format!("value {round}")]));
    });
    let at = bench.disk.run_count;
    bench.disk.faults = vec![super::disk::Fault { at, errno: libc::ENOSPC, written: 0 }];
    bench.begin_delete();
    bench.settle();
    bench.pass(1);
    assert!(bench.facts.contains(&LogFact::Deleted), "{:?}", bench.facts);
    assert!(bench.disk.list(Path::new("d")).is_empty());
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
