//! The owner's side of a fetch: plan reads, wait for more, answer once.
//!
//! A task answers when it has its minimum of bytes or an error, when its deadline passes, or when
//! the connection's shard hurries it. While it waits it stands in the list of each of its
//! partitions, and the log's progress wakes it.

use super::Shard;
use super::ask::{Answer, FetchPartition, FetchQuestion, FetchedPart};
use super::lookups::{Lookup, LookupPurpose};
use super::routing::ReplyTo;
use super::slots::SlotId;
use crate::base::Monotonic;
use crate::base::limits::FETCH_LOOKUPS_MAX;
use crate::log::ReadStep;
use crate::wire::ErrorCode;
use std::cmp::Ordering;
use std::time::Duration;

/// A fetch that this shard serves for some connection.
#[derive(Debug)]
pub struct FetchTask {
    /// Where the answer goes.
    pub to: ReplyTo,
    /// Whether it could not be answered when it came.
    pub has_waited: bool,
    /// Whether it is to be looked at again.
    pub is_woken: bool,
    partitions: Vec<FetchPartition>,
    parts: Vec<FetchedPart>,
    states: Vec<PartState>,
    bytes_min: u32,
    bytes_max: u32,
    /// Until when it may wait.
    pub deadline: Monotonic,
    is_urgent: bool,
    is_watching: bool,
    /// A partition has moved since the parts were planned.
    has_news: bool,
    has_failed: bool,
    bytes_planned: u32,
    lookups: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PartState {
    /// To be planned, now or again.
    Open,
    /// A lookup is under way.
    LookingUp,
    /// Planned, or failed: final for this task.
    Settled,
}

impl Shard {
    /// Takes a fetch in.
    pub(super) fn begin_fetch(&mut self, to: ReplyTo, question: FetchQuestion) {
        // On the way to the end nobody waits for more.
        let wait_ms = if self.closing.is_serving() { question.wait_ms } else { 0 };
        let wait = Duration::from_millis(u64::from(wait_ms));
        let task = FetchTask::new(to, question, self.now.monotonic, wait);
        let id = self.fetches.insert(task);
        self.advance_fetch(id);
    }

    /// Answers the fetch of this request soon, with what there is.
    pub(super) fn hurry_fetch(&mut self, to: ReplyTo) {
        if let Some(id) = self.fetches.of_request(to) {
            self.expire_fetch(id);
        }
    }

    /// Has a fetch answered with what there is.
    pub(super) fn expire_fetch(&mut self, id: SlotId) {
        if let Some(task) = self.fetches.get_mut(id) {
            task.is_urgent = true;
            self.fetches.wake(id);
        }
    }

    /// Looks at the fetches that have news, `count_max` at most; says at how many.
    pub(super) fn advance_woken_fetches(&mut self, count_max: usize) -> usize {
        for count in 0..count_max {
            let Some(id) = self.fetches.pop_woken() else { return count };
            self.advance_fetch(id);
        }
        count_max
    }

    fn advance_fetch(&mut self, id: SlotId) {
        let Some(mut task) = self.fetches.lend(id) else { return };
        if task.has_news && task.lookups == 0 && !task.is_enough() {
            task.begin_again();
        }
        self.plan_parts(id, &mut task);
        if task.lookups == 0 && task.is_enough() {
            self.fetches.retire(id, &task);
            if task.is_watching {
                self.metrics.counters.fetches_waiting -= 1;
            }
            return self.give(task.to, Answer::Fetched(task.parts));
        }
        if task.lookups == 0 && !task.is_watching {
            self.watch(id, &mut task);
        }
        self.fetches.put_back(id, task);
    }

    /// Plans every part that is not settled, in the order of the request, as long as not too many
    /// of them wait for reads; the rest follows when those are done.
    fn plan_parts(&mut self, id: SlotId, task: &mut FetchTask) {
        for index in 0..task.partitions.len() {
            if task.lookups == FETCH_LOOKUPS_MAX {
                return;
            }
            if task.states[index] == PartState::Open {
                let wanted = task.partitions[index];
                let step = self.read_step(task, &wanted);
                self.take_step(id, task, index, step);
            }
        }
    }

    fn read_step(&self, task: &FetchTask, wanted: &FetchPartition) -> Result<ReadStep, ErrorCode> {
        let slot = self.partitions.find_open(wanted.partition)?;
        let log = &self.partitions.get(slot).log;
        check_leader_epoch(wanted.current_leader_epoch, log.leader_epoch().0)?;
        let left = task.bytes_max.saturating_sub(task.bytes_planned);
        let is_first = task.bytes_planned == 0;
        if left == 0 && !is_first {
            return Ok(ReadStep::Nothing);
        }
        let length_max = wanted.bytes_max.min(left);
        log.read(wanted.offset, length_max, is_first).map_err(|error| error.code())
    }

