//! The scan of one segment at start-up: every batch is tested, indexes, producers and epochs are
//! made on the way, and what is not a sound batch is judged.
//!
//! A **torn tail** is what a crash may leave of writes that were not yet durable. It begins at or
//! above the offset that is known to have been durable, and nothing sound follows, or a sector of
//! it was never written and reads as zeros. Where a segment is begun when the one before it is
//! durable, only the last one can be torn. If the machine has run on, only a batch that the file's
//! end cuts is torn. A batch that is whole by its checksum was written whole, and is never torn.
//! The log ends where a torn tail begins; segments after it go too. Everything else is
//! **damage**: it is fenced off, and the scan goes on at the next sound batch.

use super::error::LogError;
use super::files::SegmentPart;
use super::index_file::IndexFile;
use super::lookup::BATCH_SIZE_MAX;
use super::offset_index::{self, OffsetIndex};
use super::recovery::Recovery;
use super::scan::{BatchAt, batch_at};
use super::segment::{BatchSpan, Indexes, Segment, SegmentFile};
use super::time_index::{TimeEntry, TimeIndex};
use super::trust::{Damage, Trust};
use crate::base::{LeaderEpoch, Offset, Timestamp};
use crate::io::{File, Io, IoError, OpenMode};
use crate::wire::record_batch::{BatchError, BatchHeader, HEADER_SIZE, verify_crc};
use std::sync::Arc;

/// Bytes read at once.
pub const PROBE_LENGTH: u64 = 1 << 20;

/// The smallest unit that a disk writes whole.
const SECTOR: u64 = 512;

/// Fewer zeros than this at the edge of a sector say nothing: batches begin with some, their base
/// offset's high bytes, and often end with one.
const ZEROS_MIN: usize = 12;

/// The fields at the start of a batch that its checksum does not cover, and the checksum.
const UNCHECKED_SIZE: usize = 21;

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

/// The segment as far as it was scanned.
pub(super) struct ScanState {
    segment: Segment,
}

/// What a scan found.
pub(super) struct Scanned {
    pub segment: Segment,
    /// Whether the log ends with this segment, because a crash has torn it.
    pub is_torn: bool,
}

/// A piece of the file in memory.
#[derive(Default)]
struct Window {
    start: u64,
    bytes: Vec<u8>,
}

/// Where sound batches begin again.
struct Resync {
    position: u64,
    header: BatchHeader,
}

impl Window {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// The bytes from `position` on, as far as they are in memory.
    fn from(&self, position: u64) -> &[u8] {
        let start = position.checked_sub(self.start).map(|start| start as usize);
        start.and_then(|start| self.bytes.get(start..)).unwrap_or_default()
    }
}

