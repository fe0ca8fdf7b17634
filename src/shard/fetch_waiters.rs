//! The fetches that wait on one partition.

use super::slots::SlotId;

/// Entries that are always worth keeping, so that a short list is not swept at each addition.
const SWEEP_MIN: usize = 16;

/// Fetches that want to hear of a partition's progress.
///
/// A fetch that is answered leaves its entries behind: it may stand in the lists of a thousand
/// partitions. They are swept out once they may be as many as the others, so that an addition
/// looks at two entries on average, however many wait.
#[derive(Debug, Default)]
pub struct FetchWaiters {
    ids: Vec<SlotId>,
    /// How many were there after the last sweep.
    kept: usize,
}

impl FetchWaiters {
    /// Adds a fetch. `is_waiting` says of an entry whether its fetch is still there.
    pub fn push(&mut self, id: SlotId, is_waiting: impl FnMut(SlotId) -> bool) {
        if self.ids.len() >= SWEEP_MIN.max(2 * self.kept) {
            self.sweep(is_waiting);
        }
        self.ids.push(id);
    }

    /// Has `wake` look at each entry; it says whether the fetch is still there.
    pub fn sweep(&mut self, mut wake: impl FnMut(SlotId) -> bool) {
        self.ids.retain(|id| wake(*id));
        self.kept = self.ids.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::slots::Slots;

    /// Goal: with thousands of consumers on a partition, each of which comes again whenever its
    /// fetch is answered, an addition looks at a constant number of entries, and the list stays
    /// as short as the number of consumers lets it.
    #[test]
    fn additions_look_at_few_entries() {
        const CONSUMERS: usize = 5000;
        const ROUNDS: usize = 20;
        let mut fetches = Slots::default();
        let mut waiters = FetchWaiters::default();
        let mut consumers: Vec<SlotId> = Vec::new();
        let mut looks = 0;
        for round in 0..ROUNDS * CONSUMERS {
            if round >= CONSUMERS {
                fetches.remove(consumers[round % CONSUMERS]);
            }
            let id = fetches.insert(());
            waiters.push(id, |id| {
                looks += 1;
                fetches.get(id).is_some()
            });
            match round < CONSUMERS {
                true => consumers.push(id),
                false => consumers[round % CONSUMERS] = id,
            }
            assert!(waiters.ids.len() <= 2 * CONSUMERS.max(SWEEP_MIN));
        }
        assert!(looks <= 2 * ROUNDS * CONSUMERS, "{looks} looks");
        let mut woken = 0;
        waiters.sweep(|id| {
            woken += usize::from(fetches.get(id).is_some());
            fetches.get(id).is_some()
        });
        assert_eq!((woken, waiters.ids.len()), (CONSUMERS, CONSUMERS));
    }
}
