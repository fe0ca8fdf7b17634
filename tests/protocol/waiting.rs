//! Long polls: a fetch waits for data, for as much as it asked for, for as long as it asked for.
//!
//! Nothing here is timed: a wait that must end by an event has a limit of minutes, and one that
//! must end by its limit has no event to come.

use crate::start;
use crate::wire_client::{Fetch, WireClient, batch, batch_of};
use pinion::wire::ErrorCode;
use pinion::wire::api::api_versions::ApiVersionsRequest;

const LONG_MS: i32 = 120_000;
const SHORT_MS: i32 = 30;

/// Goal: a fetch at the end waits until another connection appends, on either shard, and gets
/// what was appended.
#[test]
fn a_waiting_fetch_gets_what_another_connection_appends() {
    let (broker, mut producer) = start();
    producer.create_topic("t", 2, &[]);
    for round in 0..20 {
        let partition = round % 2;
        let offset = i64::from(round / 2);
        let mut consumer = WireClient::connect(&broker.bootstrap());
        let fetch = Fetch::from("t", partition, offset).waiting(LONG_MS, 1);
        let fetch = consumer.send(12, &fetch.request()).unwrap();
        assert_eq!(producer.append(("t", partition), &batch("v", 1)), offset);
        let fetched = &consumer.end_fetch(fetch).unwrap()[0];
        assert_eq!(fetched.values()[0].0, offset);
        assert!(fetched.high_watermark > offset, "only what is below the high watermark");
    }
}

/// Goal: with partitions on several shards, data in any one of them ends the wait.
#[test]
fn data_in_any_partition_ends_the_wait() {
    let (broker, mut producer) = start();
    producer.create_topic("t", 4, &[]);
    for partition in 0..4 {
        let mut consumer = WireClient::connect(&broker.bootstrap());
        let fetch = (1..4).fold(Fetch::from("t", 0, 0), |fetch, other| fetch.and(other, 0));
        let mut request = fetch.waiting(LONG_MS, 1).request();
        for wanted in &mut request.topics[0].partitions {
            wanted.fetch_offset = i64::from(wanted.partition < partition);
        }
        let fetch = consumer.send(12, &request).unwrap();
        producer.append(("t", partition), &batch("v", 1));
        let fetched = consumer.end_fetch(fetch).unwrap();
        let with_data: Vec<_> =
            fetched.iter().filter(|f| !f.records.is_empty()).map(|f| f.partition).collect();
        assert_eq!(with_data, [partition]);
    }
}

/// Goal: `min_bytes` is waited for: less does not end the wait, enough does.
#[test]
fn min_bytes_are_waited_for() {
    let (broker, mut producer) = start();
    producer.create_topic("t", 1, &[]);
    let mut consumer = WireClient::connect(&broker.bootstrap());
    let fetch = Fetch::from("t", 0, 0).waiting(LONG_MS, 10_000);
    let fetch = consumer.send(12, &fetch.request()).unwrap();
    for _ in 0..12 {
        producer.append(("t", 0), &batch_of(&[vec![b'x'; 1000]]));
    }
    let fetched = &consumer.end_fetch(fetch).unwrap()[0];
    assert!(fetched.records.len() >= 10_000, "{} bytes", fetched.records.len());
}

/// Goal: when the time is over, what there is is returned, be it nothing.
#[test]
fn the_wait_ends_by_itself() {
    let (_broker, mut client) = start();
    client.create_topic("t", 2, &[]);
    let nothing = client.fetch_all(&Fetch::from("t", 0, 0).and(1, 0).waiting(SHORT_MS, 1));
    assert!(nothing.iter().all(|f| f.error == ErrorCode::None && f.records.is_empty()));
    client.append(("t", 1), &batch("v", 2));
    let less = client.fetch_all(&Fetch::from("t", 0, 0).and(1, 0).waiting(SHORT_MS, 1 << 20));
    let counts: Vec<usize> = less.iter().map(|fetched| fetched.values().len()).collect();
    assert_eq!(counts, [0, 2]);
}