    fn take_step(
        &mut self,
        id: SlotId,
        task: &mut FetchTask,
        index: usize,
        step: Result<ReadStep, ErrorCode>,
    ) {
        let wanted = task.partitions[index];
        self.note_positions(&wanted, &mut task.parts[index]);
        match step {
            Ok(ReadStep::Ready(plan)) => {
                task.bytes_planned = task.bytes_planned.saturating_add(plan.length);
                task.parts[index].plan = Some(plan);
                task.states[index] = PartState::Settled;
            }
            Ok(ReadStep::Nothing) => task.states[index] = PartState::Open,
            Ok(ReadStep::Lookup(lookup)) => {
                task.states[index] = PartState::LookingUp;
                task.lookups += 1;
                let purpose = LookupPurpose::Fetch { task: id, index: index as u32, lookup };
                self.look_up(Lookup { partition: wanted.partition, purpose });
            }
            Err(error) => {
                task.parts[index].error = error;
                task.has_failed = true;
                task.states[index] = PartState::Settled;
            }
        }
    }

    fn note_positions(&self, wanted: &FetchPartition, part: &mut FetchedPart) {
        if let Ok(slot) = self.partitions.find_open(wanted.partition) {
            let positions = self.partitions.get(slot).log.positions();
            part.high_watermark = positions.high_watermark;
            part.last_stable_offset = positions.last_stable_offset;
            part.log_start = positions.log_start;
        }
    }

    /// Goes on with a part whose lookup has been read.
    pub(super) fn resume_fetch(
        &mut self,
        id: SlotId,
        index: u32,
        step: Result<ReadStep, ErrorCode>,
    ) {
        let Some(mut task) = self.fetches.lend(id) else { return };
        task.lookups -= 1;
        self.take_step(id, &mut task, index as usize, step);
        self.fetches.put_back(id, task);
        self.fetches.wake(id);
    }

    /// Puts the task into the lists of its partitions.
    fn watch(&mut self, id: SlotId, task: &mut FetchTask) {
        task.is_watching = true;
        self.metrics.counters.fetches_waiting += 1;
        for wanted in &task.partitions {
            if let Ok(slot) = self.partitions.find_open(wanted.partition) {
                let waiters = &mut self.partitions.get_mut(slot).fetch_waiters;
                waiters.push(id, |waiter| self.fetches.is_there(waiter));
            }
        }
    }

    /// Wakes the fetches that wait on a partition.
    pub(super) fn wake_fetches(&mut self, slot: SlotId) {
        let fetches = &mut self.fetches;
        self.partitions.get_mut(slot).fetch_waiters.sweep(|id| match fetches.get_mut(id) {
            Some(task) => {
                task.has_news = true;
                fetches.wake(id)
            }
            None => false,
        });
    }
}

/// The rules of KIP-320: a client that knows an older epoch than the leader's is fenced, and one
/// that knows a later one has been told of something that the leader has not.
pub(super) fn check_leader_epoch(of_client: i32, of_leader: i32) -> Result<(), ErrorCode> {
    const NOT_TOLD: i32 = -1;
    match of_client.cmp(&of_leader) {
        _ if of_client == NOT_TOLD => Ok(()),
        Ordering::Less => Err(ErrorCode::FencedLeaderEpoch),
        Ordering::Equal => Ok(()),
        Ordering::Greater => Err(ErrorCode::UnknownLeaderEpoch),
    }
}

impl FetchTask {
    /// A fetch that came at `now` and may wait for so long.
    pub fn new(to: ReplyTo, question: FetchQuestion, now: Monotonic, wait: Duration) -> FetchTask {
        let parts = question.partitions.iter();
        let parts = parts.map(|wanted| FetchedPart::failed(wanted.entry, ErrorCode::None));
        FetchTask {
            to,
            has_waited: false,
            is_woken: false,
            parts: parts.collect(),
            states: vec![PartState::Open; question.partitions.len()],
            partitions: question.partitions,
            bytes_min: question.bytes_min,
            bytes_max: question.bytes_max,
            deadline: now.after(wait),
            is_urgent: wait.is_zero(),
            is_watching: false,
            has_news: false,
            has_failed: false,
            bytes_planned: 0,
            lookups: 0,
        }
    }

    /// Forgets the plans that were too little: the next ones reach further.
    fn begin_again(&mut self) {
        self.has_news = false;
        self.bytes_planned = 0;
        for (part, state) in self.parts.iter_mut().zip(&mut self.states) {
            part.plan = None;
            *state = PartState::Open;
        }
    }

    fn is_enough(&self) -> bool {
        self.is_urgent || self.has_failed || self.bytes_planned >= self.bytes_min
    }
}
