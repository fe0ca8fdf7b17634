//! Kafka's own dump tool reads the files of a broker that was used, killed and restarted.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::support::broker::{Broker, BrokerOptions};
use super::support::program;
use super::target;
use super::toolchain;

/// How long one run of the tool, or of the client that fills the broker, may take.
const PROGRAM_LIMIT: Duration = Duration::from_secs(300);

/// Small enough that the client's records fill several segments of each partition.
const SEGMENT_BYTES: &str = "65536";

/// What the tool says, beside an exception, of files that it does not agree with.
const COMPLAINTS: [&str; 7] = [
    "isvalid: false",
    "invalid bytes",
    "Mismatch",
    "mismatch",
    "is followed by",
    "out of order",
    "Exception",
];

/// The tool wants every file to start with offset 0, and says so of each later segment, Kafka's
/// own among them.
const NO_COMPLAINT: &str = "  -1 is followed by";

#[test]
fn reads_files_of_a_killed_and_restarted_broker() {
    if target::named_bootstrap().is_some() {
        println!("left out: it looks into the data directory of a broker of our own");
        return;
    }
    let mut broker = Broker::start(BrokerOptions::default());
    fill(&broker, "before");
    broker.kill();
    check_files(&broker.data_dir());
    broker.restart();
    fill(&broker, "between");
    broker.kill();
    broker.restart();
    fill(&broker, "after");
    assert!(broker.terminate().success(), "SIGTERM ends the broker with code 0");
    check_files(&broker.data_dir());
}

/// Lets a client write and read: idempotent, with every codec.
fn fill(broker: &Broker, stage: &str) {
    let mut client = toolchain::java("kafka-4");
    client.args(["check", &broker.bootstrap(), &target::unique_prefix(stage)]);
    client.env("SEGMENT_BYTES", SEGMENT_BYTES);
    run(&format!("filling the broker, {stage} its restart"), &mut client);
}

/// Reads every segment, index and snapshot below a data directory.
fn check_files(data_dir: &Path) {
    let segments = files(data_dir, "log");
    let printed = dump(&["--deep-iteration", "--skip-record-metadata"], &segments);
    assert!(segments.len() > 10, "the client fills several segments: {segments:?}");
    assert!(printed.contains("baseOffset: 0 "), "the tool prints batches: {printed}");

    let indexes = [files(data_dir, "index"), files(data_dir, "timeindex")].concat();
    let printed = dump(&["--index-sanity-check"], &indexes);
    let good =
        |line: &&str| line.ends_with(" passed sanity check.") || line.ends_with(" is empty.");
    let passed = printed.lines().filter(good).count();
    assert_eq!(passed, indexes.len(), "indexes that pass the sanity check: {printed}");
    dump(&["--verify-index-only"], &indexes);
    dump(&[], &indexes);

    dump(&[], &files(data_dir, "txnindex"));
    dump(&[], &files(data_dir, "snapshot"));
}

/// Runs the tool on these files, and gives what it printed.
///
/// # Panics
/// If it ends with an error or complains.
fn dump(options: &[&str], files: &[PathBuf]) -> String {
    if files.is_empty() {
        return String::new();
    }
    let list: Vec<_> = files.iter().map(|path| path.to_string_lossy()).collect();
    let mut tool = toolchain::kafka_tool("org.apache.kafka.tools.DumpLogSegments");
    tool.args(options).args(["--files", &list.join(",")]);
    let printed = run("the dump tool", &mut tool);
    for line in printed.lines().filter(|line| !line.starts_with(NO_COMPLAINT)) {
        let complains = COMPLAINTS.iter().any(|complaint| line.contains(complaint));
        assert!(!complains, "DumpLogSegments {options:?} complains: {line}\nin:\n{printed}");
    }
    printed
}

fn run(what: &str, command: &mut Command) -> String {
    program::run(command, PROGRAM_LIMIT).unwrap_or_else(|story| panic!("{what}: {story}"))
}

/// The files of the partitions below a data directory with this extension, in order.
fn files(data_dir: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = |folder: &Path| {
        let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        entries.map(|entry| entry.expect("a folder can be listed").path()).collect::<Vec<_>>()
    };
    let mut files: Vec<PathBuf> = entries(data_dir)
        .iter()
        .filter(|path| path.join("partition.metadata").exists())
        .flat_map(|partition| entries(partition))
        .filter(|path| path.extension().is_some_and(|e| e == extension))
        .collect();
    files.sort();
    files
}