impl ScanState {
    /// The whole segment is to be scanned.
    pub fn from_start(scan: &SegmentScan, now: Timestamp) -> ScanState {
        let mut segment = Segment::new(scan.base_offset, now);
        segment.file = Some(Arc::new(SegmentFile { file: scan.file }));
        ScanState { segment }
    }
}

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
        let mut segment = ScanState::from_start(scan, self.now.wall).segment;
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
    ) -> Result<ScanState, IoError> {
        let mut state = ScanState::from_start(scan, self.now.wall);
        let count = (scan_from.0 - scan.base_offset.0) as u64;
        let Some((mut offsets, mut times, _)) = self.read_indexes(scan, count)? else {
            return Ok(state);
        };
        let Some(last) = offsets.entries().last().copied() else { return Ok(state) };
        let position = u64::from(last.position);
        let Some((first, _)) = self.header_at(scan, 0)? else { return Ok(state) };
        let Some((span, _)) = self.header_at(scan, position)? else { return Ok(state) };
        if span.last_offset != last.offset(scan.base_offset) {
            return Ok(state);
        }
        // The entry belongs to the batch that the scan begins with, and is made again.
        offsets.truncate(position);
        times.truncate(state.segment.relative(span.base_offset));
        if let Some(entry) = times.entries().last()
            && !self.is_time_entry_sound(scan, &offsets, entry)?
        {
            return Ok(state);
        }
        let segment = &mut state.segment;
        segment.size = position;
        segment.next_offset = span.base_offset;
        segment.first_timestamp = Some(first.max_timestamp);
        segment.max_timestamp =
            times.entries().last().map(|entry| (entry.timestamp, entry.offset(scan.base_offset)));
        segment.unindexed_bytes = u64::MAX / 2;
        segment.indexes = Indexes::Memory { offsets, times };
        segment.trust = self.trust_from(position);
        Ok(state)
    }

    /// Scans a segment from where `state` stands to its end.
    pub fn scan_segment(
        &mut self,
        scan: &SegmentScan,
        state: ScanState,
    ) -> Result<Scanned, LogError> {
        let path = self.path(scan.base_offset, SegmentPart::Log);
        let at = |source| LogError::Io { path: path.clone(), source };
        let mut segment = state.segment;
        let mut window = Window::default();
        let mut is_torn = false;
        while segment.size < scan.length && !is_torn {
            let position = segment.size;
            self.fill(scan, &mut window, position, PROBE_LENGTH).map_err(at)?;
            let mut found = batch_at(window.from(position), segment.next_offset);
            if found == BatchAt::Cut && window.end() < scan.length {
                let size = self.claimed_size(&window, position).min(BATCH_SIZE_MAX);
                self.fill(scan, &mut window, position, size).map_err(at)?;
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
        self.finish_scan(scan, &segment).map_err(at)?;
        segment.assigned_size = segment.size;
        Ok(Scanned { segment, is_torn })
    }

    /// Has at least `length` bytes from `position` on in memory, or all there are.
    fn fill(
        &mut self,
        scan: &SegmentScan,
        window: &mut Window,
        position: u64,
        length: u64,
    ) -> Result<(), IoError> {
        let wanted_end = scan.length.min(position + length.max(HEADER_SIZE as u64));
        let is_near_end = window.end() < scan.length && window.end() < position + PROBE_LENGTH / 8;
        let has_all = position >= window.start && window.end() >= wanted_end;
        let serves = position >= window.start && length <= PROBE_LENGTH && !is_near_end;
        if has_all || serves && window.end() > position {
            return Ok(());
        }
        let end = scan.length.min(position + length.max(PROBE_LENGTH));
        window.bytes = self.startup.read(scan.file, position, (end - position) as usize)?;
        window.start = position;
        Ok(())
    }

    /// The size that the header at `position` gives for its batch.
    fn claimed_size(&self, window: &Window, position: u64) -> u64 {
        BatchHeader::parse(window.from(position)).map_or(0, |header| header.size() as u64)
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
        }
        if span.leader_epoch >= LeaderEpoch(0) {
            self.epochs.assign(span.leader_epoch, span.base_offset);
        }
    }

    /// Decides what a place is where no sound batch is: says whether the segment ends before it.
    fn judge(
        &mut self,
        scan: &SegmentScan,
        segment: &mut Segment,
        window: &mut Window,
        is_cut: bool,
    ) -> Result<bool, IoError> {
        let position = segment.size;
        let claimed = claimed_count(window.from(position));
        let resync = self.find_sound(scan, window, position + 1, segment.next_offset)?;
        if self.is_torn(scan, segment, window, is_cut, &resync)? {
            self.report.cut_bytes += scan.length - position;
            return Ok(true);
        }
        let (end, next_offset) = match &resync {
            Some(resync) => (resync.position, Offset(resync.header.base_offset)),
            None => {
                // Offsets that may have been given out are not used again.
                let claimed = segment.next_offset.plus(claimed);
                (scan.length, scan.next.unwrap_or(self.durable.max(claimed)))
            }
        };
        let first_offset = segment.next_offset;
        self.note_damage(segment, Damage { position, end, first_offset, next_offset });
        segment.size = end;
        segment.next_offset = next_offset;
        Ok(false)
    }

    /// Whether a crash may have left what is at the end of `segment`.
    fn is_torn(
        &mut self,
        scan: &SegmentScan,
        segment: &Segment,
        window: &mut Window,
        is_cut: bool,
        resync: &Option<Resync>,
    ) -> Result<bool, IoError> {
        let end = resync.as_ref().map_or(scan.length, |resync| resync.position);
        if !self.may_be_torn(scan, segment)
            || self.was_written_whole(scan, window, segment.size, end)?
        {
            return Ok(false);
        }
        match resync {
            // The page cache survived: only the end of the last write can be missing.
            _ if self.hints.same_boot => Ok(is_cut && scan.is_last && resync.is_none()),
            None if is_cut || scan.is_last => Ok(true),
            _ => self.has_unwritten_sector(scan, segment.size, end),
        }
    }

    /// Whether the end of `segment` may not have been durable when the last process ended.
    fn may_be_torn(&self, scan: &SegmentScan, segment: &Segment) -> bool {
        // A later segment, even an empty one, shows that this one was durable.
        let was_awaited = self.config.flush_policy().readers_wait() && scan.next.is_some();
        !self.hints.clean && !was_awaited && segment.next_offset >= self.durable
    }

    /// Whether the bytes from `start` to `end` are a batch by its checksum, so that only fields
    /// outside of that are wrong. A power loss leaves such a batch only if it took the start of
    /// those fields, up to the edge of a sector.
    fn was_written_whole(
        &mut self,
        scan: &SegmentScan,
        window: &mut Window,
        start: u64,
        end: u64,
    ) -> Result<bool, IoError> {
        if end - start > BATCH_SIZE_MAX {
            return Ok(false);
        }
        self.fill(scan, window, start, end - start)?;
        let bytes = &window.from(start)[..(end - start) as usize];
        if verify_crc(bytes).is_err() {
            return Ok(false);
        }
        let edge = (start.next_multiple_of(SECTOR) - start) as usize;
        let is_start_lost =
            (1..=UNCHECKED_SIZE).contains(&edge) && bytes[..edge].iter().all(|byte| *byte == 0);
        Ok(!is_start_lost)
    }

    /// Looks for the next sound batch that can follow.
    fn find_sound(
        &mut self,
        scan: &SegmentScan,
        window: &mut Window,
        from: u64,
        expected: Offset,
    ) -> Result<Option<Resync>, IoError> {
        const MAGIC_AT: usize = 16;
        let limit = scan.next.unwrap_or(Offset(scan.base_offset.0.saturating_add(1 << 31)));
        let mut position = from;
        while position + HEADER_SIZE as u64 <= scan.length {
            self.fill(scan, window, position, PROBE_LENGTH)?;
            let bytes = window.from(position);
            if bytes.get(MAGIC_AT) != Some(&2) {
                position += 1;
                continue;
            }
            let fits = |header: &BatchHeader| {
                header.base_offset >= expected.0
                    && header.last_offset() < limit.0
                    && position + header.size() as u64 <= scan.length
                    && header.size() as u64 <= BATCH_SIZE_MAX
            };
            if let Some(header) = BatchHeader::parse(bytes).ok().filter(fits) {
                self.fill(scan, window, position, header.size() as u64)?;
                if let BatchAt::Sound(header) = batch_at(window.from(position), expected) {
                    return Ok(Some(Resync { position, header }));
                }
            }
            position += 1;
        }
        Ok(None)
    }

    /// Whether a sector between two positions has nothing but zeros there: a write that a power
    /// loss kept from the disk.
    fn has_unwritten_sector(
        &mut self,
        scan: &SegmentScan,
        start: u64,
        end: u64,
    ) -> Result<bool, IoError> {
        let mut position = start;
        while position < end {
            let piece_end = end.min((position / SECTOR + 1) * SECTOR);
            let length = (piece_end - position) as usize;
            let bytes = self.startup.read(scan.file, position, length)?;
            if length >= ZEROS_MIN && bytes.iter().all(|byte| *byte == 0) {
                return Ok(true);
            }
            position = piece_end;
        }
        Ok(false)
    }

    /// A segment that ends before the next one begins has lost records: says whether a crash may
    /// have taken them.
    fn close_gap(&mut self, scan: &SegmentScan, segment: &mut Segment) -> bool {
        let Some(next) = scan.next else { return false };
        let is_whole = segment.next_offset >= next || segment.size < scan.length;
        if is_whole || self.config.cleanup_policy.compact {
            return false;
        }
        if self.may_be_torn(scan, segment) && !self.hints.same_boot {
            return true;
        }
        let damage = Damage {
            position: segment.size,
            end: segment.size,
            first_offset: segment.next_offset,
            next_offset: next,
        };
        self.note_damage(segment, damage);
        false
    }

    /// Cuts the torn tail and makes what is left durable.
    fn finish_scan(&mut self, scan: &SegmentScan, segment: &Segment) -> Result<(), IoError> {
        let is_cut = segment.size < scan.length;
        if is_cut {
            self.startup.truncate(scan.file, segment.size)?;
        }
        if is_cut || !self.hints.clean {
            self.startup.sync(scan.file)?;
        }
        Ok(())
    }
}

/// How many offsets a damaged batch may have had, by its own account.
fn claimed_count(bytes: &[u8]) -> i64 {
    const COUNT_MAX: i64 = 1 << 20;
    let field = |at: usize| -> i64 {
        let field = bytes.get(at..at + 4).and_then(|bytes| bytes.first_chunk());
        field.map_or(0, |bytes| i64::from(i32::from_be_bytes(*bytes)))
    };
    let (last_offset_delta, count) = (field(23), field(57));
    (last_offset_delta + 1).max(count).clamp(1, COUNT_MAX)
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
