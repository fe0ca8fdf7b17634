//! The partitions that this shard owns: their logs, and what waits on each.

use super::append_waiters::AppendWaiters;
use super::ask::PartitionKey;
use super::directories::DirectoryName;
use super::fetch_waiters::FetchWaiters;
use super::routing::ReplyTo;
use super::slots::{SlotId, Slots};
use crate::base::{Monotonic, Offset};
use crate::log::Log;
use crate::metadata::Topic;
use crate::wire::ErrorCode;
use std::collections::HashMap;
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
    /// Appends whose answers wait for the disk.
    pub append_waiters: AppendWaiters,
    /// Answers to DeleteRecords that wait until the log's start is on the disk, and the start that
    /// each names.
    pub deletion_waiters: Vec<(Offset, ReplyTo)>,
    /// Fetches that wait for records.
    pub fetch_waiters: FetchWaiters,
    /// Whether its log may have something to write at the end of this turn.
    pub is_dirty: bool,
    /// When its log wants to be called next, if a timer is set for that.
    pub timer: Option<Monotonic>,
    /// What it adds to the totals of the shard.
    counted: Totals,
}

impl Partition {
    /// What its directory is named after.
    pub fn directory_name(&self) -> DirectoryName {
        (Arc::clone(&self.topic.name), self.key.index)
    }
}

/// The life of a partition on its shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionState {
    /// Its directory is being made.
    Opening,
    /// Its directory cannot be made for now; that is tried again.
    Postponed,
    /// It takes appends and reads.
    Open,
    /// Its topic is gone, its files are being removed.
    Deleting,
    /// It is being closed, for the end of the process.
    Closing,
    /// It is closed.
    Closed,
}

/// Sums over the partitions of a shard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Partitions.
    pub partitions: u64,
    /// Those that a fault has taken out of service until the next start.
    pub failed: u64,
    /// Segments of their logs.
    pub segments: u64,
    /// Bytes of their segments.
    pub log_bytes: u64,
}

impl Totals {
    fn of(log: &Log) -> Totals {
        Totals {
            partitions: 1,
            failed: u64::from(log.has_failed()),
            segments: log.segment_count() as u64,
            log_bytes: log.size_bytes(),
        }
    }

    /// Puts `new` in the place of `old`, which was added before.
    fn replace(&mut self, old: Totals, new: Totals) {
        self.partitions = self.partitions + new.partitions - old.partitions;
        self.failed = self.failed + new.failed - old.failed;
        self.segments = self.segments + new.segments - old.segments;
        self.log_bytes = self.log_bytes + new.log_bytes - old.log_bytes;
    }
}

impl PartitionState {
    /// Whether the log is not on the disk yet.
    pub fn is_being_made(self) -> bool {
        matches!(self, PartitionState::Opening | PartitionState::Postponed)
    }
}

/// All partitions of a shard.
#[derive(Debug, Default)]
pub struct Partitions {
    slots: Slots<Partition>,
    by_key: HashMap<PartitionKey, SlotId>,
    totals: Totals,
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
        let counted = Totals::of(&log);
        self.totals.replace(Totals::default(), counted);
        let slot = self.slots.insert(Partition {
            key,
            topic,
            log,
            state,
            append_waiters: AppendWaiters::default(),
            deletion_waiters: Vec::new(),
            fetch_waiters: FetchWaiters::default(),
            is_dirty: false,
            timer: None,
            counted,
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
            Some(slot) if self.get(slot).state.is_being_made() => Ok(slot),
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

    /// The partition in a slot, unless it is gone.
    pub fn try_get_mut(&mut self, slot: SlotId) -> Option<&mut Partition> {
        self.slots.get_mut(slot)
    }

    /// The partition that an operation was submitted for.
    ///
    /// # Panics
    /// If it is gone: a log stays until its last completion.
    pub fn at(&mut self, slot: u32) -> (SlotId, &mut Partition) {
        self.slots.at(slot).expect("a log stays until its last completion")
    }

    /// Takes a partition out.
    pub fn remove(&mut self, slot: SlotId) -> Option<Partition> {
        let partition = self.slots.remove(slot)?;
        self.by_key.remove(&partition.key);
        self.totals.replace(partition.counted, Totals::default());
        Some(partition)
    }

    /// Takes into the totals what has changed in a partition's log, if it is still there.
    pub fn recount(&mut self, slot: SlotId) {
        let Some(partition) = self.slots.get_mut(slot) else { return };
        let counted = Totals::of(&partition.log);
        if counted != partition.counted {
            let old = std::mem::replace(&mut partition.counted, counted);
            self.totals.replace(old, counted);
        }
    }

    /// The sums over all partitions, as of their last [`Partitions::recount`].
    pub fn totals(&self) -> Totals {
        self.totals
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
