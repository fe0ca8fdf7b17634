//! How the files of segments that nobody needs any more go: renamed at once, removed after a
//! delay, closed when no send holds them.

use super::files::{SegmentPart, deleted_path, segment_path};
use super::seal::Upkeep;
use super::segment::{Indexes, Segment, SegmentFile};
use super::{Log, LogOut, State};
use crate::base::{Monotonic, Now};
use crate::io::jobs::{Job, Step};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How soon to look again for files that are still being sent.
const CLOSE_RETRY: Duration = Duration::from_secs(1);

/// Files that wait for their end.
#[derive(Debug, Default)]
pub struct Retirement {
    /// The files of each segment that is being renamed, oldest first, and when they are to be
    /// removed.
    renaming: VecDeque<(Monotonic, Vec<PathBuf>)>,
    /// Whether renaming has to be tried again.
    has_failed: bool,
    /// Whether the directory failed to become durable: nothing goes any more.
    is_blocked: bool,
    /// Files to be removed, by the time when that is due.
    removals: VecDeque<(Monotonic, Vec<PathBuf>)>,
    /// Open files of segments that are gone.
    files: Vec<Arc<SegmentFile>>,
    /// When to look at `files` again.
    close_at: Option<Monotonic>,
}

impl Retirement {
    /// When there is something to do.
    pub fn next_deadline(&self) -> Option<Monotonic> {
        let removal = self.removals.front().map(|(due, _)| *due);
        [removal, self.close_at].into_iter().flatten().min()
    }

    /// Whether segments may go.
    pub fn is_possible(&self) -> bool {
        !self.is_blocked
    }

    /// Notes that the oldest segment's files have their new names.
    pub fn note_renamed(&mut self) {
        let renamed = self.renaming.pop_front();
        self.removals.extend(
            renamed
                .map(|(due, paths)| (due, paths.iter().map(|path| deleted_path(path)).collect())),
        );
    }

    /// Notes that they have not. If it was the sync that failed, trying again proves nothing.
    pub fn note_failure(&mut self, has_sync_failed: bool) {
        self.has_failed = true;
        self.is_blocked |= has_sync_failed;
        if self.is_blocked {
            self.renaming.clear();
        }
    }

    /// Takes open files that nobody shall read any more.
    pub fn add_files(&mut self, files: impl IntoIterator<Item = Arc<SegmentFile>>, at: Monotonic) {
        self.files.extend(files);
        self.close_at = Some(self.close_at.map_or(at, |close_at| close_at.min(at)));
    }

    /// Forgets about removals: the directory goes as a whole.
    pub fn clear_removals(&mut self) {
        self.removals.clear();
    }

    /// Whether files wait to be removed.
    pub fn has_removals(&self) -> bool {
        !self.renaming.is_empty() || !self.removals.is_empty()
    }

    /// Whether all files are closed or being closed.
    pub fn has_no_files(&self) -> bool {
        self.files.is_empty()
    }

    /// Takes out the files that nobody else holds.
    fn take_unused(&mut self) -> Vec<Arc<SegmentFile>> {
        let (held, unused) = self.files.drain(..).partition(|file| Arc::strong_count(file) > 1);
        self.files = held;
        unused
    }
}

impl Log {
    /// Takes the oldest `count` segments out of the log and has their files renamed.
    ///
    /// # Panics
    /// If none would be left.
    pub(super) fn retire_segments(&mut self, count: usize, now: Now) {
        assert!(count < self.segments.len(), "the active segment stays");
        let delay = match self.writes.lacks_space {
            true => Duration::ZERO,
            false => Duration::from_millis(self.config.file_delete_delay_ms),
        };
        let due = now.monotonic.after(delay);
        for segment in self.segments.drain(..count) {
            self.size_bytes -= segment.size;
            let directory = &self.identity.directory;
            let parts = parts_of(&segment);
            let paths =
                parts.iter().map(|part| segment_path(directory, segment.base_offset, *part));
            let paths: Vec<PathBuf> = paths.collect();
            if !self.retirement.has_failed {
                self.upkeep.push(rename_job(directory, &paths));
            }
            self.retirement.renaming.push_back((due, paths));
            self.retirement.add_files(segment.files().cloned(), due);
        }
        self.tail.clear();
        self.find_unsealed();
    }

    /// Removes retired files at once: somebody needs the room.
    pub fn make_room(&mut self, now: Now, out: &mut LogOut) {
        self.hasten_removals(now, out);
        self.start_upkeep(now, out);
    }

    /// Has retired files removed as soon as they are renamed.
    pub(super) fn hasten_removals(&mut self, now: Now, out: &mut LogOut) {
        let waiting = self.retirement.renaming.iter_mut().chain(&mut self.retirement.removals);
        waiting.for_each(|(due, _)| *due = now.monotonic.min(*due));
        if let Some(close_at) = &mut self.retirement.close_at {
            *close_at = now.monotonic.min(*close_at);
        }
        self.purge_retired(now, out);
    }

    /// Renames again what could not be renamed, in the same order.
    pub(super) fn retry_renames(&mut self) {
        if std::mem::take(&mut self.retirement.has_failed) {
            for (_, paths) in &self.retirement.renaming {
                self.upkeep.push(rename_job(&self.identity.directory, paths));
            }
        }
    }

    /// Removes and closes what is due.
    pub(super) fn purge_retired(&mut self, now: Now, _out: &mut LogOut) {
        if matches!(self.state, State::Closed | State::Deleted) {
            // What is left goes at the next start.
            return;
        }
        let is_due = |(due, _): &(Monotonic, Vec<PathBuf>)| *due <= now.monotonic;
        while self.retirement.removals.front().is_some_and(is_due) {
            let Some((_, paths)) = self.retirement.removals.pop_front() else { return };
            let steps = paths.into_iter().map(Step::Unlink);
            self.upkeep.push(Job::new(Upkeep::Purge, steps));
        }
        if self.retirement.close_at.is_some_and(|at| at <= now.monotonic) {
            let steps: Vec<Step> = self
                .retirement
                .take_unused()
                .into_iter()
                .map(|file| Step::CloseFile(file.file))
                .collect();
            if !steps.is_empty() {
                self.upkeep.push(Job::new(Upkeep::Purge, steps));
            }
            let is_done = self.retirement.has_no_files();
            self.retirement.close_at = (!is_done).then(|| now.monotonic.after(CLOSE_RETRY));
        }
    }
}

/// Renames the files of one segment. One segment goes after the other, so that no crash leaves a
/// hole.
fn rename_job(directory: &Path, paths: &[PathBuf]) -> Job<Upkeep> {
    let rename = |from: &PathBuf| Step::Rename {
        from: from.clone(),
        to: deleted_path(from),
        optional: true,
    };
    let steps = paths.iter().map(rename);
    let sync = Step::SyncDirectory(directory.to_owned());
    Job::new(Upkeep::Retire, steps.chain([sync]))
}

fn parts_of(segment: &Segment) -> Vec<SegmentPart> {
    let mut parts = vec![SegmentPart::Log];
    if matches!(segment.indexes, Indexes::Files { .. }) {
        parts.extend([SegmentPart::OffsetIndex, SegmentPart::TimeIndex]);
    }
    parts.extend(&segment.extra_parts);
    parts
}
