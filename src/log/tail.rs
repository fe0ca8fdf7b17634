//! The newest batches of a log, so that readers at its end need no index.

use super::segment::BatchSpan;
use crate::base::Offset;
use std::collections::VecDeque;

/// Batches remembered for each log.
const BATCHES_MAX: usize = 128;

/// The last batches that were written, without a gap, oldest first.
#[derive(Debug, Default)]
pub struct Tail {
    batches: VecDeque<(Offset, BatchSpan)>,
}

impl Tail {
    /// Adds the newest batch, of the segment with this base offset.
    pub fn push(&mut self, segment: Offset, span: BatchSpan) {
        if self.batches.len() == BATCHES_MAX {
            self.batches.pop_front();
        }
        self.batches.push_back((segment, span));
    }

    /// The batch that holds `offset`, or the first one after it, with its segment; `None` if that
    /// is not remembered.
    pub fn find(&self, offset: Offset) -> Option<(Offset, BatchSpan)> {
        if self.batches.front()?.1.base_offset > offset {
            return None;
        }
        let index = self.batches.partition_point(|(_, span)| span.last_offset < offset);
        self.batches.get(index).copied()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.batches.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{LeaderEpoch, Timestamp};

    /// Goal: every remembered offset finds its batch, older and later ones find none.
    #[test]
    fn finds_the_batch_of_an_offset() {
        let mut tail = Tail::default();
        assert_eq!(tail.find(Offset(0)), None);
        for index in 0..300 {
            let span = BatchSpan {
                base_offset: Offset(index * 3),
                last_offset: Offset(index * 3 + 2),
                position: index as u64 * 100,
                size: 100,
                max_timestamp: Timestamp(0),
                leader_epoch: LeaderEpoch(0),
            };
            tail.push(Offset(0), span);
        }
        let first = (300 - BATCHES_MAX as i64) * 3;
        for offset in 0..910 {
            let found = tail.find(Offset(offset)).map(|(_, span)| span.base_offset.0);
            let expected = (first..900).contains(&offset).then_some(offset / 3 * 3);
            assert_eq!(found, expected, "{offset}");
        }
    }
}
