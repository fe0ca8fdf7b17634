//! Connections: order of answers, what closes a connection, and versions.

use crate::start;
use crate::wire_client::{Fetch, WireClient, batch, batch_of};
use pinion::wire::api::SUPPORTED;
use pinion::wire::api::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use pinion::wire::api::find_coordinator::FindCoordinatorRequest;
use pinion::wire::api::list_offsets::{ListOffsetsRequest, ListOffsetsResponse};
use pinion::wire::{ApiKey, ErrorCode};

/// Goal: requests that are sent without waiting are answered in their order, whatever each takes,
/// and whichever shard answers them.
#[test]
fn pipelined_requests_are_answered_in_order() {
    let (_broker, mut client) = start();
    client.create_topic("t", 4, &[]);
    let mut sent = Vec::new();
    for round in 0..100 {
        let partition = round % 4;
        sent.push((0, client.begin_produce(("t", partition), &batch("v", 3), -1).unwrap()));
        let fetch = Fetch::from("t", partition, 0).waiting(5, 1 << 20);
        let fetch = client.send(12, &fetch.request()).unwrap();
        let offsets = client.send(6, &ListOffsetsRequest::default()).unwrap();
        let versions = client.send(0, &ApiVersionsRequest::default()).unwrap();
        sent.last_mut().unwrap().0 = fetch;
        assert_eq!((offsets, versions), (fetch + 1, fetch + 2));
    }
    for (round, (fetch, produce)) in (0..).zip(sent) {
        let produced = client.end_produce(produce).unwrap();
        assert_eq!((produced.error, produced.base_offset), (ErrorCode::None, round / 4 * 3));
        let fetched = client.end_fetch(fetch).unwrap();
        assert_eq!(fetched[0].partition, (round % 4) as i32);
        let _: ListOffsetsResponse = client.receive(6, fetch + 1).unwrap();
        let versions: ApiVersionsResponse = client.receive(0, fetch + 2).unwrap();
        assert_eq!(versions.error_code, 0);
    }
}

/// Goal: the table of APIs is what the codec says, in every version of ApiVersions.
#[test]
fn api_versions_lists_what_is_served() {
    let (_broker, mut client) = start();
    let wanted: Vec<_> =
        SUPPORTED.iter().map(|api| (api.key.code(), api.advertised_min, api.max)).collect();
    for version in 0..=4 {
        let request = ApiVersionsRequest {
            client_software_name: "wire-client",
            client_software_version: "1",
        };
        let response = client.call(version, &request);
        let apis = response.api_keys.iter();
        let seen: Vec<_> =
            apis.map(|api| (api.api_key, api.min_version, api.max_version)).collect();
        assert_eq!(seen, wanted, "in version {version}");
    }
}

/// Goal: an ApiVersions request of the future is answered in version 0, with error 35 and the
/// range to choose from, and the connection goes on (KIP-511).
#[test]
fn an_unknown_version_of_api_versions_is_answered() {
    let (_broker, mut client) = start();
    for version in [5_i16, 127, i16::MAX, -1] {
        let header = [18_i16.to_be_bytes(), version.to_be_bytes()].concat();
        let rest = [&77_i32.to_be_bytes()[..], &[0xff, 0xff], &[0, 9, 9, 9]].concat();
        client.send_frame(&[header, rest].concat()).unwrap();
        let response: ApiVersionsResponse = client.receive(0, 77).unwrap();
        assert_eq!(ErrorCode::from(response.error_code), ErrorCode::UnsupportedVersion);
        let [api] = &response.api_keys[..] else { panic!("{response:?}") };
        assert_eq!((api.api_key, api.min_version, api.max_version), (18, 0, 4));
    }
    assert_eq!(client.call(3, &ApiVersionsRequest::default()).error_code, 0);
}

