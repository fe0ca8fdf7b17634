//! The log's segments, opened one after the other as far as the log goes.

use super::Recovery;
use super::listing::Listing;
use super::segment_scan::{Scanned, SegmentScan};
use crate::base::Offset;
use crate::io::{Io, IoError, OpenMode};
use crate::log::epochs::Epochs;
use crate::log::error::LogError;
use crate::log::files::{EPOCHS_NAME, SegmentPart};
use crate::log::index_file::IndexFile;
use crate::log::producer_state::Producers;
use crate::log::segment::{Indexes, Segment, SegmentFile};
use crate::log::trust::Damage;
use std::collections::VecDeque;
use std::sync::Arc;

impl<I: Io> Recovery<'_, '_, I> {
    /// Opens the segments, and again with a closer look if the epoch checkpoint is wrong.
    pub fn open_checked(
        &mut self,
        listed: &Listing,
        scan_from: Offset,
    ) -> Result<VecDeque<Segment>, LogError> {
        let segments = self.open_segments(listed, scan_from)?;
        let path = self.directory.join(EPOCHS_NAME);
        let at = |source| LogError::Io { path: path.clone(), source };
        if self.epochs_hold(&segments).map_err(at)? {
            return Ok(segments);
        }
        for file in segments.iter().flat_map(Segment::files) {
            self.startup.close(file.file).map_err(at)?;
        }
        self.distrust_checkpoints(&path);
        self.report.damage.clear();
        self.epochs = Epochs::default();
        self.epochs_start = None;
        self.producers = Producers::default();
        self.producers_as_of = Offset::ZERO;
        // The first look may have cut the end, or added a segment.
        let listed = self.list()?;
        self.open_segments(&listed, Offset::ZERO)
    }

    fn open_segments(
        &mut self,
        listed: &Listing,
        scan_from: Offset,
    ) -> Result<VecDeque<Segment>, LogError> {
        let mut bases: Vec<(Offset, u64)> = listed
            .iter()
            .filter_map(|(offset, segment)| Some((*offset, segment.log_length?)))
            .collect();
        self.finish_retirement(&mut bases)?;
        let mut segments: VecDeque<Segment> = VecDeque::new();
        for (index, &(base_offset, length)) in bases.iter().enumerate() {
            let later = &bases[index + 1..];
            let next = later.first().map(|(next, _)| *next);
            let reached = segments.back().map_or(base_offset, |last| last.next_offset);
            if base_offset < reached {
                let path = self.path(base_offset, SegmentPart::Log);
                return Err(LogError::Overlap { path, expected: reached });
            }
            let is_last = later.iter().all(|(_, length)| *length == 0);
            let Scanned { segment, is_torn } =
                self.open_segment(base_offset, length, next, is_last, scan_from)?;
            segments.push_back(segment);
            if is_torn {
                self.cut_off(later)?;
                break;
            }
        }
        for segment in &mut segments {
            let known = &listed[&segment.base_offset];
            if known.has_snapshot {
                segment.extra_parts.push(SegmentPart::ProducerSnapshot);
            }
            if known.has_transaction_index {
                segment.extra_parts.push(SegmentPart::TransactionIndex);
            }
        }
        self.ensure_active(&mut segments)?;
        Ok(segments)
    }

    /// Removes the segments wholly below the log's start, whose retirement was interrupted.
    fn finish_retirement(&mut self, bases: &mut Vec<(Offset, u64)>) -> Result<(), LogError> {
        let Some(log_start) = self.known_log_start() else { return Ok(()) };
        let is_old = |pair: &&[(Offset, u64)]| pair[1].0 <= log_start;
        let count = bases.windows(2).take_while(is_old).count();
        let cut_before = self.report.cut_bytes;
        let old: Vec<(Offset, u64)> = bases.drain(..count).collect();
        self.remove_segments(&old)?;
        self.report.cut_bytes = cut_before;
        Ok(())
    }

    /// Removes the segments behind the log's new end for good: one that came back after a power
    /// loss would stand beside new records of the same offsets.
    fn cut_off(&mut self, later: &[(Offset, u64)]) -> Result<(), LogError> {
        if later.is_empty() {
            return Ok(());
        }
        self.remove_segments(later)?;
        let at = |source| LogError::Io { path: self.directory.clone(), source };
        self.startup.sync_directory(&self.directory).map_err(at)
    }

    /// Removes segments that are not of the log any more, newest first.
    fn remove_segments(&mut self, segments: &[(Offset, u64)]) -> Result<(), LogError> {
        for (base_offset, length) in segments.iter().rev() {
            self.report.cut_bytes += length;
            for part in SegmentPart::ALL {
                let path = self.path(*base_offset, part);
                let at = |source| LogError::Io { path: path.clone(), source };
                self.startup.unlink(&path).map_err(at)?;
            }
        }
        Ok(())
    }

