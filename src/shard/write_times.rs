//! When a log's writes were complete, for as long as somebody wants to know.

use crate::base::{Monotonic, Offset};
use std::collections::VecDeque;

/// The times at which a log's written position moved.
#[derive(Debug, Default)]
pub struct WriteTimes(VecDeque<(Offset, Monotonic)>);

impl WriteTimes {
    /// Notes that everything below `written` was written at `now`, if that is news.
    pub fn note(&mut self, written: Offset, now: Monotonic) {
        if self.0.back().is_none_or(|(last, _)| *last < written) {
            self.0.push_back((written, now));
        }
    }

    /// When the record at `offset` was written. Forgets the times before it.
    pub fn of(&mut self, offset: Offset) -> Option<Monotonic> {
        let older = self.0.partition_point(|(written, _)| *written <= offset);
        self.0.drain(..older);
        self.0.front().map(|(_, time)| *time)
    }

    /// Forgets all but the newest: nobody waits.
    pub fn forget(&mut self) {
        let old = self.0.len().saturating_sub(1);
        self.0.drain(..old);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: a record's time is that of the first write that covers it, and old times go.
    #[test]
    fn finds_the_write_that_covers_a_record() {
        let mut times = WriteTimes::default();
        times.note(Offset(5), Monotonic(10));
        times.note(Offset(5), Monotonic(11));
        times.note(Offset(9), Monotonic(20));
        assert_eq!(times.of(Offset(4)), Some(Monotonic(10)));
        assert_eq!(times.of(Offset(5)), Some(Monotonic(20)));
        assert_eq!(times.of(Offset(9)), None);
        times.note(Offset(12), Monotonic(30));
        times.note(Offset(15), Monotonic(40));
        times.forget();
        assert_eq!(times.of(Offset(11)), Some(Monotonic(40)));
    }
}
