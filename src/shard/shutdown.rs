//! A clean end, carried out: what follows from the stages of [`Closing`](super::closing::Closing).

use super::closing::{Awaited, Event, Fact};
use super::connection::{CloseReason, life};
use super::partitions::PartitionState;
use super::requests::CONTROLLER;
use super::slots::SlotId;
use super::tick::{Progress, Timer};
use super::{Message, Shard};
use crate::base::ShardId;

impl Shard {
    /// Takes an event of the way to the end, and does what follows.
    pub(super) fn on_closing(&mut self, event: Event) {
        for fact in self.closing.on(event) {
            match fact {
                Fact::Drain => self.drain(),
                Fact::CutConnections => self.cut_connections(),
                Fact::TellDrained => self.tell_drained(),
                Fact::TellAllDrained => self.tell_all_drained(),
                Fact::CloseLogs => self.close_logs(),
                Fact::ReportLast => self.report_last_positions(),
            }
        }
    }

    /// Moves the clean end on as far as it can go.
    pub(super) fn progress(&mut self) -> Progress {
        while self.has_reached_awaited() {
            self.on_closing(Event::Reached);
        }
        match self.closing.is_done() {
            true => Progress::Stopped,
            false => Progress::Running,
        }
    }

    fn has_reached_awaited(&self) -> bool {
        match self.closing.awaits() {
            Awaited::Nothing => false,
            Awaited::Connections => self.listener.is_closed() && self.connections.is_empty(),
            // The disk has answered all that this shard has asked.
            Awaited::Logs => self.are_logs_closed() && !self.disk_space.is_asked(),
            Awaited::Report => match self.controller {
                Some(_) => self.checkpoints.are_last(),
                None => !self.mail.is_congested(),
            },
        }
    }

    fn drain(&mut self) {
        self.close_listener();
        let deadline = self.now.monotonic.after(self.settings.shutdown_grace);
        self.timers.set(deadline, Timer::ShutdownDeadline);
        for id in self.connections.ids().collect::<Vec<SlotId>>() {
            self.end(id, life::Event::Drain);
            self.mark_connection(id);
        }
        for fetch in self.fetches.ids() {
            self.expire_fetch(fetch);
        }
    }

    fn cut_connections(&mut self) {
        for id in self.connections.ids().collect::<Vec<SlotId>>() {
            self.close(id, CloseReason::Shutdown);
        }
    }

    fn tell_drained(&mut self) {
        let shard = self.id;
        if shard == CONTROLLER {
            self.on_closing(Event::ShardDrained(shard));
        } else {
            self.send(CONTROLLER, Message::Drained { shard });
        }
    }

    fn tell_all_drained(&mut self) {
        for shard in (0..self.mail.shard_count()).map(ShardId) {
            if shard != self.id {
                self.send(shard, Message::AllDrained);
            }
        }
        self.on_closing(Event::AllDrained);
    }

    fn close_logs(&mut self) {
        self.directories.cancel_all();
        for id in self.partitions.ids() {
            let partition = self.partitions.get_mut(id);
            let is_there = partition.state == PartitionState::Open;
            if !is_there && !partition.state.is_being_made() {
                continue;
            }
            partition.state = PartitionState::Closing;
            let mut out = self.take_log_out();
            self.partitions.get_mut(id).log.begin_close(self.now, &mut out);
            self.drain_log_out(id, out);
        }
    }

    /// Whether every log is closed or gone, the metadata log's writes included.
    fn are_logs_closed(&self) -> bool {
        use PartitionState::{Closing, Deleting};
        let is_idle = self.controller.as_ref().is_none_or(|controller| controller.log.is_idle());
        is_idle && self.partitions.count(&[Closing, Deleting]) == 0
    }
}
