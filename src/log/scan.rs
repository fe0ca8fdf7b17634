//! Testing stored batches: are they whole, unchanged and in their place?

use super::epochs::Epochs;
use super::segment::BatchSpan;
use crate::base::Offset;
use crate::wire::record_batch::{BatchError, BatchHeader, HEADER_SIZE, verify_crc};

/// How far batches are sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoundRange {
    /// Where the first batch that is not sound begins, or the bytes end.
    pub sound_end: u64,
    /// The offset after the last sound record.
    pub next_offset: Offset,
}

/// What lies at a place where a batch should begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchAt {
    /// A whole batch that passes its checksum.
    Sound(BatchHeader),
    /// The bytes end before the batch does.
    Cut,
    /// No batch, or one that fails its checksum.
    Damaged(BatchError),
    /// A sound batch whose offsets overlap those before it.
    Misplaced,
}

/// Looks at the batch at the start of `bytes`, whose records should begin at `expected` or above.
pub fn batch_at(bytes: &[u8], expected: Offset) -> BatchAt {
    let header = match BatchHeader::parse(bytes) {
        Ok(header) => header,
        Err(BatchError::Truncated { .. }) => return BatchAt::Cut,
        Err(error) => return BatchAt::Damaged(error),
    };
    let Some(batch) = bytes.get(..header.size()) else { return BatchAt::Cut };
    if let Err(error) = verify_crc(batch) {
        return BatchAt::Damaged(error);
    }
    if header.base_offset < expected.0 || header.last_offset_delta < 0 {
        return BatchAt::Misplaced;
    }
    BatchAt::Sound(header)
}

/// What is known of the segment whose batches are tested.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// Where its records end, in bytes.
    pub size: u64,
    /// The offset after its records.
    pub next_offset: Offset,
    /// The leader epochs of the log.
    pub epochs: &'a Epochs,
}

/// Tests the batches in `bytes`, which lie at `position` of a segment.
///
/// Base offsets and leader epochs lie outside the checksum. So a batch counts only if the next
/// one does not overlap it, which is why the last one in `bytes` counts only if a header follows
/// it; and if it has the epoch that the log has there.
pub fn test_batches(
    bytes: &[u8],
    position: u64,
    expected: Offset,
    surroundings: Surroundings<'_>,
) -> SoundRange {
    let mut sound = SoundRange { sound_end: position, next_offset: expected };
    loop {
        let start = (sound.sound_end - position) as usize;
        let Some(rest) = bytes.get(start..) else { return sound };
        let BatchAt::Sound(header) = batch_at(rest, sound.next_offset) else { return sound };
        let span = BatchSpan::of(&header, sound.sound_end);
        let epoch = surroundings.epochs.epoch_of(span.base_offset);
        if epoch.is_some_and(|epoch| epoch != span.leader_epoch) {
            return sound;
        }
        let next_base = if span.end() >= surroundings.size {
            surroundings.next_offset
        } else {
            let next = &rest[header.size()..];
            if next.len() < HEADER_SIZE {
                return sound;
            }
            // A damaged successor is no fault of this batch's.
            let next = BatchHeader::parse(next);
            next.map_or(surroundings.next_offset, |next| Offset(next.base_offset))
        };
        if next_base <= span.last_offset {
            return sound;
        }
        sound = SoundRange { sound_end: span.end(), next_offset: span.last_offset.next() };
    }
}
