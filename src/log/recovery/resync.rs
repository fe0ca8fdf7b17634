//! The search for the next sound batch after a place where there is none.

use super::Recovery;
use super::segment_scan::SegmentScan;
use super::window::{PROBE_LENGTH, Window};
use crate::base::Offset;
use crate::io::{Io, IoError};
use crate::log::lookup::BATCH_SIZE_MAX;
use crate::log::scan::{BatchAt, batch_at};
use crate::wire::record_batch::{BatchHeader, HEADER_SIZE};

/// Where sound batches begin again.
pub(super) struct Resync {
    pub position: u64,
    pub header: BatchHeader,
}

impl<I: Io> Recovery<'_, '_, I> {
    /// Looks for the next sound batch that can follow.
    pub fn find_sound(
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
            window.fill(self.startup, scan, position, PROBE_LENGTH)?;
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
                window.fill(self.startup, scan, position, header.size() as u64)?;
                if let BatchAt::Sound(header) = batch_at(window.from(position), expected) {
                    return Ok(Some(Resync { position, header }));
                }
            }
            position += 1;
        }
        Ok(None)
    }
}
