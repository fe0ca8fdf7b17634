//! Changes that the page cache has and the disk may not have yet.

use crate::random::Random;
use std::collections::VecDeque;

/// Changes in the order in which they were made, since the last sync.
///
/// A sync covers the changes before its [`Mark`], which is taken when it starts: what is written
/// while it runs is not promised to be durable when it ends.
#[derive(Debug, Clone)]
pub struct Unsynced<C> {
    changes: VecDeque<C>,
    synced: u64,
}

/// A place in the history of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark(u64);

/// What a power loss leaves of a list of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survivors {
    /// The first so many changes, whole.
    Prefix(usize),
    /// A draw of its own for each independent part.
    Independent,
}

impl<C> Default for Unsynced<C> {
    fn default() -> Self {
        Unsynced { changes: VecDeque::new(), synced: 0 }
    }
}

impl<C> Unsynced<C> {
    /// Adds the newest change.
    pub fn push(&mut self, change: C) {
        self.changes.push_back(change);
    }

    /// The place after the newest change.
    pub fn mark(&self) -> Mark {
        Mark(self.synced + self.changes.len() as u64)
    }

    /// Takes out the changes before `mark`, in order.
    pub fn take_until(&mut self, mark: Mark) -> Vec<C> {
        let count = mark.0.saturating_sub(self.synced).min(self.changes.len() as u64);
        self.synced += count;
        self.changes.drain(..count as usize).collect()
    }

    /// How many changes a power loss may take.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Draws what survives of `count` changes: often all, none or a prefix, else a mixture.
    pub fn draw_survivors(count: usize, random: &mut Random) -> Survivors {
        match random.below(5) {
            0 => Survivors::Prefix(0),
            1 => Survivors::Prefix(count),
            2 => Survivors::Prefix(random.index(count + 1)),
            _ => Survivors::Independent,
        }
    }
    /// Draws up to which of `count` changes one part survives; often all or none.
    pub fn draw_limit(count: usize, random: &mut Random) -> usize {
        match random.below(3) {
            0 => 0,
            1 => count,
            _ => random.index(count + 1),
        }
    }
}
