//! What a log's directory holds at start-up.

use super::Recovery;
use super::hints::LastEnd;
use crate::base::Offset;
use crate::io::{Io, IoError, OpenMode};
use crate::log::error::LogError;
use crate::log::files::{PREPARED_NAME, SYNC_FAILED_NAME, SegmentPart, parse_segment_name};
use crate::log::scan::{BatchAt, batch_at};
use std::collections::BTreeMap;
use std::path::Path;

/// The files of all segments, by base offset. A snapshot may stand alone: that of a former end.
pub(super) type Listing = BTreeMap<Offset, Listed>;

/// A segment's files, as the directory lists them.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Listed {
    pub log_length: Option<u64>,
    pub has_snapshot: bool,
    pub has_transaction_index: bool,
}

impl<I: Io> Recovery<'_, '_, I> {
    /// Lists the segments, removes what was on its way out, and completes an interrupted roll.
    pub fn list(&mut self) -> Result<Listing, LogError> {
        let directory = self.directory.clone();
        let at = |source| LogError::Io { path: directory.clone(), source };
        let mut listed: Listing = BTreeMap::new();
        let mut prepared = None;
        let mut indexes = Vec::new();
        for entry in self.startup.read_directory(&directory).map_err(at)? {
            let path = directory.join(&entry.name);
            if entry.is_directory {
                continue;
            }
            if entry.name.ends_with(".swap") {
                return Err(LogError::InterruptedCompaction { path });
            }
            if [".deleted", ".tmp", ".cleaned"].iter().any(|end| entry.name.ends_with(end)) {
                self.startup.unlink(&path).map_err(at)?;
                continue;
            }
            if entry.name == SYNC_FAILED_NAME {
                self.is_unproven = true;
                self.hints.last_end = LastEnd::Unknown;
            }
            if entry.name == PREPARED_NAME {
                prepared = Some(entry.length);
            }
            let Some((offset, part)) = parse_segment_name(&entry.name) else { continue };
            let segment = listed.entry(offset).or_default();
            match part {
                SegmentPart::Log => segment.log_length = Some(entry.length),
                SegmentPart::ProducerSnapshot => segment.has_snapshot = true,
                SegmentPart::TransactionIndex => segment.has_transaction_index = true,
                SegmentPart::OffsetIndex | SegmentPart::TimeIndex => indexes.push((offset, path)),
            }
        }
        if let Some(length) = prepared {
            self.complete_roll(length, &mut listed)?;
        }
        self.durable = self.durable_end(&listed);
        for (offset, path) in indexes {
            if listed.get(&offset).is_none_or(|segment| segment.log_length.is_none()) {
                self.startup.unlink(&path).map_err(at)?;
            }
        }
        Ok(listed)
    }

    /// A prepared segment that was taken into use before the crash, but not durably renamed, has
    /// its name in its first batch.
    fn complete_roll(&mut self, length: u64, listed: &mut Listing) -> Result<(), LogError> {
        let path = self.directory.join(PREPARED_NAME);
        let at = |source| LogError::Io { path: path.clone(), source };
        let base_offset = match length {
            0 => None,
            _ => self.first_sound_batch(&path, length).map_err(at)?,
        };
        match base_offset {
            Some(base_offset) if listed.get(&base_offset).and_then(|s| s.log_length).is_none() => {
                let to = self.path(base_offset, SegmentPart::Log);
                self.startup.rename(&path, &to).map_err(at)?;
                self.startup.sync_directory(&self.directory).map_err(at)?;
                listed.entry(base_offset).or_default().log_length = Some(length);
            }
            _ => {
                self.report.cut_bytes += length;
                self.startup.unlink(&path).map_err(at)?;
            }
        }
        Ok(())
    }

    fn first_sound_batch(&mut self, path: &Path, length: u64) -> Result<Option<Offset>, IoError> {
        let file = self.startup.open(path, OpenMode::Read)?;
        let probe = super::window::PROBE_LENGTH.min(length) as usize;
        let mut bytes = self.startup.read(file, 0, probe)?;
        if batch_at(&bytes, Offset::ZERO) == BatchAt::Cut && (probe as u64) < length {
            let whole = length.min(crate::log::lookup::BATCH_SIZE_MAX) as usize;
            bytes = self.startup.read(file, 0, whole)?;
        }
        self.startup.close(file)?;
        match batch_at(&bytes, Offset::ZERO) {
            BatchAt::Sound(header) => Ok(Some(Offset(header.base_offset))),
            _ => Ok(None),
        }
    }

    /// The offset below which everything was durable.
    ///
    /// A snapshot is made after everything below its offset. The data directory's checkpoint may
    /// be older than that; or newer, if it is of a topic of the same name that was deleted.
    fn durable_end(&self, listed: &Listing) -> Offset {
        let snapshots = listed.iter().filter(|(_, segment)| segment.has_snapshot);
        let newest = snapshots.map(|(offset, _)| *offset).max().unwrap_or(Offset::ZERO);
        newest.min(self.hints.recovery_point.unwrap_or(Offset::ZERO))
    }
}
