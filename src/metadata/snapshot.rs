//! Writing a snapshot: beside the old one, then in its place, then the log begins anew.

use super::Image;
use super::codec;
use super::frame::{FrameKind, write_frame};
use crate::io::{File, Gather, IoError, Op, OpenMode, Output};
use std::path::{Path, PathBuf};

/// The snapshot's name in the metadata directory.
pub(super) const SNAPSHOT_NAME: &str = "snapshot";
/// The name under which the next snapshot is written; what a crash leaves of it is removed.
pub(super) const SNAPSHOT_TEMPORARY_NAME: &str = "snapshot.tmp";

/// One snapshot on its way to the disk, one operation after the other.
///
/// Owned by the metadata log while it is written. Once the new snapshot's directory entry is
/// durable the log may be emptied: a crash before that finds changes in it that the snapshot
/// contains, and recovery skips them.
#[derive(Debug)]
pub(super) struct SnapshotWriter {
    directory: PathBuf,
    log_file: File,
    content: Gather,
    step: Step,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Open,
    Write(File),
    Sync(File),
    Close,
    Rename,
    SyncDirectory,
    EmptyLog,
    SyncLog,
    CloseFailed(IoError),
    Remove(IoError),
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
        let mut content = Gather::default();
        content.encode(|to| {
            write_frame(FrameKind::Snapshot, image.version, to, |body| {
                codec::encode_state(&image.state(), body);
            });
        });
        let path = directory.join(SNAPSHOT_TEMPORARY_NAME);
        let directory = directory.to_owned();
        let writer = SnapshotWriter { directory, log_file, content, step: Step::Open };
        (writer, Op::Open { path, mode: OpenMode::CreateEmpty })
    }

    /// Takes the outcome of the operation before and gives the next.
    ///
    /// # Panics
    /// If the outcome is of another operation.
    pub fn on_completion(&mut self, result: Result<Output, IoError>) -> Progress {
        let output = match result {
            Ok(output) => output,
            Err(error) => return self.on_error(error),
        };
        let (step, op) = match self.step {
            Step::Open => {
                let Output::Opened(file) = output else { unreachable!("open gave {output:?}") };
                let data = std::mem::take(&mut self.content);
                (Step::Write(file), Op::Write { file, position: 0, data })
            }
            Step::Write(file) => (Step::Sync(file), Op::Sync { file }),
            Step::Sync(file) => (Step::Close, Op::CloseFile { file }),
            Step::Close => {
                let from = self.directory.join(SNAPSHOT_TEMPORARY_NAME);
                let to = self.directory.join(SNAPSHOT_NAME);
                (Step::Rename, Op::Rename { from, to })
            }
            Step::Rename => {
                (Step::SyncDirectory, Op::SyncDirectory { path: self.directory.clone() })
            }
            Step::SyncDirectory => {
                (Step::EmptyLog, Op::Truncate { file: self.log_file, length: 0 })
            }
            // Durably empty before the next write: else a crash could join old and new bytes.
            Step::EmptyLog => (Step::SyncLog, Op::Sync { file: self.log_file }),
            Step::SyncLog => return Progress::Done,
            Step::CloseFailed(error) => (Step::Remove(error), self.remove()),
            Step::Remove(error) => return Progress::GaveUp(error),
        };
        self.step = step;
        Progress::Next(op)
    }

    fn on_error(&mut self, error: IoError) -> Progress {
        let (step, op) = match self.step {
            Step::Write(file) => (Step::CloseFailed(error), Op::CloseFile { file }),
            Step::Open | Step::Close | Step::Rename => (Step::Remove(error), self.remove()),
            Step::CloseFailed(first) => (Step::Remove(first), self.remove()),
            Step::Remove(first) => return Progress::GaveUp(first),
            Step::Sync(_) | Step::SyncDirectory | Step::EmptyLog | Step::SyncLog => {
                return Progress::Fatal(error);
            }
        };
        self.step = step;
        Progress::Next(op)
    }

    fn remove(&self) -> Op {
        Op::Unlink { path: self.directory.join(SNAPSHOT_TEMPORARY_NAME) }
    }
}
