//! Producer snapshots (`.snapshot`): the producers as of the offset in the file's name.
//!
//! Kafka's format, big-endian:
//!
//! | bytes | field |
//! |---|---|
//! | 2 | version, 1 |
//! | 4 | CRC-32C of all that follows |
//! | 4 | number of producers |
//! | 46 each | a producer |
//!
//! A producer: id 8, epoch 2, last sequence 4, last offset 8, offset delta 4, timestamp 8,
//! coordinator epoch 4, first offset of its transaction 8, or −1.
//!
//! Kafka keeps only the last batch of each producer, so that after a restart it takes a retry of
//! an earlier one for a gap. The earlier batches follow here, where Kafka does not look:
//!
//! | bytes | field |
//! |---|---|
//! | 4 | number of batches |
//! | 32 each | a batch, oldest first |
//!
//! A batch: producer id 8, last sequence 4, last offset 8, offset delta 4, timestamp 8.

use super::producer_state::{BATCHES_MAX, ProducerBatch, ProducerEntry, Producers};
use crate::base::{Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};
use smallvec::SmallVec;

const VERSION: i16 = 1;
const HEADER_SIZE: usize = 6;
const PRODUCER_SIZE: usize = 46;
const BATCH_SIZE: usize = 32;

/// The file's content.
pub fn encode(producers: &Producers) -> Vec<u8> {
    let entries = producers.iter_sorted();
    let mut out = Vec::with_capacity(HEADER_SIZE + 8 + entries.len() * PRODUCER_SIZE);
    out.extend_from_slice(&VERSION.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&(entries.len() as i32).to_be_bytes());
    for (id, entry) in &entries {
        encode_producer(*id, entry, &mut out);
    }
    let earlier = |entry: &ProducerEntry| entry.batches.len().saturating_sub(1);
    let count: usize = entries.iter().map(|(_, entry)| earlier(entry)).sum();
    out.extend_from_slice(&(count as i32).to_be_bytes());
    for (id, entry) in &entries {
        for batch in &entry.batches[..earlier(entry)] {
            out.extend_from_slice(&id.0.to_be_bytes());
            encode_batch(batch, &mut out);
        }
    }
    let crc = crc32c::crc32c(&out[HEADER_SIZE..]);
    out[2..HEADER_SIZE].copy_from_slice(&crc.to_be_bytes());
    out
}

fn encode_producer(id: ProducerId, entry: &ProducerEntry, out: &mut Vec<u8>) {
    let none = ProducerBatch {
        last_sequence: Sequence(-1),
        last_offset: Offset(-1),
        offset_delta: 0,
        timestamp: entry.last_timestamp,
    };
    out.extend_from_slice(&id.0.to_be_bytes());
    out.extend_from_slice(&entry.epoch.0.to_be_bytes());
    encode_batch(entry.batches.last().unwrap_or(&none), out);
    out.extend_from_slice(&entry.coordinator_epoch.to_be_bytes());
    let transaction_start = entry.transaction_start.map_or(-1, |offset| offset.0);
    out.extend_from_slice(&transaction_start.to_be_bytes());
}

fn encode_batch(batch: &ProducerBatch, out: &mut Vec<u8>) {
    out.extend_from_slice(&batch.last_sequence.0.to_be_bytes());
    out.extend_from_slice(&batch.last_offset.0.to_be_bytes());
    out.extend_from_slice(&batch.offset_delta.to_be_bytes());
    out.extend_from_slice(&batch.timestamp.0.to_be_bytes());
}

/// Reads a snapshot, Kafka's or ours; `None` if it is damaged. Expiry counts from `now`.
pub fn decode(bytes: &[u8], now: Timestamp) -> Option<Producers> {
    let mut reader = Reader(bytes);
    let version = i16::from_be_bytes(reader.take()?);
    let crc = u32::from_be_bytes(reader.take()?);
    if version != VERSION || crc != crc32c::crc32c(reader.0) {
        return None;
    }
    let count = usize::try_from(i32::from_be_bytes(reader.take()?)).ok()?;
    let mut entries: Vec<(ProducerId, ProducerEntry)> =
        Vec::with_capacity(count.min(reader.0.len() / PRODUCER_SIZE));
    for _ in 0..count {
        entries.push(decode_producer(&mut reader, now)?);
    }
    if !reader.0.is_empty() {
        decode_earlier(&mut reader, &mut entries)?;
    }
    let mut producers = Producers::default();
    for (id, entry) in entries {
        producers.restore(id, entry);
    }
    reader.0.is_empty().then_some(producers)
}

