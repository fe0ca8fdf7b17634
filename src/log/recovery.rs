//! What a start finds: segments are opened, what a crash may have torn is scanned, a torn tail is
//! cut, damage elsewhere is reported and fenced off.

use super::checkpoint::{self, EpochStart};
use super::epochs::Epochs;
use super::error::LogError;
use super::files::{
    EPOCHS_NAME, METADATA_NAME, PREPARED_NAME, SegmentPart, parse_segment_name, segment_path,
};
use super::index_file::IndexFile;
use super::lifecycle::first_check;
use super::producer_state::Producers;
use super::scan::{BatchAt, batch_at};
use super::segment::{Indexes, Segment, SegmentFile};
use super::segment_scan::{ScanState, SegmentScan};
use super::tail::Tail;
use super::trust::Damage;
use super::{Log, LogConfig, LogIdentity, State, partition_metadata, producer_snapshot};
use crate::base::{LeaderEpoch, Now, Offset};
use crate::io::{Io, IoError, OpenMode, Startup};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
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

/// What recovery did and found.
#[derive(Debug, Default)]
pub struct RecoveryReport {
    /// Damage, which is never served.
    pub damage: Vec<DamageReport>,
    /// Bytes cut from the end, which were never acknowledged as durable.
    pub cut_bytes: u64,
    /// Bytes whose checksums were tested.
    pub scanned_bytes: u64,
    /// Segments whose indexes were made again.
    pub indexes_rebuilt: u32,
    /// Checkpoints and snapshots that were damaged and made again.
    pub rebuilt: Vec<PathBuf>,
}

/// A damaged part of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamageReport {
    /// The file.
    pub path: PathBuf,
    /// Where the damage begins, in bytes.
    pub position: u64,
    /// Where sound batches begin again, in bytes.
    pub end: u64,
    /// The first offset that cannot be read.
    pub first_offset: Offset,
    /// The next offset that can be read.
    pub next_offset: Offset,
}

impl fmt::Display for DamageReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: bytes {} to {} are damaged; offsets {} to {} cannot be read",
            self.path.display(),
            self.position,
            self.end,
            self.first_offset,
            self.next_offset.0 - 1,
        )
    }
}

/// A segment's files, as the directory lists them.
#[derive(Debug, Default, Clone, Copy)]
struct Listed {
    log_length: Option<u64>,
    has_snapshot: bool,
    has_transaction_index: bool,
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
    /// Whether a checkpoint was damaged, so that its content has to be found again.
    pub scans_all: bool,
    /// Batches below this offset are in `producers` already.
    pub producers_as_of: Offset,
    pub epochs: Epochs,
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
            scans_all: false,
            epochs: Epochs::default(),
        };
        recovery.ensure_directory(&identity)?;
        let listed = recovery.list()?;
        recovery.load_epochs(&listed)?;
        let scan_from = recovery.load_producers(&listed)?;
        let segments = recovery.open_checked(&listed, scan_from)?;
        recovery.write_epochs(&segments)?;
        recovery.remove_stray_snapshots(&listed, &segments)?;
        let Recovery { report, producers, epochs, .. } = recovery;
        let log =
            Log::recovered(identity, config, leader_epoch, hints, now, segments, producers, epochs);
        log.positions().check();
        Ok((log, report))
    }

    #[allow(clippy::too_many_arguments)]
    fn recovered(
        identity: LogIdentity,
        config: Arc<LogConfig>,
        leader_epoch: LeaderEpoch,
        hints: RecoveryHints,
        now: Now,
        segments: VecDeque<Segment>,
        producers: Producers,
        epochs: Epochs,
    ) -> Log {
        let first = segments.front().expect("recovery makes a segment").base_offset;
        let end = segments.back().expect("recovery makes a segment").end_mark();
        let newest_epoch = epochs.starts().last().map_or(LeaderEpoch(-1), |last| last.epoch);
        let log_start = hints.log_start.unwrap_or(first).clamp(first, end.offset);
        Log {
            identity,
            // An epoch never goes back, whoever was the leader before.
            leader_epoch: leader_epoch.max(newest_epoch),
            state: State::Open,
            segments,
            log_start,
            log_end: end.offset,
            written: end,
            durable: end,
            high_watermark: end,
            recovery_point: end.offset,
            writes: Default::default(),
            flush: Default::default(),
            roll: Default::default(),
            upkeep: Default::default(),
            sealing: Default::default(),
            retirement: Default::default(),
            retention_due: first_check(&config, now),
            tail: Tail::default(),
            producers,
            epochs,
            operations: Default::default(),
            is_ending: false,
            config,
        }
    }
}

