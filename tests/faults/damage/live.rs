//! Files that are hurt under a running broker.

use super::{
    BATCHES, End, RECORDS, Victim, batches_in, check_served, check_whole, fetch_one, flip,
};
use crate::wire_client::WireClient;
use pinion::wire::ErrorCode;
use pinion::wire::record_batch::Batches;

/// Whether the answer for `offset` shows that its batch is hurt: the broker refuses it, or the
/// checksum that came with it tells the client.
fn is_detected(client: &mut WireClient, offset: i64) -> bool {
    let fetched = fetch_one(client, 0, offset);
    match fetched.error {
        ErrorCode::CorruptMessage => true,
        ErrorCode::None => {
            let batch = Batches::new(&fetched.records).next().expect("one batch is served");
            batch.is_ok_and(|batch| batch.verify_crc().is_err())
        }
        error => panic!("{error:?} at {offset}"),
    }
}

/// Goal: a byte that changes under a running broker, after it wrote the batch, is at worst found
/// by the client's own check; the next start finds it too, and refuses the batch.
#[test]
fn a_batch_hurt_under_its_writer() {
    let mut victim = Victim::start(2);
    let mut client = WireClient::connect(&victim.broker.bootstrap());
    let segment = victim.files(0, ".log").pop().expect("there are some");
    let (position, header) = batches_in(&segment)[1];
    flip(&segment, position + 150, 0x08);
    for number in 0..BATCHES {
        let offset = number * RECORDS;
        if offset == header.base_offset {
            assert!(is_detected(&mut client, offset));
        } else {
            check_served(&fetch_one(&mut client, 0, offset), offset);
        }
    }
    check_whole(&mut client, 1, 0);
    victim.end(End::Terminate);
    let before = victim.broker.log().len();
    let mut client = victim.restart();
    let fetched = fetch_one(&mut client, 0, header.base_offset);
    assert_eq!(fetched.error, ErrorCode::CorruptMessage);
    assert!(victim.has_reported(&segment, before));
    check_whole(&mut client, 1, 0);
}

/// Goal: a byte of an earlier process's that changes before this one has read it is found when it
/// does, in any field of the batch, and refused each time; the log has one line about it.
#[test]
fn a_batch_hurt_before_it_is_first_read() {
    let victim = Victim::start(1);
    let mut client = WireClient::connect(&victim.broker.bootstrap());
    let before = victim.broker.log().len();
    let segment = victim.files(0, ".log").remove(0);
    let (position, header) = batches_in(&segment)[3];
    flip(&segment, position + 7, 0x01);
    for _ in 0..3 {
        let fetched = fetch_one(&mut client, 0, header.base_offset);
        assert_eq!(fetched.error, ErrorCode::CorruptMessage);
    }
    let log = victim.broker.log()[before..].to_owned();
    let name = segment.to_string_lossy();
    let lines = log.lines().filter(|line| line.contains(&*name) && line.contains("damaged"));
    assert_eq!(lines.count(), 1, "{log}");
    check_served(&fetch_one(&mut client, 0, 0), 0);
}