fn decode_producer(reader: &mut Reader, now: Timestamp) -> Option<(ProducerId, ProducerEntry)> {
    let id = ProducerId(i64::from_be_bytes(reader.take()?));
    let epoch = ProducerEpoch(i16::from_be_bytes(reader.take()?));
    let batch = decode_batch(reader)?;
    let coordinator_epoch = i32::from_be_bytes(reader.take()?);
    let transaction_start = i64::from_be_bytes(reader.take()?);
    let mut batches = SmallVec::new();
    if batch.last_sequence.0 >= 0 {
        batches.push(batch);
    }
    let entry = ProducerEntry {
        epoch,
        batches,
        last_timestamp: batch.timestamp,
        coordinator_epoch,
        transaction_start: (transaction_start >= 0).then_some(Offset(transaction_start)),
        touched_at: now,
    };
    Some((id, entry))
}

fn decode_batch(reader: &mut Reader) -> Option<ProducerBatch> {
    Some(ProducerBatch {
        last_sequence: Sequence(i32::from_be_bytes(reader.take()?)),
        last_offset: Offset(i64::from_be_bytes(reader.take()?)),
        offset_delta: i32::from_be_bytes(reader.take()?),
        timestamp: Timestamp(i64::from_be_bytes(reader.take()?)),
    })
}

/// Puts the earlier batches in front of the last ones. They come in the order of the producers.
fn decode_earlier(reader: &mut Reader, entries: &mut [(ProducerId, ProducerEntry)]) -> Option<()> {
    let count = i32::from_be_bytes(reader.take()?);
    let mut index = 0;
    for _ in 0..count {
        let id = ProducerId(i64::from_be_bytes(reader.take()?));
        let batch = decode_batch(reader)?;
        while entries.get(index)?.0 != id {
            index += 1;
        }
        let batches = &mut entries[index].1.batches;
        if batches.is_empty() || batches.len() == BATCHES_MAX {
            return None;
        }
        batches.insert(batches.len() - 1, batch);
    }
    Some(())
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }
}

const _: () = assert!(PRODUCER_SIZE == 8 + 2 + 4 + 8 + 4 + 8 + 4 + 8);
const _: () = assert!(BATCH_SIZE == 8 + 4 + 8 + 4 + 8);

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Producers {
        let mut producers = Producers::default();
        for (id, batch_count) in [(4000, 5), (1, 1), (9, 0), (70, 3)] {
            let batch = |index: i32| ProducerBatch {
                last_sequence: Sequence(index * 3 + 2),
                last_offset: Offset(i64::from(index) * 3 + 102),
                offset_delta: 2,
                timestamp: Timestamp(1_700_000_000_000 + i64::from(index)),
            };
            let entry = ProducerEntry {
                epoch: ProducerEpoch(2),
                batches: (0..batch_count).map(batch).collect(),
                last_timestamp: Timestamp(1_700_000_000_000 + i64::from(batch_count) - 1),
                coordinator_epoch: if id == 9 { 3 } else { -1 },
                transaction_start: (id == 70).then_some(Offset(102)),
                touched_at: Timestamp(5),
            };
            producers.restore(ProducerId(id), entry);
        }
        producers
    }

    /// Goal: all five batches of a producer survive a restart.
    #[test]
    fn round_trips() {
        let producers = sample();
        let bytes = encode(&producers);
        let back = decode(&bytes, Timestamp(5)).unwrap();
        assert_eq!(back.iter_sorted(), producers.iter_sorted());
        let empty = encode(&Producers::default());
        assert!(decode(&empty, Timestamp(5)).unwrap().iter_sorted().is_empty());
    }

    /// Goal: a snapshot of Kafka's, without our part, is read.
    #[test]
    fn reads_kafkas_form() {
        let bytes = encode(&sample());
        let mut kafka = bytes[..HEADER_SIZE + 4 + 4 * PRODUCER_SIZE].to_vec();
        let crc = crc32c::crc32c(&kafka[HEADER_SIZE..]);
        kafka[2..HEADER_SIZE].copy_from_slice(&crc.to_be_bytes());
        let back = decode(&kafka, Timestamp(5)).unwrap();
        let lengths: Vec<usize> =
            back.iter_sorted().iter().map(|(_, entry)| entry.batches.len()).collect();
        assert_eq!(lengths, [1, 0, 1, 1]);
    }

    /// Goal: every flipped bit, and every cut, is detected.
    #[test]
    fn damage_is_detected() {
        let mut bytes = encode(&sample());
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&bytes, Timestamp(0)).is_none(), "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length], Timestamp(0)).is_none(), "length {length}");
        }
    }
}
