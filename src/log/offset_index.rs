//! The sparse index from offsets to positions (`.index`).

use crate::base::Offset;

/// One entry: where the batch with this last offset begins. 8 bytes in the file, big-endian:
/// the offset relative to the segment's base offset, and the position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetEntry {
    /// The last offset of the batch, less the segment's base offset.
    pub relative_offset: u32,
    /// Where the batch begins in the segment's file, in bytes.
    pub position: u32,
}

/// The index of one segment, in memory, its entries strictly ascending in both fields.
#[derive(Debug, Default)]
pub struct OffsetIndex {
    entries: Vec<OffsetEntry>,
}

impl OffsetEntry {
    /// Bytes of an entry.
    pub const SIZE: usize = 8;

    /// Reads an entry.
    pub fn decode(bytes: [u8; Self::SIZE]) -> OffsetEntry {
        let [a, b, c, d, e, f, g, h] = bytes;
        OffsetEntry {
            relative_offset: u32::from_be_bytes([a, b, c, d]),
            position: u32::from_be_bytes([e, f, g, h]),
        }
    }

    fn encode(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.relative_offset.to_be_bytes());
        out.extend_from_slice(&self.position.to_be_bytes());
    }

    /// Whether an entry may follow this one in a file.
    pub fn precedes(&self, next: &OffsetEntry) -> bool {
        self.relative_offset < next.relative_offset && self.position < next.position
    }

    /// The last offset of the batch that the entry names.
    pub fn offset(&self, base_offset: Offset) -> Offset {
        base_offset.plus(i64::from(self.relative_offset))
    }
}

impl OffsetIndex {
    /// The entries in order.
    pub fn entries(&self) -> &[OffsetEntry] {
        &self.entries
    }

    /// Adds the newest entry.
    ///
    /// # Panics
    /// If it does not follow the last one.
    pub fn push(&mut self, entry: OffsetEntry) {
        if let Some(last) = self.entries.last() {
            assert!(last.precedes(&entry), "index entries ascend: {last:?}, {entry:?}");
        }
        self.entries.push(entry);
    }

    /// Forgets entries that do not lie below `position`.
    pub fn truncate(&mut self, position: u64) {
        let kept = self.entries.partition_point(|entry| u64::from(entry.position) < position);
        self.entries.truncate(kept);
    }

    /// The file's content.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.entries.len() * OffsetEntry::SIZE);
        self.entries.iter().for_each(|entry| entry.encode(&mut out));
        out
    }

    /// Reads a file's content as far as its entries ascend, stay within `size` bytes of log and
    /// `offset_count` offsets. The flag says whether that was all of it.
    pub fn decode(bytes: &[u8], offset_count: u64, size: u64) -> (OffsetIndex, bool) {
        let (chunks, rest) = bytes.as_chunks::<{ OffsetEntry::SIZE }>();
        let mut entries: Vec<OffsetEntry> = Vec::with_capacity(chunks.len());
        for chunk in chunks {
            let entry = OffsetEntry::decode(*chunk);
            let follows = entries.last().is_none_or(|last| last.precedes(&entry));
            let fits =
                u64::from(entry.relative_offset) < offset_count && u64::from(entry.position) < size;
            if !follows || !fits {
                return (OffsetIndex { entries }, false);
            }
            entries.push(entry);
        }
        (OffsetIndex { entries }, rest.is_empty())
    }
}

/// The last of ascending `entries` at or below a relative offset.
pub fn floor(entries: &[OffsetEntry], relative_offset: u32) -> Option<OffsetEntry> {
    around(entries, relative_offset).0
}

/// The last of ascending `entries` at or below a relative offset, and the first above it.
pub fn around(
    entries: &[OffsetEntry],
    relative_offset: u32,
) -> (Option<OffsetEntry>, Option<OffsetEntry>) {
    let count = entries.partition_point(|entry| entry.relative_offset <= relative_offset);
    let floor = count.checked_sub(1).map(|index| entries[index]);
    (floor, entries.get(count).copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(relative_offset: u32, position: u32) -> OffsetEntry {
        OffsetEntry { relative_offset, position }
    }

    /// Goal: the file's bytes are Kafka's, and come back as they went.
    #[test]
    fn encodes_as_kafka() {
        let mut index = OffsetIndex::default();
        index.push(entry(9, 4100));
        index.push(entry(0x0102, 0x0A0B_0C0D));
        let bytes = index.encode();
        assert_eq!(bytes, [0, 0, 0, 9, 0, 0, 16, 4, 0, 0, 1, 2, 0x0A, 0x0B, 0x0C, 0x0D]);
        let (back, whole) = OffsetIndex::decode(&bytes, 1000, u64::MAX);
        assert!(whole);
        assert_eq!(back.entries(), index.entries());
    }

    /// Goal: the entries around an offset are those of a linear search.
    #[test]
    fn entries_around_enclose_an_offset() {
        let mut index = OffsetIndex::default();
        [3, 10, 11, 40].into_iter().for_each(|offset| index.push(entry(offset, offset * 10)));
        for wanted in 0..50 {
            let linear = index.entries().iter().rev().find(|entry| entry.relative_offset <= wanted);
            let above = index.entries().iter().find(|entry| entry.relative_offset > wanted);
            assert_eq!(floor(index.entries(), wanted).as_ref(), linear, "{wanted}");
            assert_eq!(around(index.entries(), wanted).1.as_ref(), above, "{wanted}");
        }
    }

    /// Goal: damage cuts what follows it.
    #[test]
    fn decode_stops_at_damage() {
        let mut index = OffsetIndex::default();
        [3, 10, 11].into_iter().for_each(|offset| index.push(entry(offset, offset * 10)));
        let bytes = index.encode();
        assert!(!OffsetIndex::decode(&bytes[..20], 100, 1000).1);
        assert_eq!(OffsetIndex::decode(&bytes, 11, 1000).0.entries().len(), 2, "offset too high");
        assert_eq!(OffsetIndex::decode(&bytes, 12, 100).0.entries().len(), 1, "past the log");
        let mut zeros = bytes.clone();
        zeros.extend_from_slice(&[0; 16]);
        let (kept, whole) = OffsetIndex::decode(&zeros, 100, 1000);
        assert!(!whole);
        assert_eq!(kept.entries(), index.entries());
    }
}
