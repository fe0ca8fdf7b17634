//! A log that nobody takes: a full disk behind standard error, a reader that has gone, and one
//! that has stalled. The broker serves and ends as if nothing were the matter.

use crate::support::broker::{Broker, BrokerOptions, Errors};
use crate::wire_client::{WireClient, batch};
use pinion::wire::api::api_versions::ApiVersionsRequest;

/// Lines that the broker would write, each longer than 100 bytes: many times what a pipe holds.
const REFUSALS: usize = 5_000;

/// A frame length that ends the connection.
const BAD_FRAME: [u8; 4] = [0xff; 4];

/// Makes the broker log, and checks that it serves and that it ends well.
fn check_serves(errors: Errors) {
    let mut options = BrokerOptions { errors, ..BrokerOptions::default() };
    // Refused batches are logged at this level, one line for each.
    options.environment.push(("RUST_LOG".to_owned(), "pinion=debug".to_owned()));
    let mut broker = Broker::start(options);
    let mut client = WireClient::connect(&broker.bootstrap());
    client.create_topic("t", 1, &[]);
    let mut broken = batch("value", 1);
    *broken.last_mut().expect("a batch has bytes") ^= 1;
    for _ in 0..REFUSALS {
        assert_eq!(client.produce(("t", 0), &broken).base_offset, -1);
    }
    for _ in 0..REFUSALS {
        let mut bad = WireClient::connect(&broker.bootstrap());
        bad.send_bytes(&BAD_FRAME).expect("it is connected");
        bad.finish_sending();
    }
    let mut other = WireClient::connect(&broker.bootstrap());
    assert_eq!(other.call(0, &ApiVersionsRequest::default()).error_code, 0);
    client.append(("t", 0), &batch("value", 1));
    let status = broker.terminate();
    assert_eq!(status.code(), Some(0), "{status}");
}

/// Goal: a full disk behind standard error is no failure.
#[test]
fn a_log_on_a_full_disk() {
    check_serves(Errors::Full);
}

/// Goal: a reader that has gone, as `head` does, is no failure.
#[test]
fn a_log_whose_reader_has_gone() {
    check_serves(Errors::Closed);
}

/// Goal: a reader that has stalled stops neither produce nor new connections nor the end.
#[test]
fn a_log_that_nobody_reads() {
    check_serves(Errors::Unread);
}

/// Goal: a flood of bad frames is logged as a few lines and a count.
#[test]
fn a_flood_of_bad_frames_is_counted() {
    let broker = Broker::start(BrokerOptions { shards: 1, ..BrokerOptions::default() });
    for _ in 0..1_000 {
        let mut bad = WireClient::connect(&broker.bootstrap());
        bad.send_bytes(&BAD_FRAME).expect("it is connected");
        bad.expect_close();
    }
    let lines = broker.log().matches("closing a connection: ").count();
    assert!((1..500).contains(&lines), "{lines} lines");
    broker.await_log("closed more connections for bad requests count=");
}
