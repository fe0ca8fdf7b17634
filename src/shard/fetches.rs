//! The fetches that this shard serves and has not answered, and whose turn it is.

use super::reads::FetchTask;
use super::routing::ReplyTo;
use super::slots::{SlotId, Slots};
use crate::base::Monotonic;
use std::collections::{BTreeSet, HashMap, VecDeque};

/// Unanswered fetches, and those of them that have news, in the order in which it came.
///
/// Invariants: a fetch is in `woken` once at most, and may be gone by the time of its turn; in
/// `by_request` are those that have been put back and not been retired, in `deadlines` those of
/// them that may wait on. So an answered fetch leaves nothing behind, however long it might have
/// waited.
#[derive(Debug, Default)]
pub struct Fetches {
    tasks: Slots<FetchTask>,
    by_request: HashMap<ReplyTo, SlotId>,
    deadlines: BTreeSet<(Monotonic, SlotId)>,
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
            self.deadlines.insert((task.deadline, id));
        }
        self.tasks.put_back(id, task);
    }

    /// Takes a lent fetch out for good.
    pub fn retire(&mut self, id: SlotId, task: &FetchTask) {
        if task.has_waited {
            self.by_request.remove(&task.to);
            self.deadlines.remove(&(task.deadline, id));
        }
        self.tasks.retire(id);
    }

    /// When the next fetch has waited for as long as it may.
    pub fn next_deadline(&self) -> Option<Monotonic> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Takes note that a fetch has waited for as long as it may.
    pub fn pop_expired(&mut self, now: Monotonic) -> Option<SlotId> {
        self.next_deadline().filter(|deadline| *deadline <= now)?;
        self.deadlines.pop_first().map(|(_, id)| id)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ShardId;
    use crate::shard::ask::{FetchQuestion, QuestionIndex};
    use crate::shard::connection::RequestKey;
    use std::time::Duration;

    const NOW: Monotonic = Monotonic(1);

    fn to(number: u64) -> ReplyTo {
        let key = RequestKey { connection: Slots::default().insert(()), number };
        ReplyTo { shard: ShardId(0), key, question: QuestionIndex::ONLY }
    }

    /// A fetch that waits.
    fn add(fetches: &mut Fetches, number: u64, wait_ms: u64) -> SlotId {
        let question = FetchQuestion {
            partitions: Vec::new(),
            bytes_min: 1,
            bytes_max: 1,
            wait_ms: 0,
            committed: false,
        };
        let wait = Duration::from_millis(wait_ms);
        let id = fetches.insert(FetchTask::new(to(number), question, NOW, wait));
        let task = fetches.lend(id).expect("it was inserted");
        fetches.put_back(id, task);
        id
    }

    /// Goal: a fetch is found by its request, woken once, expires in time, and leaves nothing
    /// behind when it is answered, though it might have waited for minutes.
    #[test]
    fn answered_fetches_leave_nothing_behind() {
        let mut fetches = Fetches::default();
        let ids = [300_000, 5, 200_000].map(|wait_ms| add(&mut fetches, wait_ms, wait_ms));
        assert_eq!(fetches.of_request(to(5)), Some(ids[1]));
        assert_eq!(fetches.of_request(to(6)), None);
        assert_eq!(fetches.pop_expired(NOW), None);
        let due = NOW.after(Duration::from_millis(5));
        assert_eq!(fetches.next_deadline(), Some(due));
        assert_eq!((fetches.pop_expired(due), fetches.pop_expired(due)), (Some(ids[1]), None));
        assert!(fetches.wake(ids[2]) && fetches.wake(ids[1]) && fetches.wake(ids[2]));
        for id in ids {
            let task = fetches.lend(id).expect("it waits");
            fetches.retire(id, &task);
            assert!(!fetches.is_there(id) && !fetches.wake(id));
        }
        assert_eq!((fetches.pop_woken(), fetches.has_woken()), (None, false));
        assert!(fetches.by_request.is_empty() && fetches.deadlines.is_empty());
    }
}
