//! Metadata that is hurt: the broker refuses to start, says why in one line, and leaves all as it
//! is.

use super::{End, TOPIC, Victim, check_whole, flip};
use crate::support::broker::{Broker, BrokerOptions};
use crate::wire_client::WireClient;
use pinion::wire::ErrorCode;
use std::fs;
use std::path::Path;

/// Checks that a stopped broker refuses to start on a flipped byte, names the file and each of
/// `words` in one line, and puts the byte back.
fn check_refused(broker: &mut Broker, path: &Path, position: usize, words: &[&str]) {
    flip(path, position, 0x04);
    let before = broker.log().len();
    let content = fs::read(path).expect("it is there");
    let what = format!("{}, byte {position}", path.display());
    let status = broker.try_restart().expect_err(&what);
    assert!(status.code().is_some_and(|code| code != 0), "{what}: {status}");
    let log = broker.log()[before..].to_owned();
    let lines: Vec<&str> = log.lines().filter(|line| line.starts_with("pinion: ")).collect();
    let [line] = lines[..] else { panic!("{what}: not one line\n{log}") };
    assert!(line.contains(&*path.to_string_lossy()), "{what}: {line}");
    for word in words {
        assert!(line.contains(word), "{what}: no {word:?} in {line}");
    }
    assert!(!log.contains("panicked"), "{what}: {log}");
    assert!(fs::read(path).expect("it is there") == content, "{what}: the file was changed");
    flip(path, position, 0x04);
}

/// Goal: a flipped byte of the metadata log, in the middle or the last frame, is refused with
/// file, position and remedy; with the byte put back, all is there.
#[test]
fn the_metadata_log_hurt() {
    for end in [End::Terminate, End::Kill] {
        let mut victim = Victim::start(2);
        victim.end(end);
        let path = victim.broker.data_dir().join("__cluster_metadata/changes.log");
        let length = fs::metadata(&path).expect("it is there").len() as usize;
        let step = length / 12;
        for position in (0..length).step_by(step).chain([5, length - 3, length - 1]) {
            let words = ["byte ", "Restore the file from a backup"];
            check_refused(&mut victim.broker, &path, position, &words);
        }
        let mut client = victim.restart();
        (0..2).for_each(|partition| check_whole(&mut client, partition, 0));
    }
}

/// Goal: a flipped byte of the metadata snapshot is refused as one of the log is.
#[test]
fn the_metadata_snapshot_hurt() {
    /// A config whose value is long, so that a few changes make the broker write a snapshot.
    const LONG: &str = "follower.replication.throttled.replicas";
    let mut broker = Broker::start(BrokerOptions::default());
    let mut client = WireClient::connect(&broker.bootstrap());
    client.create_topic(TOPIC, 1, &[]);
    let path = broker.data_dir().join("__cluster_metadata/snapshot");
    // A value that is the old one is no change.
    let value = |round: usize| {
        let entries: Vec<String> = (0..4000).map(|number| format!("{number}:{round}")).collect();
        entries.join(",")
    };
    let mut is_written = |round: usize| {
        assert_eq!(client.set_topic_config(TOPIC, LONG, &value(round % 10)), ErrorCode::None);
        path.exists()
    };
    let mut rounds = 0..1000;
    let last = rounds.find(|round| is_written(*round)).expect("a snapshot is written");
    assert!(broker.terminate().success());
    let length = fs::metadata(&path).expect("a snapshot was written").len() as usize;
    for position in [0, 5, 7, 20, length / 2, length - 3, length - 1] {
        let words = ["byte ", "Restore the file from a backup"];
        check_refused(&mut broker, &path, position, &words);
    }
    broker.restart();
    let mut client = WireClient::connect(&broker.bootstrap());
    assert_eq!(client.topic_names(), [TOPIC]);
    assert_eq!(client.topic_config(TOPIC, LONG).0, value(last % 10));
}

/// Goal: `meta.properties` that cannot be read, or names another cluster or node, is refused with
/// the file's name and what to do.
#[test]
fn meta_properties_hurt() {
    let mut broker = Broker::start(BrokerOptions::default());
    WireClient::connect(&broker.bootstrap()).create_topic(TOPIC, 1, &[]);
    assert!(broker.terminate().success());
    let path = broker.data_dir().join("meta.properties");
    let text = fs::read_to_string(&path).expect("it is text");
    for (entry, remedy) in [
        ("version", "Restore the file from a backup"),
        ("ersion=1", "Restore the file from a backup"),
        ("cluster.id", "Restore the file from a backup"),
        ("node.id", "Restore the file from a backup"),
    ] {
        let at = text.find(entry).expect("the entry is there");
        check_refused(&mut broker, &path, at, &[remedy]);
        let value = at + text[at..].find('=').expect("an entry has a value") + 1;
        check_refused(&mut broker, &path, value, &["another data directory"]);
    }
    broker.restart();
    let mut client = WireClient::connect(&broker.bootstrap());
    assert_eq!(client.topic_names(), [TOPIC]);
}
