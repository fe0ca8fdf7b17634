//! A log that nobody waits for the disk with, and one power loss after the other: what is left is
//! the beginning of what was there.

use super::{Run, Scenario};
use crate::crash::Crash;
use crate::report;
use pinion::log::{FlushPolicy, LogConfig};
use std::sync::Arc;

/// The seeds that the test command runs.
const SEEDS: u64 = 100;

/// How often the power fails in a run.
const LOSSES: usize = 4;

/// What came about, counted: what never does proves nothing.
#[derive(Debug, Default)]
struct Outcomes {
    /// Power losses that came before the end of a start.
    in_a_start: u64,
    /// Starts that found a segment behind a place where records are missing.
    holes: u64,
}

/// Where the newest segment begins, going by the names of files.
fn newest_segment(run: &Run) -> Option<i64> {
    let base_offset = |path: String| {
        let name = path.rsplit('/').next()?.strip_suffix(".log")?;
        name.parse().ok()
    };
    run.world.machine().disk.paths().into_iter().filter_map(base_offset).max()
}

fn lose_power_again_and_again(scenario: &Scenario, outcomes: &mut Outcomes) {
    let _guard = report::on_failure(format!("{scenario:?}"));
    let mut run = scenario.begin();
    for _ in 0..LOSSES {
        let step = run.world.machine().disk_steps() + run.random.below(300);
        run.world.machine().crash_at_step(step, Crash::Power);
        let newest = newest_segment(&run);
        match scenario.start(&mut run) {
            Some(mut process) => {
                let log_end = process.log.positions().log_end.0;
                if newest > Some(log_end) {
                    outcomes.holes += 1;
                    // Before the names are durable that the start has removed, if it left that.
                    let soon = run.world.machine().disk_steps() + run.random.below(6);
                    run.world.machine().crash_at_step(soon, Crash::Power);
                }
                scenario.work(&mut run, &mut process, 60);
            }
            None => outcomes.in_a_start += 1,
        }
        scenario.crash(&mut run, Crash::Power);
    }
    scenario.end_cleanly(&mut run);
}

/// Goal: what a power loss leaves of a log that is never synced has no gap, no record in another's
/// place and none that was not sent; it counts as sound, and takes new records.
#[test]
fn power_losses_leave_a_beginning() {
    let mut outcomes = Outcomes::default();
    let seeds = report::seeds(SEEDS);
    for seed in seeds.clone() {
        let mut scenario = Scenario::new(seed);
        let never = LogConfig { flush_messages: i64::MAX, flush_ms: i64::MAX, ..*scenario.config };
        assert_eq!(never.flush_policy(), FlushPolicy::Never);
        scenario.config = Arc::new(never);
        lose_power_again_and_again(&scenario, &mut outcomes);
    }
    report::print(&format!("sim: log, never synced: {outcomes:?}"));
    if seeds.end - seeds.start >= SEEDS {
        assert!(outcomes.in_a_start > 0 && outcomes.holes > 0, "{outcomes:?}");
    }
}
