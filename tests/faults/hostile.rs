//! Hostile frames: every API and version, random, cut short, changed anywhere, or claiming more
//! than they have. Each is answered or ends its connection; the process lives, within bounds.

use crate::messages::{Codec, EXTREMES, codecs, put_extreme};
use crate::process::peak_memory;
use crate::random::Random;
use crate::support::broker::{Broker, BrokerOptions};
use crate::wire_client::{WireClient, batch};
use pinion::wire::api::api_versions::ApiVersionsRequest;
use pinion::wire::header::RequestHeader;
use pinion::wire::{ApiKey, Writer};
use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Memory that the broker may take, whatever is thrown at it in these tests.
const MEMORY_MAX: u64 = 512 << 20;

/// A request must be answered, or its connection closed, within this.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

const TAPE_SIZE: usize = 300;

/// The densest frames: one array of as many elements as fit.
const FORGED_SIZE: usize = 1 << 20;

const WORKERS: u64 = 4;

/// The requests that the broker serves, with each version of theirs.
fn served() -> Vec<(Codec, i16)> {
    let requests = codecs().into_iter().filter(|codec| codec.name.ends_with("Request"));
    let served = requests.filter(|codec| codec.key.supported().is_some());
    served.flat_map(|codec| codec.versions.clone().map(move |v| (codec_of(&codec), v))).collect()
}

fn codec_of(codec: &Codec) -> Codec {
    Codec { versions: codec.versions.clone(), ..*codec }
}

/// A request's bytes: header and body.
fn request(key: ApiKey, version: i16, body: &[u8]) -> Vec<u8> {
    let (mut bytes, mut cuts) = (Vec::new(), Vec::new());
    let header = RequestHeader {
        api_key: key.code(),
        api_version: version,
        correlation_id: 7,
        client_id: Some("hostile"),
    };
    header.encode(&mut Writer::new(&mut bytes, &mut cuts));
    bytes.extend_from_slice(body);
    bytes
}

fn valid(codec: &Codec, version: i16, random: &mut Random) -> Vec<u8> {
    let tape: Vec<u8> = (0..TAPE_SIZE).map(|_| random.bits() as u8).collect();
    request(codec.key, version, &(codec.encode_from)(&tape, version))
}

/// Puts an extreme value somewhere into a frame.
fn distort(frame: &mut Vec<u8>, random: &mut Random) {
    let extreme = random.pick(&EXTREMES);
    put_extreme(frame, random.index(frame.len()), extreme);
}

/// Sends one frame on a connection of its own and waits for the broker to be done with it.
///
/// Some requests have no answer, or a late one; so the client says that it will send no more,
/// upon which the broker has to close.
fn deliver(bootstrap: &str, frame: &[u8]) {
    let mut client = WireClient::connect(bootstrap);
    client.set_limit(ANSWER_LIMIT);
    // A broker that has seen enough closes while we still write.
    if client.send_frame(frame).is_err() {
        return;
    }
    client.finish_sending();
    let mut answer = Vec::new();
    match client.stream().read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
        Err(error) => panic!("neither an answer nor a close: {error}: {:?}", start_of(frame)),
    }
    // The close may have cut the answer short.
    if let Some(length) = answer.first_chunk::<4>() {
        let length = i32::from_be_bytes(*length) as usize;
        assert!(answer.len() <= 4 + length, "one answer to {:?}", start_of(frame));
    }
}

fn start_of(frame: &[u8]) -> &[u8] {
    &frame[..frame.len().min(80)]
}

/// Delivers the frames that `make` makes of each API and version, from several connections at
/// once, and checks that the broker is still there and has not taken much memory.
fn deliver_all(
    name: &str,
    seed: u64,
    make: impl Fn(&Codec, i16, &mut Random, &mut dyn FnMut(&[u8])) + Sync,
) {
    let broker = Broker::start(BrokerOptions::default());
    let mut honest = WireClient::connect(&broker.bootstrap());
    honest.create_topic("topic-1", 2, &[]);
    honest.append(("topic-1", 0), &batch("value", 10));
    let (pid, bootstrap, sent) = (broker.pid(), broker.bootstrap(), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for worker in 0..WORKERS {
            let (make, bootstrap, sent) = (&make, &bootstrap, &sent);
            scope.spawn(move || {
                let mut random = Random::new(seed ^ worker);
                for (codec, version) in served() {
                    let mut deliver = |frame: &[u8]| {
                        deliver(bootstrap, frame);
                        sent.fetch_add(1, Ordering::Relaxed);
                    };
                    make(&codec, version, &mut random, &mut deliver);
                }
            });
        }
    });
    assert_eq!(honest.call(0, &ApiVersionsRequest::default()).error_code, 0);
    assert_eq!(broker.pid(), pid);
    let memory = peak_memory(&broker);
    println!("{name}: {} frames, {} MiB", sent.into_inner(), memory >> 20);
    assert!(memory <= MEMORY_MAX, "{name}: the broker took {memory} bytes");
    assert!(!broker.log().contains("panicked"), "{name}: a thread panicked");
}

