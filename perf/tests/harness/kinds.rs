//! The kinds of work in which several things happen at once, each on a little work: every reader
//! gets everything, and the results say what was measured.

use super::support::{Bench, pinion};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Longer than anything here takes on a slow machine, and shorter than a test may hang.
const LIMIT: Duration = Duration::from_secs(180);

/// The outcomes of a scenario on Pinion, one for each class of durability, which are clean.
fn outcomes(bench: &Bench, scenario: &str, scale: &str, pinion: &Path) -> Vec<Value> {
    let mut command = bench.command(&[scenario], scale, pinion);
    command.args(["--systems", "pinion"]);
    let mut ended = bench.run(command, LIMIT);
    assert_eq!(ended.code, Some(0), "{}", ended.printed);
    bench.assert_nothing_left();
    let results = ended.results["results"].as_array_mut().expect("a list of results");
    assert!(results.iter().all(|outcome| outcome["verified"] == true), "{results:?}");
    std::mem::take(results)
}

fn is_positive(figure: &Value) -> bool {
    figure.as_f64().is_some_and(|figure| figure > 0.0)
}

/// Goal: five readers get every record, and the latency ends with them.
#[test]
fn fan_out() {
    let outcome = &outcomes(&Bench::new(), "fan-out", "0.01", &pinion())[0];
    assert_eq!(outcome["latency_until"], "read");
    assert_eq!(outcome["runs"][0]["verification"]["received"], 5 * 2_000);
    assert_eq!(outcome["median"]["latency_us"]["count"], 5 * 2_000);
}

/// Goal: the reader at the end gets what is written meanwhile and nothing else, the other one
/// that and the backlog; rate, and both latencies with their logs, are there.
#[test]
fn catch_up() {
    let bench = Bench::new();
    let outcome = &outcomes(&bench, "catch-up", "0.02", &pinion())[0];
    assert_eq!(outcome["latency_until"], "read");
    assert_eq!(outcome["runs"][0]["verification"]["received"], 20_000 + 2 * 2_000);
    let median = &outcome["median"];
    assert!(is_positive(&median["records_per_second"]), "{median}");
    assert_eq!(median["latency_us"]["count"], 2_000);
    assert_eq!(median["latency_until_confirmed_us"]["count"], 2_000);
    for log in ["catch-up-page-cache-pinion-1.hlog", "catch-up-page-cache-pinion-1-confirmed.hlog"]
    {
        assert!(bench.folder().join("out").join(log).is_file(), "{log} is missing");
    }
}

/// Goal: the broker is really started a second time on the same files, and every record is there
/// once and in order, with the gap in its latency.
#[test]
fn restart() {
    let bench = Bench::new();
    let starts = bench.folder().join("starts");
    let line = format!("echo >>'{}'; exec '{}' \"$@\"", starts.display(), pinion().display());
    let program = bench.script(&line);
    let outcomes = outcomes(&bench, "restart", "0.05", &program);
    assert_eq!(outcomes.len(), 2, "one for each class of durability: {outcomes:?}");
    for outcome in &outcomes {
        assert_eq!(outcome["latency_until"], "confirmed");
        assert_eq!(outcome["median"]["latency_us"]["count"], 10_000, "{outcome}");
        let restart = &outcome["median"]["restart"];
        assert!(
            is_positive(&restart["stop_ms"]) && is_positive(&restart["silence_ms"]),
            "{restart}"
        );
    }
    let starts = fs::read_to_string(starts).expect("the script has run");
    assert_eq!(starts.lines().count(), 2 * outcomes.len());
}

/// Goal: the disk is really full, and records that were refused come later, once and in order.
#[test]
fn full_disk() {
    let outcomes = outcomes(&Bench::new(), "full-disk", "0.05", &pinion());
    assert_eq!(outcomes.len(), 2, "one for each class of durability: {outcomes:?}");
    for outcome in &outcomes {
        assert_eq!(outcome["median"]["latency_us"]["count"], 10_000, "{outcome}");
        let full_disk = &outcome["median"]["full_disk"];
        assert!(is_positive(&full_disk["resume_ms"]), "{full_disk}");
        assert_eq!(full_disk["has_ended"], false, "{full_disk}");
    }
}
