//! The commands of `pinion` against a running broker: what they print, and their exit codes.
//!
//! `PINION_TEST_BOOTSTRAP=HOST:PORT` runs the tests that need nothing but the protocol against
//! another broker, such as Apache Kafka; the others then pass without a look.

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use support::broker::{Broker, BrokerOptions, free_port};

/// Names another broker to test the commands against.
const OTHER_BROKER: &str = "PINION_TEST_BOOTSTRAP";

/// The broker of one test: our own, or one that runs already.
enum Target {
    Own(Box<Broker>),
    Other(String),
}

impl Target {
    fn start() -> Target {
        match std::env::var(OTHER_BROKER) {
            Ok(bootstrap) => Target::Other(bootstrap),
            Err(_) => Target::Own(Box::new(Broker::start(BrokerOptions::default()))),
        }
    }

    fn bootstrap(&self) -> String {
        match self {
            Target::Own(broker) => broker.bootstrap(),
            Target::Other(bootstrap) => bootstrap.clone(),
        }
    }

    /// Starts a command of the client kind.
    fn spawn(&self, arguments: &[&str]) -> Child {
        pinion(arguments).args(["--bootstrap", &self.bootstrap()]).spawn().expect("pinion runs")
    }

    /// Runs a command with this on its standard input.
    fn feed(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut child = self.spawn(arguments);
        let mut stdin = child.stdin.take().expect("standard input is a pipe");
        thread::scope(|scope| {
            scope.spawn(move || {
                // A command that fails early reads no further; its exit code tells.
                let _ = stdin.write_all(input);
            });
            child.wait_with_output().expect("our own child can be waited for")
        })
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.feed(arguments, b"")
    }

    /// Runs a command that must succeed, and gives what it printed.
    fn succeed(&self, arguments: &[&str], input: &[u8]) -> String {
        let output = self.feed(arguments, input);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).expect("these outputs are text")
    }

    /// Runs a command that must fail, and gives the one line that says why.
    fn fail(&self, arguments: &[&str], exit_code: i32) -> String {
        refusal(self.run(arguments), exit_code)
    }
}

