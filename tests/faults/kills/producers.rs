//! Producers that know what they sent, in which order, and what was acknowledged.

use super::TOPIC;
use crate::ledger::{Ledger, Order};
use crate::payload::{RecordId, Sender, batch};
use crate::random::Random;
use crate::wire_client::{TIMESTAMP, Unanswered, WireClient};
use pinion::wire::ErrorCode;
use std::collections::VecDeque;
use std::io;
use std::sync::Mutex;

/// Batches in flight at most: what idempotence allows.
const IN_FLIGHT_MAX: usize = 5;

/// Batches of one producer in one round, so that checks stay short; then it keeps still.
const BATCHES_PER_ROUND: usize = 400;

/// Values have up to so many bytes.
const VALUE_LENGTH_MAX: u64 = 400;

/// The records of one producer, numbered in the order in which they are sent.
struct Numbering {
    producer: u64,
    number: u64,
    random: Random,
}

impl Numbering {
    /// The next few records, entered as sent.
    fn draw(&mut self, ledger: &Mutex<Ledger>) -> Vec<RecordId> {
        let count = self.random.between(1, 12);
        let mut ledger = ledger.lock().expect("no client panicked");
        let mut name = || {
            self.number += 1;
            let id = RecordId((self.producer << 40) | self.number);
            let order = Order { producer: self.producer, number: self.number };
            ledger.send(id, Some(order));
            id
        };
        (0..count).map(|_| name()).collect()
    }
}

fn acknowledge(ledger: &Mutex<Ledger>, ids: &[RecordId], base_offset: i64) {
    let mut ledger = ledger.lock().expect("no client panicked");
    for (id, offset) in ids.iter().zip(base_offset..) {
        ledger.acknowledge(offset, *id, false);
    }
}

/// A refusal that a broker may give while it ends.
fn is_goodbye(error: ErrorCode) -> bool {
    error == ErrorCode::NotLeaderOrFollower
}

/// A producer that never repeats anything: its records are there at most once, in order.
pub struct Plain {
    partition: usize,
    acks: i16,
    numbering: Numbering,
}

impl Plain {
    pub fn new(partition: usize, acks: i16, (producer, random): (u64, Random)) -> Self {
        Plain { partition, acks, numbering: Numbering { producer, number: 0, random } }
    }

    /// Produces until the connection breaks.
    pub fn run(&mut self, bootstrap: &str, ledgers: &[Mutex<Ledger>]) -> io::Result<()> {
        let mut client = WireClient::try_connect(bootstrap)?;
        let ledger = &ledgers[self.partition];
        let to = (TOPIC, self.partition as i32);
        let mut in_flight: VecDeque<(Unanswered, Vec<RecordId>)> = VecDeque::new();
        for _ in 0..BATCHES_PER_ROUND {
            let ids = self.numbering.draw(ledger);
            let bytes = batch(&ids, Sender::Plain, *TIMESTAMP, VALUE_LENGTH_MAX);
            let unanswered = client.begin_produce(to, &bytes, self.acks)?;
            if self.acks == 0 {
                continue;
            }
            in_flight.push_back((unanswered, ids));
            if in_flight.len() == IN_FLIGHT_MAX {
                finish_first(&mut client, &mut in_flight, ledger)?;
            }
        }
        while !in_flight.is_empty() {
            finish_first(&mut client, &mut in_flight, ledger)?;
        }
        client.await_close()
    }
}

fn finish_first(
    client: &mut WireClient,
    in_flight: &mut VecDeque<(Unanswered, Vec<RecordId>)>,
    ledger: &Mutex<Ledger>,
) -> io::Result<()> {
    let (unanswered, ids) = in_flight.pop_front().expect("the caller saw one");
    let produced = client.end_produce(unanswered)?;
    if is_goodbye(produced.error) {
        return Err(io::ErrorKind::Other.into());
    }
    assert_eq!(produced.error, ErrorCode::None, "{produced:?}");
    acknowledge(ledger, &ids, produced.base_offset);
    Ok(())
}

/// A producer that repeats what was not acknowledged, over restarts: each of its records is there
/// exactly once in the end.
pub struct Idempotent {
    id: (i64, i16),
    partition: usize,
    numbering: Numbering,
    next_sequence: i32,
    /// In order; the first few are in flight.
    unacknowledged: VecDeque<(Vec<u8>, Vec<RecordId>)>,
}

impl Idempotent {
    pub fn new(id: (i64, i16), partition: usize, (producer, random): (u64, Random)) -> Self {
        let numbering = Numbering { producer, number: 0, random };
        let unacknowledged = VecDeque::new();
        Idempotent { id, partition, numbering, next_sequence: 0, unacknowledged }
    }

    /// Repeats what is not acknowledged, then produces until the connection breaks.
    pub fn run(&mut self, bootstrap: &str, ledgers: &[Mutex<Ledger>]) -> io::Result<()> {
        let mut client = WireClient::try_connect(bootstrap)?;
        let ledger = &ledgers[self.partition];
        let to = (TOPIC, self.partition as i32);
        let mut in_flight: VecDeque<Unanswered> = VecDeque::new();
        for (bytes, _) in &self.unacknowledged {
            in_flight.push_back(client.begin_produce(to, bytes, -1)?);
        }
        for _ in 0..BATCHES_PER_ROUND {
            if in_flight.len() == IN_FLIGHT_MAX {
                self.finish_first(&mut client, &mut in_flight, ledger)?;
            }
            let ids = self.numbering.draw(ledger);
            let (producer_id, epoch) = self.id;
            let sender = Sender::Idempotent(producer_id, epoch, self.next_sequence);
            self.next_sequence += ids.len() as i32;
            let bytes = batch(&ids, sender, *TIMESTAMP, VALUE_LENGTH_MAX);
            self.unacknowledged.push_back((bytes, ids));
            let (bytes, _) = self.unacknowledged.back().expect("it was just pushed");
            in_flight.push_back(client.begin_produce(to, bytes, -1)?);
        }
        while !in_flight.is_empty() {
            self.finish_first(&mut client, &mut in_flight, ledger)?;
        }
        client.await_close()
    }

    fn finish_first(
        &mut self,
        client: &mut WireClient,
        in_flight: &mut VecDeque<Unanswered>,
        ledger: &Mutex<Ledger>,
    ) -> io::Result<()> {
        let unanswered = in_flight.pop_front().expect("the caller saw one");
        let produced = client.end_produce(unanswered)?;
        if is_goodbye(produced.error) {
            return Err(io::ErrorKind::Other.into());
        }
        assert_eq!(produced.error, ErrorCode::None, "{produced:?}");
        let (_, ids) = self.unacknowledged.pop_front().expect("what is in flight is here");
        acknowledge(ledger, &ids, produced.base_offset);
        Ok(())
    }
}
