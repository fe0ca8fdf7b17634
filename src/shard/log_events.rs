//! What happens to the logs of this shard: completions, timers, facts, and the write that ends a
//! turn.

use super::Shard;
use super::ask::Refusal;
use super::partitions::{Partition, PartitionState};
use super::slots::SlotId;
use super::tick::Timer;
use super::token::Target;
use crate::base::Offset;
use crate::io::{IoError, Op, Output};
use crate::log::{AppendError, LogFact, LogOut, LogToken};
use crate::metrics::Counters;
use crate::wire::ErrorCode;

impl Shard {
    pub(super) fn on_log(&mut self, slot: u32, operation: u32, result: Result<Output, IoError>) {
        let now = self.now;
        let (id, partition) = self.partitions.at(slot);
        // A log tries some names that need not be there. That the disk is full is said once.
        if let Err(error) = &result
            && !error.is_not_found()
            && !error.is_no_space()
        {
            self.metrics.counters.log_errors += 1;
            let (topic, index) = (&partition.topic.name, partition.key.index.0);
            tracing::error!(%topic, partition = index, %error, "an operation on a log failed");
        }
        let mut out = std::mem::take(&mut self.log_out);
        partition.log.on_completion(LogToken(operation), result, now, &mut out);
        // Before the facts: with them, the answers leave that this is measured for.
        partition.append_waiters.note_written(partition.log.positions().written, now.monotonic);
        self.drain_log_out(id, out);
        self.mark_log(id);
    }

    pub(super) fn on_log_timer(&mut self, id: SlotId) {
        let Some(partition) = self.partitions.try_get_mut(id) else { return };
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
        self.partitions.recount(id);
        self.set_log_timer(id);
    }

    fn on_log_fact(&mut self, id: SlotId, fact: LogFact) {
        match fact {
            LogFact::Opened => self.on_log_opened(id),
            LogFact::Postponed(error) => self.on_log_postponed(id, error),
            LogFact::Advanced => {
                self.note_append_written();
                self.release_appends(id);
                self.wake_fetches(id);
            }
            LogFact::AppendsFailed { from, error } => {
                let refusal = Refusal { code: error.code(), message: error.to_string() };
                let Partition { topic, key, .. } = self.partitions.get(id);
                let (topic, partition) = (&topic.name, key.index.0);
                let from_offset = from.0;
                match error {
                    AppendError::NoSpace => self.on_disk_full(),
                    _ => {
                        tracing::error!(%topic, partition, from_offset, %error, "took appends back")
                    }
                }
                self.fail_appends(id, from, &refusal);
            }
            LogFact::LogStartMoved(start) => {
                let Partition { topic, key, .. } = self.partitions.get(id);
                let (topic, partition) = (&topic.name, key.index.0);
                tracing::info!(%topic, partition, start = start.0, "the log start moved");
                self.make_room_if_full();
            }
            LogFact::LogStartSaved(_) => self.answer_deletions(id),
            LogFact::LogStartUnsaved(error) => {
                let Partition { topic, key, .. } = self.partitions.get(id);
                let (topic, partition, remedy) = (&topic.name, key.index.0, error.remedy());
                tracing::error!(%topic, partition, %error, "cannot save the log start{remedy}");
                let message = format!("the new log start is not on the disk: {error}{remedy}");
                self.refuse_deletions(id, &Refusal { code: ErrorCode::KafkaStorageError, message });
            }
            LogFact::Failed(failure) => {
                tracing::error!(%failure, "a log is out of service until the next start");
                let code = ErrorCode::KafkaStorageError;
                let refusal = Refusal { code, message: failure.to_string() };
                self.fail_appends(id, Offset::ZERO, &refusal);
                self.refuse_deletions(id, &refusal);
                self.wake_fetches(id);
                self.end_making(id, PartitionState::Open);
            }
            LogFact::Deleted => self.on_log_deleted(id),
            LogFact::Closed => self.partitions.get_mut(id).state = PartitionState::Closed,
        }
    }

    fn set_log_timer(&mut self, id: SlotId) {
        let Some(partition) = self.partitions.try_get_mut(id) else { return };
        let Some(deadline) = partition.log.next_deadline() else { return };
        if partition.timer.is_none_or(|set| deadline < set) {
            partition.timer = Some(deadline);
            self.timers.set(deadline, Timer::Log(id));
        }
    }

    /// Has a log write what is pending at the end of this turn.
    pub(super) fn mark_log(&mut self, id: SlotId) {
        let Some(partition) = self.partitions.try_get_mut(id) else { return };
        if !partition.is_dirty {
            partition.is_dirty = true;
            self.dirty_logs.push(id);
        }
    }

    /// Lets every log with something pending begin its one write of this turn.
    pub(super) fn flush_dirty_logs(&mut self) {
        while let Some(id) = self.dirty_logs.pop() {
            let Some(partition) = self.partitions.try_get_mut(id) else { continue };
            partition.is_dirty = false;
            let mut out = std::mem::take(&mut self.log_out);
            partition.log.end_of_tick(self.now, &mut out);
            self.drain_log_out(id, out);
        }
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
