//! What a log remembers of idempotent producers (KIP-98): the last batches of each.

use super::error::AppendError;
use crate::base::{Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};
use crate::wire::record_batch::BatchHeader;
use smallvec::SmallVec;
use std::collections::{HashMap, HashSet, VecDeque};

/// Of a limit that is passed, one part in so many is made room of at once: so one look at all
/// producers serves many new ones.
const ROOM_PARTS: usize = 16;

/// Batches remembered for each producer: as many as a client may have in flight.
pub const BATCHES_MAX: usize = 5;

/// A batch that a producer has appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerBatch {
    /// The sequence number of its last record.
    pub last_sequence: Sequence,
    /// The offset of its last record.
    pub last_offset: Offset,
    /// The number of its records, less 1.
    pub offset_delta: i32,
    /// Its greatest timestamp.
    pub timestamp: Timestamp,
}

/// One producer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerEntry {
    /// The newest epoch.
    pub epoch: ProducerEpoch,
    /// The last batches in that epoch, oldest first.
    pub batches: SmallVec<[ProducerBatch; BATCHES_MAX]>,
    /// The timestamp of the last batch.
    pub last_timestamp: Timestamp,
    /// The epoch of the transaction coordinator that wrote the last marker; −1 for none.
    pub coordinator_epoch: i32,
    /// Where its open transaction began.
    pub transaction_start: Option<Offset>,
    /// When this process last heard of it; expiry counts from here.
    pub touched_at: Timestamp,
}

/// What to do with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Append it.
    New,
    /// It was appended before, here.
    Duplicate(ProducerBatch),
}

/// A producer as DescribeProducers shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActiveProducer {
    /// The producer.
    pub producer_id: ProducerId,
    /// Its newest epoch.
    pub epoch: ProducerEpoch,
    /// The sequence number of its last record; −1 if unknown.
    pub last_sequence: i32,
    /// The timestamp of its last batch.
    pub last_timestamp: Timestamp,
    /// The epoch of the coordinator that wrote its last marker; −1 for none.
    pub coordinator_epoch: i32,
    /// Where its open transaction began; −1 for none.
    pub transaction_start: i64,
}

/// The producers of one log.
///
/// An append is noted when its offsets are assigned, so that the next batch of the same producer
/// can be checked at once; until the append is written it can be undone.
#[derive(Debug, Default)]
pub struct Producers {
    entries: HashMap<ProducerId, ProducerEntry>,
    undo: VecDeque<Undo>,
    /// Producers of whom nothing is known but that their first batches were undone.
    undone: HashMap<ProducerId, Undone>,
}

/// Where a producer has to start again: a batch that it sent before it was told that an earlier
/// one failed must not come first.
#[derive(Debug)]
struct Undone {
    epoch: ProducerEpoch,
    sequence: Sequence,
    at: Timestamp,
}

#[derive(Debug)]
struct Undo {
    base_offset: Offset,
    producer_id: ProducerId,
    before: Option<ProducerEntry>,
}

impl ProducerBatch {
    /// The sequence number of its first record.
    pub fn first_sequence(&self) -> Sequence {
        let first = i64::from(self.last_sequence.0) - i64::from(self.offset_delta);
        Sequence((first & i64::from(i32::MAX)) as i32)
    }

    /// The offset of its first record.
    pub fn base_offset(&self) -> Offset {
        Offset(self.last_offset.0 - i64::from(self.offset_delta))
    }
}

impl ProducerEntry {
    fn new(epoch: ProducerEpoch) -> ProducerEntry {
        ProducerEntry {
            epoch,
            batches: SmallVec::new(),
            last_timestamp: Timestamp::NONE,
            coordinator_epoch: -1,
            transaction_start: None,
            touched_at: Timestamp::NONE,
        }
    }

    /// The offset of its last record, if it is known.
    fn last_offset(&self) -> Option<Offset> {
        self.batches.last().map(|batch| batch.last_offset)
    }

    fn note(&mut self, epoch: ProducerEpoch, batch: ProducerBatch) {
        if epoch != self.epoch {
            self.epoch = epoch;
            self.batches.clear();
        }
        if self.batches.len() == BATCHES_MAX {
            self.batches.remove(0);
        }
        self.batches.push(batch);
        self.last_timestamp = batch.timestamp;
    }
}

