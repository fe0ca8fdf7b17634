//! The next segment, made ahead of the roll.
//!
//! An empty file of a temporary name is made, and its name made durable, when the active segment
//! is nearly full. At the roll it is written at once, and renamed meanwhile: a crash in between
//! leaves records in the file of the temporary name, and recovery completes the rename. The next
//! file of that name is made only after the rename is durable.

use super::error::AppendError;
use super::files::{PREPARED_NAME, SegmentPart, segment_path};
use super::operations::Purpose;
use super::segment::SegmentFile;
use super::{Log, LogOut, State};
use crate::base::{Monotonic, Now, Offset, Timestamp};
use crate::io::OpenMode;
use crate::io::jobs::{Finished, Job, Lane, Step, Turn};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

/// How long to wait before trying again to make a file.
pub const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Kafka's positions in a segment are of 31 bits.
const SEGMENT_SIZE_MAX: u64 = i32::MAX as u64;

/// The next segment's file and the work on it.
#[derive(Debug, Default)]
pub struct Roll {
    /// An empty file under the temporary name.
    prepared: Option<Arc<SegmentFile>>,
    /// Work on segment files: at most one job at a time.
    pub lane: Lane<Rolling>,
    /// When a failed attempt may be repeated.
    pub retry_at: Option<Monotonic>,
}

/// What work on segment files is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rolling {
    /// The partition's directory and its first segment.
    Create,
    /// The next segment, under its temporary name.
    Prepare,
    /// The name of a segment that has been taken into use.
    Rename(Offset),
    /// Files of failed attempts.
    Discard,
}

impl Log {
    /// Whether a batch belongs into another segment than the active one: by size, by age, by the
    /// size of the index, or because its offset does not fit the index.
    pub(super) fn must_roll(
        &self,
        last_offset: Offset,
        max_timestamp: Timestamp,
        size: u64,
        now: Timestamp,
    ) -> bool {
        let segment = self.active();
        if segment.assigned_size == 0 {
            return last_offset.0 - segment.base_offset.0 > i64::from(i32::MAX);
        }
        let index_entries_max = u64::from(self.config.segment_index_bytes) / 12;
        segment.assigned_size + size > self.config.segment_bytes.min(SEGMENT_SIZE_MAX)
            || self.age_ms(max_timestamp, now) > self.roll_age_ms()
            || segment.index_count_max() + 1 >= index_entries_max
            || last_offset.0 - segment.base_offset.0 > i64::from(i32::MAX)
    }

    /// The age of the active segment: by timestamps if its records have them.
    fn age_ms(&self, max_timestamp: Timestamp, now: Timestamp) -> i64 {
        let segment = self.active();
        match segment.first_timestamp {
            Some(first) if first >= Timestamp(0) => max_timestamp.0.saturating_sub(first.0),
            _ => now.0.saturating_sub(segment.created_at.0),
        }
    }

    /// `segment.ms`, less a jitter that is the log's and segment's own.
    fn roll_age_ms(&self) -> i64 {
        let jitter_max = self.config.segment_jitter_ms.clamp(0, self.config.segment_ms.max(0));
        if jitter_max == 0 {
            return self.config.segment_ms;
        }
        let mut hasher = DefaultHasher::new();
        let identity = (self.identity.topic_id, self.identity.partition);
        (identity, self.active().base_offset).hash(&mut hasher);
        self.config.segment_ms - (hasher.finish() % jitter_max as u64) as i64
    }

    /// Makes the next file once the active segment is nearly full or old.
    pub(super) fn prepare_segment_if_near(&mut self, now: Now) {
        let segment = self.active();
        let is_nearly_full = segment.assigned_size >= self.config.segment_bytes / 4 * 3;
        let newest = segment.max_timestamp.map_or(Timestamp::NONE, |(at, _)| at);
        let is_nearly_old = self.age_ms(newest, now.wall) >= self.roll_age_ms() / 4 * 3;
        if is_nearly_full || is_nearly_old {
            self.prepare_segment(now);
        }
    }

    fn prepare_segment(&mut self, now: Now) {
        let waits = self.roll.retry_at.is_some_and(|at| at > now.monotonic);
        if waits || self.roll.prepared.is_some() || !self.roll.lane.is_idle() {
            return;
        }
        self.roll.retry_at = None;
        let directory = self.identity.directory.clone();
        let mut steps = vec![Step::Open(directory.join(PREPARED_NAME), OpenMode::CreateEmpty)];
        if self.config.preallocate {
            steps.push(Step::Allocate(self.config.segment_bytes));
        }
        steps.push(Step::SyncDirectory(directory));
        self.roll.lane.push(Job::new(Rolling::Prepare, steps));
    }

