//! What a start finds: segments are opened, what a crash may have torn is scanned, a torn tail is
//! cut, damage elsewhere is reported and fenced off.

use super::checkpoint;
use super::epochs::Epochs;
use super::error::LogError;
use super::files::{EPOCHS_NAME, METADATA_NAME, SegmentPart, segment_path};
use super::index_file::IndexFile;
use super::lifecycle::first_check;
use super::listing::Listing;
use super::positions::Mark;
use super::producer_state::Producers;
use super::recovery_report::{DamageReport, RecoveryReport};
use super::seal::Sealing;
use super::segment::{Indexes, Segment, SegmentFile};
use super::segment_scan::{ScanState, Scanned, SegmentScan};
use super::sweep::{displaced_path, remove_directory};
use super::tail::Tail;
use super::trust::Damage;
use super::{Log, LogConfig, LogIdentity, State, partition_metadata, producer_snapshot};
use crate::base::{LeaderEpoch, Now, Offset, TopicId};
use crate::io::{Io, IoError, OpenMode, Startup};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the data directory's checkpoints say of a log.
#[derive(Debug, Clone, Copy, Default)]
pub struct RecoveryHints {
    /// Whether the broker was shut down cleanly.
    pub clean: bool,
    /// Whether the machine has run on since the last broker ended. Then the page cache survived:
    /// nothing but the end of the last write can be torn.
    pub same_boot: bool,
    /// Below this offset, records and indexes were on the disk.
    pub recovery_point: Option<Offset>,
    /// Below this offset, records were deleted.
    pub log_start: Option<Offset>,
}

/// The state of a recovery.
pub(super) struct Recovery<'a, 'io, I: Io> {
    pub startup: &'a mut Startup<'io, I>,
    pub directory: PathBuf,
    pub config: Arc<LogConfig>,
    pub hints: RecoveryHints,
    pub now: Now,
    pub leader_epoch: LeaderEpoch,
    pub report: RecoveryReport,
    pub producers: Producers,
    /// Everything below this offset was durable.
    pub durable: Offset,
    /// Whether a checkpoint was damaged, so that its content has to be found again.
    pub scans_all: bool,
    /// Batches below this offset are in `producers` already.
    pub producers_as_of: Offset,
    pub epochs: Epochs,
    /// The epochs as the checkpoint had them.
    pub epochs_before: Epochs,
    /// Whether there was no room for the epoch checkpoint.
    pub lacks_epochs: bool,
    /// Where the first epoch began, as the checkpoint said.
    pub epochs_start: Option<Offset>,
}

impl Log {
    /// Opens a log at start-up, and repairs what a crash has left.
    ///
    /// # Errors
    /// If files cannot be read or written, or are not of a kind that this broker can serve.
    /// Damage inside a segment is no error: it is reported, and never served.
    pub fn recover<I: Io>(
        startup: &mut Startup<'_, I>,
        identity: LogIdentity,
        config: Arc<LogConfig>,
        leader_epoch: LeaderEpoch,
        hints: RecoveryHints,
    ) -> Result<(Log, RecoveryReport), LogError> {
        let now = startup.now();
        let mut recovery = Recovery {
            startup,
            directory: identity.directory.clone(),
            config: Arc::clone(&config),
            hints,
            now,
            leader_epoch,
            report: RecoveryReport::default(),
            producers: Producers::default(),
            producers_as_of: Offset::ZERO,
            durable: Offset::ZERO,
            scans_all: false,
            epochs: Epochs::default(),
            epochs_before: Epochs::default(),
            lacks_epochs: false,
            epochs_start: None,
        };
        recovery.ensure_directory(&identity)?;
        recovery.sync_names()?;
        let listed = recovery.list()?;
        recovery.load_epochs(&listed)?;
        let scan_from = recovery.load_producers(&listed)?;
        let segments = recovery.open_checked(&listed, scan_from)?;
        recovery.write_epochs(&segments)?;
        recovery.remove_stray_snapshots(&listed, &segments)?;
        Ok(recovery.finish(identity, segments))
    }
}

