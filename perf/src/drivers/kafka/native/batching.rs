//! Records that wait, partition by partition, for their batch to be full.

use crate::drivers::Outgoing;
use pinion::wire::record_batch::BatchBuilder;
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// Bytes of a batch whose records are not counted.
const BATCH_SIZE: usize = 64 << 10;
/// Bytes of a batch at most, however few records that is: what brokers take by default.
const BATCH_SIZE_MAX: usize = 1_000_000;

/// A batch that is ready to be sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Batch {
    /// Where it goes.
    pub partition: u32,
    /// What goes there.
    pub bytes: Vec<u8>,
    /// The records in it.
    pub sequences: Vec<u64>,
}

/// Batches that are being filled.
#[derive(Debug)]
pub struct Batching {
    records_max: usize,
    size_max: usize,
    /// Of every record, in milliseconds since 1970.
    timestamp: i64,
    filling: BTreeMap<u32, (BatchBuilder, Vec<u64>)>,
    records: u64,
}

impl Batching {
    /// Batches of so many records at most; of [`BATCH_SIZE`] bytes if that is left open. Records
    /// are stamped with the time at which this is called.
    pub fn new(records_max: Option<u32>) -> Batching {
        let timestamp = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Batching {
            timestamp: i64::try_from(timestamp.as_millis()).unwrap_or(i64::MAX),
            records_max: records_max.map_or(usize::MAX, |count| count.max(1) as usize),
            size_max: if records_max.is_some() { BATCH_SIZE_MAX } else { BATCH_SIZE },
            filling: BTreeMap::new(),
            records: 0,
        }
    }

    /// Adds a record; the batch that is full with it, or that has no room for it.
    pub fn add(&mut self, record: Outgoing<'_>) -> Option<Batch> {
        let Outgoing { partition, key, sequence, payload } = record;
        let (builder, _) = self.filling.entry(partition).or_default();
        let has_room = builder.is_empty() || builder.size() + payload.len() <= self.size_max;
        let full = if has_room { None } else { self.take(partition) };
        let (builder, sequences) = self.filling.entry(partition).or_default();
        builder.append(self.timestamp, key, Some(payload), &[]);
        sequences.push(sequence);
        self.records += 1;
        let is_full = sequences.len() >= self.records_max;
        full.or_else(|| if is_full { self.take(partition) } else { None })
    }

    /// Records that wait.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The next batch, full or not.
    pub fn pop(&mut self) -> Option<Batch> {
        let partition = *self.filling.first_key_value()?.0;
        self.take(partition)
    }

    fn take(&mut self, partition: u32) -> Option<Batch> {
        let (builder, sequences) = self.filling.remove(&partition)?;
        self.records -= sequences.len() as u64;
        Some(Batch { partition, bytes: builder.build(), sequences })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinion::wire::record_batch::Batches;

    fn add(
        batching: &mut Batching,
        partition: u32,
        sequence: u64,
        size: usize,
    ) -> Option<Vec<u64>> {
        let record = Outgoing { partition, key: None, sequence, payload: &vec![1; size] };
        let batch = batching.add(record)?;
        assert_eq!(batch.partition, partition);
        let header =
            Batches::new(&batch.bytes).next().expect("a batch").expect("a good one").header;
        assert_eq!(header.records_count as usize, batch.sequences.len());
        Some(batch.sequences)
    }

    #[test]
    fn a_batch_is_full_at_its_count() {
        let mut batching = Batching::new(Some(2));
        assert_eq!(add(&mut batching, 0, 0, 10), None);
        assert_eq!(add(&mut batching, 1, 1, 10), None);
        assert_eq!(add(&mut batching, 0, 2, 10), Some(vec![0, 2]));
        assert_eq!(batching.records(), 1);
        assert_eq!(batching.pop().expect("one waits").sequences, [1]);
        assert_eq!((batching.records(), batching.pop()), (0, None));
    }

    /// Goal: a batch that a record does not fit into leaves without it; one record always fits.
    #[test]
    fn a_batch_is_full_at_its_size() {
        let mut batching = Batching::new(None);
        assert_eq!(add(&mut batching, 0, 0, BATCH_SIZE / 2), None);
        assert_eq!(add(&mut batching, 0, 1, BATCH_SIZE / 2), Some(vec![0]));
        assert_eq!(add(&mut batching, 0, 2, 10 * BATCH_SIZE), Some(vec![1]));
        assert_eq!(batching.pop().expect("one waits").sequences, [2]);
    }
}
