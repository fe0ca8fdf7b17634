//! When to sync, and the watermarks that follow.

use super::config::FlushPolicy;
use super::error::{AppendError, LogFailure};
use super::files::{SYNC_FAILED_NAME, SegmentPart, segment_path};
use super::operations::Purpose;
use super::positions::Mark;
use super::seal::Upkeep;
use super::{Log, LogFact, LogOut, State};
use crate::base::{Monotonic, Now};
use crate::io::jobs::{Job, Step};
use crate::io::{IoError, Op, OpenMode, Output};
use std::path::PathBuf;
use std::time::Duration;

/// The sync in flight, and what waits for one.
#[derive(Debug, Default)]
pub struct Flush {
    /// What the sync in flight covers: what was written when it was submitted.
    covers: Option<Mark>,
    /// A sync that ended before that of an older segment did.
    held: Option<Mark>,
    /// Records written since the last sync began.
    pub unsynced_count: i64,
    /// When the first of them was written.
    pub unsynced_since: Option<Monotonic>,
    /// Whether to sync at once, whatever the policy: a roll or the end waits for it.
    pub is_urgent: bool,
}

impl Log {
    /// Begins a sync if the policy, a roll or the end asks for one and none is in flight.
    pub(super) fn start_sync(&mut self, now: Now, out: &mut LogOut) {
        let is_possible = matches!(self.state, State::Open | State::Closing(_))
            && self.flush.covers.is_none()
            && self.flush.held.is_none();
        if !is_possible || self.durable.offset == self.written.offset || !self.is_sync_due(now) {
            return;
        }
        let index = self.segment_index(self.written.segment).expect("the written segment");
        let file = self.segments[index].file.as_ref().expect("it was written").file;
        self.flush.covers = Some(self.written);
        self.flush.unsynced_count = 0;
        self.flush.unsynced_since = None;
        self.flush.is_urgent = false;
        self.operations.submit(Purpose::Sync, Op::Sync { file }, &mut out.ops);
    }

    fn is_sync_due(&self, now: Now) -> bool {
        let is_due = match self.config.flush_policy() {
            FlushPolicy::Always => true,
            FlushPolicy::Never => false,
            FlushPolicy::Sometimes => {
                self.flush.unsynced_count >= self.config.flush_messages
                    || self.flush_deadline().is_some_and(|due| due <= now.monotonic)
            }
        };
        is_due || self.flush.is_urgent
    }

    /// When `flush.ms` asks for a sync.
    pub(super) fn flush_deadline(&self) -> Option<Monotonic> {
        let wait_ms = u64::try_from(self.config.flush_ms).unwrap_or(0);
        let is_idle = self.flush.covers.is_none() && self.flush.held.is_none();
        let has_unsynced = self.durable.offset < self.written.offset && self.state == State::Open;
        let is_timed = self.config.flush_policy() == FlushPolicy::Sometimes;
        let since = self.flush.unsynced_since.filter(|_| is_idle && has_unsynced && is_timed)?;
        Some(since.after(Duration::from_millis(wait_ms)))
    }

    pub(super) fn on_synced(
        &mut self,
        result: Result<Output, IoError>,
        now: Now,
        out: &mut LogOut,
    ) {
        let mark = self.flush.covers.take().expect("a sync covers something");
        if let Err(error) = result {
            let directory = &self.identity.directory;
            let path = segment_path(directory, mark.segment, SegmentPart::Log);
            return self.fail(path, error, out);
        }
        if self.state == State::Failed {
            return;
        }
        self.flush.held = Some(mark);
        self.release_held(out);
        self.start_sync(now, out);
    }

    /// Notes that a segment that takes no more writes is durable.
    pub(super) fn note_sealed_durable(&mut self, mark: Mark, out: &mut LogOut) {
        if self.state == State::Failed {
            return;
        }
        if mark.offset > self.durable.offset {
            self.durable.advance(mark);
        }
        self.release_held(out);
        self.update_high_watermark(out);
    }

    /// Takes a finished sync into `durable`, unless an older segment is still being synced.
    fn release_held(&mut self, out: &mut LogOut) {
        let Some(mark) = self.flush.held else { return };
        let durable = self.durable.offset;
        let settled = self.segments.partition_point(|segment| segment.next_offset <= durable);
        let oldest = self.segments.get(settled);
        if oldest.is_some_and(|segment| segment.base_offset < mark.segment) {
            return;
        }
        self.flush.held = None;
        if mark.offset > durable {
            self.durable.advance(mark);
        }
        self.push_checkpoint();
        self.update_high_watermark(out);
    }

    /// Lets readers see what the policy allows, and tells who waits.
    pub(super) fn update_high_watermark(&mut self, out: &mut LogOut) {
        let readers_wait = self.config.flush_policy().readers_wait();
        let readable = if readers_wait { self.durable } else { self.written };
        if readable.offset > self.high_watermark.offset {
            self.high_watermark.advance(readable);
        }
        self.update_recovery_point();
        let positions = (self.high_watermark.offset, self.acknowledged());
        if positions != self.announced {
            self.announced = positions;
            out.facts.push(LogFact::Advanced);
        }
    }

    /// A failed sync, or the loss of a directory entry, ends the log until the next start: the
    /// kernel has marked the pages clean, so that trying again would prove nothing. The mark that
    /// it leaves is for a start on the same page cache, and needs no sync.
    pub(super) fn fail(&mut self, path: PathBuf, error: IoError, out: &mut LogOut) {
        if matches!(self.state, State::Failed | State::Deleting(_) | State::Deleted) {
            return;
        }
        self.state = State::Failed;
        self.writes.queue.clear();
        self.upkeep.retain_waiting(|kind| *kind == Upkeep::Purge);
        self.roll.lane.retain_waiting(|_| false);
        let mark =
            Step::Open(self.identity.directory.join(SYNC_FAILED_NAME), OpenMode::CreateEmpty);
        self.upkeep.push(Job::new(Upkeep::MarkFailed, [mark, Step::Close]));
        let from = self.acknowledged();
        if from < self.log_end {
            out.facts.push(LogFact::AppendsFailed { from, error: AppendError::Failed });
        }
        out.facts.push(LogFact::Failed(LogFailure { path, error }));
    }
}