impl Producers {
    /// Judges a batch of an idempotent producer, as Kafka does: an unknown producer may start
    /// anywhere, because retention may have taken its past; a new epoch starts at 0. A producer
    /// whose first batches were undone starts with those.
    ///
    /// # Errors
    /// For an old epoch, and for a sequence that does not follow.
    pub fn check(&self, header: &BatchHeader) -> Result<Verdict, AppendError> {
        let producer_id = ProducerId(header.producer_id);
        let epoch = ProducerEpoch(header.producer_epoch);
        let sequence = Sequence(header.base_sequence);
        let Some(entry) = self.entries.get(&producer_id) else {
            let undone = self.undone.get(&producer_id).filter(|undone| undone.epoch == epoch);
            return match undone.map(|undone| undone.sequence) {
                Some(expected) if expected != sequence => {
                    Err(AppendError::OutOfOrderSequence { producer_id, sequence, expected })
                }
                _ => Ok(Verdict::New),
            };
        };
        if epoch < entry.epoch {
            let newest = entry.epoch;
            return Err(AppendError::InvalidProducerEpoch { producer_id, epoch, newest });
        }
        let is_same = |batch: &&ProducerBatch| {
            batch.first_sequence() == sequence && batch.last_sequence.0 == header.last_sequence()
        };
        if epoch == entry.epoch
            && let Some(batch) = entry.batches.iter().find(is_same)
        {
            return Ok(Verdict::Duplicate(*batch));
        }
        let expected = match entry.batches.last() {
            Some(last) if epoch == entry.epoch => last.last_sequence.plus(1),
            _ => Sequence(0),
        };
        if sequence != expected {
            return Err(AppendError::OutOfOrderSequence { producer_id, sequence, expected });
        }
        Ok(Verdict::New)
    }

    /// Notes a batch whose offsets were assigned, and how to undo that.
    pub fn append(&mut self, header: &BatchHeader, base_offset: Offset, now: Timestamp) {
        let producer_id = ProducerId(header.producer_id);
        let before = self.entries.get(&producer_id).cloned();
        self.undone.remove(&producer_id);
        self.undo.push_back(Undo { base_offset, producer_id, before });
        self.replay(header, base_offset, now);
    }

    /// Notes a batch that is in the log.
    pub fn replay(&mut self, header: &BatchHeader, base_offset: Offset, now: Timestamp) {
        if !header.has_producer_id() {
            return;
        }
        let epoch = ProducerEpoch(header.producer_epoch);
        let entry = self.entries.entry(ProducerId(header.producer_id));
        let entry = entry.or_insert_with(|| ProducerEntry::new(epoch));
        entry.touched_at = entry.touched_at.max(now);
        if header.is_control() {
            // A marker ends the transaction; it has no sequence.
            if epoch > entry.epoch {
                entry.epoch = epoch;
                entry.batches.clear();
            }
            entry.transaction_start = None;
            return;
        }
        if header.is_transactional() {
            entry.transaction_start.get_or_insert(base_offset);
        }
        let batch = ProducerBatch {
            last_sequence: Sequence(header.last_sequence()),
            last_offset: base_offset.plus(i64::from(header.last_offset_delta)),
            offset_delta: header.last_offset_delta,
            timestamp: Timestamp(header.max_timestamp),
        };
        entry.note(epoch, batch);
    }

    /// The producers without the appends that could still be undone.
    pub fn settled(&self) -> Producers {
        let mut entries = self.entries.clone();
        for undo in self.undo.iter().rev() {
            match &undo.before {
                Some(entry) => entries.insert(undo.producer_id, entry.clone()),
                None => entries.remove(&undo.producer_id),
            };
        }
        Producers { entries, ..Producers::default() }
    }

    /// Forgets how to undo appends below `written`.
    pub fn settle(&mut self, written: Offset) {
        while self.undo.front().is_some_and(|undo| undo.base_offset < written) {
            self.undo.pop_front();
        }
    }

    /// Undoes the appends at and above `from`, which were not written.
    pub fn undo(&mut self, from: Offset) {
        while self.undo.back().is_some_and(|undo| undo.base_offset >= from) {
            let Some(undo) = self.undo.pop_back() else { return };
            match undo.before {
                Some(entry) => drop(self.entries.insert(undo.producer_id, entry)),
                None => self.forget_undone(undo.producer_id),
            }
        }
    }

    fn forget_undone(&mut self, producer_id: ProducerId) {
        let Some(entry) = self.entries.remove(&producer_id) else { return };
        if let Some(batch) = entry.batches.first() {
            let (epoch, sequence, at) = (entry.epoch, batch.first_sequence(), entry.touched_at);
            self.undone.insert(producer_id, Undone { epoch, sequence, at });
        }
    }

    /// Forgets producers that have been silent for `expiration_ms` and have no open transaction.
    pub fn expire(&mut self, now: Timestamp, expiration_ms: i64) {
        if !self.undo.is_empty() {
            return;
        }
        let is_silent = |since: Timestamp| now.0.saturating_sub(since.0) >= expiration_ms;
        self.entries
            .retain(|_, entry| !is_silent(entry.touched_at) || entry.transaction_start.is_some());
        self.undone.retain(|_, undone| !is_silent(undone.at));
        if self.entries.is_empty() {
            self.entries.shrink_to_fit();
        }
    }

