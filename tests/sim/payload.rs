//! Records whose bytes say which record they are.

use crate::random::{Random, mix};
use pinion::wire::record_batch::{BatchBuilder, Batches, HEADER_SIZE};

/// Names a record within a run. No two records that are sent have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(pub u64);

/// Who sends a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// A producer without idempotence.
    Plain,
    /// Producer id, epoch and the sequence of the batch's first record.
    Idempotent(i64, i16, i32),
}

/// The value of a record: its name, and bytes that follow from it.
pub fn value(id: RecordId, length: usize) -> Vec<u8> {
    let mut bytes = id.0.to_be_bytes().to_vec();
    let mut random = Random::new(id.0);
    while bytes.len() < length {
        bytes.extend_from_slice(&random.bits().to_be_bytes());
    }
    bytes.truncate(length.max(8));
    bytes
}

/// The name in a record's value.
///
/// # Panics
/// If the value is not one that was made here: the record was damaged.
pub fn name_of(bytes: &[u8]) -> RecordId {
    let (name, _) = bytes.split_first_chunk().expect("a value has a name");
    let id = RecordId(u64::from_be_bytes(*name));
    assert!(value(id, bytes.len()) == bytes, "the value of {id:?} is damaged");
    id
}

/// A batch of these records, not compressed. Lengths follow from the names.
pub fn batch(ids: &[RecordId], sender: Sender, timestamp: i64, length_max: u64) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    if let Sender::Idempotent(producer_id, epoch, sequence) = sender {
        builder = builder.producer(producer_id, epoch, sequence);
    }
    for &id in ids {
        let length = 8 + (mix(id.0) % length_max) as usize;
        builder.append(timestamp, None, Some(&value(id, length)), &[]);
    }
    builder.build()
}

/// A record that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read {
    pub offset: i64,
    pub id: RecordId,
    pub producer_id: i64,
    pub leader_epoch: i32,
}

/// The records in the whole batches at the start of `bytes`, and the length of those.
///
/// # Panics
/// If a batch or a record in it is damaged.
pub fn read_batches(bytes: &[u8]) -> (Vec<Read>, usize) {
    let mut reads = Vec::new();
    let mut length = 0;
    for batch in Batches::new(bytes) {
        let batch = batch.unwrap_or_else(|error| panic!("a damaged batch is served: {error}"));
        batch.verify_crc().unwrap_or_else(|error| panic!("a bad checksum is served: {error}"));
        length += batch.bytes.len();
        assert!(batch.bytes.len() > HEADER_SIZE, "an empty batch");
        for record in batch.records() {
            let record = record.unwrap_or_else(|error| panic!("a damaged record: {error}"));
            reads.push(Read {
                offset: record.offset,
                id: name_of(record.value.expect("every record has a value")),
                producer_id: batch.header.producer_id,
                leader_epoch: batch.header.partition_leader_epoch,
            });
        }
    }
    (reads, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: what is made is what is read, and a changed byte does not pass.
    #[test]
    fn names_survive_and_damage_does_not() {
        let ids = [RecordId(7), RecordId(8)];
        let mut bytes = batch(&ids, Sender::Idempotent(5, 0, 3), 1000, 300);
        let (reads, length) = read_batches(&bytes);
        assert_eq!(length, bytes.len());
        let names: Vec<_> = reads.iter().map(|read| (read.offset, read.id)).collect();
        assert_eq!(names, [(0, RecordId(7)), (1, RecordId(8))]);
        assert_eq!(reads[0].producer_id, 5);
        *bytes.last_mut().expect("it has bytes") ^= 1;
        assert!(std::panic::catch_unwind(|| read_batches(&bytes)).is_err());
    }
}
