//! What is checkpointed beside the segments: leader epochs, producers, and where the log begins.

use super::Recovery;
use super::listing::Listing;
use crate::base::Offset;
use crate::io::Io;
use crate::log::epochs::Epochs;
use crate::log::error::LogError;
use crate::log::files::{EPOCHS_NAME, SAVED_START_NAME, SegmentPart};
use crate::log::segment::Segment;
use crate::log::{checkpoint, producer_snapshot, saved_start};
use std::collections::VecDeque;
use std::path::Path;

impl<I: Io> Recovery<'_, '_, I> {
    /// Reads the epoch checkpoint; a damaged one is made again from the batches.
    pub fn load_epochs(&mut self, listed: &Listing) -> Result<(), LogError> {
        let path = self.directory.join(EPOCHS_NAME);
        let at = |source| LogError::Io { path: path.clone(), source };
        let Some(bytes) = self.startup.read_file(&path).map_err(at)? else {
            let has_records = listed.values().any(|segment| segment.log_length > Some(0));
            if has_records {
                self.distrust_checkpoints(&path);
            }
            // This log has just been made, and not begun to shrink: what the data directory's
            // checkpoint says is of a topic of the same name that was deleted.
            self.hints.log_start = None;
            return Ok(());
        };
        match checkpoint::parse_epochs(&bytes) {
            Ok(starts) => {
                self.epochs_start = starts.first().map(|first| first.start);
                self.epochs = Epochs::new(starts);
                self.epochs_before = self.epochs.clone();
            }
            Err(_) => self.distrust_checkpoints(&path),
        }
        Ok(())
    }

    /// Has everything scanned, so that what was in a damaged file is found again.
    pub fn distrust_checkpoints(&mut self, path: &Path) {
        self.scans_all = true;
        self.report.rebuilt.push(path.to_owned());
    }

    /// Loads the newest snapshot that recovery may build on; gives the offset to scan from.
    pub fn load_producers(&mut self, listed: &Listing) -> Result<Offset, LogError> {
        if self.scans_all {
            return Ok(Offset::ZERO);
        }
        let snapshots = listed.range(..=self.durable).rev();
        for (offset, _) in snapshots.filter(|(_, segment)| segment.has_snapshot) {
            let path = self.path(*offset, SegmentPart::ProducerSnapshot);
            let at = |source| LogError::Io { path: path.clone(), source };
            let bytes = self.startup.read_file(&path).map_err(at)?;
            let decoded = bytes.and_then(|bytes| producer_snapshot::decode(&bytes, self.now.wall));
            match decoded {
                Some(producers) => {
                    self.producers = producers;
                    self.producers.limit(self.config.producer_ids_max);
                    self.producers_as_of = *offset;
                    return Ok(*offset);
                }
                None => {
                    self.startup.unlink(&path).map_err(at)?;
                    self.report.rebuilt.push(path);
                }
            }
        }
        Ok(Offset::ZERO)
    }

    /// Reads where DeleteRecords has moved the log's start, if it has; says whether the file is
    /// damaged. Then there are still the checkpoints, which may be behind.
    pub fn load_saved_start(&mut self) -> Result<bool, LogError> {
        let path = self.directory.join(SAVED_START_NAME);
        let at = |source| LogError::Io { path: path.clone(), source };
        let Some(bytes) = self.startup.read_file(&path).map_err(at)? else { return Ok(false) };
        self.saved_start = saved_start::parse(&bytes);
        let is_damaged = self.saved_start.is_none();
        if is_damaged {
            self.report.rebuilt.push(path);
        }
        Ok(is_damaged)
    }

    /// Writes the file anew in the place of a damaged one.
    pub fn write_saved_start(&mut self, segments: &VecDeque<Segment>) -> Result<(), LogError> {
        let path = self.directory.join(SAVED_START_NAME);
        let start = self.log_start(segments);
        if self.replace_unless_full(&path, saved_start::encode(start).as_bytes())? {
            self.saved_start = Some(start);
        }
        Ok(())
    }

    /// The first offset of the log: what the checkpoint says, unless that is of a topic of the
    /// same name that was deleted. The first epoch begins where the log does. Both may be behind
    /// what DeleteRecords has saved.
    pub fn log_start(&self, segments: &VecDeque<Segment>) -> Offset {
        let first = segments.front().map_or(Offset::ZERO, |segment| segment.base_offset);
        let end = segments.back().map_or(first, |segment| segment.next_offset);
        self.known_log_start().unwrap_or(first).clamp(first, end)
    }

    pub fn known_log_start(&self) -> Option<Offset> {
        let checkpointed = self.hints.log_start.into_iter().chain(self.epochs_start).min();
        checkpointed.max(self.saved_start)
    }

    /// Brings the epoch checkpoint in line with the log.
    pub fn write_epochs(&mut self, segments: &VecDeque<Segment>) -> Result<(), LogError> {
        let end = segments.back().map_or(Offset::ZERO, |segment| segment.next_offset);
        self.epochs.truncate_end(end);
        self.epochs.truncate_start(self.log_start(segments));
        if self.epochs == self.epochs_before {
            return Ok(());
        }
        let path = self.directory.join(EPOCHS_NAME);
        let content = checkpoint::encode_epochs(self.epochs.starts());
        self.lacks_epochs = !self.replace_unless_full(&path, content.as_bytes())?;
        Ok(())
    }

    /// Removes snapshots that no later recovery may build on: those above the log's end, and
    /// those of former ends within a segment.
    pub fn remove_stray_snapshots(
        &mut self,
        listed: &Listing,
        segments: &VecDeque<Segment>,
    ) -> Result<(), LogError> {
        let end = segments.back().map_or(Offset::ZERO, |segment| segment.next_offset);
        let is_base = |offset: &Offset| {
            segments.binary_search_by_key(offset, |segment| segment.base_offset).is_ok()
        };
        for (offset, segment) in listed {
            let is_stray = *offset > end || (!is_base(offset) && *offset != self.producers_as_of);
            if segment.has_snapshot && is_stray {
                let path = self.path(*offset, SegmentPart::ProducerSnapshot);
                let at = |source| LogError::Io { path: path.clone(), source };
                self.startup.unlink(&path).map_err(at)?;
            }
        }
        Ok(())
    }

    /// Replaces a file that can be made again; says whether there was room for it.
    pub fn replace_unless_full(&mut self, path: &Path, content: &[u8]) -> Result<bool, LogError> {
        match self.startup.replace_file(path, content) {
            Ok(()) => Ok(true),
            Err(error) if error.is_no_space() => {
                self.report.is_disk_full = true;
                Ok(false)
            }
            Err(source) => Err(LogError::Io { path: path.to_owned(), source }),
        }
    }
}
