//! What cannot work: one clear line, and the exit code that says whose fault it is.

use crate::support::broker::free_port;
use crate::target::{Target, pinion, refusal, topic};
use std::net::TcpListener;

/// Goal: what cannot work is one clear line and the exit code that says whose fault it is.
#[test]
fn failures_are_one_line_and_an_exit_code() {
    let target = Target::start();
    let name = &topic("refusals");
    target.succeed(&["topic", "create", name, "-p", "2"], b"");
    assert!(target.fail(&["topic", "create", "no/name"], 1).contains("no/name"));
    assert!(target.fail(&["consume", "no-such-topic", "-e"], 1).contains("no-such-topic"));
    assert!(target.fail(&["consume", name, "-e", "-p", "7"], 2).contains("partition 7"));
    assert!(target.fail(&["produce", name, "-p", "7"], 2).contains("partition 7"));

    let nowhere = format!("127.0.0.1:{}", free_port());
    let listing = pinion(&["topic", "list", "-b", &nowhere]).output().expect("pinion runs");
    assert!(refusal(listing, 1).contains(&nowhere));
    let output = pinion(&["topic", "create"]).output().expect("pinion runs");
    assert_eq!(output.status.code(), Some(2));
    for (setting, part) in [("num.partitions=0", "at least 1"), ("no.such=1", "no.such")] {
        let serve = pinion(&["serve", "--set", setting]).output().expect("pinion runs");
        assert!(refusal(serve, 2).contains(part));
    }
}

/// Goal: a broker whose ports are taken says so in one line, whichever of the two it is.
#[test]
fn taken_ports_are_one_line() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let taken = listener.local_addr().expect("a bound listener has an address").to_string();
    let directory = tempfile::TempDir::new().expect("a temporary directory");
    let data = directory.path().to_str().expect("temporary paths are text");
    for (listen, metrics) in [(taken.as_str(), "127.0.0.1:0"), ("127.0.0.1:0", taken.as_str())] {
        let metrics = format!("pinion.metrics.listen={metrics}");
        let serve = ["serve", "--data", data, "--shards", "1", "--listen", listen];
        let output = pinion(&serve).args(["--set", &metrics]).output().expect("pinion runs");
        let line = String::from_utf8_lossy(&output.stderr).into_owned();
        let line = line.lines().last().expect("a line says why");
        assert_eq!(output.status.code(), Some(1), "{line}");
        assert!(line.starts_with("pinion: ") && line.contains(&taken), "{line}");
    }
}

/// Goal: waits that would fail or spin are wrong arguments, with the least that is allowed.
#[test]
fn waits_have_a_least() {
    for (arguments, least) in [
        (&["latency", "--watch", "0s"][..], "at least 100ms"),
        (&["latency", "--timeout", "0s"], "at least 1ms"),
        (&["topic", "list", "--timeout", "0s"], "at least 1ms"),
    ] {
        let output = pinion(arguments).output().expect("pinion runs");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(least), "{text}");
    }
}

/// Goal: an argument of the wrong form is told the right one.
#[test]
fn wrong_arguments_are_told_the_form() {
    for (arguments, exit_code, form) in [
        (&["topic", "list", "-b", "foo"][..], 2, "HOST:PORT"),
        (&["serve", "--listen", "foo"], 2, "HOST:PORT"),
        (&["serve", "--cores", "x"], 2, "auto, or CPU numbers and ranges such as 2,3"),
        (&["serve", "--data", "/proc/nope"], 1, "name another directory with --data"),
        (&["produce", "t", "-p", "-1"], 2, "-1 is not in 0..=2147483647"),
        (&["consume", "t", "-p", "-1"], 2, "-1 is not in 0..=2147483647"),
        (&["topic", "create", "t", "-p", "-1"], 2, "-1 is not in 1..=2147483647"),
        (&["topic", "create", "--partitions", "1"], 2, "<TOPIC"),
        (&["dump-log", "/nonexist"], 1, "No such file"),
    ] {
        let output = pinion(arguments).output().expect("pinion runs");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(exit_code), "{arguments:?}: {text}");
        assert!(text.contains(form) && !text.contains("(allowed: "), "{arguments:?}: {text}");
    }
}
