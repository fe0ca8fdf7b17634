//! ListOffsets, DeleteRecords and OffsetForLeaderEpoch.

use crate::start;
use crate::wire_client::{WireClient, batch};
use pinion::wire::ErrorCode;
use pinion::wire::api::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use pinion::wire::record_batch::BatchBuilder;
use smallvec::smallvec;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;

/// A batch whose records have these timestamps.
fn batch_at(timestamps: &[i64]) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    for timestamp in timestamps {
        builder.append(*timestamp, None, Some(b"value"), &[]);
    }
    builder.build()
}

/// Some time that retention by age does not reach: it is switched off in these topics.
const T: i64 = 1_700_000_000_000;

const KEEP: &[(&str, &str)] = &[("retention.ms", "-1")];

/// Goal: each named place has its offset, in an empty log, a full one, and one with a moved start.
#[test]
fn named_places() {
    let (_broker, mut client) = start();
    client.create_topic("t", 1, KEEP);
    let mut at = |place| {
        let found = client.list_offset(("t", 0), place);
        assert_eq!(found.error, ErrorCode::None, "{place}");
        (found.timestamp, found.offset)
    };
    for (place, wanted) in
        [(LATEST, 0), (EARLIEST, 0), (MAX_TIMESTAMP, -1), (EARLIEST_LOCAL, 0), (LATEST_TIERED, -1)]
    {
        assert_eq!(at(place), (-1, wanted), "of an empty log: {place}");
    }
    client.append(("t", 0), &batch_at(&[T, T + 50, T + 10]));
    client.append(("t", 0), &batch_at(&[T + 20, T + 30]));
    assert_eq!(client.delete_records(("t", 0), 1), Ok(1));
    let mut at = |place| {
        let found = client.list_offset(("t", 0), place);
        (found.timestamp, found.offset)
    };
    assert_eq!(at(LATEST), (-1, 5));
    assert_eq!(at(EARLIEST), (-1, 1));
    assert_eq!(at(MAX_TIMESTAMP), (T + 50, 1));
    assert_eq!(at(EARLIEST_LOCAL), (-1, 1));
    assert_eq!(at(LATEST_TIERED), (-1, -1));
}

/// Goal: a timestamp finds the first record at or after it, inside batches too; none is −1.
#[test]
fn timestamps() {
    let (mut broker, mut client) = start();
    client.create_topic("t", 1, KEEP);
    let batches = [&[T, T + 10, T + 20][..], &[T + 5, T + 30], &[T + 40]];
    for timestamps in batches {
        client.append(("t", 0), &batch_at(timestamps));
    }
    let cases = [
        (0, (T, 0)),
        (T, (T, 0)),
        (T + 1, (T + 10, 1)),
        (T + 20, (T + 20, 2)),
        (T + 21, (T + 30, 4)),
        (T + 40, (T + 40, 5)),
        (T + 41, (-1, -1)),
        (i64::MAX, (-1, -1)),
    ];
    for restarts in 0..2 {
        let mut client = WireClient::connect(&broker.bootstrap());
        for (timestamp, wanted) in cases {
            let found = client.list_offset(("t", 0), timestamp);
            let seen = (found.timestamp, found.offset);
            assert_eq!(seen, wanted, "T + {} after {restarts} restarts", timestamp - T);
        }
        broker.kill();
        broker.restart();
    }
}

/// Goal: what does not exist, and negative timestamps without a meaning, are errors of their
/// partitions.
#[test]
fn unknown_partitions_and_places() {
    let (_broker, mut client) = start();
    client.create_topic("t", 1, &[]);
    let unknown = ErrorCode::UnknownTopicOrPartition;
    assert_eq!(client.list_offset(("t", 1), LATEST).error, unknown);
    assert_eq!(client.list_offset(("t", -1), LATEST).error, unknown);
    assert_eq!(client.list_offset(("absent", 0), LATEST).error, unknown);
    for place in [-6, i64::MIN] {
        let found = client.list_offset(("t", 0), place);
        assert_ne!(found.error, ErrorCode::None, "{place}");
        assert_eq!(found.offset, -1, "{place}");
    }
}

