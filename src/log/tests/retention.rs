//! What goes when it is old, and what stays.

use super::bench::{Bench, batch};
use super::disk::Fault;
use super::small;
use crate::base::Offset;
use crate::io::IoError;
use crate::log::{LogConfig, LogFact, RecoveryHints};

fn fill(bench: &mut Bench, count: usize) {
    for round in 0..count {
        bench.put(batch(&[&format!("a value of some length {round:4}")]));
    }
}

/// Goal: old segments go by time, the active one after a roll, and offsets go on.
#[test]
fn time_takes_all_that_is_old() {
    let config = LogConfig { retention_ms: 60_000, file_delete_delay_ms: 1000, ..small() };
    let mut bench = Bench::new(config);
    fill(&mut bench, 50);
    bench.pass(301_000);
    for _ in 0..5 {
        bench.pass(1000);
    }
    assert_eq!(bench.log.positions().log_start, Offset(50));
    assert_eq!((bench.log.size_bytes(), bench.log.segment_count()), (0, 1));
    assert!(bench.facts.contains(&LogFact::LogStartMoved(Offset(50))));
    bench.pass(2000);
    let names = bench.disk.list(&bench.path(""));
    let logs: Vec<&String> = names.iter().filter(|name| name.contains(".log")).collect();
    assert_eq!(logs, ["00000000000000000050.log"]);
    assert_eq!(bench.disk.open_count(), 1);
    bench.restart();
    assert_eq!(bench.log.positions().log_end, Offset(50));
}

/// Goal: the size that is left is at least what was asked for, within a segment.
#[test]
fn size_takes_the_oldest() {
    let mut bench = Bench::new(small());
    fill(&mut bench, 50);
    let before = bench.log.size_bytes();
    bench.set_config(LogConfig { retention_bytes: 3000, ..small() });
    bench.pass(1);
    let after = bench.log.size_bytes();
    assert!((3000..4000).contains(&after) && after < before, "{before} to {after}");
    let start = bench.log.positions().log_start;
    assert!(bench.values_from(start.0 - 1).is_err());
    assert_eq!(bench.values_from(start.0).unwrap().len() as i64, 50 - start.0);
}

/// Goal: DeleteRecords hides records at once, and whole segments below it go.
#[test]
fn deleted_records_are_gone() {
    let mut bench = Bench::new(small());
    fill(&mut bench, 50);
    assert!(bench.delete_records(51).is_err());
    let segments = bench.log.segment_count();
    assert_eq!(bench.delete_records(25), Ok(Offset(25)));
    assert!(bench.log.segment_count() < segments);
    assert!(bench.values_from(24).is_err());
    assert_eq!(bench.values_from(25).unwrap().len(), 25);
    assert_eq!(bench.delete_records(10), Ok(Offset(25)), "the start does not go back");
    bench.restart();
    assert_eq!(bench.log.positions().log_start, Offset(25));
    assert_eq!(bench.delete_records(50), Ok(Offset(50)));
    for _ in 0..3 {
        bench.pass(1000);
    }
    assert_eq!(bench.log.size_bytes(), 0);
    assert_eq!(bench.put(batch(&["next"])), Offset(50));
}

/// Goal: from when a deletion is said to be saved, no crash takes it back, whatever the
/// checkpoints say; before that, a crash leaves the old start or the new.
#[test]
fn a_saved_deletion_survives_power_loss() {
    for steps in 0.. {
        let mut bench = Bench::new(small());
        fill(&mut bench, 50);
        let stale = bench.hints(false);
        bench.begin_delete_records(25).unwrap();
        let mut done = 0;
        while done < steps && !bench.in_flight.is_empty() {
            bench.complete(0);
            done += 1;
        }
        let is_saved = bench.facts.contains(&LogFact::LogStartSaved(Offset(25)));
        assert_eq!(is_saved, bench.log.saved_log_start() == Offset(25));
        bench.disk.lose_power();
        bench.recover(stale);
        let start = bench.log.positions().log_start;
        assert!(start == Offset(25) || (start <= Offset(25) && !is_saved), "{start} at {steps}");
        assert_eq!(bench.values_from(start.0).unwrap().len() as i64, 50 - start.0);
        if done < steps {
            assert!(is_saved);
            break;
        }
    }
}

