//! The harness of `perf/`, where everything else is tested: its own tests, and the paper's
//! experiment on Pinion and Kafka side by side.
//!
//! The harness is a package of its own, so Cargo is asked to test and run it, for the profile that
//! this test was built for. Nothing here is timed, and no rate is compared with another.

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use support::install::{self, Requirement};
use support::program;

/// How long the harness may take, which is built first: several times what two cores need.
const LIMIT: Duration = Duration::from_secs(1_800);

const SYSTEMS: [&str; 2] = ["pinion", "kafka"];
const SCENARIOS: [&str; 3] = ["paper-produce-batch-1", "paper-produce-batch-50", "paper-consume"];

/// As little of the paper's work as shows that everything is in place: 2,000 records.
const SCALE: &str = "0.0002";

/// Goal: the harness passes its own tests; a run of the paper's experiment is among them.
#[test]
fn passes_its_tests() {
    run(&mut harness("test"));
}

/// Goal: the paper's experiment puts Pinion and Kafka beside each other, in the results and on the
/// page, with every record of both verified.
#[test]
fn shows_pinion_beside_kafka() {
    install::debian_packages(&[
        Requirement { probe: &["javac", "-version"], package: "default-jdk-headless" },
        Requirement { probe: &["mvn", "--version"], package: "maven" },
    ]);
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = tempfile::tempdir_in(scratch).expect("the target directory can be written");
    let (out, data) = (folder.path().join("out"), folder.path().join("data"));
    let mut paper = harness("run");
    paper.args(["--", "paper", "--systems", &SYSTEMS.join(","), "--runs", "1", "--scale", SCALE]);
    paper.arg("--pinion").arg(env!("CARGO_BIN_EXE_pinion"));
    paper.arg("--out").arg(&out).arg("--data").arg(&data);
    // Kafka's jars stay for the next time, but not where the user has installs of a harness.
    paper.env("XDG_CACHE_HOME", scratch);
    let printed = run(&mut paper);

    let read = |name: &str| fs::read_to_string(out.join(name)).expect("the run has left it");
    let results: Value = serde_json::from_str(&read("results.json")).expect("results are JSON");
    let page = read("report.html");
    let outcomes = results["results"].as_array().expect("a list of results");
    for system in SYSTEMS {
        for scenario in SCENARIOS {
            let is_it = |o: &&Value| o["system"] == system && o["scenario"] == scenario;
            let outcome = outcomes.iter().find(is_it);
            let is_verified = outcome.is_some_and(|outcome| outcome["verified"] == true);
            assert!(is_verified, "{scenario} on {system}: {outcome:?}\n{printed}");
            assert!(page.contains(system) && page.contains(scenario), "the page lacks {scenario}");
        }
    }
    assert_eq!(fs::read_dir(&data).expect("the data folder").count(), 0, "data is left behind");
}

/// Cargo's `command` on the harness, for the profile of this test.
fn harness(command: &str) -> Command {
    // For librdkafka, which the harness builds.
    install::debian_packages(&[
        Requirement { probe: &["make", "--version"], package: "make" },
        Requirement { probe: &["c++", "--version"], package: "g++" },
    ]);
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).args([command, "-p", "pinion-perf"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    cargo
}

fn run(cargo: &mut Command) -> String {
    program::run(cargo, LIMIT).unwrap_or_else(|story| panic!("{story}"))
}
