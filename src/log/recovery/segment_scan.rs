//! The scan of one segment: every batch is tested, and indexes, producers and epochs are made on
//! the way.

use super::Recovery;
use super::hints::LastEnd;
use super::window::{PROBE_LENGTH, Window};
use crate::base::{LeaderEpoch, Offset, Timestamp};
use crate::io::{File, Io, IoError};
use crate::log::error::LogError;
use crate::log::files::SegmentPart;
use crate::log::lookup::BATCH_SIZE_MAX;
use crate::log::scan::{BatchAt, batch_at};
use crate::log::segment::{BatchSpan, Segment, SegmentFile};
use crate::wire::record_batch::{BatchError, BatchHeader};
use std::sync::Arc;

/// Which segment, and what is known of its place in the log.
#[derive(Debug, Clone, Copy)]
pub(super) struct SegmentScan {
    pub base_offset: Offset,
    pub file: File,
    /// The file's length in bytes.
    pub length: u64,
    /// The base offset of the next segment.
    pub next: Option<Offset>,
    /// Whether all later segments are empty.
    pub is_last: bool,
}

/// What a scan found.
pub(super) struct Scanned {
    pub segment: Segment,
    /// Whether the log ends with this segment, because a crash has torn it.
    pub is_torn: bool,
}

impl SegmentScan {
    /// The segment before any of it is scanned.
    pub fn start(&self, now: Timestamp) -> Segment {
        let mut segment = Segment::new(self.base_offset, now);
        segment.file = Some(Arc::new(SegmentFile { file: self.file }));
        segment
    }
}

impl<I: Io> Recovery<'_, '_, I> {
    /// Scans a segment from where `segment` stands to its end.
    pub fn scan_segment(
        &mut self,
        scan: &SegmentScan,
        mut segment: Segment,
    ) -> Result<Scanned, LogError> {
        let path = self.path(scan.base_offset, SegmentPart::Log);
        let at = |source| LogError::Io { path: path.clone(), source };
        let start = segment.size;
        let mut window = Window::default();
        let mut is_torn = false;
        while segment.size < scan.length && !is_torn {
            let position = segment.size;
            window.fill(self.startup, scan, position, PROBE_LENGTH).map_err(at)?;
            let mut found = batch_at(window.from(position), segment.next_offset);
            if found == BatchAt::Cut && window.end() < scan.length {
                let size = claimed_size(&window, position).min(BATCH_SIZE_MAX);
                window.fill(self.startup, scan, position, size).map_err(at)?;
                found = batch_at(window.from(position), segment.next_offset);
            }
            match found {
                BatchAt::Sound(header) if self.is_in_place(scan, &window, &segment, &header) => {
                    self.take_batch(&mut segment, &header, position);
                }
                BatchAt::Damaged(BatchError::OldMagic { magic })
                    if is_legacy(window.from(position)) =>
                {
                    return Err(LogError::LegacyFormat { path: path.clone(), position, magic });
                }
                other => {
                    let is_cut = other == BatchAt::Cut;
                    is_torn = self.judge(scan, &mut segment, &mut window, is_cut).map_err(at)?;
                }
            }
        }
        self.report.scanned_bytes += segment.size;
        is_torn |= self.close_gap(scan, &mut segment);
        self.finish_scan(scan, &segment, start).map_err(at)?;
        segment.assigned_size = segment.size;
        Ok(Scanned { segment, is_torn })
    }

    /// Base offsets and leader epochs lie outside the checksum. One that is too high shows in the
    /// next batch; an epoch must be the checkpoint's, unless it is newer than all of those.
    fn is_in_place(
        &self,
        scan: &SegmentScan,
        window: &Window,
        segment: &Segment,
        header: &BatchHeader,
    ) -> bool {
        // What does not fit an index does not belong here.
        if header.last_offset().saturating_sub(segment.base_offset.0) > i64::from(i32::MAX) {
            return false;
        }
        let is_next = header.base_offset == segment.next_offset.0;
        let epoch = LeaderEpoch(header.partition_leader_epoch);
        if is_next && self.epochs.epoch_of(segment.next_offset) == Some(epoch) {
            return true;
        }
        let end = segment.size + header.size() as u64;
        let next = match batch_at(window.from(end), Offset::ZERO) {
            BatchAt::Sound(next) => Some(next),
            _ => None,
        };
        let next_base = next.map(|next| Offset(next.base_offset)).or(scan.next);
        let is_offset_sound = match next_base {
            _ if is_next => true,
            Some(next) => header.last_offset() < next.0,
            // Only compaction leaves gaps.
            None => self.config.cleanup_policy.compact,
        };
        is_offset_sound && self.is_epoch_sound(epoch, Offset(header.base_offset), next.as_ref())
    }

    fn is_epoch_sound(
        &self,
        epoch: LeaderEpoch,
        offset: Offset,
        next: Option<&BatchHeader>,
    ) -> bool {
        let Some(newest) = self.epochs.starts().last().map(|newest| newest.epoch) else {
            return next.is_none_or(|next| next.partition_leader_epoch >= epoch.0);
        };
        match (self.epochs.epoch_of(offset), next) {
            (Some(known), _) if known == epoch => true,
            // Below the log's start, where the checkpoint has forgotten.
            (None, _) => epoch <= self.epochs.starts()[0].epoch,
            (_, Some(next)) => epoch > newest && next.partition_leader_epoch >= epoch.0,
            (_, None) => epoch > newest && (epoch <= self.leader_epoch || self.scans_all),
        }
    }

    fn take_batch(&mut self, segment: &mut Segment, header: &BatchHeader, position: u64) {
        let span = BatchSpan::of(header, position);
        segment.note_batch(&span, self.config.index_interval_bytes);
        if span.base_offset >= self.producers_as_of {
            self.producers.replay(header, span.base_offset, self.now.wall);
            self.producers.limit(self.config.producer_ids_max);
        }
        if span.leader_epoch >= LeaderEpoch(0) {
            self.epochs.assign(span.leader_epoch, span.base_offset);
        }
    }

    /// Cuts the torn tail and makes what is left durable.
    fn finish_scan(
        &mut self,
        scan: &SegmentScan,
        segment: &Segment,
        start: u64,
    ) -> Result<(), IoError> {
        let is_cut = segment.size < scan.length;
        if is_cut {
            self.startup.truncate(scan.file, segment.size)?;
        }
        if is_cut || self.hints.last_end != LastEnd::Clean {
            self.make_durable(scan, start, segment.size)?;
        }
        Ok(())
    }
}

/// The size that the header at `position` gives for its batch.
fn claimed_size(window: &Window, position: u64) -> u64 {
    BatchHeader::parse(window.from(position)).map_or(0, |header| header.size() as u64)
}

/// Whether a message of before Kafka 0.11 begins here: offset 8, size 4, CRC-32 of the rest 4.
fn is_legacy(bytes: &[u8]) -> bool {
    let Some((prefix, rest)) = bytes.split_first_chunk::<16>() else { return false };
    let field = |at: usize| [prefix[at], prefix[at + 1], prefix[at + 2], prefix[at + 3]];
    let size = u32::from_be_bytes(field(8)) as usize;
    let crc = u32::from_be_bytes(field(12));
    size.checked_sub(4)
        .and_then(|size| rest.get(..size))
        .is_some_and(|message| !message.is_empty() && crc32fast::hash(message) == crc)
}
