//! Leader epochs and where each begins (KIP-101, KIP-279).

use super::checkpoint::EpochStart;
use crate::base::{LeaderEpoch, Offset};

/// The epochs that have records in the log, ascending in epoch and start offset.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Epochs {
    starts: Vec<EpochStart>,
}

impl Epochs {
    /// From a checkpoint, whose entries ascend.
    pub fn new(starts: Vec<EpochStart>) -> Epochs {
        Epochs { starts }
    }

    /// The entries in order.
    pub fn starts(&self) -> &[EpochStart] {
        &self.starts
    }

    /// Notes that records from `start` on are of `epoch`; says whether that is news.
    pub fn assign(&mut self, epoch: LeaderEpoch, start: Offset) -> bool {
        if self.starts.last().is_some_and(|last| last.epoch >= epoch) {
            return false;
        }
        // An epoch that got no record leaves no trace.
        self.starts.retain(|entry| entry.start < start);
        self.starts.push(EpochStart { epoch, start });
        true
    }

    /// Forgets epochs that begin at or above `end`; says whether there were any.
    pub fn truncate_end(&mut self, end: Offset) -> bool {
        let before = self.starts.len();
        self.starts.retain(|entry| entry.start < end);
        self.starts.len() != before
    }

    /// Forgets epochs that end at or below `log_start`; says whether there were any.
    pub fn truncate_start(&mut self, log_start: Offset) -> bool {
        let first_kept = self.starts.partition_point(|entry| entry.start <= log_start);
        let Some(first_kept) = first_kept.checked_sub(1) else { return false };
        let moved = self.starts[first_kept].start < log_start;
        self.starts[first_kept].start = log_start;
        self.starts.drain(..first_kept);
        moved || first_kept > 0
    }

    /// The epoch of the record at `offset`.
    pub fn epoch_of(&self, offset: Offset) -> Option<LeaderEpoch> {
        let count = self.starts.partition_point(|entry| entry.start <= offset);
        count.checked_sub(1).map(|index| self.starts[index].epoch)
    }

    /// The largest epoch at or below the wanted one, and the offset after its last record; `None`
    /// for an epoch that is not known.
    pub fn end_offset_for(
        &self,
        wanted: LeaderEpoch,
        current: LeaderEpoch,
        log_start: Offset,
        log_end: Offset,
    ) -> Option<(LeaderEpoch, Offset)> {
        if wanted == current {
            return Some((current, log_end));
        }
        if wanted.0 < 0 || wanted > current {
            return None;
        }
        let after = self.starts.partition_point(|entry| entry.epoch <= wanted);
        let end = self.starts.get(after).map_or(log_end, |next| next.start);
        match after.checked_sub(1) {
            Some(index) => Some((self.starts[index].epoch, end)),
            // Its records are gone: what is left begins after it.
            None => Some((wanted, self.starts.first().map_or(log_start, |next| next.start))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(pairs: &[(i32, i64)]) -> Epochs {
        let start =
            |&(epoch, start)| EpochStart { epoch: LeaderEpoch(epoch), start: Offset(start) };
        Epochs::new(pairs.iter().map(start).collect())
    }

    /// Goal: only a newer epoch is noted, and one without records leaves no trace.
    #[test]
    fn assigns() {
        let mut known = Epochs::default();
        assert!(known.assign(LeaderEpoch(1), Offset(0)));
        assert!(!known.assign(LeaderEpoch(1), Offset(10)));
        assert!(known.assign(LeaderEpoch(2), Offset(20)));
        assert!(known.assign(LeaderEpoch(5), Offset(20)));
        assert_eq!(known, epochs(&[(1, 0), (5, 20)]));
        assert_eq!(known.epoch_of(Offset(19)), Some(LeaderEpoch(1)));
        assert_eq!(known.epoch_of(Offset(20)), Some(LeaderEpoch(5)));
    }

    /// Goal: both ends follow the log.
    #[test]
    fn truncates() {
        let mut known = epochs(&[(1, 0), (3, 20), (5, 40)]);
        assert!(!known.truncate_end(Offset(41)));
        assert!(known.truncate_end(Offset(40)));
        assert!(known.truncate_start(Offset(25)));
        assert_eq!(known, epochs(&[(3, 25)]));
        assert!(!known.truncate_start(Offset(25)));
        assert!(!known.truncate_start(Offset(3)));
    }

    /// Goal: KIP-279's answer, the largest epoch not above the wanted one and its end.
    #[test]
    fn finds_the_end_of_an_epoch() {
        let known = epochs(&[(1, 10), (3, 20), (5, 40)]);
        let end = |epoch| {
            known
                .end_offset_for(LeaderEpoch(epoch), LeaderEpoch(7), Offset(10), Offset(50))
                .map(|(epoch, offset)| (epoch.0, offset.0))
        };
        assert_eq!(end(-1), None);
        assert_eq!(end(0), Some((0, 10)));
        assert_eq!(end(1), Some((1, 20)));
        assert_eq!(end(2), Some((1, 20)));
        assert_eq!(end(3), Some((3, 40)));
        assert_eq!(end(5), Some((5, 50)));
        assert_eq!(end(6), Some((5, 50)));
        assert_eq!(end(7), Some((7, 50)));
        assert_eq!(end(8), None);
    }
}
