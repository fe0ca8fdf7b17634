//! Appends that wait for the disk, in the order of their offsets.

use super::ask::AppendedPart;
use super::routing::ReplyTo;
use crate::base::Offset;
use std::collections::VecDeque;

/// An append that waits for a position to pass it.
#[derive(Debug)]
pub struct WaitingAppend {
    /// The offset of its last record.
    pub last_offset: Offset,
    /// The answer.
    pub part: AppendedPart,
    /// Where the answer goes.
    pub to: ReplyTo,
}

/// Appends in the order of their offsets; a duplicate may wait among its successors.
#[derive(Debug, Default)]
pub struct WaitQueue(VecDeque<WaitingAppend>);

impl WaitQueue {
    /// Adds an append. Nearly always the newest; a duplicate finds its place from the end.
    pub fn push(&mut self, waiting: WaitingAppend) {
        let after = self.0.iter().rev().take_while(|other| other.last_offset > waiting.last_offset);
        let index = self.0.len() - after.count();
        self.0.insert(index, waiting);
    }

    /// Takes the first append if `position` has passed its last record.
    pub fn pop_below(&mut self, position: Offset) -> Option<WaitingAppend> {
        self.0.front().filter(|first| first.last_offset < position)?;
        self.0.pop_front()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the appends that have records at or above `from`.
    pub fn take_from(&mut self, from: Offset) -> VecDeque<WaitingAppend> {
        let index = self.0.partition_point(|waiting| waiting.last_offset < from);
        self.0.split_off(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Monotonic, ShardId, Timestamp};
    use crate::shard::ask::QuestionIndex;
    use crate::shard::connection::RequestKey;
    use crate::shard::slots::Slots;

    fn waiting(last_offset: i64) -> WaitingAppend {
        let mut slots = Slots::default();
        let key = RequestKey { connection: slots.insert(()), number: 0 };
        let offset = Offset(last_offset);
        WaitingAppend {
            last_offset: offset,
            part: AppendedPart {
                base_offset: offset,
                log_append_time: Timestamp::NONE,
                log_start: Offset::ZERO,
                written: Monotonic(0),
            },
            to: ReplyTo { shard: ShardId(0), key, question: QuestionIndex::ONLY },
        }
    }

    /// Goal: answers leave in the order of offsets, a late duplicate among them, and only once
    /// the position has passed the whole batch.
    #[test]
    fn appends_are_released_by_offset() {
        let mut queue = WaitQueue::default();
        for last in [4, 9, 14, 9] {
            queue.push(waiting(last));
        }
        assert!(queue.pop_below(Offset(4)).is_none());
        let mut released = Vec::new();
        while let Some(append) = queue.pop_below(Offset(10)) {
            released.push(append.last_offset.0);
        }
        assert_eq!(released, [4, 9, 9]);
        queue.push(waiting(20));
        let failed: Vec<i64> =
            queue.take_from(Offset(15)).iter().map(|a| a.last_offset.0).collect();
        assert_eq!(failed, [20]);
        assert!(queue.pop_below(Offset(15)).is_some());
    }
}
