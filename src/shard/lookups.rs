//! Reads that an answer waits for: an index, or the headers of batches.

use super::Shard;
use super::ask::PartitionKey;
use super::routing::ReplyTo;
use super::slots::{SlotId, Slots};
use super::token::Target;
use crate::base::Offset;
use crate::io::{IoError, Op, Output};
use crate::log::{Log, Lookup as LogLookup, OffsetLookup, ReadError};
use crate::wire::ErrorCode;
use std::collections::{HashSet, VecDeque};

/// Reads that a shard has under way at a time, so that a request for many partitions does not
/// fill the memory with what it reads.
const IN_FLIGHT_MAX: usize = 32;

/// Damaged places that a shard tells of; those found later are refused without a log line.
const TOLD_MAX: usize = 1024;

/// The reads that answers of this shard wait for.
#[derive(Debug, Default)]
pub struct Lookups {
    slots: Slots<Lookup>,
    in_flight: usize,
    /// Those whose turn has not come, in the order of their coming.
    queue: VecDeque<SlotId>,
    /// Damaged places that the log has a line about: consumers ask for them again and again.
    told: HashSet<(PartitionKey, Offset, u64)>,
}

impl Lookups {
    /// The code for a read that found `error`. Damage is reported, each place once.
    fn refusal(&mut self, partition: PartitionKey, log: &Log, error: &ReadError) -> ErrorCode {
        if let ReadError::Corrupt { segment, position } = *error
            && self.told.len() < TOLD_MAX
            && self.told.insert((partition, segment, position))
        {
            let path = log.segment_path(segment);
            let path = path.display();
            tracing::error!(%path, position, "damaged log: a read was refused");
        }
        error.code()
    }
}

/// A read under way for a partition of this shard.
#[derive(Debug)]
pub struct Lookup {
    /// The partition; it may be deleted meanwhile.
    pub partition: PartitionKey,
    /// Who waits.
    pub purpose: LookupPurpose,
}

/// What a read is for.
#[derive(Debug)]
pub enum LookupPurpose {
    /// A part of a fetch.
    Fetch { task: SlotId, index: u32, lookup: LogLookup },
    /// A search by timestamp.
    Offset { to: ReplyTo, lookup: OffsetLookup },
}

impl Shard {
    /// Begins a read, or has it wait for its turn.
    pub(super) fn look_up(&mut self, lookup: Lookup) {
        let id = self.lookups.slots.insert(lookup);
        self.lookups.queue.push_back(id);
        self.begin_lookups();
    }

    fn begin_lookups(&mut self) {
        while self.lookups.in_flight < IN_FLIGHT_MAX {
            let Some(id) = self.lookups.queue.pop_front() else { return };
            let Some(lookup) = self.lookups.slots.get(id) else {
                unreachable!("a lookup stays until its read completes");
            };
            let (file, position, length) = match &lookup.purpose {
                LookupPurpose::Fetch { lookup, .. } => lookup.range(),
                LookupPurpose::Offset { lookup, .. } => lookup.range(),
            };
            self.lookups.in_flight += 1;
            let op = Op::Read { file, position, buffer: Vec::new(), length };
            self.ops.push((Target::Lookup { slot: id.slot }.token(), op));
        }
    }

    /// Takes the bytes to whoever waits for them.
    pub(super) fn on_lookup(&mut self, slot: u32, result: Result<Output, IoError>) {
        let Some((id, _)) = self.lookups.slots.at(slot) else {
            unreachable!("a lookup stays until its read completes");
        };
        let Some(lookup) = self.lookups.slots.remove(id) else { return };
        self.lookups.in_flight -= 1;
        self.begin_lookups();
        let bytes = match result {
            Ok(Output::Read(bytes)) => Ok(bytes),
            Ok(other) => unreachable!("read gave {other:?}"),
            Err(error) => {
                self.metrics.counters.log_errors += 1;
                let PartitionKey { topic, index } = lookup.partition;
                let topic = self.image.topic_by_id(topic).map_or("(deleted)", |topic| &topic.name);
                tracing::error!(topic, partition = index.0, %error, "cannot read a log");
                Err(ErrorCode::KafkaStorageError)
            }
        };
        let slot = self.partitions.find_open(lookup.partition);
        let ready = slot.and_then(|slot| Ok((slot, bytes?)));
        let partition = lookup.partition;
        match lookup.purpose {
            LookupPurpose::Fetch { task, index, lookup } => {
                let step = ready.and_then(|(slot, bytes)| {
                    let log = &mut self.partitions.get_mut(slot).log;
                    let step = log.resume_read(lookup, &bytes);
                    step.map_err(|error| self.lookups.refusal(partition, log, &error))
                });
                self.resume_fetch(task, index, step);
            }
            LookupPurpose::Offset { to, lookup: search } => {
                let step = ready.and_then(|(slot, bytes)| {
                    let log = &mut self.partitions.get_mut(slot).log;
                    let step = log.resume_offset(search, &bytes);
                    step.map_err(|error| self.lookups.refusal(partition, log, &error))
                });
                self.take_offset_step(to, partition, step);
            }
        }
    }
}