    /// Forgets producers if there are more than `count_max`: those whose last record is oldest.
    /// Those with an append that could be undone, or with an open transaction, are kept; they may
    /// pass the limit.
    pub fn limit(&mut self, count_max: usize) {
        let room = count_max / ROOM_PARTS;
        if self.entries.len() > count_max {
            let unsettled: HashSet<_> = self.undo.iter().map(|undo| undo.producer_id).collect();
            let may_go = self
                .entries
                .iter()
                .filter(|(id, entry)| entry.transaction_start.is_none() && !unsettled.contains(id));
            let ages = may_go.map(|(id, entry)| (entry.last_offset(), *id)).collect();
            for id in oldest(ages, self.entries.len() - (count_max - room)) {
                self.entries.remove(&id);
            }
        }
        if self.undone.len() > count_max {
            let ages = self.undone.iter().map(|(id, undone)| (undone.at, *id)).collect();
            for id in oldest(ages, self.undone.len() - (count_max - room)) {
                self.undone.remove(&id);
            }
        }
    }

    /// Puts back a producer from a snapshot.
    pub fn restore(&mut self, producer_id: ProducerId, entry: ProducerEntry) {
        self.entries.insert(producer_id, entry);
    }

    /// The producers, by id.
    pub fn iter_sorted(&self) -> Vec<(ProducerId, &ProducerEntry)> {
        let mut entries: Vec<_> = self.entries.iter().map(|(id, entry)| (*id, entry)).collect();
        entries.sort_by_key(|(id, _)| *id);
        entries
    }

    /// Where the oldest open transaction began.
    pub fn first_open_transaction(&self) -> Option<Offset> {
        self.entries.values().filter_map(|entry| entry.transaction_start).min()
    }

    /// The producers as DescribeProducers shows them.
    pub fn active(&self) -> impl Iterator<Item = ActiveProducer> + '_ {
        self.entries.iter().map(|(producer_id, entry)| ActiveProducer {
            producer_id: *producer_id,
            epoch: entry.epoch,
            last_sequence: entry.batches.last().map_or(-1, |batch| batch.last_sequence.0),
            last_timestamp: entry.last_timestamp,
            coordinator_epoch: entry.coordinator_epoch,
            transaction_start: entry.transaction_start.map_or(-1, |offset| offset.0),
        })
    }
}