/// Goal: all versions answer, with the committed end for read_committed.
#[test]
fn every_version_answers() {
    let (_broker, mut client) = start();
    client.create_topic("t", 1, &[]);
    client.append(("t", 0), &batch("v", 3));
    for version in 1..=11 {
        let partition = ListOffsetsPartition { timestamp: LATEST, ..Default::default() };
        let topic = ListOffsetsTopic { name: "t", partitions: smallvec![partition] };
        let request = ListOffsetsRequest {
            replica_id: -1,
            isolation_level: 1,
            topics: smallvec![topic],
            ..Default::default()
        };
        let response = client.call(version, &request);
        let found = &response.topics[0].partitions[0];
        assert_eq!((found.error_code, found.offset), (0, 3), "ListOffsets {version}");
    }
}

/// Goal: DeleteRecords moves the start to any offset up to the high watermark, never back. The
/// start survives a clean end; a kill may take it back, as in Kafka, but never takes a record.
#[test]
fn delete_records() {
    let (mut broker, mut client) = start();
    client.create_topic("t", 2, &[("segment.bytes", "1048576")]);
    for _ in 0..10 {
        client.append(("t", 0), &batch("v", 10));
    }
    assert_eq!(client.delete_records(("t", 0), 15), Ok(15));
    assert_eq!(client.delete_records(("t", 0), 10), Ok(15), "the start never goes back");
    assert_eq!(client.delete_records(("t", 0), 101), Err(ErrorCode::OffsetOutOfRange));
    assert_eq!(client.delete_records(("t", 0), -2), Err(ErrorCode::OffsetOutOfRange));
    assert_eq!(client.delete_records(("t", 5), 0), Err(ErrorCode::UnknownTopicOrPartition));
    assert_eq!(client.delete_records(("absent", 0), 0), Err(ErrorCode::UnknownTopicOrPartition));
    assert_eq!(client.start_offset(("t", 0)), 15);
    assert_eq!(client.read_from(("t", 0), 15).len(), 85);
    broker.kill();
    broker.restart();
    let mut client = WireClient::connect(&broker.bootstrap());
    assert!((0..=15).contains(&client.start_offset(("t", 0))));
    assert_eq!(client.read_from(("t", 0), 15).len(), 85);
    assert_eq!(client.delete_records(("t", 0), -1), Ok(100));
    assert_eq!(client.end_offset(("t", 0)), 100);
    assert_eq!(client.append(("t", 0), &batch("v", 1)), 100);
    broker.terminate();
    broker.restart();
    let mut client = WireClient::connect(&broker.bootstrap());
    assert_eq!(client.start_offset(("t", 0)), 100);
    assert_eq!(client.read_from(("t", 0), 100).len(), 1);
}

/// Goal: each start begins an epoch; the end of each epoch is known, through kills and clean ends.
#[test]
fn epochs_grow_with_every_start() {
    let (mut broker, client) = start();
    drop(client);
    let mut ends = Vec::new();
    for restart in 0..4 {
        let mut client = WireClient::connect(&broker.bootstrap());
        if restart == 0 {
            client.create_topic("t", 1, &[]);
        }
        client.append(("t", 0), &batch("v", 5));
        let epoch = client.list_offset(("t", 0), LATEST).leader_epoch;
        ends.push((epoch, client.end_offset(("t", 0))));
        for (epoch, end) in &ends {
            assert_eq!(client.epoch_end(("t", 0), *epoch), Ok((*epoch, *end)));
        }
        let unknown = client.epoch_end(("t", 0), epoch + 1);
        assert_eq!(unknown, Ok((-1, -1)), "an epoch of the future");
        if restart % 2 == 0 {
            broker.kill();
        } else {
            broker.terminate();
        }
        broker.restart();
    }
    assert!(ends.is_sorted_by(|a, b| a.0 < b.0), "{ends:?}");
    let mut client = WireClient::connect(&broker.bootstrap());
    let unknown = ErrorCode::UnknownTopicOrPartition;
    assert_eq!(client.epoch_end(("absent", 0), 0), Err(unknown));
    assert_eq!(client.epoch_end(("t", 3), 0), Err(unknown));
}
