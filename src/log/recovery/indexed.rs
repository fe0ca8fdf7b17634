//! Segments that are opened by their indexes, wholly or in part: what was durable with its indexes
//! need not be scanned.

use super::Recovery;
use super::segment_scan::SegmentScan;
use crate::base::Offset;
use crate::io::{Io, IoError, OpenMode};
use crate::log::files::SegmentPart;
use crate::log::index_file::IndexFile;
use crate::log::offset_index::{self, OffsetIndex};
use crate::log::segment::{BatchSpan, Indexes, Segment, SegmentFile};
use crate::log::time_index::{TimeEntry, TimeIndex};
use crate::log::trust::Trust;
use crate::wire::record_batch::{BatchHeader, HEADER_SIZE};
use std::sync::Arc;

impl<I: Io> Recovery<'_, '_, I> {
    /// Opens a segment by its indexes, if they are sound; its batches are tested when they are
    /// first read.
    pub fn open_by_indexes(&mut self, scan: &SegmentScan) -> Result<Option<Segment>, IoError> {
        let next = scan.next.expect("only a segment that is full is opened so");
        let count = (next.0 - scan.base_offset.0) as u64;
        let Some((offsets, times, true)) = self.read_indexes(scan, count)? else {
            return Ok(None);
        };
        let Some((first, _)) = self.header_at(scan, 0)? else { return Ok(None) };
        if !self.is_whole(scan, &offsets, next)? {
            return Ok(None);
        }
        let mut segment = scan.start(self.now.wall);
        segment.size = scan.length;
        segment.assigned_size = scan.length;
        segment.next_offset = next;
        segment.first_timestamp = Some(first.max_timestamp);
        segment.trust = self.trust_from(scan.length);
        match times.entries().last() {
            Some(entry) if self.is_time_entry_sound(scan, &offsets, entry)? => {
                segment.max_timestamp = Some((entry.timestamp, entry.offset(scan.base_offset)));
            }
            Some(_) => return Ok(None),
            None => {}
        }
        let (offsets_file, times_file) = self.open_index_files(scan)?;
        segment.indexes = Indexes::Files {
            offsets: IndexFile::new(offsets_file, offsets.entries()),
            times: IndexFile::new(times_file, times.entries()),
        };
        Ok(Some(segment))
    }

    /// Whether the segment's last batch ends where the file does, and where the next segment
    /// begins. Compaction may have taken that batch.
    fn is_whole(
        &mut self,
        scan: &SegmentScan,
        offsets: &OffsetIndex,
        next: Offset,
    ) -> Result<bool, IoError> {
        if self.config.cleanup_policy.compact {
            return Ok(true);
        }
        let position = offsets.entries().last().map_or(0, |entry| u64::from(entry.position));
        let last = self.walk_to(scan, position, Offset(next.0 - 1))?;
        Ok(last.is_some_and(|last| last.last_offset.next() == next && last.end() == scan.length))
    }

    fn open_index_files(
        &mut self,
        scan: &SegmentScan,
    ) -> Result<(Arc<SegmentFile>, Arc<SegmentFile>), IoError> {
        let mut open = |part| {
            let path = self.path(scan.base_offset, part);
            let file = self.startup.open(&path, OpenMode::Read)?;
            Ok(Arc::new(SegmentFile { file }))
        };
        Ok((open(SegmentPart::OffsetIndex)?, open(SegmentPart::TimeIndex)?))
    }

    fn trust_from(&self, position: u64) -> Trust {
        if self.config.verify_cold_reads {
            Trust::from_position(position)
        } else {
            Trust::default()
        }
    }

    /// Both indexes, and whether they were whole; `None` if one is missing.
    pub fn read_indexes(
        &mut self,
        scan: &SegmentScan,
        offset_count: u64,
    ) -> Result<Option<(OffsetIndex, TimeIndex, bool)>, IoError> {
        let offsets = self.path(scan.base_offset, SegmentPart::OffsetIndex);
        let times = self.path(scan.base_offset, SegmentPart::TimeIndex);
        let Some(offsets) = self.startup.read_file(&offsets)? else { return Ok(None) };
        let Some(times) = self.startup.read_file(&times)? else { return Ok(None) };
        let (offsets, whole) = OffsetIndex::decode(&offsets, offset_count, scan.length);
        let (times, times_whole) = TimeIndex::decode(&times, offset_count);
        Ok(Some((offsets, times, whole && times_whole)))
    }

    /// The batch header at a position, if there is one.
    fn header_at(
        &mut self,
        scan: &SegmentScan,
        position: u64,
    ) -> Result<Option<(BatchSpan, BatchHeader)>, IoError> {
        let bytes = self.startup.read(scan.file, position, HEADER_SIZE)?;
        let header = BatchHeader::parse(&bytes).ok();
        Ok(header.map(|header| (BatchSpan::of(&header, position), header)))
    }

    /// Whether the batch that a time index entry names has that timestamp.
    fn is_time_entry_sound(
        &mut self,
        scan: &SegmentScan,
        offsets: &OffsetIndex,
        entry: &TimeEntry,
    ) -> Result<bool, IoError> {
        let floor = offset_index::floor(offsets.entries(), entry.relative_offset);
        let position = floor.map_or(0, |entry| u64::from(entry.position));
        let wanted = entry.offset(scan.base_offset);
        let span = self.walk_to(scan, position, wanted)?;
        Ok(span.is_some_and(|span| {
            (span.last_offset, span.max_timestamp) == (wanted, entry.timestamp)
        }))
    }

    /// Takes the part of the indexes below `scan_from` as it is, and begins the scan at its last
    /// entry.
    pub fn resume_from_indexes(
        &mut self,
        scan: &SegmentScan,
        scan_from: Offset,
    ) -> Result<Segment, IoError> {
        let mut segment = scan.start(self.now.wall);
        let count = (scan_from.0 - scan.base_offset.0) as u64;
        let Some((mut offsets, mut times, _)) = self.read_indexes(scan, count)? else {
            return Ok(segment);
        };
        let Some(last) = offsets.entries().last().copied() else { return Ok(segment) };
        let position = u64::from(last.position);
        let Some((first, _)) = self.header_at(scan, 0)? else { return Ok(segment) };
        let Some((span, _)) = self.header_at(scan, position)? else { return Ok(segment) };
        if span.last_offset != last.offset(scan.base_offset) {
            return Ok(segment);
        }
        // The entry belongs to the batch that the scan begins with, and is made again.
        offsets.truncate(position);
        times.truncate(segment.relative(span.base_offset));
        if let Some(entry) = times.entries().last()
            && !self.is_time_entry_sound(scan, &offsets, entry)?
        {
            return Ok(segment);
        }
        segment.size = position;
        segment.next_offset = span.base_offset;
        segment.first_timestamp = Some(first.max_timestamp);
        segment.max_timestamp =
            times.entries().last().map(|entry| (entry.timestamp, entry.offset(scan.base_offset)));
        segment.unindexed_bytes = u64::MAX / 2;
        segment.indexes = Indexes::Memory { offsets, times };
        segment.trust = self.trust_from(position);
        Ok(segment)
    }
}