/// The `count` producers with the least ages, or all if there are no more.
fn oldest<A: Ord>(mut ages: Vec<(A, ProducerId)>, count: usize) -> Vec<ProducerId> {
    if count < ages.len() {
        ages.select_nth_unstable(count);
        ages.truncate(count);
    }
    ages.into_iter().map(|(_, id)| id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(epoch: i16, sequence: i32, count: i32) -> BatchHeader {
        BatchHeader {
            base_offset: 0,
            batch_length: 49,
            partition_leader_epoch: -1,
            crc: 0,
            attributes: Default::default(),
            last_offset_delta: count - 1,
            base_timestamp: 10,
            max_timestamp: 10,
            producer_id: 7,
            producer_epoch: epoch,
            base_sequence: sequence,
            records_count: count,
        }
    }

    /// Appends and gives the offset that the batch has, be it new or not.
    fn append(
        producers: &mut Producers,
        end: &mut i64,
        header: BatchHeader,
    ) -> Result<i64, AppendError> {
        match producers.check(&header)? {
            Verdict::Duplicate(batch) => Ok(batch.base_offset().0),
            Verdict::New => {
                producers.append(&header, Offset(*end), Timestamp(1000));
                let base = *end;
                *end += i64::from(header.records_count);
                Ok(base)
            }
        }
    }

    /// Goal: each of the last five batches is recognised, older ones and gaps are refused.
    #[test]
    fn five_batches_are_remembered() {
        let (mut producers, mut end) = (Producers::default(), 100);
        for index in 0..7 {
            assert_eq!(
                append(&mut producers, &mut end, header(0, index * 2, 2)),
                Ok(100 + i64::from(index) * 2)
            );
        }
        for index in 2..7 {
            assert_eq!(
                append(&mut producers, &mut end, header(0, index * 2, 2)),
                Ok(100 + i64::from(index) * 2)
            );
        }
        for sequence in [0, 2, 13, 15, 16] {
            let refused = append(&mut producers, &mut end, header(0, sequence, 2));
            let expected = Sequence(14);
            let (producer_id, sequence) = (ProducerId(7), Sequence(sequence));
            assert_eq!(
                refused,
                Err(AppendError::OutOfOrderSequence { producer_id, sequence, expected })
            );
        }
        assert_eq!(end, 114);
    }

    /// Goal: sequences wrap within and between batches.
    #[test]
    fn sequences_wrap() {
        let (mut producers, mut end) = (Producers::default(), 0);
        assert_eq!(append(&mut producers, &mut end, header(0, i32::MAX - 1, 4)), Ok(0));
        assert_eq!(
            append(&mut producers, &mut end, header(0, i32::MAX - 1, 4)),
            Ok(0),
            "duplicate"
        );
        assert_eq!(append(&mut producers, &mut end, header(0, 2, 1)), Ok(4));
    }

    /// Goal: an old epoch is fenced, a new one starts at 0, an unknown producer anywhere.
    #[test]
    fn epochs_fence() {
        let (mut producers, mut end) = (Producers::default(), 0);
        assert_eq!(append(&mut producers, &mut end, header(3, 40, 1)), Ok(0));
        assert!(matches!(
            append(&mut producers, &mut end, header(2, 41, 1)),
            Err(AppendError::InvalidProducerEpoch { newest: ProducerEpoch(3), .. })
        ));
        assert!(append(&mut producers, &mut end, header(4, 41, 1)).is_err());
        assert_eq!(append(&mut producers, &mut end, header(4, 0, 1)), Ok(1));
        assert!(append(&mut producers, &mut end, header(3, 41, 1)).is_err());
    }

    /// Goal: undoing brings back exactly what was, evicted batches included.
    #[test]
    fn undo_restores() {
        let (mut producers, mut end) = (Producers::default(), 0);
        for sequence in 0..5 {
            append(&mut producers, &mut end, header(0, sequence, 1)).unwrap();
        }
        producers.settle(Offset(5));
        let before = producers.entries.clone();
        for sequence in 5..8 {
            append(&mut producers, &mut end, header(0, sequence, 1)).unwrap();
        }
        append(&mut producers, &mut end, header(1, 0, 1)).unwrap();
        producers.undo(Offset(5));
        assert_eq!(producers.entries, before);
        assert!(producers.undo.is_empty());
    }

    /// Goal: once a producer's first batch is undone, a later one that is on its way already is
    /// refused until the first comes again; a new epoch starts anew.
    #[test]
    fn an_undone_start_comes_again_first() {
        let (mut producers, mut end) = (Producers::default(), 0);
        append(&mut producers, &mut end, header(0, 4, 2)).unwrap();
        append(&mut producers, &mut end, header(0, 6, 1)).unwrap();
        producers.undo(Offset(0));
        end = 0;
        assert!(append(&mut producers, &mut end, header(0, 7, 1)).is_err());
        assert!(producers.iter_sorted().is_empty());
        assert_eq!(append(&mut producers, &mut end, header(0, 4, 2)), Ok(0));
        assert_eq!(append(&mut producers, &mut end, header(0, 6, 1)), Ok(2));
        producers.undo(Offset(0));
        assert_eq!(append(&mut producers, &mut end, header(1, 0, 1)), Ok(3));
    }

    /// Goal: what could still be undone is not forgotten, and what was undone is bounded too.
    #[test]
    fn the_limit_spares_what_is_in_flight() {
        let (mut producers, mut end) = (Producers::default(), 0);
        for producer_id in 0..50 {
            let header = BatchHeader { producer_id, ..header(0, 0, 1) };
            append(&mut producers, &mut end, header).unwrap();
            producers.limit(20);
        }
        assert_eq!(producers.active().count(), 50);
        producers.settle(Offset(45));
        producers.limit(20);
        let known: Vec<i64> = producers.iter_sorted().iter().map(|(id, _)| id.0).collect();
        assert_eq!(known, (31..50).collect::<Vec<_>>());
        for producer_id in 50..100 {
            let header = BatchHeader { producer_id, ..header(0, 0, 1) };
            append(&mut producers, &mut end, header).unwrap();
        }
        producers.undo(Offset(45));
        producers.limit(20);
        assert!(producers.undone.len() <= 20);
        assert_eq!(producers.active().count(), 14);
    }

    /// Goal: producers expire when due and not before, by this process's clock.
    #[test]
    fn expiry_is_not_early() {
        let (mut producers, mut end) = (Producers::default(), 0);
        append(&mut producers, &mut end, header(0, 0, 1)).unwrap();
        producers.settle(Offset(1));
        producers.expire(Timestamp(1999), 1000);
        assert_eq!(producers.active().count(), 1);
        producers.expire(Timestamp(2000), 1000);
        assert_eq!(producers.active().count(), 0);
    }
}