/// Goal: an error is told at once, however long the client would wait.
#[test]
fn an_error_does_not_wait() {
    let (_broker, mut client) = start();
    client.create_topic("t", 2, &[]);
    for fetch in [
        Fetch::from("absent", 0, 0).waiting(LONG_MS, 1),
        Fetch::from("t", 7, 0).and(0, 0).waiting(LONG_MS, 1),
        Fetch::from("t", 0, 5).and(1, 0).waiting(LONG_MS, 1),
        Fetch::from("t", 0, 0).and(1, 5).waiting(LONG_MS, 1),
    ] {
        let fetched = client.fetch_all(&fetch);
        assert!(fetched.iter().any(|fetched| fetched.error != ErrorCode::None), "{fetch:?}");
    }
}

/// Goal: what ends a log ends the waits on it: deletion of the topic, and of records.
#[test]
fn a_deleted_topic_ends_the_wait() {
    let (broker, mut admin) = start();
    for _ in 0..5 {
        admin.create_topic("t", 1, &[]);
        admin.append(("t", 0), &batch("v", 1));
        let mut consumer = WireClient::connect(&broker.bootstrap());
        let fetch = Fetch::from("t", 0, 1).waiting(LONG_MS, 1);
        let fetch = consumer.send(12, &fetch.request()).unwrap();
        // Behind an answer on the same connection's shard, the fetch is surely waiting.
        assert_eq!(admin.call(0, &ApiVersionsRequest::default()).error_code, 0);
        assert_eq!(admin.delete_topic("t"), ErrorCode::None);
        let fetched = &consumer.end_fetch(fetch).unwrap()[0];
        assert!(fetched.records.is_empty());
        assert_ne!(fetched.error, ErrorCode::UnknownServerError);
    }
}

/// Goal: a connection that goes away while its fetch waits leaves nothing behind.
#[test]
fn waiting_fetches_of_closed_connections_are_forgotten() {
    let (broker, mut producer) = start();
    producer.create_topic("t", 2, &[]);
    for round in 0..200 {
        let mut consumer = WireClient::connect(&broker.bootstrap());
        let fetch = Fetch::from("t", 0, 1 << 40).and(1, round).waiting(LONG_MS, 1);
        consumer.send(12, &fetch.request()).unwrap();
        let fetch = Fetch::from("t", round as i32 % 2, round / 2).waiting(LONG_MS, 1);
        consumer.send(12, &fetch.request()).unwrap();
        drop(consumer);
        producer.append(("t", round as i32 % 2), &batch("v", 1));
    }
    assert_eq!(producer.end_offset(("t", 0)), 100);
    assert_eq!(producer.end_offset(("t", 1)), 100);
}

/// Goal: one append ends the wait of more consumers than a shard serves in a turn, and each gets
/// the record; so does the next append, for those that have come again.
#[test]
fn an_append_reaches_all_that_wait() {
    const CONSUMERS: usize = 600;
    let (broker, mut producer) = start();
    producer.create_topic("t", 1, &[]);
    let connect = || WireClient::connect(&broker.bootstrap());
    let mut consumers: Vec<WireClient> = std::iter::repeat_with(connect).take(CONSUMERS).collect();
    for offset in 0..3 {
        let request = Fetch::from("t", 0, offset).waiting(LONG_MS, 1).request();
        let fetches: Vec<i32> =
            consumers.iter_mut().map(|consumer| consumer.send(12, &request).unwrap()).collect();
        assert_eq!(producer.append(("t", 0), &batch("v", 1)), offset);
        for (consumer, fetch) in consumers.iter_mut().zip(fetches) {
            let fetched = &consumer.end_fetch(fetch).unwrap()[0];
            assert_eq!(fetched.values()[0].0, offset);
        }
    }
}
