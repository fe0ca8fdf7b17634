//! One segment of a log: a file of record batches, and what is known of it.

use super::files::SegmentPart;
use super::index_file::IndexFile;
use super::offset_index::{OffsetEntry, OffsetIndex};
use super::positions::Mark;
use super::time_index::{TimeEntry, TimeIndex};
use super::trust::Trust;
use crate::base::{LeaderEpoch, Offset, Timestamp};
use crate::io::File;
use crate::wire::record_batch::BatchHeader;
use std::sync::Arc;

/// An open file of a segment. Whoever is about to read it holds a reference, and the log closes
/// it only when it holds the last one.
#[derive(Debug, PartialEq, Eq)]
pub struct SegmentFile {
    /// The handle.
    pub file: File,
}

/// A batch's place, as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchSpan {
    /// The offset of its first record.
    pub base_offset: Offset,
    /// The offset of its last record.
    pub last_offset: Offset,
    /// Where it begins in the segment's file, in bytes.
    pub position: u64,
    /// Its size in bytes.
    pub size: u32,
    /// Its greatest timestamp; −1 if it has none.
    pub max_timestamp: Timestamp,
    /// The leader epoch it was appended in.
    pub leader_epoch: LeaderEpoch,
}

/// Where a segment's indexes are.
#[derive(Debug)]
pub enum Indexes {
    /// In memory, because the segment still grows or its index files are not written yet.
    Memory { offsets: OffsetIndex, times: TimeIndex },
    /// In files, of which memory holds a sample.
    Files { offsets: IndexFile<OffsetEntry>, times: IndexFile<TimeEntry> },
}

/// A segment. The last one of a log takes the appends; the others never change.
#[derive(Debug)]
pub struct Segment {
    /// The offset that its name gives: that of its first record, or lower.
    pub base_offset: Offset,
    /// Its file; none until its first write.
    pub file: Option<Arc<SegmentFile>>,
    /// Bytes written.
    pub size: u64,
    /// Bytes written, being written, or waiting to be.
    pub assigned_size: u64,
    /// Batches being written, or waiting to be.
    pub assigned_count: u32,
    /// The offset after its last written record; its base offset while it has none.
    pub next_offset: Offset,
    /// The greatest timestamp of its first batch, by which its age is measured.
    pub first_timestamp: Option<Timestamp>,
    /// When it was made, or opened at start-up.
    pub created_at: Timestamp,
    /// The greatest timestamp, and the last offset of the first batch that has it.
    pub max_timestamp: Option<(Timestamp, Offset)>,
    /// Its indexes.
    pub indexes: Indexes,
    /// Bytes written since the last index entry.
    pub unindexed_bytes: u64,
    /// Which of its bytes may be served.
    pub trust: Trust,
    /// The producers as of its base offset, until that is on the disk.
    pub snapshot: Option<Vec<u8>>,
    /// Its files on the disk beside `.log`, `.index` and `.timeindex`.
    pub extra_parts: Vec<SegmentPart>,
}

impl BatchSpan {
    /// The place of a batch with this header.
    pub fn of(header: &BatchHeader, position: u64) -> BatchSpan {
        BatchSpan {
            base_offset: Offset(header.base_offset),
            last_offset: Offset(header.last_offset()),
            position,
            size: header.size() as u32,
            max_timestamp: Timestamp(header.max_timestamp),
            leader_epoch: LeaderEpoch(header.partition_leader_epoch),
        }
    }

    /// Where the next batch begins.
    pub fn end(&self) -> u64 {
        self.position + u64::from(self.size)
    }
}

impl Default for Indexes {
    fn default() -> Self {
        Indexes::Memory { offsets: OffsetIndex::default(), times: TimeIndex::default() }
    }
}

impl Segment {
    /// An empty segment without a file.
    pub fn new(base_offset: Offset, now: Timestamp) -> Segment {
        Segment {
            base_offset,
            file: None,
            size: 0,
            assigned_size: 0,
            assigned_count: 0,
            next_offset: base_offset,
            first_timestamp: None,
            created_at: now,
            max_timestamp: None,
            indexes: Indexes::default(),
            unindexed_bytes: 0,
            trust: Trust::default(),
            snapshot: None,
            extra_parts: Vec::new(),
        }
    }

    /// An offset relative to the base offset, as the index files have it.
    pub fn relative(&self, offset: Offset) -> u32 {
        let relative = offset.0.saturating_sub(self.base_offset.0).max(0);
        u32::try_from(relative).unwrap_or(u32::MAX)
    }

    /// Notes a batch at the end of the file, with Kafka's rule for index entries: one before the
    /// first batch after more than `index_interval` bytes.
    ///
    /// # Panics
    /// If it does not lie at the end, or the indexes are in files.
    pub fn note_batch(&mut self, span: &BatchSpan, index_interval: u64) {
        assert_eq!(span.position, self.size, "batches follow each other");
        assert!(span.base_offset >= self.next_offset, "offsets ascend");
        if span.max_timestamp > self.max_timestamp.map_or(Timestamp::NONE, |(at, _)| at) {
            self.max_timestamp = Some((span.max_timestamp, span.last_offset));
        }
        if self.unindexed_bytes > index_interval {
            self.add_index_entry(span);
            self.unindexed_bytes = 0;
        }
        self.first_timestamp.get_or_insert(span.max_timestamp);
        self.unindexed_bytes += u64::from(span.size);
        self.size += u64::from(span.size);
        self.next_offset = span.last_offset.next();
    }

    fn add_index_entry(&mut self, span: &BatchSpan) {
        let relative_offset = self.relative(span.last_offset);
        let newest = self.newest_time_entry();
        let Indexes::Memory { offsets, times } = &mut self.indexes else {
            unreachable!("a segment that grows has its indexes in memory");
        };
        // No writer makes so large a segment, but one may be found.
        let Ok(position) = u32::try_from(span.position) else { return };
        offsets.push(OffsetEntry { relative_offset, position });
        if let Some(entry) = newest {
            times.push(entry);
        }
    }

    /// Adds the last entry of the time index, which every sealed segment has.
    pub fn complete_time_index(&mut self) {
        let newest = self.newest_time_entry();
        if let (Indexes::Memory { times, .. }, Some(entry)) = (&mut self.indexes, newest) {
            times.push(entry);
        }
    }

    fn newest_time_entry(&self) -> Option<TimeEntry> {
        let (timestamp, offset) = self.max_timestamp?;
        Some(TimeEntry { timestamp, relative_offset: self.relative(offset) })
    }

    /// The end of what is written.
    pub fn end_mark(&self) -> Mark {
        Mark {
            offset: self.next_offset,
            segment: self.base_offset,
            position: self.size,
            max_timestamp: self.max_timestamp,
        }
    }

    /// The number of entries of the offset index, those of waiting batches included at most.
    pub fn index_count_max(&self) -> u64 {
        let written = match &self.indexes {
            Indexes::Memory { offsets, .. } => offsets.entries().len() as u64,
            Indexes::Files { offsets, .. } => u64::from(offsets.entry_count()),
        };
        written + u64::from(self.assigned_count)
    }

    /// Its open files.
    pub fn files(&self) -> impl Iterator<Item = &Arc<SegmentFile>> {
        let indexes = match &self.indexes {
            Indexes::Memory { .. } => [None, None],
            Indexes::Files { offsets, times } => [Some(offsets.file()), Some(times.file())],
        };
        self.file.iter().chain(indexes.into_iter().flatten())
    }
}
