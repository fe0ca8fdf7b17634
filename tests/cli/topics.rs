//! `pinion topic`.

use crate::target::{self, Target, pinion, topic};

/// Goal: a topic's whole life, with what each step shows, and a refusal that names its reason.
#[test]
fn topics_are_created_altered_described_and_deleted() {
    let target = Target::start();
    let name = &topic("life");
    target.succeed(&["topic", "create", name, "-p", "3", "-c", "retention.ms=86400000"], b"");
    assert!(target.fail(&["topic", "create", name], 1).contains("exists"));
    target.succeed(&["topic", "create", name, "--if-not-exists"], b"");

    let listed = target.succeed(&["topic", "list", "--quiet"], b"");
    assert!(listed.lines().any(|line| line == name), "{listed}");
    let described = target.succeed(&["topic", "describe", name], b"");
    assert!(described.contains("config retention.ms=86400000\n"), "{described}");
    assert!(described.contains("partitions 3 "), "{described}");

    let alter = ["topic", "alter", name, "-p", "5", "--set", "segment.bytes=2097152"];
    target.succeed(&[&alter[..], &["--unset", "retention.ms"]].concat(), b"");
    let described = target.succeed(&["topic", "describe", name, "--json"], b"");
    let described: serde_json::Value = serde_json::from_str(&described).expect("it is JSON");
    let configs = serde_json::json!({ "segment.bytes": "2097152" });
    assert_eq!(described[0]["configs"], configs);
    assert_eq!(described[0]["partitions"].as_array().map(Vec::len), Some(5));
    target.fail(&["topic", "alter", name, "-p", "2"], 1);
    assert!(target.fail(&["topic", "alter", name, "--set", "no.such=1"], 1).contains("no.such"));

    target.succeed(&["topic", "delete", name], b"");
    target.fail(&["topic", "delete", name], 1);
    target.succeed(&["topic", "delete", name, "--if-exists"], b"");
}

/// Goal: fingers that know Kafka's own tools are understood.
#[test]
fn spellings_of_kafkas_tools_are_taken() {
    let target = Target::start();
    let (name, bootstrap) = (&topic("spellings"), &target.bootstrap());
    let run = |arguments: &[&str], input: &[u8]| {
        let arguments = [arguments, &["--topic", name, "--bootstrap-server", bootstrap]].concat();
        let output = target::feed(pinion(&arguments), input);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).expect("these outputs are text")
    };
    let created = run(&["topic", "create", "--partitions", "1"], b"");
    assert_eq!(created, format!("created topic {name} with 1 partition\n"));
    run(&["produce", "--acks", "-1"], b"a\n");
    assert_eq!(run(&["consume", "--from-beginning", "--max-messages", "1"], b""), "a\n");
    assert!(run(&["topic", "describe"], b"").contains(name.as_str()));
    run(&["topic", "alter", "--partitions", "2"], b"");
    run(&["topic", "delete"], b"");
}
