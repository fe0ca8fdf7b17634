//! Whether everything that was sent came back once, in order and whole.

use super::payload::{self, Origin};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// What came back of what was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Records that producers handed to their clients.
    pub sent: u64,
    /// Records that came back, each counted once.
    pub received: u64,
    /// Sent records that never came back.
    pub lost: u64,
    /// Records that came back again.
    pub duplicated: u64,
    /// Records that came, within their partition, after a later one of the same producer.
    pub reordered: u64,
    /// Records whose bytes changed, or that nobody sent.
    pub damaged: u64,
}

impl Verdict {
    /// Counts what another reader found, too.
    pub fn add(&mut self, other: &Verdict) {
        self.sent += other.sent;
        self.received += other.received;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.damaged += other.damaged;
    }

    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.lost + self.duplicated + self.reordered + self.damaged == 0
    }
}

/// Reads records as they come back. One for each run and reader.
#[derive(Debug)]
pub struct Verifier {
    producers: Vec<Received>,
    /// The last sequence seen of a producer in a partition.
    last: HashMap<(u32, u32), u64>,
    verdict: Verdict,
}

/// Which records of one producer came: a bit for each.
#[derive(Debug)]
struct Received {
    sent: u64,
    missing: u64,
    words: Vec<u64>,
}

impl Verifier {
    /// Expects, of each producer, as many records as it sent.
    pub fn new(sent: &[u64]) -> Verifier {
        let words = |sent: u64| usize::try_from(sent.div_ceil(64)).expect("a count that fits");
        let producers = sent
            .iter()
            .map(|&sent| Received { sent, missing: sent, words: vec![0; words(sent)] })
            .collect();
        let verdict = Verdict { sent: sent.iter().sum(), ..Verdict::default() };
        Verifier { producers, last: HashMap::new(), verdict }
    }

    /// Takes a record that came from `partition`; its origin, if it is one of ours.
    pub fn receive(&mut self, partition: u32, payload: &[u8]) -> Option<Origin> {
        let origin = payload::open(payload).ok().filter(|origin| self.expects(*origin));
        let Some(origin) = origin else {
            self.verdict.damaged += 1;
            return None;
        };
        if !self.producers[origin.producer as usize].insert(origin.sequence) {
            self.verdict.duplicated += 1;
            return Some(origin);
        }
        self.verdict.received += 1;
        let last = self.last.entry((origin.producer, partition)).or_insert(origin.sequence);
        if origin.sequence < *last {
            self.verdict.reordered += 1;
        }
        *last = origin.sequence.max(*last);
        Some(origin)
    }

    /// Records that have not come yet.
    pub fn missing(&self) -> u64 {
        self.verdict.sent - self.verdict.received
    }

    /// Whether every record of this producer has come.
    pub fn has_all_of(&self, producer: u32) -> bool {
        self.producers.get(producer as usize).is_some_and(|received| received.missing == 0)
    }

    /// The verdict, once nothing more comes.
    pub fn finish(mut self) -> Verdict {
        self.verdict.lost = self.missing();
        self.verdict
    }

    fn expects(&self, origin: Origin) -> bool {
        let producer = self.producers.get(origin.producer as usize);
        producer.is_some_and(|producer| origin.sequence < producer.sent)
    }
}

impl Received {
    /// Whether the record is new.
    fn insert(&mut self, sequence: u64) -> bool {
        let word = &mut self.words[usize::try_from(sequence / 64).expect("below the sent count")];
        let bit = 1 << (sequence % 64);
        let is_new = *word & bit == 0;
        *word |= bit;
        self.missing -= u64::from(is_new);
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::super::payload::PayloadMaker;
    use super::*;
    use std::time::Duration;

    /// A driver that keeps what it is given and hands it back, spoiled by the test.
    fn stored(producer: u32, count: u64) -> Vec<Vec<u8>> {
        let mut maker = PayloadMaker::new(64, 1);
        let origin = |sequence| Origin { producer, sequence, due: Duration::ZERO };
        (0..count).map(|sequence| maker.make(origin(sequence)).to_vec()).collect()
    }

    fn verdict_of(records: &[Vec<u8>], sent: &[u64]) -> Verdict {
        let mut verifier = Verifier::new(sent);
        for record in records {
            verifier.receive(0, record);
        }
        verifier.finish()
    }

    fn clean(records: u64) -> Verdict {
        Verdict { sent: records, received: records, ..Verdict::default() }
    }

    #[test]
    fn an_honest_driver_passes() {
        let verdict = verdict_of(&stored(0, 1000), &[1000]);
        assert_eq!(verdict, clean(1000));
        assert!(verdict.is_clean());
    }

    #[test]
    fn one_dropped_record_is_caught() {
        let mut records = stored(0, 1000);
        records.remove(500);
        let verdict = verdict_of(&records, &[1000]);
        assert_eq!(verdict, Verdict { received: 999, lost: 1, ..clean(1000) });
        assert!(!verdict.is_clean());
    }

    #[test]
    fn one_repeated_record_is_caught() {
        let mut records = stored(0, 1000);
        records.push(records[500].clone());
        let verdict = verdict_of(&records, &[1000]);
        assert_eq!(verdict, Verdict { duplicated: 1, ..clean(1000) });
        assert!(!verdict.is_clean());
    }

    #[test]
    fn two_swapped_records_are_caught() {
        let mut records = stored(0, 1000);
        records.swap(500, 501);
        let verdict = verdict_of(&records, &[1000]);
        assert_eq!(verdict, Verdict { reordered: 1, ..clean(1000) });
        assert!(!verdict.is_clean());
    }

    #[test]
    fn one_damaged_record_is_caught() {
        let mut records = stored(0, 1000);
        records[500][40] ^= 1;
        let verdict = verdict_of(&records, &[1000]);
        assert_eq!(verdict, Verdict { received: 999, lost: 1, damaged: 1, ..clean(1000) });
        assert!(!verdict.is_clean());
    }

    /// Goal: a record of another run, or of a producer that is none of ours, does not count.
    #[test]
    fn records_that_nobody_sent_are_caught() {
        let verdict = verdict_of(&stored(0, 11), &[10]);
        assert_eq!(verdict, Verdict { damaged: 1, ..clean(10) });
        let verdict = verdict_of(&stored(3, 1), &[1]);
        assert_eq!((verdict.damaged, verdict.lost), (1, 1));
    }

    /// Goal: partitions are ordered each for itself, as are producers.
    #[test]
    fn order_counts_within_a_partition_and_producer() {
        let (first, second) = (stored(0, 4), stored(1, 4));
        let mut verifier = Verifier::new(&[4, 4]);
        for (partition, record) in [(0, &first[2]), (1, &first[1]), (0, &second[0])] {
            verifier.receive(partition, record);
        }
        assert_eq!(verifier.missing(), 5);
        assert!(!verifier.has_all_of(0));
        for record in [&first[0], &first[3]] {
            verifier.receive(2, record);
        }
        assert!(verifier.has_all_of(0) && !verifier.has_all_of(1) && !verifier.has_all_of(2));
        assert_eq!(verifier.finish().reordered, 0);
    }
}
