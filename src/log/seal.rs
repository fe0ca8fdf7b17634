//! Upkeep in the background: what a segment that no longer changes leaves on the disk, the epoch
//! checkpoint, and the files of retired segments.

use super::files::{EPOCHS_NAME, SegmentPart, segment_path};
use super::index_file::IndexFile;
use super::operations::Purpose;
use super::positions::Mark;
use super::segment::{Indexes, Segment, SegmentFile};
use super::{Log, LogOut, State, checkpoint, producer_snapshot};
use crate::base::{Monotonic, Now, Offset};
use crate::io::jobs::{Finished, Job, Step, Turn, replace_file};
use crate::io::{File, OpenMode};
use std::sync::Arc;
use std::time::Duration;

/// Bytes that a segment grows by between two checkpoints of its indexes.
const CHECKPOINT_BYTES: u64 = 64 << 20;

/// How long to wait before trying again to write what can be made again.
pub const RETRY_DELAY: Duration = Duration::from_secs(10);

/// What a job of upkeep is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upkeep {
    /// Make the records of a full segment durable.
    SyncSegment(Offset),
    /// Write the indexes and the producer snapshot of a full segment.
    Seal(Offset),
    /// Write the indexes of the active segment, and the producers as of some offset in it.
    Checkpoint,
    /// Write the epoch checkpoint, which had not yet the epochs that begin here.
    Epochs,
    /// Write down that the log begins here.
    Start(Offset),
    /// Rename the files of a retired segment.
    Retire,
    /// Remove and close files of retired segments.
    Purge,
    /// Write the snapshot at the end of a log that closes.
    Close,
    /// Remove a log's directory.
    Delete,
    /// Note for the next start that a sync has failed.
    MarkFailed,
}

/// What is not on the disk yet although it should be.
#[derive(Debug, Default)]
pub struct Sealing {
    /// The start of the oldest epoch that the checkpoint lacks.
    pub epochs_from: Option<Offset>,
    /// The base offset of the oldest full segment whose indexes are not on the disk.
    pub unsealed_from: Option<Offset>,
    /// Where the active segment's indexes and the producers were last written.
    pub checkpoint: Option<Mark>,
    /// A checkpoint to be written once everything below it is durable.
    pub wanted: Option<(Mark, Vec<u8>)>,
    /// When what failed is to be tried again.
    pub retry_at: Option<Monotonic>,
}

impl Log {
    /// Has the segment at `index`, which is full and written, made durable and its indexes
    /// written.
    pub(super) fn seal(&mut self, index: usize) {
        let segment = &mut self.segments[index];
        segment.complete_time_index();
        let base_offset = segment.base_offset;
        self.sealing.unsealed_from.get_or_insert(base_offset);
        if segment.next_offset > self.durable.offset {
            let file = segment.file.as_ref().expect("a written segment has a file").file;
            let kind = Upkeep::SyncSegment(base_offset);
            self.upkeep.push(Job::new(kind, [Step::SyncFile(file)]));
        }
        self.push_seal(index);
    }

    fn push_seal(&mut self, index: usize) {
        let segment = &self.segments[index];
        let base_offset = segment.base_offset;
        let Indexes::Memory { offsets, times } = &segment.indexes else { return };
        let directory = &self.identity.directory;
        let path = |part| segment_path(directory, segment.base_offset, part);
        let mut steps = self.epochs_steps();
        steps.extend([
            Step::Open(path(SegmentPart::OffsetIndex), OpenMode::CreateEmpty),
            Step::Write(offsets.encode()),
            Step::Sync,
            Step::Open(path(SegmentPart::TimeIndex), OpenMode::CreateEmpty),
            Step::Write(times.encode()),
            Step::Sync,
        ]);
        let next = &mut self.segments[index + 1];
        if let Some(snapshot) = &next.snapshot {
            let part = SegmentPart::ProducerSnapshot;
            let path = segment_path(directory, next.base_offset, part);
            steps.push(Step::Open(path, OpenMode::CreateEmpty));
            steps.extend([Step::Write(snapshot.clone()), Step::Sync, Step::Close]);
            next.extra_parts = vec![part];
        }
        if let Some(last) = self.sealing.checkpoint.take_if(|last| last.segment == base_offset) {
            let part = SegmentPart::ProducerSnapshot;
            steps.push(Step::Unlink(segment_path(directory, last.offset, part)));
        }
        steps.push(Step::SyncDirectory(directory.clone()));
        self.upkeep.push(Job::new(Upkeep::Seal(base_offset), steps));
    }

