//! Everything that a broker has after a restart, compared with what it promised.

use super::TOPIC;
use crate::ledger::Ledger;
use crate::payload::{Read, read_batches};
use crate::wire_client::{Fetch, WireClient};
use pinion::wire::ErrorCode;
use std::sync::Mutex;

/// Reads every partition from its start to its end and checks it against its ledger. What was
/// read is a promise from then on.
pub fn ledgers(client: &mut WireClient, ledgers: &[Mutex<Ledger>]) {
    for (partition, ledger) in (0..).zip(ledgers) {
        let of = (TOPIC, partition);
        let (start, end) = (client.start_offset(of), client.end_offset(of));
        let reads = read_all(client, partition, start, end);
        let mut ledger = ledger.lock().expect("no client panicked");
        ledger.check(start, end, &reads);
        reads.into_iter().for_each(|read| ledger.observe(read, false));
    }
}

fn read_all(client: &mut WireClient, partition: i32, start: i64, end: i64) -> Vec<Read> {
    let (mut reads, mut next): (Vec<Read>, i64) = (Vec::new(), start);
    while next < end {
        let fetched = client.fetch(&Fetch::from(TOPIC, partition, next));
        assert_eq!(fetched.error, ErrorCode::None, "partition {partition} at {next}");
        let (found, _) = read_batches(&fetched.records);
        let last = found.last().unwrap_or_else(|| {
            panic!("partition {partition} has nothing at {next}, but its end is {end}")
        });
        let after = last.offset + 1;
        reads.extend(found.into_iter().filter(|read| read.offset >= next));
        next = after;
    }
    reads
}
