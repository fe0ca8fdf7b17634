//! The clients of a round: each runs until its connection breaks, and its memory outlives that.

use super::TOPIC;
use super::producers::{Idempotent, Plain};
use super::topics::Topics;
use crate::ledger::Ledger;
use crate::payload::read_batches;
use crate::random::Random;
use crate::wire_client::{Fetch, WireClient};
use pinion::wire::ErrorCode;
use std::io;
use std::sync::Mutex;

/// The partition whose records are deleted now and then.
const SHRINKING: usize = 3;

/// All clients of a series.
pub struct Load {
    idempotent: Vec<Idempotent>,
    plain: Vec<Plain>,
    random: Random,
}

impl Load {
    /// Partition 0 has an idempotent producer and a plain one, partition 1 two idempotent ones,
    /// partition 2 plain ones of each kind of acks, and partition 3 shrinks.
    pub fn new(client: &mut WireClient, mut random: Random) -> Self {
        let mut number = 0;
        let mut next = || {
            number += 1;
            (number, random.fork())
        };
        let idempotent = [0, 1, 1, SHRINKING]
            .into_iter()
            .map(|partition| Idempotent::new(client.init_producer_id(), partition, next()))
            .collect();
        let plain = [(0, -1), (2, -1), (2, 1), (2, 0)]
            .into_iter()
            .map(|(partition, acks)| Plain::new(partition, acks, next()))
            .collect();
        Load { idempotent, plain, random: random.fork() }
    }

    /// Lets all clients loose, and ends the broker by `end` while they work.
    pub fn run(
        &mut self,
        bootstrap: &str,
        ledgers: &[Mutex<Ledger>],
        topics: &Topics,
        end: impl FnOnce(),
    ) {
        let mut random = [(); 3].map(|()| self.random.fork()).into_iter();
        let mut next_random = || random.next().expect("one for each client");
        std::thread::scope(|scope| {
            for producer in &mut self.idempotent {
                scope.spawn(move || broken(producer.run(bootstrap, ledgers)));
            }
            for producer in &mut self.plain {
                scope.spawn(move || broken(producer.run(bootstrap, ledgers)));
            }
            let mut random = next_random();
            scope.spawn(move || broken(consume(bootstrap, ledgers, &mut random)));
            let mut random = next_random();
            scope.spawn(move || broken(delete_records(bootstrap, ledgers, &mut random)));
            let mut random = next_random();
            scope.spawn(move || broken(topics.churn(bootstrap, &mut random)));
            end();
        });
    }
}

/// A client ends by its connection's end. (Its panics come out of the scope by themselves.)
fn broken(end: io::Result<()>) {
    assert!(end.is_err(), "clients go on until the broker goes");
}

/// Reads all partitions from somewhere, again and again: what is read once is a promise.
fn consume(bootstrap: &str, ledgers: &[Mutex<Ledger>], random: &mut Random) -> io::Result<()> {
    let mut client = WireClient::try_connect(bootstrap)?;
    let mut next = [0; super::PARTITIONS];
    loop {
        let fetch = (1..).zip(&next[1..]).fold(
            Fetch::from(TOPIC, 0, next[0]).waiting(20, 1).partition_max_bytes(200_000),
            |fetch, (partition, offset)| fetch.and(partition, *offset),
        );
        for fetched in client.try_fetch_all(&fetch)? {
            let partition = fetched.partition as usize;
            match fetched.error {
                ErrorCode::None => {}
                ErrorCode::OffsetOutOfRange => {
                    next[partition] = fetched.log_start.max(0);
                    continue;
                }
                ErrorCode::NotLeaderOrFollower => return Err(io::ErrorKind::Other.into()),
                error => panic!("a fetch of partition {partition} at {}: {error}", next[partition]),
            }
            let (reads, _) = read_batches(&fetched.records);
            let mut ledger = ledgers[partition].lock().expect("no client panicked");
            for read in reads {
                assert!(read.offset < fetched.high_watermark, "{read:?} is above the watermark");
                next[partition] = next[partition].max(read.offset + 1);
                ledger.observe(read, false);
            }
            if random.once_in(50) {
                next[partition] = 0;
            }
        }
    }
}

/// Deletes records below a random offset now and then. They may go from when that is asked for.
fn delete_records(
    bootstrap: &str,
    ledgers: &[Mutex<Ledger>],
    random: &mut Random,
) -> io::Result<()> {
    let mut client = WireClient::try_connect(bootstrap)?;
    let of = (TOPIC, SHRINKING as i32);
    loop {
        std::thread::sleep(std::time::Duration::from_millis(random.between(1, 15)));
        let end = client.try_list_offset(of, -1)?;
        if end.error != ErrorCode::None {
            return Err(io::ErrorKind::Other.into());
        }
        let offset = random.between(0, end.offset as u64) as i64;
        ledgers[SHRINKING].lock().expect("no client panicked").delete_to(offset);
        match client.try_delete_records(of, offset)? {
            Ok(start) => {
                assert!(start >= offset, "the log starts at {start}, not {offset}");
                ledgers[SHRINKING].lock().expect("no client panicked").delete_for_good(start);
            }
            Err(ErrorCode::NotLeaderOrFollower) => return Err(io::ErrorKind::Other.into()),
            Err(error) => panic!("DeleteRecords below {offset}: {error}"),
        }
    }
}
