//! The appends of one partition whose answers wait, by what they wait for.

use super::ask::Acks;
use super::wait_queue::{WaitQueue, WaitingAppend};
use super::write_times::WriteTimes;
use crate::base::{Monotonic, Offset};

/// Appends that wait for the disk, and the times at which it had them.
#[derive(Debug, Default)]
pub struct AppendWaiters {
    /// With acks=1.
    leader: WaitQueue,
    /// With acks=all.
    all: WaitQueue,
    /// When each write was complete, for the writes that waiting appends belong to.
    writes: WriteTimes,
}

impl AppendWaiters {
    /// Lets an append wait, unless nobody wants an answer.
    pub fn push(&mut self, acks: Acks, waiting: WaitingAppend) {
        match acks {
            Acks::None => {}
            Acks::Leader => self.leader.push(waiting),
            Acks::All => self.all.push(waiting),
        }
    }

    /// Notes that everything below `written` was written at `now`, if that is news.
    pub fn note_written(&mut self, written: Offset, now: Monotonic) {
        self.writes.note(written, now);
    }

    /// Takes an append that may be answered, and when it was written if that was noted:
    /// acks=1 below `acknowledged`, acks=all below `high_watermark`.
    pub fn pop_released(
        &mut self,
        acknowledged: Offset,
        high_watermark: Offset,
    ) -> Option<(WaitingAppend, Option<Monotonic>)> {
        let leader = self.leader.pop_below(acknowledged);
        let Some(waiting) = leader.or_else(|| self.all.pop_below(high_watermark)) else {
            if self.leader.is_empty() && self.all.is_empty() {
                self.writes.forget();
            }
            return None;
        };
        let written = self.writes.of(waiting.last_offset);
        Some((waiting, written))
    }

    /// Takes the appends that have records at or above `from`.
    pub fn take_from(&mut self, from: Offset) -> impl Iterator<Item = WaitingAppend> + use<> {
        self.leader.take_from(from).into_iter().chain(self.all.take_from(from))
    }
}
