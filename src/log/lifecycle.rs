//! How a log begins at run time, and how it ends.

use super::epochs::Epochs;
use super::error::AppendError;
use super::files::{
    CONDEMNED_METADATA_NAME, METADATA_NAME, PREPARED_NAME, SegmentPart, segment_path,
};
use super::operations::Operations;
use super::positions::Mark;
use super::producer_state::Producers;
use super::roll::{RETRY_DELAY, Roll, Rolling};
use super::seal::{Sealing, Upkeep};
use super::segment::{Indexes, Segment, SegmentFile};
use super::sweep::{condemned_path, displaced_path};
use super::tail::Tail;
use super::write::Tear;
use super::{
    Log, LogConfig, LogFact, LogIdentity, LogOut, State, partition_metadata, producer_snapshot,
};
use crate::base::{LeaderEpoch, Now, Offset};
use crate::io::jobs::{Job, Lane, Step, replace_file};
use crate::io::{DirectoryEntry, IoError, OpenMode};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How far the closing of a log has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClosingStage {
    /// What is queued gets written and synced.
    Draining,
    /// The indexes of the active segment and the snapshot at the log's end are being written.
    Writing,
    /// Files are being closed.
    Releasing,
}

/// How far the deletion of a log has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletingStage {
    /// Operations under way have to end.
    Draining,
    /// The directory is being renamed and listed.
    Removing,
    /// It could not be renamed, as on a full disk. The file with the topic's id is being renamed in
    /// it, and it is being listed under its own name.
    Marking,
    /// That could not be renamed either.
    Listing,
    /// The directory is being emptied and removed.
    Sweeping,
    /// Files are being closed.
    Releasing,
}

impl Log {
    /// A log that is being made: its directory, `partition.metadata` and first segment. The fact
    /// `Opened` says when it is on the disk; appends are taken before that, and wait.
    pub fn create(
        identity: LogIdentity,
        config: Arc<LogConfig>,
        leader_epoch: LeaderEpoch,
        now: Now,
        out: &mut LogOut,
    ) -> Log {
        let mut segments = VecDeque::new();
        segments.push_back(Segment::new(Offset::ZERO, now.wall));
        let mut log = Log {
            identity,
            leader_epoch,
            state: State::Creating,
            segments,
            size_bytes: 0,
            log_start: Offset::ZERO,
            saved_start: Default::default(),
            log_end: Offset::ZERO,
            written: Mark::start_of(Offset::ZERO),
            durable: Mark::start_of(Offset::ZERO),
            high_watermark: Mark::start_of(Offset::ZERO),
            recovery_point: Offset::ZERO,
            writes: Default::default(),
            flush: Default::default(),
            roll: Roll::default(),
            upkeep: Lane::default(),
            sealing: Sealing::default(),
            retirement: Default::default(),
            retention_due: first_check(&config, now),
            tail: Tail::default(),
            producers: Producers::default(),
            epochs: Epochs::default(),
            operations: Operations::default(),
            announced: (Offset::ZERO, Offset::ZERO),
            is_ending: false,
            is_cleanly_closed: false,
            config,
        };
        log.push_creation(true);
        log.start_rolling(now, out);
        log
    }

    /// `is_first` moves away what a deleted topic of the same name may have left.
    pub(super) fn push_creation(&mut self, is_first: bool) {
        let directory = &self.identity.directory;
        let metadata = partition_metadata::encode(self.identity.topic_id).into_bytes();
        let first = segment_path(directory, Offset::ZERO, SegmentPart::Log);
        let parent = directory.parent().map(PathBuf::from).unwrap_or_default();
        let mut steps = Vec::new();
        if is_first {
            let to = displaced_path(directory, self.identity.topic_id);
            steps.push(Step::Rename { from: directory.clone(), to, optional: true });
        }
        steps.extend([Step::MakeDirectory(directory.clone()), Step::SyncDirectory(parent)]);
        steps.extend(replace_file(directory.join(METADATA_NAME), metadata));
        steps.push(Step::Open(first, OpenMode::CreateEmpty));
        steps.push(Step::SyncDirectory(directory.clone()));
        self.roll.lane.push(Job::new(Rolling::Create, steps));
    }

    pub(super) fn on_created(
        &mut self,
        mut job: Job<Rolling>,
        result: Result<(), IoError>,
        now: Now,
        out: &mut LogOut,
    ) {
        match result {
            Ok(()) => {
                let file = job.files.pop().expect("it opened the first segment");
                self.segments[0].file = Some(Arc::new(SegmentFile { file }));
                if self.state == State::Creating {
                    self.state = State::Open;
                    out.facts.push(LogFact::Opened);
                }
            }
            Err(error) => {
                self.discard(job.files);
                self.roll.retry_at = Some(now.monotonic.after(RETRY_DELAY));
                self.undo_appends(AppendError::of_io(error), out);
                out.facts.push(LogFact::Postponed(error));
            }
        }
    }