impl<I: Io> Recovery<'_, '_, I> {
    pub fn path(&self, base_offset: Offset, part: SegmentPart) -> PathBuf {
        segment_path(&self.directory, base_offset, part)
    }

    /// The log, from what was found.
    fn finish(self, identity: LogIdentity, segments: VecDeque<Segment>) -> (Log, RecoveryReport) {
        let end = segments.back().expect("recovery makes a segment").end_mark();
        let newest_epoch = self.epochs.starts().last().map_or(LeaderEpoch(-1), |last| last.epoch);
        // A snapshot within the active segment goes with the next checkpoint.
        let is_base = segments.iter().any(|segment| segment.base_offset == self.producers_as_of);
        let checkpoint = Mark {
            offset: self.producers_as_of,
            ..Mark::start_of(segments[segments.len() - 1].base_offset)
        };
        let mut log = Log {
            identity,
            // An epoch never goes back, whoever was the leader before.
            leader_epoch: self.leader_epoch.max(newest_epoch),
            state: State::Open,
            log_start: self.log_start(&segments),
            size_bytes: segments.iter().map(|segment| segment.size).sum(),
            segments,
            log_end: end.offset,
            written: end,
            durable: end,
            high_watermark: end,
            // Where indexes or epochs could not be written, there is nothing to build on.
            recovery_point: if self.report.is_disk_full { Offset::ZERO } else { end.offset },
            writes: Default::default(),
            flush: Default::default(),
            roll: Default::default(),
            upkeep: Default::default(),
            sealing: Sealing { checkpoint: (!is_base).then_some(checkpoint), ..Sealing::default() },
            retirement: Default::default(),
            retention_due: first_check(&self.config, self.now),
            tail: Tail::default(),
            producers: self.producers,
            epochs: self.epochs,
            operations: Default::default(),
            announced: (end.offset, end.offset),
            is_ending: false,
            is_cleanly_closed: false,
            config: self.config,
        };
        log.positions().check();
        if self.report.is_disk_full {
            log.write_later(self.lacks_epochs, self.now);
        }
        let mut report = self.report;
        report.damage.retain(|damage| damage.next_offset > log.log_start);
        (log, report)
    }

    /// Makes the directory if a crash came between the topic's creation and the log's.
    fn ensure_directory(&mut self, identity: &LogIdentity) -> Result<(), LogError> {
        let directory = self.directory.clone();
        let at = |source| LogError::Io { path: directory.clone(), source };
        let path = directory.join(METADATA_NAME);
        let known = self.startup.read_file(&path).map_err(at)?;
        let known_id = known.as_deref().and_then(partition_metadata::parse);
        if known_id == Some(identity.topic_id) {
            return Ok(());
        }
        if known_id.is_some_and(|known_id| is_another(known_id, identity.topic_id)) {
            self.displace(identity.topic_id).map_err(at)?;
        } else if known.is_some() {
            self.report.rebuilt.push(path);
        }
        self.make_directory(identity.topic_id).map_err(LogError::of_making(directory))
    }

    fn make_directory(&mut self, topic_id: TopicId) -> Result<(), IoError> {
        self.startup.make_directory(&self.directory)?;
        if let Some(parent) = self.directory.parent() {
            self.startup.sync_directory(parent)?;
        }
        let content = partition_metadata::encode(topic_id);
        self.startup.replace_file(&self.directory.join(METADATA_NAME), content.as_bytes())
    }

    /// Makes the files that a process killed in the middle of making them has left as durable as
    /// they look: records that are acknowledged from now on must not vanish with their names.
    fn sync_names(&mut self) -> Result<(), LogError> {
        if self.hints.clean {
            return Ok(());
        }
        let at = |source| LogError::Io { path: self.directory.clone(), source };
        self.startup.sync_directory(&self.directory).map_err(at)
    }

