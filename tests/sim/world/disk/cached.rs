//! What the page cache has and the disk may not have yet.

use crate::random::Random;
use std::collections::VecDeque;
use std::fmt::Debug;

/// A change of something that the page cache holds.
pub trait Change: Clone + Debug {
    /// What is changed.
    type State: Clone + Debug + Default + PartialEq;

    /// Makes the change.
    fn apply(&self, state: &mut Self::State);
}

/// The two states of something, and the changes between them since the last sync.
///
/// `cached` is the page cache, which survives the process; `durable` is the disk without the
/// unsynced changes. A sync covers the changes before its [`Mark`], which is taken when it starts:
/// what is written while it runs is not promised to be durable when it ends.
#[derive(Debug, Clone)]
pub struct Cached<C: Change> {
    cached: C::State,
    durable: C::State,
    changes: VecDeque<C>,
    synced: u64,
}

/// A place in the history of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark(u64);

impl<C: Change> Default for Cached<C> {
    fn default() -> Self {
        Cached {
            cached: C::State::default(),
            durable: C::State::default(),
            changes: VecDeque::new(),
            synced: 0,
        }
    }
}

impl<C: Change> Cached<C> {
    /// The state that everybody sees.
    pub fn cached(&self) -> &C::State {
        &self.cached
    }

    /// Makes the newest change.
    pub fn change(&mut self, change: C) {
        change.apply(&mut self.cached);
        self.changes.push_back(change);
    }

    /// The place up to which a sync that starts now promises durability.
    pub fn mark(&self) -> Mark {
        Mark(self.synced + self.changes.len() as u64)
    }

    /// Makes the changes before `mark` durable.
    pub fn sync(&mut self, mark: Mark) {
        for change in self.take_until(mark) {
            change.apply(&mut self.durable);
        }
    }

    /// A sync that fails: `survive` says what becomes of the durable state and the changes before
    /// `mark`. The others never reach the disk, because the kernel counts their pages as clean.
    pub fn fail_sync(&mut self, mark: Mark, survive: impl FnOnce(&mut C::State, &[C])) {
        let changes = self.take_until(mark);
        survive(&mut self.durable, &changes);
    }

    /// A power loss: `survive` says what becomes of the durable state and all unsynced changes.
    pub fn lose_power(&mut self, survive: impl FnOnce(&mut C::State, &[C])) {
        self.fail_sync(self.mark(), survive);
        self.cached.clone_from(&self.durable);
    }

    /// Whether a power loss could change anything.
    #[cfg(test)]
    pub fn is_durable(&self) -> bool {
        self.changes.is_empty() && self.cached == self.durable
    }

    /// Takes out the changes before `mark`, in order.
    fn take_until(&mut self, mark: Mark) -> Vec<C> {
        let count = mark.0.saturating_sub(self.synced).min(self.changes.len() as u64);
        self.synced += count;
        self.changes.drain(..count as usize).collect()
    }
}

/// What a power loss leaves of a list of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survivors {
    /// The first so many changes, whole.
    Prefix(usize),
    /// A draw of its own for each independent part.
    Independent,
}

impl Survivors {
    /// Draws what survives of `count` changes: often all, none or a prefix, else a mixture.
    pub fn draw(count: usize, random: &mut Random) -> Survivors {
        match random.below(5) {
            0 => Survivors::Prefix(0),
            1 => Survivors::Prefix(count),
            2 => Survivors::Prefix(random.index(count + 1)),
            _ => Survivors::Independent,
        }
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