    /// Writes and syncs everything, and the files that make the next start quick. The fact
    /// `Closed` follows.
    pub fn begin_close(&mut self, now: Now, out: &mut LogOut) {
        self.is_ending = true;
        if matches!(self.state, State::Open | State::Creating) {
            self.state = State::Closing(ClosingStage::Draining);
        }
        self.end_of_tick(now, out);
    }

    /// Removes the log and its directory. The fact `Deleted` follows.
    pub fn begin_delete(&mut self, now: Now, out: &mut LogOut) {
        if matches!(self.state, State::Deleting(_) | State::Deleted | State::Closed) {
            return;
        }
        self.state = State::Deleting(DeletingStage::Draining);
        self.is_ending = true;
        self.writes.queue.clear();
        let from = self.acknowledged();
        if from < self.log_end {
            out.facts.push(LogFact::AppendsFailed { from, error: AppendError::Closing });
        }
        self.upkeep.retain_waiting(|_| false);
        self.roll.lane.retain_waiting(|_| false);
        self.advance_lifecycle(now, out);
    }

    /// Takes the next step of an end, once what it waits for is done.
    pub(super) fn advance_lifecycle(&mut self, now: Now, out: &mut LogOut) {
        if !self.is_ending {
            return;
        }
        match self.state {
            State::Closing(ClosingStage::Draining) => self.drain(now, out),
            State::Closing(ClosingStage::Writing) => {}
            State::Closing(ClosingStage::Releasing) | State::Failed => {
                self.release(State::Closed, LogFact::Closed, now, out);
            }
            State::Deleting(DeletingStage::Draining) if self.operations.is_empty() => {
                self.state = State::Deleting(DeletingStage::Removing);
                self.push_removal();
                self.start_upkeep(now, out);
            }
            State::Deleting(DeletingStage::Releasing) => {
                self.release(State::Deleted, LogFact::Deleted, now, out);
            }
            _ => {}
        }
    }

    fn is_drained(&self) -> bool {
        self.operations.is_empty() && self.upkeep.is_idle() && self.roll.lane.is_idle()
    }

    fn drain(&mut self, now: Now, out: &mut LogOut) {
        if self.segments[0].file.is_none() && self.is_drained() {
            // It was never made; whoever waits has been told or is told now.
            self.undo_appends(AppendError::Closing, out);
            self.is_cleanly_closed = true;
            self.state = State::Closing(ClosingStage::Releasing);
            return self.advance_lifecycle(now, out);
        }
        if self.writes.tear != Tear::None && self.writes.queue.is_empty() {
            // What a failed write left would be taken for damage after a clean end.
            return self.start_repair(out);
        }
        if self.durable.offset < self.written.offset {
            self.flush.is_urgent = true;
            return self.start_sync(now, out);
        }
        if self.writes.is_idle() && self.is_drained() {
            self.state = State::Closing(ClosingStage::Writing);
            self.push_final_files();
            self.start_upkeep(now, out);
        }
    }

    /// Ends a close without what makes the next start quick, after a failure in it.
    pub(super) fn give_up_closing(&mut self) {
        if self.state == State::Closing(ClosingStage::Draining) {
            self.state = State::Closing(ClosingStage::Releasing);
        }
    }

    /// Has the active segment's indexes and the producers at the log's end written.
    fn push_final_files(&mut self) {
        self.active_mut().complete_time_index();
        let directory = &self.identity.directory;
        let segment = self.active();
        let base_offset = segment.base_offset;
        let mut steps = Vec::new();
        if let Indexes::Memory { offsets, times } = &segment.indexes
            && segment.size > 0
        {
            let path = segment_path(directory, base_offset, SegmentPart::OffsetIndex);
            steps.extend(replace_file(path, offsets.encode()));
            let path = segment_path(directory, base_offset, SegmentPart::TimeIndex);
            steps.extend(replace_file(path, times.encode()));
        }
        let path = segment_path(directory, self.log_end, SegmentPart::ProducerSnapshot);
        steps.extend(replace_file(path, producer_snapshot::encode(&self.producers)));
        if self.has_prepared() {
            steps.push(Step::Unlink(directory.join(PREPARED_NAME)));
        }
        self.upkeep.push(Job::new(Upkeep::Close, steps));
    }

