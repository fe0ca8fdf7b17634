//! The partitions that this shard owns, and what waits on them.

use super::Shard;
use super::ask::{AppendedPart, PartitionKey, Refusal};
use super::routing::ReplyTo;
use super::slots::{SlotId, Slots};
use super::tick::Timer;
use super::token::Target;
use crate::base::{Monotonic, Offset};
use crate::io::{IoError, Op, Output};
use crate::log::{Log, LogFact, LogOut, LogToken};
use crate::metadata::Topic;
use crate::metrics::Counters;
use crate::wire::ErrorCode;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// One partition of this shard.
#[derive(Debug)]
pub struct Partition {
    /// Its name that never changes.
    pub key: PartitionKey,
    /// Its topic, as of the image in effect.
    pub topic: Arc<Topic>,
    /// Its log.
    pub log: Log,
    /// Where it is between opening and closing.
    pub state: PartitionState,
    /// Appends with acks=1, in the order of their offsets.
    pub leader_waiters: WaitQueue,
    /// Appends with acks=all, in the order of their offsets.
    pub all_waiters: WaitQueue,
    /// When each write was complete, for the writes that waiting appends belong to.
    pub writes: WriteTimes,
    /// Fetches that wait for records; some may be gone.
    pub fetch_waiters: Vec<SlotId>,
    is_dirty: bool,
    timer: Option<Monotonic>,
}

/// The life of a partition on its shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionState {
    /// Its directory is being made.
    Opening,
    /// It takes appends and reads.
    Open,
    /// Its topic is gone, its files are being removed.
    Deleting,
    /// It is being closed, for the end of the process.
    Closing,
    /// It is closed.
    Closed,
}

/// An append that waits for a position to pass it.
#[derive(Debug)]
pub struct WaitingAppend {
    /// The offset of its last record.
    pub last_offset: Offset,
    /// The answer.
    pub part: AppendedPart,
    /// Where the answer goes.
    pub to: ReplyTo,
    /// When it was appended.
    pub since: Monotonic,
}

/// Appends in the order of their offsets; a duplicate may wait among its successors.
#[derive(Debug, Default)]
pub struct WaitQueue(VecDeque<WaitingAppend>);

impl WaitQueue {
    /// Adds an append. Nearly always the newest; a duplicate finds its place from the end.
    pub fn push(&mut self, waiting: WaitingAppend) {
        let after = self.0.iter().rev().take_while(|other| other.last_offset > waiting.last_offset);
        let index = self.0.len() - after.count();
        self.0.insert(index, waiting);
    }

    /// Takes the first append if `position` has passed its last record.
    pub fn pop_below(&mut self, position: Offset) -> Option<WaitingAppend> {
        self.0.front().filter(|first| first.last_offset < position)?;
        self.0.pop_front()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the appends that have records at or above `from`.
    pub fn take_from(&mut self, from: Offset) -> VecDeque<WaitingAppend> {
        let index = self.0.partition_point(|waiting| waiting.last_offset < from);
        self.0.split_off(index)
    }
}

/// The times at which a log's written position moved.
#[derive(Debug, Default)]
pub struct WriteTimes(VecDeque<(Offset, Monotonic)>);

impl WriteTimes {
    /// Notes that everything below `written` was written at `now`, if that is news.
    pub fn note(&mut self, written: Offset, now: Monotonic) {
        if self.0.back().is_none_or(|(last, _)| *last < written) {
            self.0.push_back((written, now));
        }
    }

    /// When the record at `offset` was written. Forgets the times before it.
    pub fn of(&mut self, offset: Offset) -> Option<Monotonic> {
        let older = self.0.partition_point(|(written, _)| *written <= offset);
        self.0.drain(..older);
        self.0.front().map(|(_, time)| *time)
    }

    /// Forgets all but the newest: nobody waits.
    pub fn forget(&mut self) {
        let old = self.0.len().saturating_sub(1);
        self.0.drain(..old);
    }
}

/// All partitions of a shard.
#[derive(Debug, Default)]
pub struct Partitions {
    slots: Slots<Partition>,
    by_key: HashMap<PartitionKey, SlotId>,
}

impl Partitions {
    /// Adds a partition.
    pub fn insert(
        &mut self,
        key: PartitionKey,
        topic: Arc<Topic>,
        log: Log,
        state: PartitionState,
    ) -> SlotId {
        let slot = self.slots.insert(Partition {
            key,
            topic,
            log,
            state,
            leader_waiters: WaitQueue::default(),
            all_waiters: WaitQueue::default(),
            writes: WriteTimes::default(),
            fetch_waiters: Vec::new(),
            is_dirty: false,
            timer: None,
        });
        assert!(self.by_key.insert(key, slot).is_none(), "a partition has one log");
        slot
    }