/// Goal: a log whose records are lost with the page cache still begins where it was said to, and
/// gives out no offset below that again.
#[test]
fn a_saved_deletion_outlives_its_records() {
    let mut bench = Bench::new(LogConfig { flush_messages: i64::MAX, ..LogConfig::default() });
    fill(&mut bench, 50);
    assert_eq!(bench.delete_records(40), Ok(Offset(40)));
    assert_eq!(bench.log.saved_log_start(), Offset(40));
    for _ in 0..2 {
        bench.disk.lose_power();
        let report = bench.recover(RecoveryHints::default());
        assert_eq!(report.damage, [], "nothing that was promised is missing");
        let positions = bench.log.positions();
        assert_eq!((positions.log_start, positions.log_end), (Offset(40), Offset(40)));
    }
    assert_eq!(bench.put(batch(&["next"])), Offset(40));
}

/// Goal: a deletion that cannot be saved says so, and asking again saves it.
#[test]
fn an_unsaved_deletion_is_told_and_tried_again() {
    let mut bench = Bench::new(LogConfig::default());
    fill(&mut bench, 50);
    let error = IoError { operation: "fault", errno: libc::EIO };
    let at = bench.disk.run_count;
    bench.disk.faults = vec![Fault { at, errno: error.errno, written: 0 }];
    assert_eq!(bench.delete_records(20), Ok(Offset(20)));
    assert!(bench.facts.contains(&LogFact::LogStartUnsaved(error)), "{:?}", bench.facts);
    assert_eq!(bench.log.saved_log_start(), Offset(0));
    assert_eq!(bench.delete_records(20), Ok(Offset(20)));
    assert!(bench.facts.contains(&LogFact::LogStartSaved(Offset(20))));
    assert_eq!(bench.log.saved_log_start(), Offset(20));
}

/// Goal: on a full disk the deleted segments go first, and make the room that the new start needs.
#[test]
fn a_deletion_makes_its_own_room() {
    let mut bench = Bench::new(LogConfig { file_delete_delay_ms: 60_000, ..small() });
    fill(&mut bench, 50);
    let at = bench.disk.run_count;
    // Neither the new start nor the epochs that go with it have room.
    let full = |at| Fault { at, errno: libc::ENOSPC, written: 0 };
    bench.disk.faults = vec![full(at), full(at + 1)];
    assert_eq!(bench.delete_records(40), Ok(Offset(40)));
    bench.pass(0);
    assert!(bench.disk.bytes(&bench.path("00000000000000000000.log.deleted")).is_none());
    assert!(bench.facts.contains(&LogFact::LogStartSaved(Offset(40))), "{:?}", bench.facts);
    let is_unsaved = |fact: &LogFact| matches!(fact, LogFact::LogStartUnsaved(_));
    assert!(!bench.facts.iter().any(is_unsaved));
}

/// Goal: a log that is closed does nothing any more; retired files are left to the next start.
#[test]
fn a_closed_log_lies_still() {
    let mut bench = Bench::new(LogConfig { file_delete_delay_ms: 60_000, ..small() });
    fill(&mut bench, 50);
    bench.delete_records(25).unwrap();
    bench.begin_close();
    bench.settle();
    assert!(bench.facts.contains(&LogFact::Closed));
    assert_eq!(bench.log.next_deadline(), None);
    let names = bench.disk.list(&bench.path(""));
    assert!(names.iter().any(|name| name.ends_with(".deleted")), "{names:?}");
    bench.pass(600_000);
    assert_eq!(bench.disk.list(&bench.path("")), names);
}

/// Goal: a file that is being sent stays open until the send is done.
#[test]
fn a_file_in_use_stays_open() {
    let mut bench = Bench::new(LogConfig { file_delete_delay_ms: 10, ..small() });
    fill(&mut bench, 50);
    let plan = bench.plan(0, 100).unwrap().unwrap();
    bench.delete_records(40).unwrap();
    bench.pass(20);
    bench.pass(20);
    let open = bench.disk.open_count();
    assert!(bench.disk.bytes(&bench.path("00000000000000000000.log")).is_none());
    drop(plan);
    bench.pass(1100);
    assert_eq!(bench.disk.open_count(), open - 1);
}