    pub(super) fn on_close_job(&mut self, result: Result<(), IoError>, out: &mut LogOut) {
        self.state = State::Closing(ClosingStage::Releasing);
        if result.is_ok() {
            self.is_cleanly_closed = true;
            self.recovery_point = self.recovery_point.max(self.durable.offset);
        }
        self.update_high_watermark(out);
    }

    /// Has the directory renamed, and what is in it listed.
    fn push_removal(&mut self) {
        let directory = self.identity.directory.clone();
        let condemned = self.condemned_directory();
        let steps = [
            Step::Rename { from: directory, to: condemned.clone(), optional: true },
            Step::SyncDirectory(self.data_directory()),
            Step::ReadDirectory(condemned),
        ];
        self.upkeep.push(Job::new(Upkeep::Delete, steps));
    }

    /// Has a directory that keeps its name marked, so that a crash leaves what the next start
    /// knows to be deleted, and what is in it listed.
    fn push_marking(&mut self) -> DeletingStage {
        let directory = self.identity.directory.clone();
        let steps = [
            Step::Rename {
                from: directory.join(METADATA_NAME),
                to: directory.join(CONDEMNED_METADATA_NAME),
                optional: true,
            },
            Step::SyncDirectory(directory.clone()),
            Step::ReadDirectory(directory),
        ];
        self.upkeep.push(Job::new(Upkeep::Delete, steps));
        DeletingStage::Marking
    }

    /// Has the listed files of a directory removed, and the directory. The file with the topic's
    /// id goes last: without it, records would be taken for those of a topic of the same name.
    fn push_sweep(&mut self, directory: PathBuf, files: &[DirectoryEntry]) -> DeletingStage {
        let last = [METADATA_NAME, CONDEMNED_METADATA_NAME];
        let others = files.iter().map(|file| &*file.name).filter(|name| !last.contains(name));
        let unlink = others.chain(last).map(|name| Step::Unlink(directory.join(name)));
        let mut steps: Vec<Step> = unlink.collect();
        steps.push(Step::RemoveDirectory(directory));
        steps.push(Step::SyncDirectory(self.data_directory()));
        self.upkeep.push(Job::new(Upkeep::Delete, steps));
        DeletingStage::Sweeping
    }

    fn data_directory(&self) -> PathBuf {
        self.identity.directory.parent().map(PathBuf::from).unwrap_or_default()
    }

    /// The name that a directory has while it is being deleted, as Kafka forms it.
    fn condemned_directory(&self) -> PathBuf {
        condemned_path(&self.identity.directory, self.identity.topic_id)
    }

    /// A directory that resists is left to the next start, which finds it by its name.
    pub(super) fn on_delete_job(
        &mut self,
        job: &Job<Upkeep>,
        result: Result<(), IoError>,
        now: Now,
    ) {
        let next = match (self.state, result) {
            (State::Deleting(DeletingStage::Removing), Ok(())) => {
                self.push_sweep(self.condemned_directory(), &job.listing)
            }
            (State::Deleting(DeletingStage::Removing), Err(_)) => self.push_marking(),
            (State::Deleting(DeletingStage::Marking), Err(_)) => {
                let steps = [Step::ReadDirectory(self.identity.directory.clone())];
                self.upkeep.push(Job::new(Upkeep::Delete, steps));
                DeletingStage::Listing
            }
            (State::Deleting(DeletingStage::Marking | DeletingStage::Listing), Ok(())) => {
                self.push_sweep(self.identity.directory.clone(), &job.listing)
            }
            _ => DeletingStage::Releasing,
        };
        self.state = State::Deleting(next);
        self.retirement.clear_removals();
        self.retirement.add_files([], now.monotonic.after(Duration::ZERO));
    }

    /// Closes all files that nobody holds, and reports the end when all are closed.
    fn release(&mut self, ended: State, fact: LogFact, now: Now, out: &mut LogOut) {
        if !self.operations.is_empty() {
            return;
        }
        let prepared = self.take_prepared();
        let open: Vec<Arc<SegmentFile>> =
            self.segments.iter().flat_map(Segment::files).cloned().chain(prepared).collect();
        if !open.is_empty() {
            self.retirement.add_files(open, now.monotonic);
            for segment in &mut self.segments {
                segment.file = None;
                segment.indexes = Indexes::default();
            }
            self.purge_retired(now, out);
            self.start_upkeep(now, out);
        }
        if self.is_drained() && self.retirement.has_no_files() {
            self.state = ended;
            out.facts.push(fact);
        }
    }
}

/// When retention looks first: not all logs at once.
pub(super) fn first_check(config: &LogConfig, now: Now) -> crate::base::Monotonic {
    now.monotonic.after(Duration::from_millis(config.retention_check_interval_ms.max(1)))
}