    /// Takes a snapshot of the producers every now and then, to be written with the active
    /// segment's indexes once the records below it are durable: then recovery need not scan all
    /// of a large segment.
    pub(super) fn note_checkpoint_if_due(&mut self) {
        let written = self.written;
        let last = self.sealing.checkpoint.filter(|last| last.segment == written.segment);
        let fresh = written.position - last.map_or(0, |last| last.position);
        // Where nothing is synced before a segment is full, there is nothing to build on.
        let is_due = fresh >= CHECKPOINT_BYTES && self.config.flush_policy().readers_wait();
        if is_due && self.sealing.wanted.is_none() {
            let snapshot = producer_snapshot::encode(&self.producers.settled());
            self.sealing.wanted = Some((written, snapshot));
        }
    }

    /// Has the wanted checkpoint written if everything below it is durable.
    pub(super) fn push_checkpoint(&mut self) {
        let durable = self.durable.offset;
        let Some((mark, snapshot)) =
            self.sealing.wanted.take_if(|(mark, _)| mark.offset <= durable)
        else {
            return;
        };
        let segment = self.active();
        let Indexes::Memory { offsets, times } = &segment.indexes else { return };
        if segment.base_offset != mark.segment {
            return;
        }
        let directory = &self.identity.directory;
        let path = |part| segment_path(directory, mark.segment, part);
        let mut steps = self.epochs_steps();
        steps.extend(replace_file(path(SegmentPart::OffsetIndex), offsets.encode()));
        steps.extend(replace_file(path(SegmentPart::TimeIndex), times.encode()));
        let part = SegmentPart::ProducerSnapshot;
        steps.extend(replace_file(segment_path(directory, mark.offset, part), snapshot));
        if let Some(last) = self.sealing.checkpoint {
            steps.push(Step::Unlink(segment_path(directory, last.offset, part)));
        }
        self.sealing.checkpoint = Some(mark);
        self.upkeep.push(Job::new(Upkeep::Checkpoint, steps));
    }

    /// Begins the next job of upkeep, if none runs.
    pub(super) fn start_upkeep(&mut self, now: Now, out: &mut LogOut) {
        let is_due = self.sealing.retry_at.is_some_and(|at| at <= now.monotonic);
        if is_due {
            self.sealing.retry_at = None;
            self.retry_upkeep();
        }
        let turn = self.upkeep.start();
        self.take_upkeep_turn(turn, now, out);
    }

    /// Has what recovery found no room for written when there is some.
    pub(super) fn write_later(&mut self, lacks_epochs: bool, now: Now) {
        self.find_unsealed();
        self.sealing.epochs_from = lacks_epochs.then_some(self.log_start);
        self.sealing.retry_at = Some(now.monotonic.after(RETRY_DELAY));
    }

    fn retry_upkeep(&mut self) {
        if !matches!(self.state, State::Open | State::Closing(_)) {
            return;
        }
        for index in 0..self.segments.len() - 1 {
            let base_offset = self.segments[index].base_offset;
            let is_written = self.segments[index + 1].file.is_some();
            if is_written && !self.is_sealing(base_offset) {
                self.push_seal(index);
            }
        }
        if self.sealing.epochs_from.is_some() {
            self.push_epochs();
        }
        self.retry_log_start();
        self.retry_renames();
    }

    /// Whether a job on this segment waits or runs.
    pub(super) fn is_sealing(&self, base_offset: Offset) -> bool {
        let kinds = [Upkeep::SyncSegment(base_offset), Upkeep::Seal(base_offset)];
        self.upkeep.kinds().any(|kind| kinds.contains(kind))
    }

    pub(super) fn take_upkeep_turn(&mut self, turn: Turn<Upkeep>, now: Now, out: &mut LogOut) {
        let mut turn = turn;
        loop {
            match turn {
                Turn::Submit(op) => {
                    return self.operations.submit(Purpose::Upkeep, op, &mut out.ops);
                }
                Turn::Finished(finished) => self.on_upkeep_job(finished, now, out),
                Turn::Idle => return,
            }
            turn = self.upkeep.start();
        }
    }

