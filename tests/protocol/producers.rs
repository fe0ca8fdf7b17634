//! Idempotent producers: ids, sequences, duplicates, epochs (KIP-98).

use crate::support::broker::BrokerOptions;
use crate::wire_client::{WireClient, idempotent_batch};
use crate::{start, start_with};
use pinion::wire::ErrorCode;
use pinion::wire::api::describe_producers::{DescribeProducersRequest, TopicRequest};
use pinion::wire::api::init_producer_id::InitProducerIdRequest;
use pinion::wire::record_batch::BatchBuilder;
use smallvec::smallvec;
use std::collections::HashSet;

const T: (&str, i32) = ("t", 0);

/// Sends the batch with this sequence, of `count` records.
fn send(client: &mut WireClient, id: (i64, i16), sequence: i32, count: usize) -> (ErrorCode, i64) {
    let values: Vec<String> = (0..count).map(|index| format!("{sequence}+{index}")).collect();
    let produced = client.produce(T, &idempotent_batch(id, sequence, &values));
    (produced.error, produced.base_offset)
}

const OK: ErrorCode = ErrorCode::None;
const GAP: ErrorCode = ErrorCode::OutOfOrderSequenceNumber;
const FENCED: ErrorCode = ErrorCode::InvalidProducerEpoch;

/// Goal: ids are never given twice, over many clients, kills and clean ends.
#[test]
fn producer_ids_are_unique() {
    let (mut broker, _) = start();
    let mut seen = HashSet::new();
    for restart in 0..4 {
        std::thread::scope(|scope| {
            let ids: Vec<_> = (0..3)
                .map(|_| {
                    scope.spawn(|| {
                        let mut client = WireClient::connect(&broker.bootstrap());
                        (0..100).map(|_| client.init_producer_id()).collect::<Vec<_>>()
                    })
                })
                .collect();
            for (id, epoch) in ids.into_iter().flat_map(|ids| ids.join().unwrap()) {
                assert_eq!(epoch, 0);
                assert!(seen.insert(id), "id {id} was given twice, at the latest after {restart}");
            }
        });
        if restart % 2 == 0 {
            broker.kill();
        } else {
            broker.terminate();
        }
        broker.restart();
    }
}

/// Goal: a transactional id is refused, since there are no transactions; every version answers.
#[test]
fn transactional_ids_are_refused() {
    let (_broker, mut client) = start();
    for version in 0..=5 {
        let plain = InitProducerIdRequest { transaction_timeout_ms: 1000, ..Default::default() };
        let response = client.call(version, &plain);
        assert_eq!(response.error_code, 0, "InitProducerId {version}");
        assert!(response.producer_id >= 0);
        let transactional = InitProducerIdRequest { transactional_id: Some("tx"), ..plain };
        let response = client.call(version, &transactional);
        assert_ne!(response.error_code, 0, "InitProducerId {version}");
        assert_eq!(response.producer_id, -1);
    }
}

/// Goal: a batch of a transaction is refused, although its request names no transactional id:
/// nothing would ever end it, and readers of committed records would wait there for ever.
#[test]
fn batches_of_transactions_are_refused() {
    let (_broker, mut client) = start();
    client.create_topic("t", 1, &[]);
    let (id, epoch) = client.init_producer_id();
    let mut batch = BatchBuilder::new().producer(id, epoch, 0).transactional();
    batch.append(1, None, Some(b"value"), &[]);
    let refused = client.produce(T, &batch.build()).error;
    assert_eq!(refused, ErrorCode::TransactionalIdAuthorizationFailed);
    assert_eq!(client.end_offset(T), 0);
}

/// Goal: a duplicate of one of the last five batches gets its original offset; an older one and a
/// gap are refused; all of that also after a kill and after a clean end.
#[test]
fn the_last_five_batches_are_remembered() {
    let (mut broker, mut client) = start();
    client.create_topic("t", 1, &[]);
    let id = client.init_producer_id();
    for batch in 0..7 {
        assert_eq!(send(&mut client, id, batch * 3, 3), (OK, i64::from(batch) * 3));
    }
    for restart in 0..3 {
        let mut client = WireClient::connect(&broker.bootstrap());
        for batch in 2..7 {
            let again = send(&mut client, id, batch * 3, 3);
            assert_eq!(again, (OK, i64::from(batch) * 3), "batch {batch}, restart {restart}");
        }
        assert_eq!(send(&mut client, id, 3, 3).0, GAP, "a duplicate too old to be known");
        assert_eq!(send(&mut client, id, 22, 3).0, GAP, "a gap");
        assert_eq!(send(&mut client, id, 20, 1).0, GAP, "a part of a batch");
        assert_eq!(client.end_offset(T), 21, "nothing was appended");
        if restart % 2 == 0 {
            broker.kill();
        } else {
            broker.terminate();
        }
        broker.restart();
    }
    let mut client = WireClient::connect(&broker.bootstrap());
    assert_eq!(send(&mut client, id, 21, 1), (OK, 21), "the sequence goes on");
}

/// Goal: with five batches in flight and all of them repeated at once, each is appended once.
#[test]
fn duplicates_in_flight() {
    let (_broker, mut client) = start();
    client.create_topic("t", 1, &[]);
    let id = client.init_producer_id();
    for round in 0..20 {
        let batches: Vec<Vec<u8>> =
            (0..5).map(|n| idempotent_batch(id, round * 5 + n, &["value"])).collect();
        let sent: Vec<_> = batches
            .iter()
            .chain(&batches)
            .map(|batch| client.begin_produce(T, batch, -1).unwrap())
            .collect();
        for (index, unanswered) in (0..).zip(sent) {
            let produced = client.end_produce(unanswered).unwrap();
            let wanted = i64::from(round) * 5 + index % 5;
            assert_eq!((produced.error, produced.base_offset), (OK, wanted));
        }
    }
    assert_eq!(client.end_offset(T), 100);
}