/// Goal: an API or version that was not advertised closes the connection, and no other.
#[test]
fn an_unknown_api_or_version_closes_the_connection() {
    let (broker, mut other) = start();
    let known = ApiKey::ALL.iter().map(|key| (key.code(), key.versions().end() + 1));
    let unknown = [(4, 0), (11, 0), (999, 0), (-1, 0), (i16::MIN, i16::MIN), (0, 2), (0, -1)];
    let unserved = [(ApiKey::FindCoordinator.code(), 0)];
    for (key, version) in known.chain(unknown).chain(unserved) {
        if key == ApiKey::ApiVersions.code() {
            continue;
        }
        let mut client = WireClient::connect(&broker.bootstrap());
        let header = [key.to_be_bytes(), version.to_be_bytes()].concat();
        client.send_frame(&[&header[..], &1_i32.to_be_bytes(), &[0xff, 0xff]].concat()).unwrap();
        client.expect_close();
    }
    let mut client = WireClient::connect(&broker.bootstrap());
    client.send(3, &FindCoordinatorRequest::default()).unwrap();
    client.expect_close();
    assert_eq!(other.call(3, &ApiVersionsRequest::default()).error_code, 0);
}

/// Goal: a length that no frame may have closes the connection before anything else is read.
#[test]
fn an_impossible_frame_length_closes_the_connection() {
    let (broker, mut other) = start();
    for length in [-1, i32::MIN, i32::MAX, 100 * 1024 * 1024 + 1] {
        let mut client = WireClient::connect(&broker.bootstrap());
        client.send_bytes(&length.to_be_bytes()).unwrap();
        client.expect_close();
    }
    assert_eq!(other.call(3, &ApiVersionsRequest::default()).error_code, 0);
}

/// Goal: what was asked before a bad frame is answered before the connection closes, and nothing
/// that the client sends behind it cuts those answers.
#[test]
fn what_was_asked_before_a_bad_frame_is_answered() {
    let (broker, mut client) = start();
    client.create_topic("t", 1, &[]);
    for _ in 0..20 {
        let mut client = WireClient::connect(&broker.bootstrap());
        let produce = client.begin_produce(("t", 0), &batch("v", 1), -1).unwrap();
        client.send_bytes(&[0xff; 4]).unwrap();
        client.send_bytes(&[0; 100_000]).unwrap();
        let produced = client.end_produce(produce).expect("an answer");
        assert_eq!(produced.error, ErrorCode::None);
        client.expect_close();
    }
}

/// Goal: an answer that no kernel buffer holds comes whole, although a bad frame follows its
/// request.
#[test]
fn a_bad_frame_does_not_cut_a_large_answer() {
    let (_broker, mut client) = start();
    client.create_topic("t", 1, &[]);
    for _ in 0..24 {
        client.append(("t", 0), &batch_of(&[vec![b'x'; 1_000_000]]));
    }
    let fetch = Fetch::from("t", 0, 0).partition_max_bytes(64 << 20);
    let fetch = client.send(12, &fetch.request()).unwrap();
    client.send_frame(&[0xff; 30]).unwrap();
    client.send_bytes(&[0; 100_000]).unwrap();
    let fetched = client.end_fetch(fetch).expect("an answer");
    assert_eq!(fetched[0].values().len(), 24);
    client.expect_close();
}

/// Goal: a frame that comes byte by byte is a frame; empty and short ones close the connection.
#[test]
fn frames_may_come_in_any_pieces() {
    let (broker, mut client) = start();
    client.stream().set_nodelay(true).unwrap();
    let frame = [&18_i16.to_be_bytes()[..], &[0, 0], &5_i32.to_be_bytes(), &[0xff, 0xff]].concat();
    let bytes = [&(frame.len() as i32).to_be_bytes()[..], &frame].concat();
    for byte in bytes {
        client.send_bytes(&[byte]).unwrap();
    }
    let response: ApiVersionsResponse = client.receive(0, 5).unwrap();
    assert_eq!(response.error_code, 0);
    for size in 0..8 {
        let mut client = WireClient::connect(&broker.bootstrap());
        client.send_frame(&frame[..size]).unwrap();
        client.expect_close();
    }
}

/// Goal: a client that has said all it has to say still gets its answers.
#[test]
fn a_half_closed_connection_is_answered() {
    let (_broker, mut client) = start();
    client.create_topic("t", 1, &[]);
    let produce = client.begin_produce(("t", 0), &batch("v", 2), -1).unwrap();
    client.finish_sending();
    if let Ok(produced) = client.end_produce(produce) {
        assert_eq!(produced.base_offset, 0);
    }
    client.expect_close();
}
