//! The producers of a run: what they have sent, and what they send again.

use super::process::{Reply, Waiting};
use crate::ledger::{Ledger, Order};
use crate::payload::{RecordId, Sender};
use crate::random::Random;
use std::collections::VecDeque;

/// The most batches that an idempotent producer has in flight, as in Kafka's clients.
const IN_FLIGHT_MAX: usize = 5;

/// A producer that numbers its records, or not.
#[derive(Debug)]
pub struct Producer {
    /// `None` for a plain producer, which never sends anything twice.
    producer_id: Option<i64>,
    next_sequence: i32,
    /// Sent and not acknowledged, in order.
    unacknowledged: VecDeque<Batch>,
    /// Whether some of them failed: they go again before anything new does.
    pub is_behind: bool,
    /// The newest of those acknowledged, with their offsets.
    last: Option<(Batch, i64)>,
}

/// A batch of an idempotent producer.
#[derive(Debug, Clone)]
pub struct Batch {
    pub sequence: i32,
    pub ids: Vec<RecordId>,
}

/// Draws names of records, so that none comes twice in a run.
#[derive(Debug, Default)]
pub struct Names {
    count: u64,
    next_producer_id: i64,
}

impl Names {
    fn draw(&mut self, count: u64) -> Vec<RecordId> {
        let first = self.count;
        self.count += count;
        (first..self.count).map(RecordId).collect()
    }
}

impl Producer {
    /// A producer without idempotence.
    pub fn plain() -> Producer {
        Producer {
            producer_id: None,
            next_sequence: 0,
            unacknowledged: VecDeque::new(),
            is_behind: false,
            last: None,
        }
    }

    /// An idempotent producer with an id of its own.
    pub fn idempotent(names: &mut Names) -> Producer {
        names.next_producer_id += 1;
        Producer { producer_id: Some(names.next_producer_id), ..Producer::plain() }
    }

    /// Begins anew under another id, if this one has one: what it sent may be lost.
    pub fn renew(&mut self, names: &mut Names) {
        if self.producer_id.is_some() {
            *self = Producer::idempotent(names);
        }
    }

    fn sender(&self, sequence: i32) -> Sender {
        self.producer_id.map_or(Sender::Plain, |id| Sender::Idempotent(id, 0, sequence))
    }

    /// Makes the next batch; `None` if too many wait.
    pub fn next_batch(
        &mut self,
        names: &mut Names,
        random: &mut Random,
        ledger: &mut Ledger,
    ) -> Option<(Vec<RecordId>, Sender)> {
        if self.unacknowledged.len() >= IN_FLIGHT_MAX {
            return None;
        }
        let ids = names.draw(random.between(1, 5));
        for id in &ids {
            let order = |producer: i64| Order { producer: producer as u64, number: id.0 };
            ledger.send(*id, self.producer_id.map(order));
        }
        let sender = self.sender(self.next_sequence);
        if self.producer_id.is_some() {
            let sequence = self.next_sequence;
            self.next_sequence += ids.len() as i32;
            self.unacknowledged.push_back(Batch { sequence, ids: ids.clone() });
        }
        Some((ids, sender))
    }

    /// The batches that nobody acknowledged, to be sent again in order.
    pub fn again(&self) -> Vec<(Vec<RecordId>, Sender)> {
        let send = |batch: &Batch| (batch.ids.clone(), self.sender(batch.sequence));
        self.unacknowledged.iter().map(send).collect()
    }

    /// The last batch that was acknowledged, and where: sent again, it must be recognised.
    pub fn last(&self) -> Option<(Vec<RecordId>, Sender, i64)> {
        let (batch, base_offset) = self.last.as_ref()?;
        Some((batch.ids.clone(), self.sender(batch.sequence), *base_offset))
    }

    /// Whether batches wait for their acknowledgement.
    pub fn is_waiting(&self) -> bool {
        !self.unacknowledged.is_empty()
    }

    fn acknowledge(&mut self, waiting: &Waiting) {
        let is_this = |batch: &Batch| batch.ids == waiting.ids;
        if let Some(index) = self.unacknowledged.iter().position(is_this) {
            let batch = self.unacknowledged.remove(index).expect("just found");
            self.last = Some((batch, waiting.base_offset));
        }
    }
}

/// Hands replies to the producers that wait for them.
pub fn take_replies(producers: &mut [Producer], replies: Vec<Reply>) {
    for reply in replies {
        match reply {
            Reply::Acknowledged(waiting) => producers[waiting.producer].acknowledge(&waiting),
            Reply::Failed(waiting) => producers[waiting.producer].is_behind = true,
        }
    }
}
