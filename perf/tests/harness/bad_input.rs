//! What goes wrong around a run: brokers that do not start or die, Ctrl-C, and the harness's own
//! sudden end. The run says so, goes on with the others, and leaves nothing running or on disk.

use super::support::{Bench, Ended, Moment, broker_elsewhere, pinion};
use rustix::process::{Pid, Signal, kill_process};
use std::process::Child;
use std::time::Duration;

/// Longer than anything here takes on a slow machine, and shorter than a test may hang.
const LIMIT: Duration = Duration::from_secs(180);

/// The harness's exit code after Ctrl-C.
const INTERRUPTED: i32 = 130;

fn reason(ended: &Ended, system: &str) -> String {
    let failures = ended.results["failures"].as_array().expect("a list of failures");
    let failure = failures.iter().find(|failure| failure["system"] == system);
    let failure = failure.unwrap_or_else(|| panic!("{system} has not failed: {}", ended.results));
    failure["reason"].as_str().expect("a reason").to_owned()
}

/// Goal: a broker that ends at once fails with its exit code and its last words; the system beside
/// it is measured all the same.
#[test]
fn a_broker_that_does_not_start() {
    let bench = Bench::new();
    let program = bench.script("echo 'no room for the log' >&2; exit 3");
    let other = broker_elsewhere(bench.folder());
    let endpoint = format!("kafka={}", other.address);
    let mut command = bench.command(&["paper-consume"], "0.0001", &program);
    command.args(["--systems", "pinion,kafka", "--endpoint", &endpoint]);
    let ended = bench.run(command, LIMIT);

    assert_eq!(ended.code, Some(1), "{}", ended.printed);
    let reason = reason(&ended, "pinion");
    assert!(
        reason.contains("exit status: 3") && reason.contains("no room for the log"),
        "{reason}"
    );
    let results = ended.results["results"].as_array().expect("a list of results");
    let systems: Vec<&str> = results.iter().filter_map(|r| r["system"].as_str()).collect();
    assert_eq!(systems, ["kafka", "ceiling"], "{results:?}");
    assert!(results.iter().all(|result| result["verified"] == true), "{results:?}");
    bench.assert_nothing_left();
}

/// Goal: a broker that is killed while it is written to fails with its last words, however full
/// the client's queue is, and the system beside it is measured all the same.
#[test]
fn a_broker_that_dies_in_the_middle() {
    let cases = [
        ("steady-1k", "native"),
        ("paper-produce-batch-1", "native"),
        ("paper-produce-batch-1", "librdkafka"),
    ];
    for (scenario, client) in cases {
        let bench = Bench::new();
        // The shell becomes the broker, whose process a second one kills once the data directory,
        // its third argument, has the topic of the warm-up.
        let program = bench.script(&format!(
            "echo 'last words' >&2
            (until ls -d \"$3\"/*-warm-up-*; do sleep 0.1; done >/dev/null 2>&1
            sleep 1; kill -KILL $$) &
            exec '{}' \"$@\"",
            pinion().display()
        ));
        let mut command = bench.command(&[scenario], "1", &program);
        command.args(["--systems", "pinion", "--kafka-client", client]);
        let ended = bench.run(command, LIMIT);

        assert_eq!(ended.code, Some(1), "{}", ended.printed);
        let reason = reason(&ended, "pinion");
        assert!(reason.contains("the broker ended: signal: 9"), "{scenario}: {reason}");
        assert!(reason.contains("last words"), "{scenario}: {reason}");
        assert_eq!(ended.results["failures"][0]["scenario"], scenario);
        bench.assert_nothing_left();
    }
}

/// Goal: Ctrl-C, at any time, ends the run with a message and the exit code that shells expect.
#[test]
fn an_interrupted_run() {
    for moment in [Moment::Listening, Moment::Starting, Moment::Writing] {
        let bench = Bench::new();
        let mut running = interrupted(&bench, "steady-1k", moment, Signal::INT);
        let (code, printed) = bench.await_end(&mut running, LIMIT);

        assert_eq!(code, Some(INTERRUPTED), "{moment:?}: {printed}");
        assert!(printed.contains("interrupted"), "{moment:?}: {printed}");
        let results = bench.folder().join("out/results.json");
        assert!(!results.exists(), "{moment:?}: {printed}");
        bench.assert_nothing_left();
    }
}

/// Goal: a harness that is killed can do nothing any more, and still leaves nothing, not even a
/// disk.
#[test]
fn a_killed_harness() {
    let cases = [
        ("steady-1k", Moment::Starting),
        ("steady-1k", Moment::Writing),
        ("full-disk", Moment::Starting),
        ("full-disk", Moment::Writing),
    ];
    for (scenario, moment) in cases {
        let bench = Bench::new();
        let mut running = interrupted(&bench, scenario, moment, Signal::KILL);
        let (code, printed) = bench.await_end(&mut running, LIMIT);

        assert_eq!(code, None, "{scenario}, {moment:?}: {printed}");
        bench.await_nothing_left(LIMIT);
    }
}

/// A long run of Pinion, which gets a signal at a moment.
fn interrupted(bench: &Bench, scenario: &str, moment: Moment, signal: Signal) -> Child {
    let mut command = bench.command(&[scenario], "1", &pinion());
    command.args(["--systems", "pinion"]);
    let mut running = bench.spawn(command);
    bench.await_moment(&mut running, moment, LIMIT);
    kill_process(Pid::from_child(&running), signal).expect("the harness runs");
    running
}
