//! The sparse index from timestamps to offsets (`.timeindex`).

use crate::base::{Offset, Timestamp};

/// One entry: up to the batch with this last offset, no timestamp is above this one, and that
/// batch holds it. 12 bytes in the file, big-endian: the timestamp, and the offset relative to
/// the segment's base offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeEntry {
    /// The largest timestamp so far.
    pub timestamp: Timestamp,
    /// The last offset of the batch that holds it, less the segment's base offset.
    pub relative_offset: u32,
}

/// The time index of one segment, in memory, its entries strictly ascending in both fields.
#[derive(Debug, Default)]
pub struct TimeIndex {
    entries: Vec<TimeEntry>,
}

impl TimeEntry {
    /// Bytes of an entry.
    pub const SIZE: usize = 12;

    /// Reads an entry.
    pub fn decode(bytes: [u8; Self::SIZE]) -> TimeEntry {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = bytes;
        TimeEntry {
            timestamp: Timestamp(i64::from_be_bytes([a, b, c, d, e, f, g, h])),
            relative_offset: u32::from_be_bytes([i, j, k, l]),
        }
    }

    fn encode(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.timestamp.0.to_be_bytes());
        out.extend_from_slice(&self.relative_offset.to_be_bytes());
    }

    /// Whether an entry may follow this one in a file.
    pub fn precedes(&self, next: &TimeEntry) -> bool {
        self.timestamp < next.timestamp && self.relative_offset < next.relative_offset
    }

    /// The last offset of the batch that the entry names.
    pub fn offset(&self, base_offset: Offset) -> Offset {
        base_offset.plus(i64::from(self.relative_offset))
    }
}

impl TimeIndex {
    /// The entries in order.
    pub fn entries(&self) -> &[TimeEntry] {
        &self.entries
    }

    /// Adds the newest entry, unless its timestamp is no news.
    ///
    /// # Panics
    /// If it lies before the last one.
    pub fn push(&mut self, entry: TimeEntry) {
        if entry.timestamp < Timestamp(0) {
            return;
        }
        if let Some(last) = self.entries.last() {
            assert!(last.timestamp <= entry.timestamp, "{last:?}, {entry:?}");
            if last.timestamp == entry.timestamp {
                return;
            }
            assert!(last.relative_offset < entry.relative_offset, "{last:?}, {entry:?}");
        }
        self.entries.push(entry);
    }

    /// Forgets entries at and above a relative offset.
    pub fn truncate(&mut self, relative_offset: u32) {
        let kept = self.entries.partition_point(|entry| entry.relative_offset < relative_offset);
        self.entries.truncate(kept);
    }

    /// The file's content.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.entries.len() * TimeEntry::SIZE);
        self.entries.iter().for_each(|entry| entry.encode(&mut out));
        out
    }

    /// Reads a file's content as far as its entries ascend and stay within `offset_count`
    /// offsets. The flag says whether that was all of it.
    pub fn decode(bytes: &[u8], offset_count: u64) -> (TimeIndex, bool) {
        let (chunks, rest) = bytes.as_chunks::<{ TimeEntry::SIZE }>();
        let mut entries: Vec<TimeEntry> = Vec::with_capacity(chunks.len());
        for chunk in chunks {
            let entry = TimeEntry::decode(*chunk);
            let follows = entries.last().is_none_or(|last| last.precedes(&entry));
            let fits = u64::from(entry.relative_offset) < offset_count;
            if !follows || !fits || entry.timestamp < Timestamp(0) {
                return (TimeIndex { entries }, false);
            }
            entries.push(entry);
        }
        (TimeIndex { entries }, rest.is_empty())
    }
}

/// The last of ascending `entries` at or below a timestamp.
pub fn floor(entries: &[TimeEntry], timestamp: Timestamp) -> Option<TimeEntry> {
    let count = entries.partition_point(|entry| entry.timestamp <= timestamp);
    count.checked_sub(1).map(|index| entries[index])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(timestamp: i64, relative_offset: u32) -> TimeEntry {
        TimeEntry { timestamp: Timestamp(timestamp), relative_offset }
    }

    /// Goal: the file's bytes are Kafka's, and come back as they went.
    #[test]
    fn encodes_as_kafka() {
        let mut index = TimeIndex::default();
        index.push(entry(0x0102_0304, 5));
        index.push(entry(0x0102_0305, 9));
        let bytes = index.encode();
        assert_eq!(bytes[..12], [0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 5]);
        let (back, whole) = TimeIndex::decode(&bytes, 10);
        assert!(whole);
        assert_eq!(back.entries(), index.entries());
        assert_eq!(TimeIndex::decode(&bytes, 9).0.entries().len(), 1);
        assert!(!TimeIndex::decode(&bytes[..13], 10).1);
    }

    /// Goal: a timestamp that is not above all before it adds nothing.
    #[test]
    fn only_news_is_added() {
        let mut index = TimeIndex::default();
        index.push(entry(-1, 0));
        index.push(entry(10, 1));
        index.push(entry(10, 1));
        assert_eq!(index.entries(), [entry(10, 1)]);
        assert_eq!(floor(index.entries(), Timestamp(9)), None);
        assert_eq!(floor(index.entries(), Timestamp(10)), Some(entry(10, 1)));
        index.truncate(1);
        assert!(index.entries().is_empty());
    }
}
