//! Every wrong byte is noticed; only what a crash can leave is cut.

use super::memory_disk::MemoryDisk;
use super::*;
use crate::base::ProducerId;
use crate::io::Startup;
use crate::metadata::codec::encode_state;
use crate::metadata::frame::{FrameKind, write_frame};
use crate::metadata::{MetadataLog, RecoveryReport, StartError};
use std::path::Path;

const LOG: &str = "/d/__cluster_metadata/changes.log";
const SNAPSHOT: &str = "/d/__cluster_metadata/snapshot";

fn recover(disk: &mut MemoryDisk) -> Result<(MetadataLog, RecoveryReport), StartError> {
    MetadataLog::recover(&mut Startup::new(disk), Path::new("/d"), Arc::default())
}

/// A log with a frame of each of these lists, and the length after each frame.
fn log_of(frames: Vec<Vec<Change>>) -> (MemoryDisk, Vec<usize>) {
    let mut disk = MemoryDisk::default();
    let (mut log, _) = recover(&mut disk).unwrap();
    let mut ends = vec![0];
    for changes in frames {
        log.commit_now(&mut Startup::new(&mut disk), changes).unwrap();
        ends.push(disk.bytes(LOG).len());
    }
    (disk, ends)
}

fn small_log() -> (MemoryDisk, Vec<usize>) {
    let (topic, key) = (id(1), "retention.ms".to_owned());
    log_of(vec![
        vec![Change::ClusterCreated { cluster_id: "AAECAwQFBgcICQoLDA0ODw".into() }],
        vec![Change::BrokerStarted, topic_created("orders", 1)],
        vec![Change::TopicConfigSet { id: topic, key, value: Some("60000".into()) }],
        vec![Change::PartitionsAdded { id: topic, partition_count: 3 }],
        vec![Change::ProducerIdsAllocated { next: ProducerId(1000) }],
        vec![Change::TopicDeleted { id: topic }, topic_created("payments", 2)],
    ])
}

fn snapshot_of(image: &Image) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_frame(FrameKind::Snapshot, image.version, &mut bytes, |body| {
        encode_state(&image.state(), body);
    });
    bytes
}

/// Goal: whichever bit of the log flips, the broker refuses to start and names the place.
#[test]
fn every_flipped_bit_of_the_log_is_noticed() {
    let (mut disk, ends) = small_log();
    for at in 0..disk.bytes(LOG).len() {
        for bit in 0..8 {
            disk.bytes(LOG)[at] ^= 1 << bit;
            let refusal = match recover(&mut disk) {
                Err(StartError::Damaged { position, .. }) => position as usize,
                other => panic!("byte {at}, bit {bit}: {other:?}"),
            };
            let frame = ends.iter().rfind(|end| **end <= at).unwrap();
            assert_eq!(refusal, *frame, "byte {at}, bit {bit}");
            disk.bytes(LOG)[at] ^= 1 << bit;
        }
    }
    assert_eq!(recover(&mut disk).unwrap().0.committed().topic_count(), 1);
}

/// Goal: the same for a snapshot, of which no byte may be missing either.
#[test]
fn every_flipped_bit_of_a_snapshot_is_noticed() {
    let (mut disk, _) = small_log();
    let image = recover(&mut disk).unwrap().0.committed().clone();
    let bytes = snapshot_of(&image);
    disk.files.insert(SNAPSHOT.into(), bytes.clone());
    let (log, report) = recover(&mut disk).unwrap();
    assert_eq!(log.committed().state(), image.state());
    assert_eq!((report.snapshot_version, report.change_count), (image.version, 0));
    for at in 0..bytes.len() {
        for bit in 0..8 {
            disk.bytes(SNAPSHOT)[at] ^= 1 << bit;
            let refusal = recover(&mut disk).unwrap_err();
            assert!(matches!(refusal, StartError::Damaged { .. }), "byte {at}: {refusal}");
            disk.bytes(SNAPSHOT)[at] ^= 1 << bit;
        }
    }
    for length in 0..bytes.len() {
        disk.files.insert(SNAPSHOT.into(), bytes[..length].to_vec());
        assert!(matches!(recover(&mut disk), Err(StartError::Damaged { .. })), "{length}");
    }
}

