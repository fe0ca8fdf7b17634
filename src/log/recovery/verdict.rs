//! What a place is where no sound batch is: torn by a crash, or damaged.
//!
//! A **torn tail** is what a crash may leave of writes that were not yet durable. It begins at or
//! above the offset that is known to have been durable, and nothing sound follows, or a sector of
//! it was never written and reads as zeros. Where a segment is begun when the one before it is
//! durable, only the last one can be torn. If the machine has run on, only a batch that the file's
//! end cuts is torn. A batch that is whole by its checksum was written whole, and is never torn.
//! The log ends where a torn tail begins; segments after it go too. Everything else is
//! **damage**: it is fenced off, and the scan goes on at the next sound batch.

use super::Recovery;
use super::hints::LastEnd;
use super::report::DamageReport;
use super::resync::Resync;
use super::segment_scan::SegmentScan;
use super::window::Window;
use crate::base::Offset;
use crate::io::{Io, IoError};
use crate::log::files::SegmentPart;
use crate::log::lookup::BATCH_SIZE_MAX;
use crate::log::segment::Segment;
use crate::log::trust::Damage;
use crate::wire::record_batch::verify_crc;

/// The smallest unit that a disk writes whole.
const SECTOR: u64 = 512;

/// Fewer zeros than this at the edge of a sector say nothing: batches begin with some, their base
/// offset's high bytes, and often end with one.
const ZEROS_MIN: usize = 12;

/// The fields at the start of a batch that its checksum does not cover, and the checksum.
const UNCHECKED_SIZE: usize = 21;

impl<I: Io> Recovery<'_, '_, I> {
    /// Decides what a place is where no sound batch is: says whether the segment ends before it.
    pub fn judge(
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

    /// A segment that ends before the next one begins has lost records: says whether a crash may
    /// have taken them.
    pub fn close_gap(&mut self, scan: &SegmentScan, segment: &mut Segment) -> bool {
        let Some(next) = scan.next else { return false };
        let is_whole = segment.next_offset >= next || segment.size < scan.length;
        if is_whole || self.config.cleanup_policy.compact {
            return false;
        }
        if self.may_be_torn(scan, segment) && self.hints.last_end != LastEnd::Killed {
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
            _ if self.hints.last_end == LastEnd::Killed => {
                Ok(is_cut && scan.is_last && resync.is_none())
            }
            None if is_cut || scan.is_last => Ok(true),
            _ => self.has_unwritten_sector(scan, segment.size, end),
        }
    }

    /// Whether the end of `segment` may not have been durable when the last process ended.
    fn may_be_torn(&self, scan: &SegmentScan, segment: &Segment) -> bool {
        // A later segment, even an empty one, shows that this one was durable.
        let was_awaited = self.config.flush_policy().readers_wait() && scan.next.is_some();
        self.hints.last_end != LastEnd::Clean && !was_awaited && segment.next_offset >= self.durable
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
        window.fill(self.startup, scan, start, end - start)?;
        let bytes = &window.from(start)[..(end - start) as usize];
        if verify_crc(bytes).is_err() {
            return Ok(false);
        }
        let edge = (start.next_multiple_of(SECTOR) - start) as usize;
        let is_start_lost =
            (1..=UNCHECKED_SIZE).contains(&edge) && bytes[..edge].iter().all(|byte| *byte == 0);
        Ok(!is_start_lost)
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

    pub fn note_damage(&mut self, segment: &mut Segment, damage: Damage) {
        segment.trust.note_damage(damage);
        self.report.damage.push(DamageReport {
            path: self.path(segment.base_offset, SegmentPart::Log),
            position: damage.position,
            end: damage.end,
            first_offset: damage.first_offset,
            next_offset: damage.next_offset,
        });
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