    /// The partition of that key, whatever its state.
    pub fn find(&self, key: PartitionKey) -> Option<SlotId> {
        self.by_key.get(&key).copied()
    }

    /// The partition of that key, if it takes requests.
    ///
    /// # Errors
    /// What a client gets otherwise: it asks for fresh metadata and tries again.
    pub fn find_open(&self, key: PartitionKey) -> Result<SlotId, ErrorCode> {
        let slot = self.find(key).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        match self.get(slot).state {
            PartitionState::Open => Ok(slot),
            PartitionState::Deleting => Err(ErrorCode::UnknownTopicOrPartition),
            _ => Err(ErrorCode::NotLeaderOrFollower),
        }
    }

    /// The slot of a partition that takes appends. One whose log is still being made does: they
    /// wait until it is on the disk.
    ///
    /// # Errors
    /// As [`Partitions::find_open`].
    pub fn find_appendable(&self, key: PartitionKey) -> Result<SlotId, ErrorCode> {
        match self.find(key) {
            Some(slot) if self.get(slot).state == PartitionState::Opening => Ok(slot),
            _ => self.find_open(key),
        }
    }

    /// The partition in a slot.
    ///
    /// # Panics
    /// If it is gone: slots are given out for partitions that are there.
    pub fn get(&self, slot: SlotId) -> &Partition {
        self.slots.get(slot).expect("the slot was given out for a partition")
    }

    /// As [`Partitions::get`], to change it.
    pub fn get_mut(&mut self, slot: SlotId) -> &mut Partition {
        self.slots.get_mut(slot).expect("the slot was given out for a partition")
    }

    /// Takes a partition out.
    pub fn remove(&mut self, slot: SlotId) -> Option<Partition> {
        let partition = self.slots.remove(slot)?;
        self.by_key.remove(&partition.key);
        Some(partition)
    }

    /// All partitions.
    pub fn iter(&self) -> impl Iterator<Item = (SlotId, &Partition)> {
        self.slots.iter()
    }

    /// The slots of all partitions.
    pub fn ids(&self) -> Vec<SlotId> {
        self.slots.ids().collect()
    }

    /// How many are in one of `states`.
    pub fn count(&self, states: &[PartitionState]) -> usize {
        self.iter().filter(|(_, partition)| states.contains(&partition.state)).count()
    }
}

fn note_log_operation(counters: &mut Counters, op: &Op) {
    match op {
        Op::Write { data, .. } => {
            counters.log_writes += 1;
            counters.log_written_bytes += data.len();
        }
        Op::Sync { .. } => counters.log_syncs += 1,
        _ => {}
    }
}

impl Shard {
    pub(super) fn on_log(&mut self, slot: u32, operation: u32, result: Result<Output, IoError>) {
        let now = self.now;
        // A log tries some names that need not be there.
        if let Err(error) = &result
            && !error.is_not_found()
        {
            self.metrics.counters.log_errors += 1;
            tracing::error!(%error, "an operation on a log failed");
        }
        let Some((id, partition)) = self.partitions.slots.at(slot) else {
            unreachable!("a log stays until its last completion");
        };
        let mut out = std::mem::take(&mut self.log_out);
        partition.log.on_completion(LogToken(operation), result, now, &mut out);
        self.drain_log_out(id, out);
        self.mark_log(id);
    }

    pub(super) fn on_log_timer(&mut self, id: SlotId) {
        let Some(partition) = self.partitions.slots.get_mut(id) else { return };
        partition.timer = None;
        let mut out = std::mem::take(&mut self.log_out);
        partition.log.on_timer(self.now, &mut out);
        self.drain_log_out(id, out);
        self.mark_log(id);
    }

    /// An empty list of operations and facts for a log to fill; it goes back by
    /// [`Shard::drain_log_out`].
    pub(super) fn take_log_out(&mut self) -> LogOut {
        std::mem::take(&mut self.log_out)
    }

