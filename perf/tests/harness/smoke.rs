//! The whole way once, on a little work: a broker is started, measured, verified and torn down,
//! and leaves results that say so.

use super::support::{Bench, pinion};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Longer than anything here takes on a slow machine, and shorter than a test may hang.
const LIMIT: Duration = Duration::from_secs(180);

/// Goal: one run of the paper's experiment on Pinion is clean, has every figure that the results
/// promise, and leaves no data behind.
#[test]
fn the_paper_runs_on_pinion() {
    let program = Path::new(env!("CARGO_BIN_EXE_pinion-perf"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (out, data) = (folder.path().join("out"), folder.path().join("data"));
    let mut command = Command::new(program);
    command.args(["paper", "--systems", "pinion", "--runs", "1", "--scale", "0.001"]);
    command.arg("--pinion").arg(pinion());
    command.arg("--out").arg(&out).arg("--data").arg(&data);
    let output = command.output().expect("the harness can be started");
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{printed}\n{errors}", output.status);

    let text = fs::read_to_string(out.join("results.json")).expect("results were written");
    let results: serde_json::Value = serde_json::from_str(&text).expect("results are JSON");
    for name in ["paper-produce-batch-1", "paper-produce-batch-50", "paper-consume"] {
        let outcomes = results["results"].as_array().expect("a list of results");
        let outcome = outcomes.iter().find(|outcome| outcome["scenario"] == name);
        let outcome = outcome.unwrap_or_else(|| panic!("{name} is missing: {text}"));
        assert_eq!(outcome["verified"], true, "{outcome}");
        assert_eq!(outcome["runs"][0]["verification"]["received"], 10_000, "{outcome}");
        let rate = outcome["median"]["records_per_second"].as_f64();
        assert!(rate.is_some_and(|rate| rate > 0.0), "{outcome}");
    }
    let idle = &results["idle"][0];
    assert_eq!(idle["system"], "pinion", "{results}");
    assert!(idle["cpu_percent"][0].as_f64().is_some_and(|percent| percent < 100.0), "{idle}");
    let page = fs::read_to_string(out.join("report.html")).expect("a page was written");
    assert!(page.contains("<svg") && page.contains("paper-consume"), "{page}");
    let left = fs::read_dir(&data).expect("the data folder").count();
    assert_eq!(left, 0, "folders of brokers that are left");
}

/// Goal: a system that offers no class of the scenarios is neither installed nor started, and that
/// is no failure.
#[test]
fn a_system_without_work_is_left_alone() {
    let bench = Bench::new();
    let cache = bench.folder().join("cache");
    let mut command = bench.command(&["half-load-fsync"], "0.0001", &pinion());
    command.args(["--systems", "nats,pinion"]).env("XDG_CACHE_HOME", &cache);
    let ended = bench.run(command, LIMIT);

    assert_eq!(ended.code, Some(0), "{}", ended.printed);
    assert_eq!(ended.results["failures"].as_array().map(Vec::len), Some(0), "{}", ended.results);
    let versions = ended.results["versions"].as_object().expect("a map of versions");
    assert!(versions.contains_key("pinion") && !versions.contains_key("nats"), "{versions:?}");
    assert!(!cache.exists(), "something was installed");
    bench.assert_nothing_left();
}
