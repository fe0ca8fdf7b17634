//! Deadlines in order of time.

use super::time::Monotonic;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A queue of things to do at an instant.
///
/// Owned by one shard. An entry cannot be taken back: whoever is woken checks that the reason
/// still stands. Deadlines that are equal fire in the order in which they were set, so that a
/// simulated run repeats exactly.
#[derive(Debug)]
pub struct Timers<T> {
    heap: BinaryHeap<Reverse<Entry<T>>>,
    set_count: u64,
}

#[derive(Debug)]
struct Entry<T> {
    at: Monotonic,
    order: u64,
    what: T,
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}
impl<T> Eq for Entry<T> {}
impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Timers { heap: BinaryHeap::new(), set_count: 0 }
    }
}

impl<T> Timers<T> {
    /// Adds `what`, due at `at`.
    pub fn set(&mut self, at: Monotonic, what: T) {
        self.heap.push(Reverse(Entry { at, order: self.set_count, what }));
        self.set_count += 1;
    }

    /// Takes the earliest entry that is due at `now`.
    pub fn pop_due(&mut self, now: Monotonic) -> Option<T> {
        if self.next_deadline()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry.what)
    }

    /// When the earliest entry is due.
    pub fn next_deadline(&self) -> Option<Monotonic> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }

    /// How many entries are waiting.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether nothing is waiting.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: entries come out by time, ties by the order of setting, none before it is due.
    #[test]
    fn fires_in_order() {
        let mut timers = Timers::default();
        timers.set(Monotonic(20), "c");
        timers.set(Monotonic(10), "a");
        timers.set(Monotonic(10), "b");
        assert_eq!(timers.pop_due(Monotonic(9)), None);
        assert_eq!(timers.pop_due(Monotonic(10)), Some("a"));
        assert_eq!(timers.pop_due(Monotonic(10)), Some("b"));
        assert_eq!(timers.pop_due(Monotonic(10)), None);
        assert_eq!(timers.next_deadline(), Some(Monotonic(20)));
        assert_eq!(timers.pop_due(Monotonic(25)), Some("c"));
        assert!(timers.is_empty());
    }
}