    /// Submits a log's operations and acts on its facts.
    pub(super) fn drain_log_out(&mut self, id: SlotId, mut out: LogOut) {
        for (token, op) in out.ops.drain(..) {
            note_log_operation(&mut self.metrics.counters, &op);
            let target = Target::Log { slot: id.slot, operation: token.0 };
            self.ops.push((target.token(), op));
        }
        for fact in out.facts.drain(..) {
            self.on_log_fact(id, fact);
        }
        self.log_out = out;
        self.set_log_timer(id);
    }

    fn on_log_fact(&mut self, id: SlotId, fact: LogFact) {
        match fact {
            LogFact::Opened => self.on_log_opened(id),
            LogFact::Advanced => {
                self.release_appends(id);
                self.wake_fetches(id);
            }
            LogFact::AppendsFailed { from, error } => {
                let refusal = Refusal { code: error.code(), message: error.to_string() };
                let topic = &self.partitions.get(id).topic.name;
                tracing::error!(%topic, from = from.0, %error, "took appends back");
                self.fail_appends(id, from, &refusal);
            }
            LogFact::LogStartMoved(start) => {
                let partition = self.partitions.get(id);
                tracing::info!(
                    topic = %partition.topic.name,
                    partition = partition.key.index.0,
                    start = start.0,
                    "the log start moved"
                );
            }
            LogFact::Failed(failure) => {
                self.metrics.counters.partitions_failed += 1;
                tracing::error!(%failure, "a log is out of service until the next start");
                let code = ErrorCode::KafkaStorageError;
                let refusal = Refusal { code, message: failure.to_string() };
                self.fail_appends(id, Offset::ZERO, &refusal);
                self.wake_fetches(id);
            }
            LogFact::Deleted => self.on_log_deleted(id),
            LogFact::Closed => self.partitions.get_mut(id).state = PartitionState::Closed,
        }
    }

    fn set_log_timer(&mut self, id: SlotId) {
        let Some(partition) = self.partitions.slots.get_mut(id) else { return };
        let Some(deadline) = partition.log.next_deadline() else { return };
        if partition.timer.is_none_or(|set| deadline < set) {
            partition.timer = Some(deadline);
            self.timers.set(deadline, Timer::Log(id));
        }
    }

    /// Has a log write what is pending at the end of this turn.
    pub(super) fn mark_log(&mut self, id: SlotId) {
        let Some(partition) = self.partitions.slots.get_mut(id) else { return };
        if !partition.is_dirty {
            partition.is_dirty = true;
            self.dirty_logs.push(id);
        }
    }

    /// Lets every log with something pending begin its one write of this turn.
    pub(super) fn flush_dirty_logs(&mut self) {
        while let Some(id) = self.dirty_logs.pop() {
            let Some(partition) = self.partitions.slots.get_mut(id) else { continue };
            partition.is_dirty = false;
            let mut out = std::mem::take(&mut self.log_out);
            partition.log.end_of_tick(self.now, &mut out);
            self.drain_log_out(id, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::connection::RequestKey;

    fn waiting(last_offset: i64) -> WaitingAppend {
        let mut slots = Slots::default();
        let key = RequestKey { connection: slots.insert(()), number: 0 };
        let offset = Offset(last_offset);
        WaitingAppend {
            last_offset: offset,
            part: AppendedPart {
                base_offset: offset,
                log_append_time: crate::base::Timestamp::NONE,
                log_start: Offset::ZERO,
            },
            to: ReplyTo { shard: crate::base::ShardId(0), key, part: 0 },
            since: Monotonic(0),
        }
    }

    /// Goal: answers leave in the order of offsets, a late duplicate among them, and only once
    /// the position has passed the whole batch.
    #[test]
    fn appends_are_released_by_offset() {
        let mut queue = WaitQueue::default();
        for last in [4, 9, 14, 9] {
            queue.push(waiting(last));
        }
        assert!(queue.pop_below(Offset(4)).is_none());
        let mut released = Vec::new();
        while let Some(append) = queue.pop_below(Offset(10)) {
            released.push(append.last_offset.0);
        }
        assert_eq!(released, [4, 9, 9]);
        queue.push(waiting(20));
        let failed: Vec<i64> =
            queue.take_from(Offset(15)).iter().map(|a| a.last_offset.0).collect();
        assert_eq!(failed, [20]);
        assert!(queue.pop_below(Offset(15)).is_some());
    }
}
