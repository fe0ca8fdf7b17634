//! Writing a snapshot: beside the old one, then in its place, then the log begins anew.

use super::Image;
use super::codec;
use super::frame::{FrameKind, write_frame};
use crate::io::jobs::{Finished, Job, Lane, Step, Turn, replace_file};
use crate::io::{File, IoError, Op, Output};
use std::path::{Path, PathBuf};

/// The snapshot's name in the metadata directory.
pub(super) const SNAPSHOT_NAME: &str = "snapshot";
/// The name under which the next snapshot is written; what a crash leaves of it is removed.
pub(super) const SNAPSHOT_TEMPORARY_NAME: &str = "snapshot.tmp";

/// One snapshot on its way to the disk, one operation after the other.
///
/// Owned by the metadata log while it is written. Once the new snapshot's directory entry is
/// durable the log may be emptied: a crash before that finds changes in it that the snapshot
/// contains, and recovery skips them. So whatever fails before that leaves a log that is in order.
#[derive(Debug)]
pub(super) struct SnapshotWriter {
    temporary: PathBuf,
    log_file: File,
    lane: Lane<Task>,
}

/// The parts of the way.
#[derive(Debug)]
enum Task {
    /// The new snapshot takes the old one's place.
    Replace,
    /// The log is emptied.
    EmptyLog,
    /// What is left of a snapshot that this error ended is removed.
    CleanUp(IoError),
}

/// What comes after a completion.
#[derive(Debug)]
pub(super) enum Progress {
    /// This operation.
    Next(Op),
    /// The snapshot is there and the log is empty.
    Done,
    /// There is no new snapshot, and the log is as it was.
    GaveUp(IoError),
    /// The disk's state is not known any more.
    Fatal(IoError),
}

impl SnapshotWriter {
    /// Begins to write `image`, with the operation to submit first.
    pub fn begin(directory: &Path, log_file: File, image: &Image) -> (SnapshotWriter, Op) {
        let mut content = Vec::new();
        write_frame(FrameKind::Snapshot, image.version, &mut content, |body| {
            codec::encode_state(&image.state(), body);
        });
        let mut lane = Lane::default();
        lane.push(Job::new(Task::Replace, replace_file(directory.join(SNAPSHOT_NAME), content)));
        let Turn::Submit(op) = lane.start() else { unreachable!("a job has a first step") };
        let temporary = directory.join(SNAPSHOT_TEMPORARY_NAME);
        (SnapshotWriter { temporary, log_file, lane }, op)
    }

    /// Takes the outcome of the operation before and gives the next.
    pub fn on_completion(&mut self, result: Result<Output, IoError>) -> Progress {
        let mut turn = self.lane.advance(result);
        loop {
            match turn {
                Turn::Submit(op) => return Progress::Next(op),
                Turn::Finished(Finished { job, result }) => match (job.kind, result) {
                    (Task::Replace, Ok(())) => self.empty_log(),
                    (Task::Replace, Err(error)) => self.clean_up(job.files, error),
                    (Task::EmptyLog, Ok(())) => return Progress::Done,
                    (Task::EmptyLog, Err(error)) => return Progress::Fatal(error),
                    (Task::CleanUp(error), _) => return Progress::GaveUp(error),
                },
                Turn::Idle => unreachable!("the last task has ended the snapshot"),
            }
            turn = self.lane.start();
        }
    }

    fn empty_log(&mut self) {
        // Durably empty before the next write: else a crash could join old and new bytes.
        let file = self.log_file;
        let steps = [Step::TruncateFile(file, 0), Step::SyncFile(file)];
        self.lane.push(Job::new(Task::EmptyLog, steps));
    }

    fn clean_up(&mut self, open: Vec<File>, error: IoError) {
        let close = open.into_iter().map(Step::CloseFile);
        let steps = close.chain([Step::Unlink(self.temporary.clone())]);
        self.lane.push(Job::new(Task::CleanUp(error), steps));
    }
}
