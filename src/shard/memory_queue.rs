//! Connections that wait for receive memory, and those that keep it from them.
//!
//! A client holds memory from the moment at which a large frame begins until it is served. One
//! that stops in between would hold it until `connections.max.idle.ms`; so while others wait, the
//! one that has stood still for longest loses its connection, if that is long enough.

use super::Shard;
use super::connection::CloseReason;
use super::notices::Cause;
use super::slots::SlotId;
use super::tick::CONGESTION_RETRY;
use crate::base::Monotonic;
use std::collections::VecDeque;

/// Bytes of a frame that have to come within `pinion.shard.receive.stall.ms`: a client that sends
/// fewer stands still. Not more than a connection of 16 KiB/s brings in the default time.
const ADVANCE_MIN: usize = 64 * 1024;

/// The connections that wait, in the order of their coming.
#[derive(Debug, Default)]
pub struct MemoryQueue {
    waiting: VecDeque<SlotId>,
    /// Before this, no connection will have stood still for long enough.
    next_look: Monotonic,
}

impl MemoryQueue {
    /// Adds a connection that is not in it.
    pub fn push(&mut self, id: SlotId) {
        self.waiting.push_back(id);
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

/// How a client gets on with the frame that it sends.
#[derive(Debug)]
pub struct Advance {
    /// When it last had sent enough, or had nothing to send.
    since: Monotonic,
    /// What has come since then.
    bytes: usize,
}

impl Advance {
    /// Of a client that begins at `now`.
    pub fn new(now: Monotonic) -> Advance {
        Advance { since: now, bytes: 0 }
    }

    /// Notes that `count` bytes of a frame have come.
    pub fn note(&mut self, count: usize, now: Monotonic) {
        self.bytes += count;
        if self.bytes >= ADVANCE_MIN {
            *self = Advance::new(now);
        }
    }
}

impl Shard {
    /// Lets connections that wait for receive memory try again, in the order of their coming.
    pub(super) fn retry_memory_queue(&mut self) {
        if self.memory_queue.is_empty() {
            return;
        }
        self.evict_stalled();
        for _ in 0..self.memory_queue.waiting.len() {
            let Some(id) = self.memory_queue.waiting.pop_front() else { return };
            if let Some(connection) = self.connections.get_mut(id) {
                connection.awaits_memory = false;
                // While it waits, it is not the client that stands still.
                connection.advance = Advance::new(self.now.monotonic);
                self.mark_connection(id);
            }
        }
    }

    /// Closes the connection that holds memory and has stood still for longest, if it has for
    /// `pinion.shard.receive.stall.ms`.
    fn evict_stalled(&mut self) {
        let now = self.now.monotonic;
        if now < self.memory_queue.next_look {
            return;
        }
        let holders =
            self.connections.iter().filter(|(_, c)| c.receiver.awaits_rest_of_large_frame());
        let stalest = holders.min_by_key(|(_, connection)| connection.advance.since);
        let limit = self.settings.receive_stall_max;
        let due = stalest.map_or(now, |(_, connection)| connection.advance.since).after(limit);
        self.memory_queue.next_look = due.max(now.after(CONGESTION_RETRY));
        if let Some((id, connection)) = stalest.filter(|_| due <= now) {
            let peer = connection.peer;
            if self.may_log(Cause::Stalled) {
                tracing::warn!(%peer, "closing a connection that stands still: others need memory");
            }
            self.close(id, CloseReason::Stalled);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: a client that sends a byte now and then stands still, one that sends enough does not.
    #[test]
    fn a_trickle_is_no_advance() {
        let mut advance = Advance::new(Monotonic(0));
        for second in 1..100 {
            advance.note(1, Monotonic(second));
        }
        assert_eq!(advance.since, Monotonic(0));
        advance.note(ADVANCE_MIN, Monotonic(100));
        assert_eq!(advance.since, Monotonic(100));
    }
}
