//! What a partition has promised, kept outside of it.

use crate::crash::Crash;
use crate::payload::{Read, RecordId};
use crate::random::Random;
use std::collections::BTreeMap;

/// The records that a partition must still have, and all that it may have.
///
/// Told of everything that clients sent, were acknowledged, and read; panics as soon as two of
/// these contradict each other.
#[derive(Debug, Default)]
pub struct Ledger {
    sent: BTreeMap<RecordId, Sent>,
    promised: BTreeMap<i64, Promise>,
    /// What was there before a power loss that may have taken it: an offset that still has a
    /// record has the same. Known until the next check, since only then are offsets given anew.
    doubtful: BTreeMap<i64, RecordId>,
    /// No record below this offset needs to be there.
    deleted_to: i64,
    /// No record below this offset may come back.
    gone_to: i64,
    durable: i64,
    acknowledged_count: u64,
}

/// A record that was sent, perhaps more than once.
#[derive(Debug, Clone, Copy)]
struct Sent {
    /// Its place among the records of a producer that never sends one out of order.
    order: Option<Order>,
}

/// A producer, and the number of a record among those that it sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// The producer; idempotent ones have records at most once in the log.
    pub producer: u64,
    /// Ascending.
    pub number: u64,
}

#[derive(Debug, Clone, Copy)]
struct Promise {
    id: RecordId,
    survives_power: bool,
}

impl Ledger {
    /// A record is being sent. With an `order`, it may be in the log only once, and after those
    /// that its producer sent before.
    pub fn send(&mut self, id: RecordId, order: Option<Order>) {
        self.sent.insert(id, Sent { order });
    }

    /// A record was acknowledged at `offset`.
    pub fn acknowledge(&mut self, offset: i64, id: RecordId, survives_power: bool) {
        self.acknowledged_count += 1;
        self.promise(offset, id, survives_power, "acknowledged");
    }

    /// How many records were acknowledged.
    pub fn acknowledged_count(&self) -> u64 {
        self.acknowledged_count
    }

    /// A consumer read a record.
    pub fn observe(&mut self, read: Read, survives_power: bool) {
        assert!(self.sent.contains_key(&read.id), "{read:?} was never sent");
        self.promise(read.offset, read.id, survives_power, "read");
    }

    fn promise(&mut self, offset: i64, id: RecordId, survives_power: bool, what: &str) {
        if offset < self.deleted_to {
            return;
        }
        self.check_doubtful(offset, id);
        let promise = self.promised.entry(offset).or_insert(Promise { id, survives_power });
        assert_eq!(promise.id, id, "offset {offset} was given to two records, one {what} now");
        promise.survives_power |= survives_power;
    }

    fn check_doubtful(&self, offset: i64, id: RecordId) {
        let before = self.doubtful.get(&offset).copied().unwrap_or(id);
        assert_eq!(before, id, "offset {offset} has another record than before the power loss");
    }

    /// Records below `offset` may go.
    pub fn delete_to(&mut self, offset: i64) {
        self.deleted_to = self.deleted_to.max(offset);
        self.promised = self.promised.split_off(&self.deleted_to);
        self.doubtful = self.doubtful.split_off(&self.deleted_to);
    }

    /// The partition says that records below `offset` never come back.
    pub fn delete_for_good(&mut self, offset: i64) {
        self.delete_to(offset);
        self.gone_to = self.gone_to.max(offset);
    }

    /// The first offset that may not go.
    pub fn deleted_to(&self) -> i64 {
        self.deleted_to
    }

    /// An offset at which a record is promised.
    pub fn draw_promised(&self, random: &mut Random) -> Option<i64> {
        let nth = random.index(self.promised.len().max(1));
        self.promised.keys().nth(nth).copied()
    }

    /// The partition says that records below `durable` are on the disk.
    pub fn note_durable(&mut self, durable: i64) {
        for promise in self.promised.range_mut(self.durable..durable).map(|(_, promise)| promise) {
            promise.survives_power = true;
        }
        self.durable = self.durable.max(durable);
    }

    /// A crash takes with it what was not promised to survive it.
    pub fn crash(&mut self, crash: Crash) {
        if crash == Crash::Power {
            let taken = self.promised.extract_if(.., |_, promise| !promise.survives_power);
            self.doubtful.extend(taken.map(|(offset, promise)| (offset, promise.id)));
        }
        // What was durable is promised as such; a restart finds it anew.
        self.durable = 0;
    }

    /// Checks everything that a partition holds from `log_start` to `log_end`.
    ///
    /// # Panics
    /// If it is not what was promised.
    pub fn check(&mut self, log_start: i64, log_end: i64, reads: &[Read]) {
        let first = self.deleted_to;
        assert!(log_start <= first, "the log starts at {log_start}; {first} was lost");
        let gone_to = self.gone_to;
        assert!(log_start >= gone_to, "what was deleted to {gone_to} came back to {log_start}");
        let mut next = log_start;
        let mut newest: BTreeMap<u64, u64> = BTreeMap::new();
        let mut epoch = -1;
        for read in reads {
            assert_eq!(read.offset, next, "offsets have a gap or come twice");
            next += 1;
            let Some(sent) = self.sent.get(&read.id) else { panic!("{read:?} was never sent") };
            if let Some(Order { producer, number }) = sent.order {
                let before = newest.insert(producer, number);
                assert!(before < Some(number), "{read:?} comes twice or after a later one");
            }
            assert!(read.leader_epoch >= epoch, "the leader epoch goes back at {read:?}");
            epoch = read.leader_epoch;
            self.check_doubtful(read.offset, read.id);
            if let Some(promise) = self.promised.get(&read.offset) {
                assert_eq!(promise.id, read.id, "offset {} was given anew", read.offset);
            }
        }
        assert_eq!(next, log_end, "the log ends at {log_end}, and what is readable at {next}");
        if let Some((offset, promise)) = self.promised.range(log_end..).next() {
            panic!("{promise:?} at {offset} was lost; the log ends at {log_end}");
        }
        self.doubtful.clear();
    }
}