    /// Moves away the directory of a deleted topic of the same name.
    fn displace(&mut self, topic_id: TopicId) -> Result<(), IoError> {
        let to = displaced_path(&self.directory, topic_id);
        match remove_directory(self.startup, &to) {
            Err(error) if !error.is_not_found() => return Err(error),
            _ => {}
        }
        self.startup.rename(&self.directory, &to)
    }

    /// Reads the epoch checkpoint; a damaged one is made again from the batches.
    fn load_epochs(&mut self, listed: &Listing) -> Result<(), LogError> {
        let path = self.directory.join(EPOCHS_NAME);
        let at = |source| LogError::Io { path: path.clone(), source };
        let Some(bytes) = self.startup.read_file(&path).map_err(at)? else {
            let has_records = listed.values().any(|segment| segment.log_length > Some(0));
            if has_records {
                self.distrust_checkpoints(&path);
            }
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
    fn distrust_checkpoints(&mut self, path: &Path) {
        self.scans_all = true;
        self.report.rebuilt.push(path.to_owned());
    }

    /// Loads the newest snapshot that recovery may build on; gives the offset to scan from.
    fn load_producers(&mut self, listed: &Listing) -> Result<Offset, LogError> {
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

    /// Opens the segments, and again with a closer look if the epoch checkpoint is wrong.
    fn open_checked(
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
                self.remove_segments(later)?;
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

    /// Adds an empty segment if there is none, or if records that were durable are missing at the
    /// end: their offsets are not used again.
    fn ensure_active(&mut self, segments: &mut VecDeque<Segment>) -> Result<(), LogError> {
        let durable = self.durable;
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
        let state = self.scan_start(&scan, scan_from).map_err(at)?;
        let mut scanned = self.scan_segment(&scan, state)?;
        if next.is_some() && !scanned.is_torn {
            self.report.indexes_rebuilt += 1;
            self.write_indexes(&mut scanned.segment)?;
        }
        Ok(scanned)
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

    /// Replaces a file that can be made again; says whether there was room for it.
    fn replace_unless_full(&mut self, path: &Path, content: &[u8]) -> Result<bool, LogError> {
        match self.startup.replace_file(path, content) {
            Ok(()) => Ok(true),
            Err(error) if error.is_no_space() => {
                self.report.is_disk_full = true;
                Ok(false)
            }
            Err(source) => Err(LogError::Io { path: path.to_owned(), source }),
        }
    }

    /// The first offset of the log: what the checkpoint says, unless that is of a topic of the
    /// same name that was deleted. The first epoch begins where the log does.
    fn log_start(&self, segments: &VecDeque<Segment>) -> Offset {
        let first = segments.front().map_or(Offset::ZERO, |segment| segment.base_offset);
        let end = segments.back().map_or(first, |segment| segment.next_offset);
        self.known_log_start().unwrap_or(first).clamp(first, end)
    }

    fn known_log_start(&self) -> Option<Offset> {
        self.hints.log_start.into_iter().chain(self.epochs_start).min()
    }

    /// Brings the epoch checkpoint in line with the log.
    fn write_epochs(&mut self, segments: &VecDeque<Segment>) -> Result<(), LogError> {
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
    fn remove_stray_snapshots(
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

    /// Starts where the checkpointed part of an index ends.
    fn scan_start(&mut self, scan: &SegmentScan, scan_from: Offset) -> Result<ScanState, IoError> {
        let is_old = scan.next.is_some_and(|next| next <= scan_from);
        if scan_from <= scan.base_offset || is_old {
            return Ok(ScanState::from_start(scan, self.now.wall));
        }
        self.resume_from_indexes(scan, scan_from)
    }
}

/// Whether an id is that of another topic. Random ids differ in about half of their bits; one that
/// differs in a few is the same, damaged, and no reason to give up the records.
fn is_another(found: TopicId, expected: TopicId) -> bool {
    const DAMAGED_BITS_MAX: u32 = 16;
    (found.0.as_u128() ^ expected.0.as_u128()).count_ones() > DAMAGED_BITS_MAX
}
