//! Whether the epoch checkpoint agrees with the batches.
//!
//! It is a text file without a checksum, and what it says decides which batches count as damaged.
//! So each epoch must begin at a batch of that epoch, and the batch before must be of the epoch
//! before.

use super::Recovery;
use super::segment_scan::SegmentScan;
use crate::base::Offset;
use crate::io::{Io, IoError};
use crate::log::checkpoint::EpochStart;
use crate::log::lookup::BATCH_SIZE_MAX;
use crate::log::offset_index::{self, OffsetIndex};
use crate::log::segment::{BatchSpan, Indexes, Segment};
use crate::wire::record_batch::{BatchHeader, HEADER_SIZE};
use std::collections::VecDeque;

/// The newest epochs are checked, so many of them.
const CHECKED_MAX: usize = 16;

/// Bytes read at once in search of a header.
const PIECE_LENGTH: usize = 8 * 1024;

impl<I: Io> Recovery<'_, '_, I> {
    /// Whether the checkpoint's newest epochs begin where their batches do.
    ///
    /// One batch that disagrees with both the checkpoint and its neighbours is damaged itself.
    pub fn epochs_hold(&mut self, segments: &VecDeque<Segment>) -> Result<bool, IoError> {
        let starts: Vec<EpochStart> = self.epochs.starts().to_vec();
        let first_checked = starts.len().saturating_sub(CHECKED_MAX);
        for index in first_checked..starts.len() {
            let EpochStart { epoch, start } = starts[index];
            let Some(first) = self.batch_holding(segments, start)? else { continue };
            // The first epoch may begin below the log's start.
            let is_moved = index == 0 && first.base_offset < start;
            if first.base_offset != start && !is_moved {
                return Ok(false);
            }
            let before = index.checked_sub(1).map(|index| starts[index].epoch);
            let after = starts.get(index + 1);
            if first.leader_epoch != epoch {
                let next = first.last_offset.next();
                let is_last = after.is_some_and(|after| after.start <= next);
                let second = match is_last {
                    true => None,
                    false => self.batch_holding(segments, next)?,
                };
                let neighbours = [before, after.map(|after| after.epoch)];
                let is_disproved = match second {
                    Some(second) => second.leader_epoch == first.leader_epoch,
                    None => before < Some(first.leader_epoch) && after.is_none(),
                };
                if is_disproved || neighbours.contains(&Some(first.leader_epoch)) {
                    return Ok(false);
                }
            }
            let last = match before {
                Some(_) => self.batch_holding(segments, Offset(start.0 - 1))?,
                None => None,
            };
            if last
                .is_some_and(|last| Some(last.leader_epoch) != before && last.leader_epoch == epoch)
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The batch that holds an offset, if it is where its segment's index says.
    fn batch_holding(
        &mut self,
        segments: &VecDeque<Segment>,
        offset: Offset,
    ) -> Result<Option<BatchSpan>, IoError> {
        let after = segments.partition_point(|segment| segment.base_offset <= offset);
        let Some(segment) = after.checked_sub(1).and_then(|index| segments.get(index)) else {
            return Ok(None);
        };
        // What was judged damaged is looked at, too: it may be a wrong checkpoint that damned it.
        let holds = offset < segment.next_offset;
        let Some(file) = segment.file.as_ref().filter(|_| holds) else { return Ok(None) };
        let scan = SegmentScan {
            base_offset: segment.base_offset,
            file: file.file,
            length: segment.size,
            next: Some(segment.next_offset),
            is_last: false,
        };
        let count = (segment.next_offset.0 - segment.base_offset.0) as u64;
        let position = match &segment.indexes {
            Indexes::Memory { offsets, .. } => floor_position(offsets, segment, offset),
            Indexes::Files { .. } => {
                let indexes = self.read_indexes(&scan, count)?;
                indexes.map_or(0, |(offsets, ..)| floor_position(&offsets, segment, offset))
            }
        };
        self.walk_to(&scan, position, offset)
    }

    /// Walks over headers from `position` to the batch that holds `offset`.
    pub fn walk_to(
        &mut self,
        scan: &SegmentScan,
        position: u64,
        offset: Offset,
    ) -> Result<Option<BatchSpan>, IoError> {
        let mut start = position;
        let mut position = position;
        let mut bytes = self.startup.read(scan.file, start, PIECE_LENGTH)?;
        while position < scan.length {
            let rest = bytes.get((position - start) as usize..).unwrap_or_default();
            if rest.len() < HEADER_SIZE {
                start = position;
                bytes = self.startup.read(scan.file, start, PIECE_LENGTH)?;
            }
            let rest = bytes.get((position - start) as usize..).unwrap_or_default();
            let Ok(header) = BatchHeader::parse(rest) else { return Ok(None) };
            let span = BatchSpan::of(&header, position);
            if u64::from(span.size) > BATCH_SIZE_MAX || header.last_offset_delta < 0 {
                return Ok(None);
            }
            if span.last_offset >= offset {
                return Ok((span.base_offset <= offset).then_some(span));
            }
            position = span.end();
        }
        Ok(None)
    }
}

fn floor_position(offsets: &OffsetIndex, segment: &Segment, offset: Offset) -> u64 {
    let entry = offset_index::floor(offsets.entries(), segment.relative(offset));
    entry.map_or(0, |entry| u64::from(entry.position))
}
