//! An index in a file, with a sample of its entries in memory.
//!
//! The sample is bounded, so that memory does not grow with the log: a lookup finds the two
//! samples that enclose what it wants, and reads the entries between them.

use super::offset_index::OffsetEntry;
use super::segment::SegmentFile;
use super::time_index::TimeEntry;
use std::sync::Arc;

/// Entries kept in memory for each index file.
const SAMPLE_COUNT_MAX: usize = 128;

/// The fewest entries between two samples: about a page.
const STRIDE_MIN: usize = 256;

/// What an index file consists of.
pub trait IndexEntry: Copy {
    /// What entries are ordered and searched by.
    type Key: Ord + Copy;
    /// Bytes of an entry.
    const SIZE: usize;
    /// The entry's key.
    fn key(&self) -> Self::Key;
    /// Reads an entry from its bytes.
    fn read(bytes: &[u8]) -> Option<Self>
    where
        Self: Sized;
    /// Whether an entry may follow this one.
    fn precedes(&self, next: &Self) -> bool;
}

/// An index file that is complete and does not change.
#[derive(Debug)]
pub struct IndexFile<E> {
    file: Arc<SegmentFile>,
    entry_count: u32,
    stride: u32,
    /// Every `stride`-th entry, from the first.
    samples: Box<[E]>,
}

/// A range of an index file to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexRange {
    /// Where it begins, in bytes.
    pub position: u64,
    /// How many bytes.
    pub length: usize,
}

impl<E: IndexEntry> IndexFile<E> {
    /// An index file with these entries.
    pub fn new(file: Arc<SegmentFile>, entries: &[E]) -> IndexFile<E> {
        let stride = entries.len().div_ceil(SAMPLE_COUNT_MAX).max(STRIDE_MIN);
        IndexFile {
            file,
            entry_count: entries.len() as u32,
            stride: stride as u32,
            samples: entries.iter().step_by(stride).copied().collect(),
        }
    }

    /// The open file.
    pub fn file(&self) -> &Arc<SegmentFile> {
        &self.file
    }

    /// How many entries it has.
    pub fn entry_count(&self) -> u32 {
        self.entry_count
    }

    /// The range that holds the last entry at or below `key`, if there is one.
    pub fn range_of(&self, key: E::Key) -> Option<IndexRange> {
        let after = self.samples.partition_point(|sample| sample.key() <= key);
        let first = u32::try_from(after.checked_sub(1)?).ok()? * self.stride;
        let count = self.stride.min(self.entry_count - first);
        let position = u64::from(first) * E::SIZE as u64;
        Some(IndexRange { position, length: count as usize * E::SIZE })
    }

    /// The last sampled entry at or below `key`.
    pub fn sample_floor(&self, key: E::Key) -> Option<E> {
        let after = self.samples.partition_point(|sample| sample.key() <= key);
        after.checked_sub(1).map(|index| self.samples[index])
    }

    /// The last entry at or below `key` in the bytes of [`Self::range_of`]; `None` if they are
    /// not what the index was when it was opened.
    pub fn floor_in(&self, bytes: &[u8], key: E::Key) -> Option<E> {
        let range = self.range_of(key)?;
        let first = self.sample_floor(key)?;
        if bytes.len() != range.length {
            return None;
        }
        let mut found = E::read(&bytes[..E::SIZE]).filter(|entry| entry.key() == first.key())?;
        let mut last = found;
        for chunk in bytes.chunks_exact(E::SIZE).skip(1) {
            let entry = E::read(chunk).filter(|entry| last.precedes(entry))?;
            if entry.key() <= key {
                found = entry;
            }
            last = entry;
        }
        Some(found)
    }
}

impl IndexEntry for OffsetEntry {
    type Key = u32;
    const SIZE: usize = OffsetEntry::SIZE;

    fn key(&self) -> u32 {
        self.relative_offset
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.first_chunk().map(|bytes| OffsetEntry::decode(*bytes))
    }

    fn precedes(&self, next: &Self) -> bool {
        OffsetEntry::precedes(self, next)
    }
}

impl IndexEntry for TimeEntry {
    type Key = crate::base::Timestamp;
    const SIZE: usize = TimeEntry::SIZE;

    fn key(&self) -> crate::base::Timestamp {
        self.timestamp
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.first_chunk().map(|bytes| TimeEntry::decode(*bytes))
    }

    fn precedes(&self, next: &Self) -> bool {
        TimeEntry::precedes(self, next)
    }
}

#[cfg(test)]
mod tests {
    use super::super::offset_index::{OffsetIndex, floor};
    use super::*;
    use crate::io::File;

    fn index(count: u32) -> (OffsetIndex, IndexFile<OffsetEntry>) {
        let mut index = OffsetIndex::default();
        for number in 0..count {
            index.push(OffsetEntry { relative_offset: number * 3 + 5, position: number * 100 });
        }
        let file = IndexFile::new(Arc::new(SegmentFile { file: File(1) }), index.entries());
        (index, file)
    }

    /// Goal: a lookup through the file equals one in memory, for sizes around the stride.
    #[test]
    fn floor_equals_that_in_memory() {
        for count in [0, 1, 255, 256, 257, 1000, 100_000] {
            let (memory, file) = index(count);
            let bytes = memory.encode();
            assert!(file.samples.len() <= SAMPLE_COUNT_MAX);
            let step = (count / 300).max(1) as usize;
            for key in (0..count * 3 + 10).step_by(step) {
                let found = file.range_of(key).map(|range| {
                    let start = range.position as usize;
                    file.floor_in(&bytes[start..start + range.length], key).unwrap()
                });
                assert_eq!(found, floor(memory.entries(), key), "{count} entries, {key}");
            }
        }
    }

    /// Goal: bytes that are short or do not ascend are not believed.
    #[test]
    fn changed_bytes_are_noticed() {
        let (memory, file) = index(300);
        let mut bytes = memory.encode()[..256 * 8].to_vec();
        assert!(file.floor_in(&bytes, 100).is_some());
        assert!(file.floor_in(&bytes[8..], 100).is_none());
        bytes[8 * 8] = 0xFF;
        assert!(file.floor_in(&bytes, 100).is_none());
    }
}
