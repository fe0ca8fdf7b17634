//! What is done with a log of which a sync has failed.
//!
//! The kernel has taken the pages for clean, though the disk may lack them. As long as the machine
//! runs on, they can be read, every further sync succeeds, and a power loss, or the need for
//! memory, brings back what the disk has. So a log that fails leaves a mark in its directory; the
//! next start judges what it finds as after a power loss, since some pages may be gone already,
//! writes what it keeps once more in place, and syncs that.

use super::Recovery;
use super::segment_scan::SegmentScan;
use super::window::PROBE_LENGTH;
use crate::io::{Gather, Io, IoError, OpenMode};
use crate::log::error::LogError;
use crate::log::files::SYNC_FAILED_NAME;

impl<I: Io> Recovery<'_, '_, I> {
    /// Syncs a segment; what lies from `start` to `end` is written again first, if its last sync
    /// may have been in vain.
    pub fn make_durable(
        &mut self,
        scan: &SegmentScan,
        start: u64,
        end: u64,
    ) -> Result<(), IoError> {
        if self.is_unproven {
            self.rewrite(scan, start, end)?;
        }
        self.startup.sync(scan.file).inspect_err(|_| self.mark_failed())
    }

    fn rewrite(&mut self, scan: &SegmentScan, start: u64, end: u64) -> Result<(), IoError> {
        let mut position = start;
        // A cut may not have reached the disk, either.
        self.startup.truncate(scan.file, end)?;
        self.report.rewritten_bytes += end - start;
        while position < end {
            let length = (end - position).min(PROBE_LENGTH) as usize;
            let bytes = self.startup.read(scan.file, position, length)?;
            let mut data = Gather::default();
            data.push_shared(bytes.into());
            self.startup.write(scan.file, position, data)?;
            position += length as u64;
        }
        Ok(())
    }

    /// Leaves the mark for the next start; this one ends with the error that it is for.
    fn mark_failed(&mut self) {
        let path = self.directory.join(SYNC_FAILED_NAME);
        if let Ok(file) = self.startup.open(&path, OpenMode::CreateEmpty) {
            // The mark is there, and the process about to end.
            let _ = self.startup.close(file);
        }
    }

    /// Takes the mark away: everything is on the disk.
    pub fn end_unproven(&mut self) -> Result<(), LogError> {
        if !self.is_unproven {
            return Ok(());
        }
        let path = self.directory.join(SYNC_FAILED_NAME);
        let unlinked = self.startup.unlink(&path);
        let synced = unlinked.and_then(|()| self.startup.sync_directory(&self.directory));
        synced.map_err(|source| LogError::Io { path, source })
    }
}
