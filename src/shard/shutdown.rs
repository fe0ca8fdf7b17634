//! A clean end: no new connections, the requests in flight are answered, the logs are closed.

use super::Shard;
use super::connection::CloseReason;
use super::partitions::PartitionState;
use super::slots::SlotId;
use super::tick::{Progress, Timer};
use super::token::Target;
use crate::io::Op;

/// Where a shard is on its way to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Not on its way.
    Serving,
    /// Connections end after their last reply.
    Draining,
    /// Logs write what they have and close.
    ClosingLogs,
    /// The controller waits for the other shards, and writes the checkpoints.
    Checkpointing,
    /// Done.
    Stopped,
}

impl Shard {
    /// Whether new connections are welcome.
    pub(super) fn is_accepting(&self) -> bool {
        self.stage == Stage::Serving
    }

    /// Whether the logs are being closed, or are closed already.
    pub(super) fn has_begun_closing_logs(&self) -> bool {
        matches!(self.stage, Stage::ClosingLogs | Stage::Checkpointing | Stage::Stopped)
    }

    /// Begins the clean end.
    pub(super) fn begin_shutdown(&mut self) {
        if self.stage != Stage::Serving {
            return;
        }
        self.stage = Stage::Draining;
        let target = Target::Accept.token();
        self.ops.push((Target::Ignored.token(), Op::Cancel { target }));
        let deadline = self.now.monotonic.after(self.settings.shutdown_grace);
        self.timers.set(deadline, Timer::ShutdownDeadline);
        for id in self.connections.ids().collect::<Vec<SlotId>>() {
            if let Some(connection) = self.connections.get_mut(id) {
                connection.draining = true;
                self.mark_connection(id);
            }
        }
        for fetch in self.fetches.ids().collect::<Vec<SlotId>>() {
            self.on_fetch_deadline(fetch);
        }
    }

    /// Cuts the connections that have not drained in time.
    pub(super) fn on_shutdown_deadline(&mut self) {
        for id in self.connections.ids().collect::<Vec<SlotId>>() {
            self.close(id, CloseReason::Shutdown);
        }
    }

    /// Moves the clean end on as far as it can go.
    pub(super) fn progress(&mut self) -> Progress {
        if self.stage == Stage::Draining && self.connections.is_empty() {
            self.stage = Stage::ClosingLogs;
            self.close_logs();
        }
        if self.stage == Stage::ClosingLogs && self.are_logs_closed() {
            self.stage = Stage::Checkpointing;
            self.report_positions(true);
        }
        match self.stage {
            Stage::Stopped => Progress::Stopped,
            _ => Progress::Running,
        }
    }

    fn close_logs(&mut self) {
        for id in self.partitions.ids() {
            let partition = self.partitions.get_mut(id);
            if !matches!(partition.state, PartitionState::Open | PartitionState::Opening) {
                continue;
            }
            partition.state = PartitionState::Closing;
            let mut out = self.take_log_out();
            self.partitions.get_mut(id).log.begin_close(self.now, &mut out);
            self.drain_log_out(id, out);
        }
    }

    fn are_logs_closed(&self) -> bool {
        use PartitionState::{Closing, Deleting, Opening};
        self.partitions.count(&[Opening, Closing, Deleting]) == 0
    }
}
