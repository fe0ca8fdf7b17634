//! Appending, reading, rolling and restarting.

use super::bench::{Bench, batch, batch_at, idempotent};
use super::small;
use crate::base::Offset;
use crate::log::{LogConfig, LogFact, ReadStep, TimestampQuery};
use std::sync::Arc;

/// Goal: records come back at their offsets, and nothing is readable before it is durable.
#[test]
fn appends_are_readable_once_durable() {
    let mut bench = Bench::new(LogConfig::default());
    let appended = bench.append(batch(&["a", "b"])).unwrap();
    assert_eq!((appended.base_offset, appended.last_offset), (Offset(0), Offset(1)));
    bench.end_of_tick();
    assert!(bench.plan(0, 1000).unwrap().is_none());
    assert_eq!(bench.log.acknowledged(), Offset(0));
    bench.settle();
    assert!(bench.facts.contains(&LogFact::Advanced));
    assert_eq!(bench.log.acknowledged(), Offset(2));
    bench.put(batch(&["c"]));
    let values = bench.values_from(1).unwrap();
    assert_eq!(values, [(1, "b".to_owned()), (2, "c".to_owned())]);
    assert!(bench.plan(3, 100).unwrap().is_none());
    assert!(bench.plan(4, 100).is_err());
}

/// Goal: batches that arrive during a write share the next one, in order.
#[test]
fn one_write_at_a_time() {
    let mut bench = Bench::new(LogConfig::default());
    bench.append(batch(&["a"])).unwrap();
    bench.end_of_tick();
    for value in ["b", "c", "d"] {
        bench.append(batch(&[value])).unwrap();
        bench.end_of_tick();
    }
    let writes = |bench: &Bench| {
        let is_write = |(_, op): &&_| matches!(op, crate::io::Op::Write { .. });
        bench.in_flight.iter().filter(is_write).count()
    };
    assert_eq!(writes(&bench), 1);
    bench.settle();
    assert_eq!(bench.log.positions().durable, Offset(4));
    let values: Vec<String> = bench.values_from(0).unwrap().into_iter().map(|v| v.1).collect();
    assert_eq!(values, ["a", "b", "c", "d"]);
}

/// Goal: where batches are larger than what is read of headers by default, and not huge, the batch
/// of an offset is found with one read.
#[test]
fn one_read_finds_a_large_batch() {
    let mut bench = Bench::new(LogConfig::default());
    let value = "v".repeat(10_000);
    for _ in 0..200 {
        bench.put(batch(&[&value]));
    }
    for offset in [1, 20, 50] {
        let step = bench.log.read(Offset(offset), 20_000, true).unwrap();
        let ReadStep::Lookup(lookup) = step else { panic!("nobody remembers the batch: {step:?}") };
        let (file, position, length) = lookup.range();
        let bytes = bench.disk.read(file, position, length);
        let step = bench.log.resume_read(lookup, &bytes).unwrap();
        let ReadStep::Ready(plan) = step else { panic!("the batch is known: {step:?}") };
        assert_eq!(plan.base_offset, Offset(offset));
    }
}

/// Goal: a log of many segments reads the same before and after a restart, clean or not.
#[test]
fn segments_roll_and_survive_restarts() {
    let mut bench = Bench::new(small());
    let mut expected = Vec::new();
    for round in 0..60 {
        let value = format!("value {round} {}", "x".repeat(round));
        let offset = bench.put(batch(&[&value, "second"]));
        expected.push((offset.0, value));
        expected.push((offset.0 + 1, "second".to_owned()));
    }
    assert!(bench.log.segment_count() > 5);
    assert_eq!(bench.values_from(0).unwrap(), expected);
    let report = bench.restart();
    assert!(report.damage.is_empty() && report.cut_bytes == 0, "{report:?}");
    assert_eq!(bench.values_from(0).unwrap(), expected);
    for offset in [0, 1, 17, 50, 119] {
        assert_eq!(bench.values_from(offset).unwrap(), expected[offset as usize..]);
    }
    bench.put(batch(&["more"]));
    expected.push((120, "more".to_owned()));
    let hints = bench.hints(false);
    bench.disk.lose_power();
    let report = bench.recover(hints);
    assert!(report.damage.is_empty() && report.cut_bytes == 0, "{report:?}");
    assert_eq!(bench.values_from(0).unwrap(), expected);
    assert_eq!(bench.log.positions().log_end, Offset(121));
}