/// Goal: a file cut anywhere, or with zeros from anywhere in its last frame on, is cut back to
/// its last whole frame and takes changes again.
#[test]
fn an_unfinished_frame_is_cut() {
    let (mut disk, ends) = small_log();
    let whole = disk.bytes(LOG).clone();
    let last_frame = ends[ends.len() - 2];
    for cut in 0..whole.len() {
        let expected = ends.iter().rfind(|end| **end <= cut).unwrap();
        let mut zeroed = whole.clone();
        zeroed[cut..].fill(0);
        let variants = [whole[..cut].to_vec(), zeroed];
        let count = if cut >= last_frame { 2 } else { 1 };
        for bytes in variants.into_iter().take(count) {
            let cut_bytes = (bytes.len() - expected) as u64;
            *disk.bytes(LOG) = bytes;
            let (mut log, report) = recover(&mut disk).unwrap();
            assert_eq!(report.cut_bytes, cut_bytes, "cut at {cut}");
            assert_eq!(disk.bytes(LOG).len(), *expected);
            log.commit_now(&mut Startup::new(&mut disk), vec![Change::BrokerStarted]).unwrap();
            assert_eq!(recover(&mut disk).unwrap().1.cut_bytes, 0);
        }
    }
}

/// Goal: a sector that was not written is what a crash leaves in the last frame, and damage in
/// any other.
#[test]
fn an_unwritten_sector_is_cut_only_at_the_end() {
    let topics = |from: u64| (from..from + 40).map(|n| topic_created(&format!("topic{n}"), n));
    let (mut disk, ends) = log_of(vec![topics(0).collect(), topics(100).collect()]);
    let whole = disk.bytes(LOG).clone();
    let (first_end, length) = (ends[1], whole.len());
    assert!(first_end > 1024 && length - first_end > 1024, "both frames span sectors");
    for sector in 0..length.div_ceil(512) {
        let range = sector * 512..(sector * 512 + 512).min(length);
        let in_last = range.start >= first_end;
        disk.bytes(LOG)[range].fill(0);
        match recover(&mut disk) {
            Ok((log, report)) => {
                assert!(in_last, "sector {sector}");
                assert_eq!(report.cut_bytes, (length - first_end) as u64);
                assert_eq!(log.committed().version, 40);
            }
            Err(StartError::Damaged { position: 0, .. }) => assert!(!in_last, "sector {sector}"),
            Err(other) => panic!("sector {sector}: {other}"),
        }
        *disk.bytes(LOG) = whole.clone();
    }
}

/// Goal: frames that are lost, doubled or out of order are noticed.
#[test]
fn the_order_of_frames_is_checked() {
    let (mut disk, ends) = small_log();
    let whole = disk.bytes(LOG).clone();
    let frames: Vec<&[u8]> = ends.windows(2).map(|pair| &whole[pair[0]..pair[1]]).collect();
    for at in 0..frames.len() {
        let lost = [&frames[..at], &frames[at + 1..]].concat();
        let doubled = [&frames[..=at], &frames[at..]].concat();
        *disk.bytes(LOG) = doubled.concat();
        assert!(matches!(recover(&mut disk), Err(StartError::Damaged { .. })), "{at} twice");
        if at + 1 < frames.len() {
            *disk.bytes(LOG) = lost.concat();
            assert!(matches!(recover(&mut disk), Err(StartError::Damaged { .. })), "{at} lost");
        }
    }
}

/// Goal: a log that a snapshot has emptied is in order; one that is gone is not.
#[test]
fn a_missing_log_is_noticed() {
    let (mut disk, _) = small_log();
    let (log, _) = recover(&mut disk).unwrap();
    let bytes = snapshot_of(log.committed());
    disk.files.insert(SNAPSHOT.into(), bytes);
    disk.bytes(LOG).clear();
    assert_eq!(recover(&mut disk).unwrap().0.committed().state(), log.committed().state());
    disk.files.remove(Path::new(LOG));
    assert!(matches!(recover(&mut disk), Err(StartError::Missing { .. })));
}
