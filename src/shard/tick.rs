//! One turn of a shard: wait, take what happened, do all that follows from it, submit.

use super::closing::Event;
use super::connection::life;
use super::notices::Cause;
use super::slots::SlotId;
use super::token::{SocketOperation, Target};
use super::{Message, Shard};
use crate::base::Monotonic;
use crate::io::{Completion, Io, Op};

/// What a shard does when its time comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timer {
    /// A log has something to do: retention, a roll by time, a flush.
    Log(SlotId),
    /// Accept again, after a failure.
    Accept,
    /// A connection has had its time to end.
    ConnectionEnd(SlotId),
    /// Look for idle connections.
    IdleConnections,
    /// Report positions for the checkpoints.
    Checkpoint,
    /// Write the checkpoints again, after a failure.
    CheckpointRetry,
    /// Log how many lines of a cause were not logged.
    Notice(Cause),
    /// A clean end has taken long enough.
    ShutdownDeadline,
}

/// Whether a shard goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Call again.
    Running,
    /// Everything is closed.
    Stopped,
}

/// How soon to look again when a mailbox or the receive memory was full.
pub(super) const CONGESTION_RETRY: std::time::Duration = std::time::Duration::from_millis(1);

/// Fetches that one turn looks at again. An append may wake thousands, each of which plans reads
/// and sends a response; the others have the next turns, so that what comes meanwhile is not held
/// up by all of them.
const WOKEN_PER_TURN_MAX: usize = 256;

impl Shard {
    /// Runs one turn. Sleeps in `io` when there is nothing to do.
    pub fn tick<I: Io>(&mut self, io: &mut I) -> Progress {
        let until = self.sleep_until();
        let mut completions = std::mem::take(&mut self.completions);
        io.wait(until, &mut completions);
        self.mail.wake_up();
        self.now = io.now();
        let awake_at = self.now.monotonic;
        for completion in completions.drain(..) {
            self.on_completion(completion);
        }
        self.completions = completions;
        self.read_mail();
        self.fire_timers();
        self.settle();
        let progress = self.progress();
        for (token, op) in self.ops.drain(..) {
            io.submit(token, op);
        }
        if progress == Progress::Stopped {
            // Hands the last wake-ups to the kernel.
            io.wait(Some(Monotonic(0)), &mut self.completions);
        }
        self.note_turn(io, awake_at);
        progress
    }

    fn note_turn<I: Io>(&mut self, io: &mut I, awake_at: Monotonic) {
        let done_at = io.now().monotonic;
        self.end_turn_stages(awake_at, done_at);
        let done = io.counters();
        let counters = &mut self.metrics.counters;
        counters.ticks += 1;
        counters.busy_nanos += done_at.since(awake_at).as_nanos() as u64;
        counters.syscalls = done.system_calls;
        counters.hot_sent_bytes = done.hot_bytes;
        counters.cold_sent_bytes = done.cold_bytes;
        counters.looked_nanos = done.looked_nanos;
    }

    /// Until when there is nothing to do: the past if there is something already.
    fn sleep_until(&mut self) -> Option<Monotonic> {
        if self.fetches.has_woken() || !self.mail.fall_asleep() {
            return Some(Monotonic(0));
        }
        let deadlines = [self.timers.next_deadline(), self.fetches.next_deadline()];
        let deadline = deadlines.into_iter().flatten().min();
        if self.mail.is_congested() || !self.memory_queue.is_empty() {
            let retry = self.now.monotonic.after(CONGESTION_RETRY);
            return Some(deadline.map_or(retry, |deadline| deadline.min(retry)));
        }
        deadline
    }

    fn on_completion(&mut self, completion: Completion) {
        if completion.token == crate::io::Token::WOKEN {
            return;
        }
        match Target::of(completion.token) {
            Target::Accept => self.on_accept(completion),
            Target::Connection { slot, operation } => {
                self.on_socket(slot, operation, completion);
            }
            Target::Log { slot, operation } => self.on_log(slot, operation, completion.result),
            Target::Metadata { operation } => self.on_metadata(operation, completion.result),
            Target::Lookup { slot } => self.on_lookup(slot, completion.result),
            Target::Checkpoint => self.on_checkpoint(completion.result),
            Target::Space => self.on_space(completion.result),
            Target::Ignored => {
                if let Err(error) = completion.result {
                    tracing::debug!(%error, "an operation that nobody waits for failed");
                }
            }
        }
    }

    /// Does what messages ask for.
    pub(super) fn read_mail(&mut self) {
        while let Some(message) = self.mail.receive() {
            self.on_message(message);
        }
        let ops = &mut self.ops;
        self.mail.retry(|shard| ops.push((Target::Ignored.token(), Op::Wake { shard })));
    }

    fn on_message(&mut self, message: Message) {
        match message {
            Message::Ask(ask) => self.on_ask(ask),
            Message::Answer { key, question, answer } => self.on_answer(key, question, answer),
            Message::Image(image) => self.apply_image(image),
            Message::Applied { shard, version } => self.on_applied(shard, version),
            Message::Positions { shard, report } => self.on_positions(shard, report),
            Message::Snapshot(reply) => {
                // The control thread may have given up waiting.
                let _ = reply.send(self.snapshot());
            }
            Message::Shutdown => self.on_closing(Event::Asked),
            Message::Drained { shard } => self.on_closing(Event::ShardDrained(shard)),
            Message::AllDrained => self.on_closing(Event::AllDrained),
        }
    }

    fn fire_timers(&mut self) {
        while let Some(fetch) = self.fetches.pop_expired(self.now.monotonic) {
            self.expire_fetch(fetch);
        }
        while let Some(timer) = self.timers.pop_due(self.now.monotonic) {
            match timer {
                Timer::Log(partition) => self.on_log_timer(partition),
                Timer::Accept => self.begin_accepting(),
                Timer::ConnectionEnd(id) => self.end(id, life::Event::TimeIsUp),
                Timer::IdleConnections => self.end_idle_connections(),
                Timer::Checkpoint => {
                    self.ask_for_space();
                    self.report_positions();
                }
                Timer::CheckpointRetry => self.retry_checkpoints(),
                Timer::Notice(cause) => self.log_count(cause),
                Timer::ShutdownDeadline => self.on_closing(Event::DeadlinePassed),
            }
        }
    }

    /// Does what this turn's events have left to do, until nothing is left but fetches for which
    /// another turn is early enough.
    ///
    /// Writes come last, so that everything that arrived in this turn shares them.
    fn settle(&mut self) {
        self.retry_memory_queue();
        let mut fetches_left = WOKEN_PER_TURN_MAX;
        loop {
            self.serve_dirty_connections();
            fetches_left -= self.advance_woken_fetches(fetches_left);
            if self.dirty_connections.is_empty() {
                self.flush_dirty_logs();
                self.flush_metadata();
            }
            let has_fetches = fetches_left > 0 && self.fetches.has_woken();
            if self.dirty_connections.is_empty() && !has_fetches {
                return;
            }
        }
    }

    /// Queues an operation on a connection's socket.
    pub(super) fn submit_socket(&mut self, id: SlotId, operation: SocketOperation, op: Op) {
        let Some(connection) = self.connections.get_mut(id) else {
            unreachable!("a connection stays until its last completion");
        };
        connection.begin_operation();
        self.ops.push((Target::Connection { slot: id.slot, operation }.token(), op));
    }
}