/// Goal: a newer epoch begins at sequence 0 and fences the older one for good.
#[test]
fn an_old_epoch_is_fenced() {
    let (mut broker, mut client) = start();
    client.create_topic("t", 1, &[]);
    let (id, _) = client.init_producer_id();
    assert_eq!(send(&mut client, (id, 0), 0, 1), (OK, 0));
    assert_eq!(send(&mut client, (id, 1), 5, 1).0, GAP, "an epoch begins at 0");
    assert_eq!(send(&mut client, (id, 1), 0, 1), (OK, 1));
    assert_eq!(send(&mut client, (id, 0), 1, 1).0, FENCED);
    broker.kill();
    broker.restart();
    let mut client = WireClient::connect(&broker.bootstrap());
    assert_eq!(send(&mut client, (id, 0), 1, 1).0, FENCED);
    assert_eq!(send(&mut client, (id, 1), 1, 1), (OK, 2));
}

/// Goal: after 2³¹−1 comes 0.
#[test]
fn sequences_wrap() {
    let (_broker, mut client) = start();
    client.create_topic("t", 1, &[]);
    let id = client.init_producer_id();
    // A partition that knows nothing of a producer takes its first batch as it comes.
    assert_eq!(send(&mut client, id, i32::MAX - 1, 1), (OK, 0));
    assert_eq!(send(&mut client, id, i32::MAX, 3), (OK, 1));
    assert_eq!(send(&mut client, id, i32::MAX, 3), (OK, 1), "a duplicate across the wrap");
    assert_eq!(send(&mut client, id, 2, 1), (OK, 4));
    assert_eq!(send(&mut client, id, 4, 1).0, GAP);
}

/// Goal: producers do not disturb each other, nor do the partitions of one producer.
#[test]
fn producers_are_apart() {
    let (_broker, mut client) = start();
    client.create_topic("t", 2, &[]);
    let ids: Vec<_> = (0..4).map(|_| client.init_producer_id()).collect();
    for sequence in 0..10 {
        for (index, id) in (0..).zip(&ids) {
            for partition in 0..2 {
                let batch = idempotent_batch(*id, sequence, &["value"]);
                let offset = client.append(("t", partition), &batch);
                assert_eq!(offset, i64::from(sequence) * 4 + index);
            }
        }
    }
}

/// Goal: DescribeProducers tells who has produced, with epoch and last sequence.
#[test]
fn describe_producers() {
    let (_broker, mut client) = start();
    client.create_topic("t", 2, &[]);
    let (first, second) = (client.init_producer_id(), client.init_producer_id());
    assert_eq!(send(&mut client, first, 0, 3), (OK, 0));
    assert_eq!(send(&mut client, second, 0, 5), (OK, 3));
    assert_eq!(send(&mut client, first, 3, 1), (OK, 8));
    let topic = |name, partition_indexes: &[i32]| TopicRequest {
        name,
        partition_indexes: partition_indexes.iter().copied().collect(),
    };
    let request = DescribeProducersRequest {
        topics: smallvec![topic("t", &[0, 1, 2]), topic("absent", &[0])],
    };
    let response = client.call(0, &request);
    let [known, empty, beyond] = &response.topics[0].partitions[..] else {
        panic!("three partitions: {response:?}");
    };
    let mut seen: Vec<_> = known
        .active_producers
        .iter()
        .map(|p| (p.producer_id, p.producer_epoch, p.last_sequence, p.current_txn_start_offset))
        .collect();
    seen.sort_unstable();
    assert_eq!(seen, [(first.0, 0, 3, -1), (second.0, 0, 4, -1)]);
    assert!(empty.error_code == 0 && empty.active_producers.is_empty());
    let unknown = ErrorCode::UnknownTopicOrPartition;
    assert_eq!(ErrorCode::from(beyond.error_code), unknown);
    assert_eq!(ErrorCode::from(response.topics[1].partitions[0].error_code), unknown);
}

/// Goal: a client that takes one id after the other has the broker remember no more of them than
/// it may, over a kill; a producer that was forgotten goes on where it was.
#[test]
fn producers_that_come_and_go_are_bounded() {
    let options = BrokerOptions::default().set("pinion.log.producer.ids.max", 20);
    let (mut broker, mut client) = start_with(options);
    client.create_topic("t", 1, &[]);
    let first = client.init_producer_id();
    assert_eq!(send(&mut client, first, 0, 1), (OK, 0));
    let known = |client: &mut WireClient| {
        let topic = TopicRequest { name: "t", partition_indexes: smallvec![0] };
        let request = DescribeProducersRequest { topics: smallvec![topic] };
        client.call(0, &request).topics[0].partitions[0].active_producers.len()
    };
    for offset in 1..100 {
        let id = client.init_producer_id();
        assert_eq!(send(&mut client, id, 0, 1), (OK, offset));
        assert!(known(&mut client) <= 20);
    }
    broker.kill();
    broker.restart();
    let mut client = WireClient::connect(&broker.bootstrap());
    assert!((15..=20).contains(&known(&mut client)));
    assert_eq!(send(&mut client, first, 1, 1), (OK, 100), "it goes on");
    assert_eq!(send(&mut client, first, 1, 1), (OK, 100), "and is known again");
}