/// Goal: well-formed requests with senseless contents.
#[test]
fn senseless_requests() {
    deliver_all("senseless", 1, |codec, version, random, deliver| {
        for _ in 0..4 {
            deliver(&valid(codec, version, random));
        }
    });
}

/// Goal: requests cut short anywhere, behind a length that says so.
#[test]
fn requests_cut_short() {
    deliver_all("cut short", 2, |codec, version, random, deliver| {
        let frame = valid(codec, version, random);
        for _ in 0..6 {
            deliver(&frame[..random.index(frame.len())]);
        }
    });
}

/// Goal: requests with an extreme length, count or number in any place, and with several.
#[test]
fn requests_with_extremes() {
    deliver_all("extremes", 3, |codec, version, random, deliver| {
        for round in 0..12 {
            let mut frame = valid(codec, version, random);
            for _ in 0..=(round % 3) {
                distort(&mut frame, random);
            }
            deliver(&frame);
        }
    });
}

/// Goal: random bytes behind a valid header.
#[test]
fn random_bodies() {
    deliver_all("random", 4, |codec, version, random, deliver| {
        for _ in 0..3 {
            let length = random.index(2000);
            let body: Vec<u8> = (0..length).map(|_| random.bits() as u8).collect();
            deliver(&request(codec.key, version, &body));
        }
    });
}

/// Goal: arrays of as many of the smallest elements as a frame holds, in each place for one.
#[test]
fn requests_of_many_elements() {
    deliver_all("many elements", 5, |codec, version, random, deliver| {
        let arrays = (0..).map_while(|array| (codec.forge)(FORGED_SIZE, array, version));
        for body in arrays {
            // One worker in a few has its turn with each: they are large.
            if random.once_in(WORKERS / 2) {
                deliver(&request(codec.key, version, &body));
            }
        }
    });
}

/// Goal: a produce request whose batches are damaged anywhere appends nothing that is damaged.
#[test]
fn damaged_batches() {
    let broker = Broker::start(BrokerOptions::default());
    let mut client = WireClient::connect(&broker.bootstrap());
    client.create_topic("t", 1, &[]);
    let mut random = Random::new(6);
    let sound = batch("value", 5);
    for at in 0..sound.len() {
        let mut bytes = sound.clone();
        bytes[at] ^= 1 << random.below(8);
        let produced = client.produce(("t", 0), &bytes);
        // Only the leader epoch, which the broker sets, may be anything.
        let is_free = (12..16).contains(&at);
        assert_eq!(produced.base_offset >= 0, is_free, "byte {at}: {produced:?}");
    }
    for _ in 0..2000 {
        let mut bytes = sound.clone();
        distort(&mut bytes, &mut random);
        let crc = crc32c::crc32c(bytes.get(21..).unwrap_or_default()).to_be_bytes();
        if random.once_in(2) && bytes.len() > 21 {
            bytes[17..21].copy_from_slice(&crc);
        }
        client.produce(("t", 0), &bytes);
    }
    let end = client.end_offset(("t", 0));
    let read = client.read_from(("t", 0), 0);
    assert_eq!(read.len() as i64, end, "whatever was taken reads back whole");
}

/// Lines about bad frames that a shard logs in any case; more are counted instead.
const UNCOUNTED_LINES: usize = 8;

/// Goal: the log says why a connection was closed, once for each.
#[test]
fn the_log_says_why_once_per_connection() {
    let broker = Broker::start(BrokerOptions::default());
    let mut peers = Vec::new();
    for round in 0..UNCOUNTED_LINES {
        let mut client = WireClient::connect(&broker.bootstrap());
        peers.push(client.stream().local_addr().expect("it is connected"));
        let bad: &[u8] = match round % 4 {
            0 => &[0xff; 4],
            1 => &[0, 0, 0, 8, 0x7f, 0, 0, 0, 0, 0, 0, 1],
            2 => &[0, 0, 0, 3, 0, 0, 0],
            _ => &[0, 0, 0, 11, 0, 3, 0, 9, 0, 0, 0, 1, 0xff, 0xff, 0],
        };
        client.send_bytes(&bad.repeat(3)).expect("it is connected");
        client.expect_close();
    }
    let log = broker.log();
    for peer in peers {
        let lines: Vec<_> = log.lines().filter(|l| l.contains(&peer.to_string())).collect();
        assert_eq!(lines.len(), 1, "{peer}: {lines:?}");
        assert!(lines[0].contains("closing a connection: "), "{lines:?}");
    }
}
