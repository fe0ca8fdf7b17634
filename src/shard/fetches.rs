//! The fetches that this shard serves and has not answered, and whose turn it is.

use super::reads::FetchTask;
use super::routing::ReplyTo;
use super::slots::{SlotId, Slots};
use std::collections::{HashMap, VecDeque};

/// Unanswered fetches, and those of them that have news, in the order in which it came.
///
/// Invariants: a fetch is in `woken` once at most, and may be gone by the time of its turn; in
/// `by_request` are those that have been put back and not been retired.
#[derive(Debug, Default)]
pub struct Fetches {
    tasks: Slots<FetchTask>,
    by_request: HashMap<ReplyTo, SlotId>,
    woken: VecDeque<SlotId>,
}

impl Fetches {
    /// Takes a fetch in.
    pub fn insert(&mut self, task: FetchTask) -> SlotId {
        self.tasks.insert(task)
    }

    /// All fetches.
    pub fn ids(&self) -> Vec<SlotId> {
        self.tasks.ids().collect()
    }

    /// A fetch, if it is still there.
    pub fn get_mut(&mut self, id: SlotId) -> Option<&mut FetchTask> {
        self.tasks.get_mut(id)
    }

    /// Whether a fetch is still there.
    pub fn is_there(&self, id: SlotId) -> bool {
        self.tasks.get(id).is_some()
    }

    /// The fetch of a request, if it waits.
    pub fn of_request(&self, to: ReplyTo) -> Option<SlotId> {
        self.by_request.get(&to).copied()
    }

    /// Takes a fetch out until [`Fetches::put_back`] or [`Fetches::retire`].
    pub fn lend(&mut self, id: SlotId) -> Option<FetchTask> {
        self.tasks.lend(id)
    }

    /// Puts a lent fetch back: it has to wait.
    pub fn put_back(&mut self, id: SlotId, mut task: FetchTask) {
        if !std::mem::replace(&mut task.has_waited, true) {
            self.by_request.insert(task.to, id);
        }
        self.tasks.put_back(id, task);
    }

    /// Takes a lent fetch out for good.
    pub fn retire(&mut self, id: SlotId, task: &FetchTask) {
        if task.has_waited {
            self.by_request.remove(&task.to);
        }
        self.tasks.retire(id);
    }

    /// Has a fetch looked at again; says whether it is still there.
    pub fn wake(&mut self, id: SlotId) -> bool {
        let Some(task) = self.tasks.get_mut(id) else { return false };
        if !std::mem::replace(&mut task.is_woken, true) {
            self.woken.push_back(id);
        }
        true
    }

    /// The next fetch to be looked at again.
    pub fn pop_woken(&mut self) -> Option<SlotId> {
        while let Some(id) = self.woken.pop_front() {
            if let Some(task) = self.tasks.get_mut(id) {
                task.is_woken = false;
                return Some(id);
            }
        }
        None
    }

    /// Whether a fetch may have to be looked at.
    pub fn has_woken(&self) -> bool {
        !self.woken.is_empty()
    }
}
