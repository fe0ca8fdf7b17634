//! The metadata log as a state machine: what it submits and says, step by step.

use super::memory_disk::MemoryDisk;
use super::*;
use crate::io::{IoError, Op, Output, Startup};
use crate::metadata::{MetadataFact, MetadataLog, MetadataOut};
use std::path::Path;

/// A log on a disk that waits for each operation to be let through.
struct Bench {
    disk: MemoryDisk,
    log: MetadataLog,
    out: MetadataOut,
}

impl Bench {
    fn new() -> Bench {
        let mut disk = MemoryDisk::default();
        let mut startup = Startup::new(&mut disk);
        let (mut log, _) =
            MetadataLog::recover(&mut startup, Path::new("/d"), Arc::default()).unwrap();
        log.commit_now(&mut startup, vec![topic_created("first", 1)]).unwrap();
        Bench { disk, log, out: MetadataOut::default() }
    }

    fn append(&mut self, changes: Vec<Change>) -> u64 {
        self.log.append(changes, &mut self.out)
    }

    /// Lets the one operation in flight through, or fails it. Gives its name.
    fn step(&mut self, failure: Option<i32>) -> String {
        assert_eq!(self.out.ops.len(), 1, "one operation at a time");
        let (token, op) = self.out.ops.pop().unwrap();
        let name = format!("{op:?}").split([' ', '{']).next().unwrap().to_owned();
        let result: Result<Output, IoError> = match failure {
            None => self.disk.run(op),
            Some(errno) => Err(IoError { operation: "test", errno }),
        };
        self.log.on_completion(token, result, &mut self.out);
        name
    }

    fn run(&mut self) {
        while !self.out.ops.is_empty() {
            self.step(None);
        }
    }

    /// The facts so far, in short.
    fn facts(&mut self) -> Vec<String> {
        let facts = self.out.facts.drain(..).map(|fact| match fact {
            MetadataFact::Committed { changes, image } => {
                format!("{} committed, version {}", changes.len(), image.version)
            }
            MetadataFact::Failed { from, error } => format!("failed from {from}: {}", error.errno),
            MetadataFact::SnapshotFailed(error) => format!("no snapshot: {}", error.errno),
            MetadataFact::Fatal(error) => format!("fatal: {}", error.errno),
        });
        facts.collect()
    }

    fn reopened(&mut self) -> MetadataLog {
        let mut startup = Startup::new(&mut self.disk);
        MetadataLog::recover(&mut startup, Path::new("/d"), Arc::default()).unwrap().0
    }
}

/// Goal: one write and one sync at a time; what arrives meanwhile is one frame; images appear
/// only once durable.
#[test]
fn changes_that_arrive_meanwhile_share_a_frame() {
    let mut bench = Bench::new();
    assert_eq!(bench.append(vec![topic_created("a", 2)]), 2);
    assert_eq!(bench.append(vec![topic_created("b", 3)]), 3);
    assert_eq!(bench.append(vec![topic_created("c", 4), Change::BrokerStarted]), 5);
    assert!(bench.log.pending().topic("c").is_some());
    assert!(bench.log.committed().topic("a").is_none());

    assert_eq!((bench.step(None), bench.step(None)), ("Write".into(), "Sync".into()));
    assert_eq!(bench.facts(), ["1 committed, version 2"]);
    assert_eq!((bench.step(None), bench.step(None)), ("Write".into(), "Sync".into()));
    assert_eq!(bench.facts(), ["3 committed, version 5"]);
    assert!(bench.out.ops.is_empty() && bench.log.is_idle());
    assert!(bench.log.committed().topic("c").is_some());
    assert_eq!(bench.reopened().committed().version, 5);
}

/// Goal: nothing to append is done at once, and says nothing.
#[test]
fn an_empty_append_is_committed_already() {
    let mut bench = Bench::new();
    assert_eq!(bench.append(Vec::new()), bench.log.committed().version);
    assert!(bench.out.ops.is_empty() && bench.facts().is_empty());
}