impl<I: Io> Recovery<'_, '_, I> {
    pub fn path(&self, base_offset: Offset, part: SegmentPart) -> PathBuf {
        segment_path(&self.directory, base_offset, part)
    }

    /// Makes the directory if a crash came between the topic's creation and the log's.
    fn ensure_directory(&mut self, identity: &LogIdentity) -> Result<(), LogError> {
        let directory = self.directory.clone();
        let at = |source| LogError::Io { path: directory.clone(), source };
        self.startup.make_directory(&directory).map_err(at)?;
        if let Some(parent) = directory.parent() {
            self.startup.sync_directory(parent).map_err(at)?;
        }
        let path = directory.join(METADATA_NAME);
        let known = self.startup.read_file(&path).map_err(at)?;
        if known.as_deref().and_then(partition_metadata::parse) != Some(identity.topic_id) {
            let content = partition_metadata::encode(identity.topic_id);
            self.startup.replace_file(&path, content.as_bytes()).map_err(at)?;
        }
        Ok(())
    }

    /// Lists the segments, removes what was on its way out, and completes an interrupted roll.
    fn list(&mut self) -> Result<BTreeMap<Offset, Listed>, LogError> {
        let directory = self.directory.clone();
        let at = |source| LogError::Io { path: directory.clone(), source };
        let mut listed: BTreeMap<Offset, Listed> = BTreeMap::new();
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
        for (offset, path) in indexes {
            if listed.get(&offset).is_none_or(|segment| segment.log_length.is_none()) {
                self.startup.unlink(&path).map_err(at)?;
            }
        }
        Ok(listed)
    }

    /// A prepared segment that was taken into use before the crash, but not durably renamed, has
    /// its name in its first batch.
    fn complete_roll(
        &mut self,
        length: u64,
        listed: &mut BTreeMap<Offset, Listed>,
    ) -> Result<(), LogError> {
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
        let probe = super::segment_scan::PROBE_LENGTH.min(length) as usize;
        let mut bytes = self.startup.read(file, 0, probe)?;
        if batch_at(&bytes, Offset::ZERO) == BatchAt::Cut && (probe as u64) < length {
            let whole = length.min(super::lookup::BATCH_SIZE_MAX) as usize;
            bytes = self.startup.read(file, 0, whole)?;
        }
        self.startup.close(file)?;
        match batch_at(&bytes, Offset::ZERO) {
            BatchAt::Sound(header) => Ok(Some(Offset(header.base_offset))),
            _ => Ok(None),
        }
    }