fn pinion(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pinion"));
    command.args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn refusal(output: Output, exit_code: i32) -> String {
    assert_eq!(output.status.code(), Some(exit_code), "{output:?}");
    let line = String::from_utf8(output.stderr).expect("an error is text");
    assert_eq!(line.trim_end().lines().count(), 1, "{line}");
    assert!(line.starts_with("pinion: "), "{line}");
    line
}

/// A topic's name that no other test and no earlier run has.
fn topic(purpose: &str) -> String {
    format!("cli-{purpose}-{}", std::process::id())
}

/// Lines that tell which is missing.
fn numbered_lines(count: usize) -> String {
    (0..count).map(|number| format!("line {number}\n")).collect()
}

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

/// Goal: ten thousand lines come back, each once, with every codec and every acks.
#[test]
fn lines_come_back_with_every_codec_and_acks() {
    let target = Target::start();
    let lines = numbered_lines(10_000);
    let codecs = ["none", "gzip", "snappy", "lz4", "zstd"].map(|codec| (codec, "all"));
    for (codec, acks) in codecs.into_iter().chain([("lz4", "1"), ("none", "0")]) {
        let name = &topic(&format!("{codec}-{acks}"));
        target.succeed(&["topic", "create", name, "-p", "1"], b"");
        let produce = ["produce", name, "-z", codec, "--acks", acks, "--batch-size", "20000"];
        target.succeed(&produce, lines.as_bytes());
        let consume = ["consume", name, "--count", "10000"];
        assert!(target.succeed(&consume, b"") == lines, "{codec}, acks {acks}");
    }
}

/// Goal: keys, null values, headers and offsets are kept, and shown as asked.
#[test]
fn records_keep_keys_nulls_and_headers() {
    let target = Target::start();
    let name = &topic("fields");
    target.succeed(&["topic", "create", name, "-p", "1"], b"");
    let produce = ["produce", name, "-k", ":", "-n", "NULL", "-H", "a=1", "-H", "b"];
    target.succeed(&produce, b"k1:v1\nk1:NULL\n:\nplain\n");
    let consume = ["consume", name, "-e", "-n", "NULL", "-f", "%p/%o %k=%s(%S) %h\\n"];
    let shown = target.succeed(&consume, b"");
    let expected = "0/0 k1=v1(2) a=1,b=NULL\n0/1 k1=NULL(-1) a=1,b=NULL\n\
                    0/2 =(0) a=1,b=NULL\n0/3 NULL=plain(5) a=1,b=NULL\n";
    assert_eq!(shown, expected);

    let json = target.succeed(&["consume", name, "-e", "--json", "--from", "1", "-c", "1"], b"");
    let record: serde_json::Value = serde_json::from_str(&json).expect("a line of JSON");
    assert_eq!((&record["offset"], &record["key"]), (&1.into(), &"k1".into()));
    assert!(record["payload"].is_null(), "{record}");
}

/// Goal: reading starts where it is told to: an offset, so many before the end, a time.
#[test]
fn reading_starts_at_offsets_and_times() {
    let target = Target::start();
    let name = &topic("places");
    target.succeed(&["topic", "create", name, "-p", "1"], b"");
    target.succeed(&["produce", name], b"0\n1\n2\n");
    let from =
        |place: &str| target.succeed(&["consume", name, "-e", "--from", place, "-f", "%s "], b"");
    let times = target.succeed(&["consume", name, "-e", "-f", "%T "], b"");
    let first: i64 = times.split(' ').next().and_then(|t| t.parse().ok()).expect("a timestamp");
    assert_eq!(from("start"), "0 1 2 ");
    assert_eq!(from("end"), "");
    assert_eq!(from("1"), "1 2 ");
    assert_eq!(from("-1"), "2 ");
    assert_eq!(from("-10"), "0 1 2 ");
    assert_eq!(from(&format!("@{first}")), "0 1 2 ");
    assert_eq!(from("2100-01-01T00:00:00Z"), "");
}

/// Goal: a follower prints what comes after it started, and ends quietly when its reader has gone.
#[test]
fn a_follower_prints_what_comes_and_ends_with_its_reader() {
    let target = Target::start();
    let name = &topic("follow");
    target.succeed(&["topic", "create", name, "-p", "2"], b"");
    target.succeed(&["produce", name, "-p", "1"], b"early\n");
    let mut follower = target.spawn(&["consume", name]);
    let mut printed = follower.stdout.take().expect("standard output is a pipe");
    let mut next = |length: usize| {
        let mut bytes = vec![0; length];
        printed.read_exact(&mut bytes).expect("the follower goes on");
        String::from_utf8(bytes).expect("lines are text")
    };
    assert_eq!(next(6), "early\n");
    target.succeed(&["produce", name, "-p", "0"], b"late\n");
    assert_eq!(next(5), "late\n");
    drop(printed);
    // A program that another test starts at this moment may keep the pipe open a little longer.
    for _ in 0..100 {
        target.succeed(&["produce", name], b"unread\n");
        if follower.try_wait().expect("our own child can be waited for").is_some() {
            break;
        }
    }
    // One that has ended already cannot be killed, which is what we want.
    let _ = follower.kill();
    let output = follower.wait_with_output().expect("our own child can be waited for");
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

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

/// Goal: the files that a broker leaves, cleanly stopped, are whole to our own tool, and a flipped
/// byte in them is not.
#[test]
fn files_of_a_broker_are_dumped_and_checked() {
    let Target::Own(mut broker) = Target::start() else { return };
    let name = &topic("files");
    let target = Target::Other(broker.bootstrap());
    let create = ["topic", "create", name, "-p", "1", "-c", "segment.bytes=1048576"];
    target.succeed(&create, b"");
    let lines = numbered_lines(200_000);
    target.succeed(&["produce", name, "--batch-size", "8000"], lines.as_bytes());
    let status = broker.terminate();
    assert!(status.success(), "a drained broker ends with {status}");

    let data = broker.data_dir();
    let dump = |path: &PathBuf, option: &str| {
        let path = path.to_str().expect("temporary paths are text");
        pinion(&["dump-log", path, option]).output().expect("pinion runs")
    };
    let whole = dump(&data, "--quiet");
    assert!(whole.status.success() && whole.stdout.is_empty(), "{whole:?}");

    let segment = data.join(format!("{name}-0")).join("00000000000000000000.log");
    let records = dump(&segment, "--records");
    let text = String::from_utf8(records.stdout).expect("these records are text");
    assert!(text.contains("payload: line 0\n"), "the first record is printed");
    let mut bytes = fs::read(&segment).expect("the segment can be read");
    bytes[100] ^= 1;
    fs::write(&segment, bytes).expect("the segment can be written");
    let damaged = dump(&data, "--quiet");
    assert_eq!(damaged.status.code(), Some(1), "{damaged:?}");
    assert!(String::from_utf8_lossy(&damaged.stdout).contains("CRC"), "{damaged:?}");
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

/// Goal: a running broker's latencies, metrics and health can be asked for.
#[test]
fn latencies_and_metrics_of_a_broker_are_shown() {
    if std::env::var_os(OTHER_BROKER).is_some() {
        return;
    }
    let metrics = format!("127.0.0.1:{}", free_port());
    let options = BrokerOptions::default().set("pinion.metrics.listen", &metrics);
    let broker = Broker::start(options);
    let target = Target::Other(broker.bootstrap());
    let name = &topic("latency");
    target.succeed(&["topic", "create", name, "-p", "1"], b"");
    target.succeed(&["produce", name], b"x\n");

    let url = format!("http://{metrics}");
    let json = pinion(&["latency", "--metrics", &url, "--json"]).output().expect("pinion runs");
    let readings: Vec<serde_json::Value> =
        serde_json::from_slice(&json.stdout).unwrap_or_else(|e| panic!("{e}: {json:?}"));
    let produce = readings.iter().find(|r| r["api"] == "Produce" && r["stage"] == "whole");
    assert_eq!(produce.map(|reading| &reading["count"]), Some(&1.into()), "{readings:?}");

    let get = |path: &str| {
        let mut response = ureq::get(format!("{url}{path}")).call().expect("an answer");
        response.body_mut().read_to_string().expect("text")
    };
    let text = get("/metrics");
    assert!(text.contains("pinion_requests_total{api=\"Produce\"} 1\n"), "{text}");
    assert_eq!(get("/healthz"), "ok\n");
}
