//! Slow and idle clients: each delays only itself.
//!
//! None of these tests is timed: the others' work has to end while the slow ones are slow, however
//! long it takes.

use crate::process::{descriptors, peak_memory};
use crate::support::broker::{Broker, BrokerOptions};
use crate::wire_client::{Fetch, WireClient, batch, batch_of};
use pinion::wire::ErrorCode;
use pinion::wire::api::api_versions::ApiVersionsRequest;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What any number of slow clients may have the broker hold in memory.
const MEMORY_MAX: u64 = 512 << 20;

/// A value that makes a frame which the broker receives into a buffer of its own.
const LARGE: usize = 100_000;

/// Connections that stop half-way through a large frame.
const STALLED: usize = 100;

/// The work of honest clients: small and large batches to each partition, read back.
fn honest_work(broker: &Broker) {
    let mut client = WireClient::connect(&broker.bootstrap());
    for round in 0..20 {
        for partition in 0..2 {
            let offset = client.append(("t", partition), &batch("v", 3));
            client.append(("t", partition), &batch_of(&[vec![b'x'; LARGE]]));
            let fetch = Fetch::from("t", partition, offset).max_bytes(1000);
            let fetched = client.fetch(&fetch);
            assert_eq!(fetched.error, ErrorCode::None, "round {round}");
            assert_eq!(fetched.values()[0].0, offset);
        }
    }
}

fn start() -> Broker {
    let broker = Broker::start(BrokerOptions::default());
    WireClient::connect(&broker.bootstrap()).create_topic("t", 2, &[]);
    broker
}

/// Goal: clients that ask for much and read nothing of it do not hold up others, nor memory.
#[test]
fn clients_that_never_read() {
    let broker = start();
    let mut producer = WireClient::connect(&broker.bootstrap());
    for partition in 0..2 {
        for _ in 0..20 {
            producer.append(("t", partition), &batch_of(&[vec![b'x'; 1_000_000]]));
        }
    }
    let greedy: Vec<WireClient> = (0..40)
        .map(|number| {
            let mut client = WireClient::connect(&broker.bootstrap());
            for _ in 0..50 {
                let fetch = Fetch::from("t", number % 2, 0);
                client.send(12, &fetch.request()).expect("requests are small");
            }
            client
        })
        .collect();
    honest_work(&broker);
    let memory = peak_memory(&broker);
    assert!(memory <= MEMORY_MAX, "the broker took {memory} bytes");
    // They may still change their mind.
    for mut client in greedy.into_iter().take(4) {
        for correlation_id in 1..=3 {
            let fetched = client.end_fetch(correlation_id).expect("the broker still sends");
            assert!(fetched[0].records.len() > 1_000_000);
        }
    }
}

/// Goal: requests that come a byte at a time are served when they are whole, and until then cost
/// the others nothing.
#[test]
fn clients_that_send_a_byte_at_a_time() {
    let broker = start();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                let mut client = WireClient::connect(&broker.bootstrap());
                client.stream().set_nodelay(true).expect("it is connected");
                let frame = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
                let mut bytes = frame.iter().cycle();
                while !stop.load(Ordering::Relaxed) {
                    for byte in bytes.by_ref().take(frame.len()) {
                        client.send_bytes(&[*byte]).expect("the broker waits");
                        std::thread::sleep(Duration::from_millis(1));
                    }
                    client.read_frame().expect("a whole request is answered");
                }
            });
        }
        honest_work(&broker);
        stop.store(true, Ordering::Relaxed);
    });
}

/// Goal: 200 connections that stop in the middle of a frame, small or large, do not keep others
/// from being served.
#[test]
fn connections_that_stop_half_way() {
    let broker = start();
    let before = descriptors(&broker);
    let mut half: Vec<WireClient> = Vec::new();
    for number in 0..200_usize {
        let mut client = WireClient::connect(&broker.bootstrap());
        let length = [10, 1000, 60_000, 1_000_000][number % 4];
        let sent = vec![0; [3, 500, 30_000, 100_000][number % 4]];
        client.send_bytes(&i32::to_be_bytes(length)).expect("it is connected");
        client.send_bytes(&sent).expect("it is connected");
        half.push(client);
    }
    honest_work(&broker);
    let memory = peak_memory(&broker);
    assert!(memory <= MEMORY_MAX, "the broker took {memory} bytes");
    drop(half);
    let mut client = WireClient::connect(&broker.bootstrap());
    let is_back = || {
        assert_eq!(client.call(0, &ApiVersionsRequest::default()).error_code, 0);
        std::thread::sleep(Duration::from_millis(1));
        descriptors(&broker) <= before + 2
    };
    assert!((0..10_000).map(|_| ()).any({
        let mut is_back = is_back;
        move |()| is_back()
    }));
}

/// Goal: a few connections that announce the largest frame there is, and send little of it, do not
/// keep others from being served.
#[test]
fn connections_that_announce_the_largest_frames() {
    let broker = start();
    // Lengths that leave nothing of a shard's memory if they are taken at their word.
    let lengths = [100 << 20, 100 << 20, 50 << 20, 5 << 20, 900_000, 90_000];
    let announced: Vec<WireClient> = (0..60)
        .map(|number| {
            let mut client = WireClient::connect(&broker.bootstrap());
            let length = lengths[number / 10];
            client.send_bytes(&i32::to_be_bytes(length)).expect("it is connected");
            client.send_bytes(&[0; 1000]).expect("it is connected");
            client
        })
        .collect();
    honest_work(&broker);
    let memory = peak_memory(&broker);
    assert!(memory <= MEMORY_MAX, "the broker took {memory} bytes");
    drop(announced);
}

/// Goal: connections that stop half-way through large frames, and have all receive memory between
/// them, lose it to those that have something to send.
#[test]
fn stalled_connections_give_up_their_memory() {
    let options = BrokerOptions::default()
        .set("socket.request.max.bytes", 1 << 20)
        .set("pinion.shard.receive.bytes", 1 << 20)
        .set("pinion.shard.receive.stall.ms", 100);
    let broker = Broker::start(options);
    WireClient::connect(&broker.bootstrap()).create_topic("t", 2, &[]);
    let stalled: Vec<WireClient> = (0..STALLED)
        .map(|_| {
            let mut client = WireClient::connect(&broker.bootstrap());
            client.send_bytes(&i32::to_be_bytes(1_000_000)).expect("it is connected");
            client.send_bytes(&[0; 100_000]).expect("it is connected");
            client
        })
        .collect();
    honest_work(&broker);
    drop(stalled);
}

/// Goal: clients that keep quiet cost nothing but their connection.
#[test]
fn idle_connections() {
    let broker = start();
    let before = peak_memory(&broker);
    let idle: Vec<WireClient> =
        (0..500).map(|_| WireClient::connect(&broker.bootstrap())).collect();
    honest_work(&broker);
    let grown = peak_memory(&broker) - before;
    assert!(grown < 64 << 20, "{grown} bytes for {} idle connections", idle.len());
}