    /// Takes the prepared file for the segment at `index`, whose first write is due. Says whether
    /// it may be written now.
    pub(super) fn open_next_segment(&mut self, index: usize, now: Now, out: &mut LogOut) -> bool {
        let is_durable = self.durable.offset == self.written.offset;
        if self.config.flush_policy().readers_wait() && !is_durable {
            self.flush.is_urgent = true;
            self.start_sync(now, out);
            return false;
        }
        if !self.roll.lane.is_idle() {
            return false;
        }
        let Some(file) = self.roll.prepared.take() else {
            self.prepare_segment(now);
            self.start_rolling(now, out);
            if self.roll.lane.is_idle() {
                self.undo_appends(AppendError::NoSpace, out);
            }
            return false;
        };
        self.adopt(index, file, now, out);
        true
    }

    fn adopt(&mut self, index: usize, file: Arc<SegmentFile>, now: Now, out: &mut LogOut) {
        let base_offset = self.segments[index].base_offset;
        self.segments[index].file = Some(file);
        let directory = &self.identity.directory;
        let steps = [
            Step::Rename {
                from: directory.join(PREPARED_NAME),
                to: segment_path(directory, base_offset, SegmentPart::Log),
                optional: false,
            },
            Step::SyncDirectory(directory.clone()),
        ];
        self.roll.lane.push(Job::new(Rolling::Rename(base_offset), steps));
        self.start_rolling(now, out);
        self.seal(index - 1);
        self.start_upkeep(now, out);
    }

    pub(super) fn start_rolling(&mut self, now: Now, out: &mut LogOut) {
        let turn = self.roll.lane.start();
        self.take_roll_turn(turn, now, out);
    }

    pub(super) fn take_roll_turn(&mut self, turn: Turn<Rolling>, now: Now, out: &mut LogOut) {
        let mut turn = turn;
        loop {
            match turn {
                Turn::Submit(op) => {
                    return self.operations.submit(Purpose::Rolling, op, &mut out.ops);
                }
                Turn::Finished(finished) => self.on_roll_job(finished, now, out),
                Turn::Idle => return,
            }
            turn = self.roll.lane.start();
        }
    }

    fn on_roll_job(&mut self, finished: Finished<Rolling>, now: Now, out: &mut LogOut) {
        let Finished { mut job, result } = finished;
        match (job.kind, result) {
            (Rolling::Create, result) => self.on_created(job, result, now, out),
            (Rolling::Prepare, Ok(())) => {
                let file = job.files.pop().expect("it opened the file");
                self.roll.prepared = Some(Arc::new(SegmentFile { file }));
            }
            (Rolling::Prepare, Err(error)) => {
                self.roll.retry_at = Some(now.monotonic.after(RETRY_DELAY));
                self.discard(job.files);
                let waits = self.writes.queue.front().is_some_and(|pending| {
                    self.segment_index(pending.segment)
                        .is_some_and(|index| self.segments[index].file.is_none())
                });
                if waits && !self.operations.is_under_way(Purpose::Write) {
                    self.undo_appends(AppendError::of_io(error), out);
                }
            }
            (Rolling::Rename(_) | Rolling::Discard, Ok(())) => {}
            (Rolling::Rename(base_offset), Err(error)) => {
                let directory = &self.identity.directory;
                let path = segment_path(directory, base_offset, SegmentPart::Log);
                self.fail(path, error, out);
            }
            (Rolling::Discard, Err(_)) => {}
        }
    }

    /// Closes files that a failed attempt left open.
    pub(super) fn discard(&mut self, files: Vec<crate::io::File>) {
        if !files.is_empty() {
            let steps = files.into_iter().map(Step::CloseFile);
            self.roll.lane.push(Job::new(Rolling::Discard, steps));
        }
    }

    /// Whether there is a file under the temporary name.
    pub(super) fn has_prepared(&self) -> bool {
        self.roll.prepared.is_some()
    }

    /// Gives up the prepared file, for the end of the log.
    pub(super) fn take_prepared(&mut self) -> Option<Arc<SegmentFile>> {
        self.roll.prepared.take()
    }

    /// Whether a failed attempt to make the directory is due again.
    pub(super) fn retry_creation(&mut self, now: Now, out: &mut LogOut) {
        let is_due = self.roll.retry_at.is_some_and(|at| at <= now.monotonic);
        if is_due {
            self.roll.retry_at = None;
            if self.state == State::Creating && self.roll.lane.is_idle() {
                self.push_creation(false);
                self.start_rolling(now, out);
            }
        }
    }
}
