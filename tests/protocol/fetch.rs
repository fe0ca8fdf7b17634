//! Fetch: where answers begin and end, sizes, sessions, topic ids.

use crate::start;
use crate::wire_client::{Fetch, WireClient, batch, batch_of, verified_batches};
use pinion::wire::ErrorCode;
use pinion::wire::api::fetch::{FetchRequest, Records};
use pinion::wire::api::metadata::{MetadataRequest, MetadataRequestTopic};
use smallvec::smallvec;
use uuid::Uuid;

/// Goal: a fetch at an offset inside a batch returns the whole batch, and all that follows.
#[test]
fn an_offset_inside_a_batch_returns_the_whole_batch() {
    let (_broker, mut client) = start();
    client.create_topic("t", 1, &[]);
    for name in ["a", "b", "c"] {
        client.append(("t", 0), &batch(name, 10));
    }
    for offset in 0..30 {
        let fetched = client.fetch(&Fetch::from("t", 0, offset));
        assert_eq!((fetched.error, fetched.high_watermark), (ErrorCode::None, 30));
        assert_eq!((fetched.log_start, fetched.last_stable_offset), (0, 30));
        let values = fetched.values();
        assert_eq!(values[0].0, offset / 10 * 10, "at {offset}");
        assert_eq!(values.last().unwrap().0, 29, "at {offset}");
    }
    let at_end = client.fetch(&Fetch::from("t", 0, 30));
    assert_eq!((at_end.error, at_end.records.len()), (ErrorCode::None, 0));
}

/// Goal: what is stored is the producer's batch; only base offset and leader epoch are stamped.
#[test]
fn batches_are_stored_as_they_came() {
    let (_broker, mut client) = start();
    client.create_topic("t", 1, &[]);
    let sent = batch("value", 5);
    client.append(("t", 0), &sent);
    client.append(("t", 0), &sent);
    let fetched = client.fetch(&Fetch::from("t", 0, 5));
    let batches = verified_batches(&fetched.records);
    assert_eq!(batches.len(), 1);
    assert_eq!(batches[0].header.base_offset, 5);
    assert!(batches[0].header.partition_leader_epoch >= 0);
    assert_eq!(batches[0].bytes[16..], sent[16..]);
}

/// Goal: outside the log there is an error that tells its bounds.
#[test]
fn offsets_out_of_range() {
    let (_broker, mut client) = start();
    client.create_topic("t", 1, &[]);
    client.append(("t", 0), &batch("v", 10));
    for offset in [11, 1000, i64::MAX, -1, -2, i64::MIN] {
        let fetched = client.fetch(&Fetch::from("t", 0, offset));
        assert_eq!(fetched.error, ErrorCode::OffsetOutOfRange, "at {offset}");
        assert!(fetched.records.is_empty());
    }
    assert_eq!(client.delete_records(("t", 0), 5), Ok(5));
    let fetched = client.fetch(&Fetch::from("t", 0, 4));
    assert_eq!(fetched.error, ErrorCode::OffsetOutOfRange);
    let fetched = client.fetch(&Fetch::from("t", 0, 5));
    assert_eq!((fetched.error, fetched.log_start), (ErrorCode::None, 5));
}

/// Goal: the first batch is returned even above every limit, so that a consumer gets ahead; what
/// follows keeps within them (KIP-74).
#[test]
fn limits_spare_the_first_batch() {
    let (_broker, mut client) = start();
    client.create_topic("t", 2, &[]);
    for partition in 0..2 {
        for name in [b'a', b'b', b'c'] {
            client.append(("t", partition), &batch_of(&[vec![name; 100_000]]));
        }
    }
    for limit in [0, 1, 1000, 99_999, 100_100] {
        for fetch in [
            Fetch::from("t", 0, 1).partition_max_bytes(limit),
            Fetch::from("t", 0, 1).max_bytes(limit),
        ] {
            let fetched = client.fetch(&fetch);
            assert_eq!(fetched.values().len(), 1, "limit {limit}");
            assert_eq!(fetched.values()[0].0, 1, "limit {limit}");
        }
    }
    let two = client.fetch(&Fetch::from("t", 0, 0).partition_max_bytes(250_000));
    assert_eq!(two.values().len(), 2);
    assert!(two.records.len() <= 250_000);
    // The limit of the response is spent by the first partition.
    let both = client.fetch_all(&Fetch::from("t", 1, 0).and(0, 0).max_bytes(150_000));
    let counts: Vec<usize> = both.iter().map(|fetched| fetched.values().len()).collect();
    assert_eq!(counts, [1, 0]);
    assert!(both[0].records.len() + both[1].records.len() <= 150_000);
}

