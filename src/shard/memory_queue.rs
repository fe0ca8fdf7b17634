//! Connections that wait for receive memory, and those that keep it from them.
//!
//! A client holds memory from the moment at which a large frame begins until it is served. One
//! that stops in between would hold it until `connections.max.idle.ms`; so while others wait, the
//! one that has stood still for longest loses its connection, if that is long enough.

use super::Shard;
use super::connection::{CloseReason, Connection};
use super::notices::Cause;
use super::slots::SlotId;
use super::tick::CONGESTION_RETRY;
use crate::base::Monotonic;
use std::collections::VecDeque;

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
                connection.end_awaiting_memory(self.now.monotonic);
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
        let since =
            |(id, connection): (_, &Connection)| Some((connection.holds_memory_since()?, id));
        let stalest = self.connections.iter().filter_map(since).min_by_key(|(since, _)| *since);
        let limit = self.settings.receive_stall_max;
        let due = stalest.map_or(now, |(since, _)| since).after(limit);
        self.memory_queue.next_look = due.max(now.after(CONGESTION_RETRY));
        if let Some((_, id)) = stalest.filter(|_| due <= now)
            && let Some(connection) = self.connections.get(id)
        {
            let peer = connection.peer();
            if self.may_log(Cause::Stalled) {
                tracing::warn!(%peer, "closing a connection that stands still: others need memory");
            }
            self.close(id, CloseReason::Stalled);
        }
    }
}