    /// Reads the epoch checkpoint; a damaged one is made again from the batches.
    fn load_epochs(&mut self, listed: &BTreeMap<Offset, Listed>) -> Result<(), LogError> {
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
            Ok(starts) => self.epochs = Epochs::new(starts),
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
    fn load_producers(&mut self, listed: &BTreeMap<Offset, Listed>) -> Result<Offset, LogError> {
        if self.scans_all {
            return Ok(Offset::ZERO);
        }
        let recovery_point = self.hints.recovery_point.unwrap_or(Offset::ZERO);
        let snapshots = listed.range(..=recovery_point).rev();
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
        listed: &BTreeMap<Offset, Listed>,
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
        self.producers = Producers::default();
        self.producers_as_of = Offset::ZERO;
        // The first look may have cut the end, or added a segment.
        let listed = self.list()?;
        self.open_segments(&listed, Offset::ZERO)
    }

    fn open_segments(
        &mut self,
        listed: &BTreeMap<Offset, Listed>,
        scan_from: Offset,
    ) -> Result<VecDeque<Segment>, LogError> {
        let bases: Vec<(Offset, u64)> = listed
            .iter()
            .filter_map(|(offset, segment)| Some((*offset, segment.log_length?)))
            .collect();
        let mut segments: VecDeque<Segment> = VecDeque::new();
        for (index, &(base_offset, length)) in bases.iter().enumerate() {
            let later = &bases[index + 1..];
            let next = later.first().map(|(next, _)| *next);
            let is_last = later.iter().all(|(_, length)| *length == 0);
            let segment = self.open_segment(base_offset, length, next, is_last, scan_from)?;
            let is_shorter = segment.size < length;
            segments.push_back(segment);
            if is_shorter && is_last {
                self.remove_empty(later)?;
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

    /// Segments that were begun after the place where the log was cut hold nothing.
    fn remove_empty(&mut self, later: &[(Offset, u64)]) -> Result<(), LogError> {
        for (base_offset, _) in later {
            let path = self.path(*base_offset, SegmentPart::Log);
            let at = |source| LogError::Io { path: path.clone(), source };
            self.startup.unlink(&path).map_err(at)?;
        }
        Ok(())
    }

    /// Adds an empty segment if there is none, or if records that were durable are missing at the
    /// end: their offsets are not used again.
    fn ensure_active(&mut self, segments: &mut VecDeque<Segment>) -> Result<(), LogError> {
        let start = self.hints.log_start.unwrap_or(Offset::ZERO);
        let durable = self.hints.recovery_point.unwrap_or(start).max(start);
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
        let at = |source| LogError::Io { path: path.clone(), source };
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
    ) -> Result<Segment, LogError> {
        let path = self.path(base_offset, SegmentPart::Log);
        let at = |source| LogError::Io { path: path.clone(), source };
        let file = self.startup.open(&path, OpenMode::ReadWrite).map_err(at)?;
        let scan = SegmentScan { base_offset, file, length, next, is_last };
        let is_old = next.is_some_and(|next| next <= scan_from);
        if is_old && let Some(segment) = self.open_by_indexes(&scan).map_err(at)? {
            return Ok(segment);
        }
        let state = self.scan_start(&scan, scan_from).map_err(at)?;
        let mut segment = self.scan_segment(&scan, state)?;
        if next.is_some() && !(is_last && segment.size < length) {
            self.report.indexes_rebuilt += 1;
            self.write_indexes(&mut segment)?;
        }
        Ok(segment)
    }

    /// Writes and opens the index files of a segment that takes no more appends.
    fn write_indexes(&mut self, segment: &mut Segment) -> Result<(), LogError> {
        segment.complete_time_index();
        let Indexes::Memory { offsets, times } = &segment.indexes else { return Ok(()) };
        let mut open = |part, content: Vec<u8>| {
            let path = self.path(segment.base_offset, part);
            let at = |source| LogError::Io { path: path.clone(), source };
            self.startup.replace_file(&path, &content).map_err(at)?;
            let file = self.startup.open(&path, OpenMode::Read).map_err(at)?;
            Ok(Arc::new(SegmentFile { file }))
        };
        let offset_file = open(SegmentPart::OffsetIndex, offsets.encode())?;
        let time_file = open(SegmentPart::TimeIndex, times.encode())?;
        segment.indexes = Indexes::Files {
            offsets: IndexFile::new(offset_file, offsets.entries()),
            times: IndexFile::new(time_file, times.entries()),
        };
        Ok(())
    }

    /// Brings the epoch checkpoint in line with the log.
    fn write_epochs(&mut self, segments: &VecDeque<Segment>) -> Result<(), LogError> {
        let end = segments.back().map_or(Offset::ZERO, |segment| segment.next_offset);
        let start = segments.front().map_or(Offset::ZERO, |segment| segment.base_offset);
        let start = self.hints.log_start.unwrap_or(start).max(start);
        self.epochs.truncate_end(end);
        self.epochs.truncate_start(start);
        let path = self.directory.join(EPOCHS_NAME);
        let at = |source| LogError::Io { path: path.clone(), source };
        let content = checkpoint::encode_epochs(self.epochs.starts());
        let known = self.startup.read_file(&path).map_err(at)?;
        let starts: &[EpochStart] = self.epochs.starts();
        let is_same = known.as_deref() == Some(content.as_bytes());
        if is_same || (known.is_none() && starts.is_empty()) {
            return Ok(());
        }
        self.startup.replace_file(&path, content.as_bytes()).map_err(at)
    }

    /// Removes snapshots that no later recovery may build on: those above the log's end, and
    /// those of former ends within a segment.
    fn remove_stray_snapshots(
        &mut self,
        listed: &BTreeMap<Offset, Listed>,
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