/// Goal: partitions of several shards come in one answer, in the request's order, each with its
/// own error.
#[test]
fn partitions_of_all_shards_in_one_answer() {
    let (_broker, mut client) = start();
    client.create_topic("t", 6, &[]);
    for partition in 0..6 {
        client.append(("t", partition), &batch(&format!("p{partition}"), 3));
    }
    let fetch = Fetch::from("t", 5, 0).and(1, 1).and(9, 0).and(0, 99).and(2, 3).and(4, 2);
    let fetched = client.fetch_all(&fetch);
    let seen: Vec<_> = fetched
        .iter()
        .map(|f| (f.partition, f.error, f.values().first().map(|(_, value)| value.clone())))
        .collect();
    let none = ErrorCode::None;
    assert_eq!(
        seen,
        [
            (5, none, Some("p5-0".to_owned())),
            (1, none, Some("p1-0".to_owned())),
            (9, ErrorCode::UnknownTopicOrPartition, None),
            (0, ErrorCode::OffsetOutOfRange, None),
            (2, none, None),
            (4, none, Some("p4-0".to_owned())),
        ]
    );
}

/// Goal: there are no sessions: a first request gets session 0, one of a session gets the error
/// that makes clients begin anew (KIP-227).
#[test]
fn sessions_are_refused_gently() {
    let (_broker, mut client) = start();
    client.create_topic("t", 1, &[]);
    client.append(("t", 0), &batch("v", 1));
    let fetch = |session_id, session_epoch| FetchRequest {
        session_id,
        session_epoch,
        ..Fetch::from("t", 0, 0).request()
    };
    for epoch in [0, -1] {
        let response = client.call(12, &fetch(0, epoch));
        assert_eq!((response.error_code, response.session_id), (0, 0));
        assert_eq!(response.responses.len(), 1);
    }
    for (id, epoch) in [(77, 1), (77, 0), (-1, 5)] {
        let response = client.call(12, &fetch(id, epoch));
        let error = ErrorCode::from(response.error_code);
        assert_eq!(error, ErrorCode::FetchSessionIdNotFound, "session {id} epoch {epoch}");
    }
    let closing = client.call(12, &fetch(77, -1));
    assert_ne!(ErrorCode::from(closing.error_code), ErrorCode::UnknownServerError);
}

/// Goal: from version 13 topics have ids; an unknown one is an error of its partitions.
#[test]
fn topics_by_id() {
    let (_broker, mut client) = start();
    client.create_topic("t", 1, &[]);
    client.append(("t", 0), &batch("v", 4));
    let id = topic_id(&mut client, "t");
    assert!(!id.is_nil());
    for version in 13..=18 {
        for (topic_id, error) in [(id, ErrorCode::None), (Uuid::max(), ErrorCode::UnknownTopicId)] {
            let mut request = Fetch::from("", 0, 0).request();
            request.topics[0].topic_id = topic_id;
            let response = client.call(version, &request);
            assert_eq!(response.responses[0].topic_id, topic_id);
            let partition = &response.responses[0].partitions[0];
            assert_eq!(ErrorCode::from(partition.error_code), error, "Fetch {version}");
            let Records::Inline(records) = partition.records else { panic!("inline") };
            assert_eq!(verified_batches(records).len(), usize::from(error == ErrorCode::None));
        }
    }
}

/// Goal: every version of Fetch gives the same records.
#[test]
fn every_version_gives_the_same_records() {
    let (_broker, mut client) = start();
    client.create_topic("t", 1, &[]);
    let sent = batch("value", 7);
    client.append(("t", 0), &sent);
    for version in 4..=12 {
        let response = client.call(version, &Fetch::from("t", 0, 3).request());
        let Records::Inline(records) = response.responses[0].partitions[0].records else {
            panic!("inline");
        };
        assert_eq!(records[16..], sent[16..], "Fetch {version}");
    }
}

/// Goal: a client that knows another leader epoch is told, whether older or newer (KIP-320).
#[test]
fn leader_epochs_are_checked() {
    let (mut broker, client) = start();
    drop(client);
    broker.terminate();
    broker.restart();
    let mut client = WireClient::connect(&broker.bootstrap());
    client.create_topic("t", 1, &[]);
    client.append(("t", 0), &batch("v", 1));
    let epoch = client.list_offset(("t", 0), -1).leader_epoch;
    assert!(epoch > 0, "a restart begins an epoch");
    let cases = [
        (-1, ErrorCode::None),
        (epoch, ErrorCode::None),
        (epoch - 1, ErrorCode::FencedLeaderEpoch),
        (epoch + 1, ErrorCode::UnknownLeaderEpoch),
    ];
    for (current, error) in cases {
        let mut request = Fetch::from("t", 0, 0).request();
        request.topics[0].partitions[0].current_leader_epoch = current;
        let response = client.call(12, &request);
        let partition = &response.responses[0].partitions[0];
        assert_eq!(ErrorCode::from(partition.error_code), error, "epoch {current} of {epoch}");
    }
}

fn topic_id(client: &mut WireClient, name: &str) -> Uuid {
    let topic = MetadataRequestTopic { name: Some(name), ..Default::default() };
    let request = MetadataRequest { topics: Some(smallvec![topic]), ..Default::default() };
    client.call(12, &request).topics[0].topic_id
}