    fn on_upkeep_job(&mut self, finished: Finished<Upkeep>, now: Now, out: &mut LogOut) {
        let Finished { job, result } = finished;
        match (job.kind, result) {
            (Upkeep::SyncSegment(base_offset), Ok(())) => {
                let index = self.segment_index(base_offset).expect("it stays while it is synced");
                self.note_sealed_durable(self.segments[index].end_mark(), out);
            }
            (Upkeep::SyncSegment(base_offset), Err(error)) => {
                let directory = &self.identity.directory;
                let path = segment_path(directory, base_offset, SegmentPart::Log);
                self.fail(path, error, out);
            }
            (Upkeep::Seal(base_offset), Ok(())) => self.on_sealed(base_offset, &job.files),
            (Upkeep::Epochs, Ok(())) => self.sealing.epochs_from = None,
            (Upkeep::Close, result) => self.on_close_job(result, out),
            (Upkeep::Delete, result) => self.on_delete_job(&job, result, now),
            (Upkeep::Retire, Ok(())) => self.retirement.note_renamed(),
            (Upkeep::Start(start), Ok(())) => self.on_start_saved(start, out),
            (Upkeep::Start(_), Err(error)) => {
                self.close_files(job.files);
                self.on_start_unsaved(error, now, out);
            }
            // There may be room now.
            (Upkeep::Purge, Ok(())) => self.retry_log_start(),
            (Upkeep::Checkpoint | Upkeep::MarkFailed, Ok(())) => {}
            (Upkeep::Retire, Err(error)) => {
                self.upkeep.retain_waiting(|kind| *kind != Upkeep::Retire);
                self.retirement.note_failure(job.steps.is_empty());
                self.give_up_log_start(error, now, out);
            }
            (Upkeep::Purge, Err(error)) => {
                self.close_files(job.files);
                self.give_up_log_start(error, now, out);
            }
            // All of this can be made again: the records themselves are not touched.
            (_, Err(_)) => {
                self.close_files(job.files);
                self.sealing.retry_at = Some(now.monotonic.after(RETRY_DELAY));
            }
        }
        self.update_recovery_point();
    }

    fn on_sealed(&mut self, base_offset: Offset, files: &[File]) {
        let index = self.segment_index(base_offset).expect("it stays while it is sealed");
        let segment = &mut self.segments[index];
        let [offset_file, time_file] = *files else { unreachable!("a seal leaves two files open") };
        let Indexes::Memory { offsets, times } = &segment.indexes else { return };
        let open = |file| Arc::new(SegmentFile { file });
        segment.indexes = Indexes::Files {
            offsets: IndexFile::new(open(offset_file), offsets.entries()),
            times: IndexFile::new(open(time_file), times.entries()),
        };
        if let Some(next) = self.segments.get_mut(index + 1) {
            next.snapshot = None;
        }
        self.find_unsealed();
    }

    /// Looks for the oldest full segment whose indexes are still in memory only.
    pub(super) fn find_unsealed(&mut self) {
        let is_unsealed = |segment: &Segment| matches!(segment.indexes, Indexes::Memory { .. });
        let full = self.segments.iter().zip(self.segments.iter().skip(1));
        let unsealed = full.filter(|(segment, next)| next.file.is_some() && is_unsealed(segment));
        self.sealing.unsealed_from = unsealed.map(|(segment, _)| segment.base_offset).min();
    }

    fn close_files(&mut self, files: Vec<File>) {
        if !files.is_empty() {
            self.upkeep.push(Job::new(Upkeep::Purge, files.into_iter().map(Step::CloseFile)));
        }
    }

    /// Notes the epoch of the record at `offset`, the newest.
    pub(super) fn note_epoch(&mut self, offset: Offset) {
        if self.epochs.assign(self.leader_epoch, offset) {
            self.sealing.epochs_from.get_or_insert(offset);
            self.push_epochs();
        }
    }

    /// Takes back epochs whose records were undone. The checkpoint may keep them: they begin at
    /// the log's end.
    pub(super) fn undo_epochs(&mut self, end: Offset) {
        self.epochs.truncate_end(end);
    }

    /// Has the epoch checkpoint written.
    pub(super) fn push_epochs(&mut self) {
        let content = checkpoint::encode_epochs(self.epochs.starts()).into_bytes();
        let path = self.identity.directory.join(EPOCHS_NAME);
        self.upkeep.push(Job::new(Upkeep::Epochs, replace_file(path, content)));
    }

    /// The steps that write the epoch checkpoint, if it lacks one.
    fn epochs_steps(&self) -> Vec<Step> {
        if self.sealing.epochs_from.is_none() {
            return Vec::new();
        }
        let content = checkpoint::encode_epochs(self.epochs.starts()).into_bytes();
        Vec::from(replace_file(self.identity.directory.join(EPOCHS_NAME), content))
    }

    /// Moves the recovery point as far as records, indexes and epochs are durable.
    pub(super) fn update_recovery_point(&mut self) {
        let missing = [self.sealing.unsealed_from, self.sealing.epochs_from];
        let reached = missing.into_iter().flatten().fold(self.durable.offset, Offset::min);
        self.recovery_point = self.recovery_point.max(reached);
    }
}
