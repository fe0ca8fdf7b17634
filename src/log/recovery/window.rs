//! A piece of a segment in memory, which a scan moves along.

use super::segment_scan::SegmentScan;
use crate::io::{Io, IoError, Startup};
use crate::wire::record_batch::HEADER_SIZE;

/// Bytes read at once.
pub const PROBE_LENGTH: u64 = 1 << 20;

/// A piece of the file in memory.
#[derive(Default)]
pub(super) struct Window {
    start: u64,
    bytes: Vec<u8>,
}

impl Window {
    pub fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// The bytes from `position` on, as far as they are in memory.
    pub fn from(&self, position: u64) -> &[u8] {
        let start = position.checked_sub(self.start).map(|start| start as usize);
        start.and_then(|start| self.bytes.get(start..)).unwrap_or_default()
    }

    /// Has at least `length` bytes from `position` on in memory, or all there are.
    pub fn fill<I: Io>(
        &mut self,
        startup: &mut Startup<'_, I>,
        scan: &SegmentScan,
        position: u64,
        length: u64,
    ) -> Result<(), IoError> {
        let wanted_end = scan.length.min(position + length.max(HEADER_SIZE as u64));
        let is_near_end = self.end() < scan.length && self.end() < position + PROBE_LENGTH / 8;
        let has_all = position >= self.start && self.end() >= wanted_end;
        let serves = position >= self.start && length <= PROBE_LENGTH && !is_near_end;
        if has_all || serves && self.end() > position {
            return Ok(());
        }
        let end = scan.length.min(position + length.max(PROBE_LENGTH));
        self.bytes = startup.read(scan.file, position, (end - position) as usize)?;
        self.start = position;
        Ok(())
    }
}