    /// Opens one segment: by its indexes alone if nothing suggests a closer look.
    fn open_segment(
        &mut self,
        base_offset: Offset,
        length: u64,
        next: Option<Offset>,
        is_last: bool,
        scan_from: Offset,
    ) -> Result<Scanned, LogError> {
        let path = self.path(base_offset, SegmentPart::Log);
        let at = |source| LogError::Io { path: path.clone(), source };
        let file = self.startup.open(&path, OpenMode::ReadWrite).map_err(at)?;
        let scan = SegmentScan { base_offset, file, length, next, is_last };
        let is_old = next.is_some_and(|next| next <= scan_from);
        if is_old {
            if let Some(segment) = self.open_by_indexes(&scan).map_err(at)? {
                return Ok(Scanned { segment, is_torn: false });
            }
            for part in [SegmentPart::OffsetIndex, SegmentPart::TimeIndex] {
                self.report.rebuilt.push(self.path(base_offset, part));
            }
        }
        let start = self.scan_start(&scan, scan_from).map_err(at)?;
        let mut scanned = self.scan_segment(&scan, start)?;
        if next.is_some() && !scanned.is_torn {
            self.report.indexes_rebuilt += 1;
            self.write_indexes(&mut scanned.segment)?;
        }
        Ok(scanned)
    }

    /// Starts where the checkpointed part of an index ends.
    fn scan_start(&mut self, scan: &SegmentScan, scan_from: Offset) -> Result<Segment, IoError> {
        let is_old = scan.next.is_some_and(|next| next <= scan_from);
        if scan_from <= scan.base_offset || is_old {
            return Ok(scan.start(self.now.wall));
        }
        self.resume_from_indexes(scan, scan_from)
    }

    /// Adds an empty segment if there is none, or if records that were durable or deleted are
    /// missing at the end: their offsets are not used again.
    fn ensure_active(&mut self, segments: &mut VecDeque<Segment>) -> Result<(), LogError> {
        let durable = self.durable.max(self.saved_start.unwrap_or_default());
        let base_offset = match segments.back() {
            None => durable,
            Some(last) if last.next_offset < durable => {
                let damage = Damage {
                    position: last.size,
                    end: last.size,
                    first_offset: last.next_offset,
                    next_offset: durable,
                };
                let last = segments.len() - 1;
                self.note_damage(&mut segments[last], damage);
                durable
            }
            // Damage at the end of a file stays as it is.
            Some(last) if last.size > 0 && last.trust.is_damaged_at_end(last.size) => {
                last.next_offset
            }
            Some(_) => return Ok(()),
        };
        if let Some(last) = segments.back_mut() {
            self.write_indexes(last)?;
        }
        let path = self.path(base_offset, SegmentPart::Log);
        let is_first = segments.is_empty();
        let at = |source| match is_first {
            true => LogError::of_making(path.clone())(source),
            false => LogError::Io { path: path.clone(), source },
        };
        let file = self.startup.open(&path, OpenMode::CreateEmpty).map_err(at)?;
        self.startup.sync_directory(&self.directory).map_err(at)?;
        let mut segment = Segment::new(base_offset, self.now.wall);
        segment.file = Some(Arc::new(SegmentFile { file }));
        segments.push_back(segment);
        Ok(())
    }

    /// Writes and opens the index files of a segment that takes no more appends. On a full disk
    /// they stay in memory, and are written when there is room.
    fn write_indexes(&mut self, segment: &mut Segment) -> Result<(), LogError> {
        segment.complete_time_index();
        let Indexes::Memory { offsets, times } = &segment.indexes else { return Ok(()) };
        let files = [
            (self.path(segment.base_offset, SegmentPart::OffsetIndex), offsets.encode()),
            (self.path(segment.base_offset, SegmentPart::TimeIndex), times.encode()),
        ];
        let mut opened = Vec::new();
        for (path, content) in files {
            if !self.replace_unless_full(&path, &content)? {
                return Ok(());
            }
            let at = |source| LogError::Io { path: path.clone(), source };
            let file = self.startup.open(&path, OpenMode::Read).map_err(at)?;
            opened.push(Arc::new(SegmentFile { file }));
        }
        let [offset_file, time_file] = <[_; 2]>::try_from(opened).expect("two were opened");
        segment.indexes = Indexes::Files {
            offsets: IndexFile::new(offset_file, offsets.entries()),
            times: IndexFile::new(time_file, times.entries()),
        };
        Ok(())
    }
}