/// Goal: searches by timestamp equal a linear one.
#[test]
fn timestamps_are_found() {
    let mut bench = Bench::new(small());
    let base = 1_700_000_000_000;
    let mut all = Vec::new();
    for round in 0..80i64 {
        // Mostly ascending, with some that go back.
        let times = [base + round * 10, base + round * 10 - (round % 7) * 15];
        let offset = bench.put(batch_at(&["first", "second"], &times));
        all.extend([(offset.0, times[0]), (offset.0 + 1, times[1])]);
    }
    for restart in [false, true] {
        if restart {
            bench.restart();
        }
        for at in base - 20..base + 810 {
            let linear = all.iter().find(|(_, time)| *time >= at);
            let found = bench.search(TimestampQuery::At(at)).unwrap();
            assert_eq!(found.map(|(offset, time)| (offset.0, time.0)).as_ref(), linear, "{at}");
        }
        let max = all.iter().map(|(_, time)| *time).max().unwrap();
        let linear = all.iter().find(|(_, time)| *time == max);
        let found = bench.search(TimestampQuery::Max).unwrap();
        assert_eq!(found.map(|(offset, time)| (offset.0, time.0)).as_ref(), linear);
    }
}

/// Goal: retries of an idempotent producer get their first offsets, across a restart too.
#[test]
fn retries_do_not_repeat() {
    let mut bench = Bench::new(LogConfig::default());
    for sequence in 0..8 {
        bench.put(idempotent(5, 0, sequence, "v"));
    }
    for restart in [false, true] {
        if restart {
            bench.restart();
        }
        for sequence in 3..8 {
            let again = bench.append(idempotent(5, 0, sequence, "v")).unwrap();
            assert!(again.duplicate);
            assert_eq!(again.base_offset, Offset(i64::from(sequence)));
        }
        assert!(bench.append(idempotent(5, 0, 10, "v")).is_err());
    }
    assert_eq!(bench.put(idempotent(5, 0, 8, "v")), Offset(8));
}

/// Goal: a log remembers no more producers than it may, those that appended last, in use and after
/// any restart; the others go on as new ones, and those in the middle of their sequence too.
#[test]
fn producers_are_bounded() {
    let limit = 8;
    let mut bench = Bench::new(LogConfig { producer_ids_max: limit, ..small() });
    for sequence in 0..3 {
        for producer in 0..30 {
            bench.put(idempotent(producer, 0, sequence, "v"));
            assert!(bench.log.active_producers().count() <= limit);
        }
    }
    for restart in 0..3 {
        match restart {
            0 => {}
            1 => drop(bench.restart()),
            _ => {
                let hints = bench.hints(false);
                bench.disk.lose_power();
                drop(bench.recover(hints));
            }
        }
        assert!(bench.log.active_producers().count() <= limit);
        for producer in 23..30 {
            let again = bench.append(idempotent(producer, restart as i16, 2, "v")).unwrap();
            assert!(again.duplicate, "producer {producer}, restart {restart}");
        }
        let forgotten = bench.append(idempotent(3 + restart, 0, 3, "v")).unwrap();
        assert!(!forgotten.duplicate, "it goes on");
        bench.settle();
        // Again the latest, in the same order.
        for producer in 23..30 {
            for sequence in 0..3 {
                bench.put(idempotent(producer, restart as i16 + 1, sequence, "v"));
            }
        }
    }
}

/// Goal: a log that is opened with a lower limit than it was closed with keeps to the lower one.
#[test]
fn a_snapshot_of_more_producers_is_cut() {
    let mut bench = Bench::new(LogConfig::default());
    for producer in 0..40 {
        bench.put(idempotent(producer, 0, 0, "v"));
    }
    bench.config = Arc::new(LogConfig { producer_ids_max: 20, ..LogConfig::default() });
    bench.restart();
    let mut known: Vec<i64> = bench.log.active_producers().map(|p| p.producer_id.0).collect();
    known.sort_unstable();
    assert_eq!(known.last(), Some(&39));
    assert!((15..=20).contains(&known.len()), "{known:?}");
    assert_eq!(known, (40 - known.len() as i64..40).collect::<Vec<_>>());
}

/// Goal: a deleted log leaves nothing, and a closed one no open file.
#[test]
fn ends_leave_nothing_open() {
    let mut bench = Bench::new(small());
    for round in 0..30 {
        bench.put(batch(&["some value to fill segments", &round.to_string()]));
    }
    bench.restart();
    bench.begin_delete();
    bench.settle();
    assert!(bench.facts.contains(&LogFact::Deleted), "{:?}", bench.facts);
    assert_eq!(bench.disk.open_count(), 0);
    assert!(bench.disk.list(std::path::Path::new("d")).is_empty());
}