/// Goal: on a full disk all waiting changes fail, the file is as before, and the next change
/// succeeds once there is room.
#[test]
fn a_full_disk_undoes_changes() {
    let mut bench = Bench::new();
    let before = bench.disk.bytes("/d/__cluster_metadata/changes.log").clone();
    bench.append(vec![topic_created("a", 2)]);
    bench.append(vec![topic_created("b", 3)]);
    assert_eq!(bench.step(Some(libc::ENOSPC)), "Write");
    assert_eq!(bench.facts(), ["failed from 2: 28"]);
    assert!(bench.log.pending().topic("a").is_none());

    // A change that arrives while the tail is cut waits for that.
    assert_eq!(bench.append(vec![topic_created("b", 3)]), 2);
    assert_eq!((bench.step(None), bench.step(None)), ("Truncate".into(), "Sync".into()));
    assert_eq!(bench.disk.bytes("/d/__cluster_metadata/changes.log"), &before);
    assert_eq!(bench.step(Some(libc::ENOSPC)), "Allocate");
    bench.run();
    assert_eq!(bench.facts(), ["1 committed, version 2"]);
    assert_eq!(bench.reopened().committed().topic_count(), 2);
}

/// Goal: a failed fsync ends the log: what waits fails, what comes later fails too.
#[test]
fn a_failed_sync_is_fatal() {
    let mut bench = Bench::new();
    bench.append(vec![topic_created("a", 2)]);
    bench.append(vec![topic_created("b", 3)]);
    bench.step(None);
    assert_eq!(bench.step(Some(libc::EIO)), "Sync");
    assert_eq!(bench.facts(), ["failed from 2: 5", "fatal: 5"]);
    assert!(bench.log.is_idle());
    assert_eq!(bench.append(vec![topic_created("a", 2)]), 2);
    assert_eq!(bench.facts(), ["failed from 2: 5"]);
    assert!(bench.out.ops.is_empty());
}

/// Topics that come and go until the log is long enough for a snapshot.
fn bulk() -> Vec<Change> {
    let name = "x".repeat(200);
    let come_and_go =
        |number| [topic_created(&name, number), Change::TopicDeleted { id: id(number) }];
    (1000..6000).flat_map(come_and_go).collect()
}

/// Goal: a long log gives way to a snapshot, changes wait for that, and nothing is lost.
#[test]
fn a_long_log_becomes_a_snapshot() {
    let mut bench = Bench::new();
    bench.append(bulk());
    let version = bench.append(vec![topic_created("waits", 2)]);
    bench.step(None);
    bench.step(None);
    let names: Vec<_> = (0..9).map(|_| bench.step(None)).collect();
    let expected = [
        "Open",
        "Write",
        "Sync",
        "CloseFile",
        "Rename",
        "SyncDirectory",
        "Truncate",
        "Sync",
        "Allocate",
    ];
    assert_eq!(names, expected);
    bench.run();
    let log = bench.reopened();
    assert_eq!(log.committed().version, version);
    assert_eq!(log.committed().topic_count(), 2);
    assert!(bench.disk.bytes("/d/__cluster_metadata/changes.log").len() < 1000);
}

/// Goal: where there is no room for a snapshot the log goes on, and nothing stays behind.
#[test]
fn a_snapshot_without_room_is_given_up() {
    for failing in ["Open", "Write", "CloseFile", "Rename"] {
        let mut bench = Bench::new();
        bench.append(bulk());
        bench.step(None);
        bench.step(None);
        while bench.out.ops.first().is_some_and(|(_, op)| !format!("{op:?}").starts_with(failing)) {
            bench.step(None);
        }
        bench.step(Some(libc::ENOSPC));
        bench.run();
        assert_eq!(bench.facts(), ["10000 committed, version 10001", "no snapshot: 28"]);
        assert_eq!(bench.disk.files.len(), 1, "{failing}");
        bench.append(vec![topic_created("after", 2)]);
        bench.run();
        assert_eq!(bench.reopened().committed().version, 10_002);
    }
}

/// Goal: after a crash between the snapshot and the emptying of the log, what both hold counts
/// once.
#[test]
fn changes_that_a_snapshot_holds_are_skipped() {
    let mut bench = Bench::new();
    bench.append(bulk());
    while !matches!(bench.out.ops.first(), Some((_, Op::Truncate { .. }))) {
        bench.step(None);
    }
    let mut log = bench.reopened();
    assert_eq!(log.committed().version, 10_001);
    let mut startup = Startup::new(&mut bench.disk);
    log.commit_now(&mut startup, vec![topic_created("after", 2)]).unwrap();
    assert_eq!(bench.reopened().committed().topic_count(), 2);
}
