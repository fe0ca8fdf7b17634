//! Files beside the records that are hurt: they are made again, and everything is served.

use super::{BATCHES, END, End, RECORDS, TOPIC, Victim, batch, check_whole, flip};
use crate::wire_client::{TIMESTAMP, WireClient};
use std::fs;
use std::path::PathBuf;

/// Which of the files of a partition, by the ends of their names, and which byte of each; counted
/// from the end if negative.
const PLACES: [(&str, isize); 12] = [
    (".index", 0),
    (".index", -1),
    (".timeindex", 0),
    (".timeindex", -1),
    (".timeindex", 6),
    (".snapshot", 1),
    (".snapshot", 4),
    (".snapshot", -3),
    ("leader-epoch-checkpoint", 0),
    ("leader-epoch-checkpoint", -2),
    ("partition.metadata", 9),
    ("partition.metadata", -2),
];

/// Goal: after a clean end, damaged indexes, snapshots and checkpoints cost nothing, and the log
/// names each.
#[test]
fn files_beside_the_records_hurt_after_sigterm() {
    hurt_files(End::Terminate);
}

/// Goal: after a kill, too, damaged indexes, snapshots and checkpoints cost nothing, and the log
/// names each.
#[test]
fn files_beside_the_records_hurt_after_sigkill() {
    hurt_files(End::Kill);
}

fn hurt_files(end: End) {
    let count = i32::try_from(PLACES.len()).expect("few places");
    let mut victim = Victim::start(count + 1);
    let epochs = epochs(&mut WireClient::connect(&victim.broker.bootstrap()), count);
    victim.end(end);
    let mut hurt: Vec<Vec<PathBuf>> = Vec::new();
    for ((suffix, at), partition) in PLACES.into_iter().zip(0..) {
        let files = victim.files(partition, suffix);
        for file in &files {
            let length = fs::metadata(file).expect("it is there").len();
            let position =
                if at < 0 { length.checked_add_signed(at as i64) } else { Some(at as u64) };
            if let Some(position) = position.filter(|position| *position < length) {
                flip(file, position as usize, 0x04);
            }
        }
        hurt.push(files);
    }
    let before = victim.broker.log().len();
    let mut client = victim.restart();
    for (files, partition) in hurt.iter().zip(0..) {
        let place = PLACES[partition as usize];
        check_all(&mut client, &victim, partition);
        assert_eq!(self::epochs(&mut client, partition), epochs, "{place:?}");
        let is_reported = files.iter().any(|file| victim.has_reported(file, before));
        // An entry that is not the last is tested when it is used.
        assert!(is_reported || place == (".timeindex", 6), "{place:?} is not reported");
    }
    check_all(&mut client, &victim, count);
    victim.end(End::Terminate);
    let before = victim.broker.log().len();
    let mut client = victim.restart();
    (0..=count).for_each(|partition| check_whole(&mut client, partition, 0));
    let log = victim.broker.log()[before..].to_owned();
    assert!(!log.contains("damaged"), "what was hurt was made again:\n{log}");
}

/// Where the epoch of each start ends.
fn epochs(client: &mut WireClient, partition: i32) -> [(i32, i64); 2] {
    [1, 2].map(|epoch| client.epoch_end((TOPIC, partition), epoch).expect("it is no error"))
}

/// Checks the records, what timestamps find, and that a producer's retry is known.
fn check_all(client: &mut WireClient, victim: &Victim, partition: i32) {
    let of = (TOPIC, partition);
    check_whole(client, partition, 0);
    for offset in [0, 1, END / 4, END / 2, END / 2 + 3, END - RECORDS, END - 1] {
        let found = client.list_offset(of, *TIMESTAMP + offset);
        assert_eq!((found.offset, found.timestamp), (offset, *TIMESTAMP + offset));
    }
    let newest = client.list_offset(of, -3);
    assert_eq!((newest.offset, newest.timestamp), (END - 1, *TIMESTAMP + END - 1));
    for number in [BATCHES - 5, BATCHES - 1] {
        let retried = client.append(of, &batch(victim.producer, number));
        assert_eq!(retried, number * RECORDS, "a retry in partition {partition}");
    }
    assert_eq!(client.end_offset(of), END);
}

/// Goal: damaged checkpoints of the data directory, and a damaged start of a log, cost nothing:
/// recovery looks at more, and what was deleted stays deleted. One that cannot be read is named in
/// the log.
#[test]
fn checkpoints_of_the_data_directory_hurt() {
    /// What DeleteRecords removes: the middle of a batch that is in the middle of a segment.
    const START: i64 = END / 2 + RECORDS + 1;
    let mut victim = Victim::start(2);
    let mut client = WireClient::connect(&victim.broker.bootstrap());
    assert_eq!(client.delete_records((TOPIC, 0), START), Ok(START));
    let saved = format!("{TOPIC}-0/log-start-offset");
    for name in ["recovery-point-offset-checkpoint", "log-start-offset-checkpoint", &saved] {
        for end in [End::Terminate, End::Kill] {
            for (from_end, bits) in [(false, 0x40), (true, 0x01), (true, 0x40)] {
                victim.end(end);
                let path = victim.broker.data_dir().join(name);
                let length = fs::metadata(&path).expect("the checkpoint is there").len();
                flip(&path, if from_end { length as usize - 2 } else { 0 }, bits);
                let before = victim.broker.log().len();
                let mut client = victim.restart();
                check_whole(&mut client, 0, START);
                check_whole(&mut client, 1, 0);
                assert_eq!(client.start_offset((TOPIC, 0)), START, "{name} after {end:?}");
                assert_eq!(client.start_offset((TOPIC, 1)), 0, "{name} after {end:?}");
                let is_text = bits == 0x01;
                assert!(is_text || victim.has_reported(&path, before), "{name} after {end:?}");
            }
        }
    }
}
