//! The durable list of changes, and the images that they make.

use super::codec;
use super::frame::{FrameKind, write_frame};
use super::snapshot::{Progress, SnapshotWriter};
use super::{Change, Image};
use crate::io::{File, Gather, IoError, Op, Output};
use std::path::PathBuf;
use std::sync::Arc;

/// Names an operation of the metadata log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MetadataToken(pub u32);

/// What the metadata log wants done, and what has happened. Drained by the owner after each call.
#[derive(Debug, Default)]
pub struct MetadataOut {
    /// Operations to submit, in order.
    pub ops: Vec<(MetadataToken, Op)>,
    /// What has happened, in order.
    pub facts: Vec<MetadataFact>,
}

/// What has happened to changes.
#[derive(Debug)]
pub enum MetadataFact {
    /// Changes are durable, in this order. `image` contains all changes up to its version.
    Committed {
        /// What was added since the last fact of this kind.
        changes: Vec<Change>,
        /// The state now.
        image: Arc<Image>,
    },
    /// The changes that would have made versions from `from` on are undone. The pending image is
    /// the committed one again, and later changes may succeed.
    Failed {
        /// The first version that did not come to be.
        from: u64,
        /// Why: often a full disk.
        error: IoError,
    },
    /// There is no new snapshot, often because the disk is full. The log goes on growing, and it
    /// is tried again later.
    SnapshotFailed(IoError),
    /// What is on the disk is not known any more: no change will ever be committed. The broker
    /// must stop; the next start reads what there is. Changes that waited failed before this.
    Fatal(IoError),
}

/// The metadata's write-ahead log.
///
/// Owned by shard 0. At most one operation is in flight: changes that arrive meanwhile form the
/// next frame, so that a thousand topics made at once cost few fsyncs. Changes are checked
/// against [`MetadataLog::pending`], which contains those on their way too, and become visible
/// with [`MetadataFact::Committed`]. When the log has grown past a bound, a snapshot takes its
/// place; changes wait for it.
#[derive(Debug)]
pub struct MetadataLog {
    directory: PathBuf,
    file: File,
    /// Length of the file up to the last committed frame.
    length: u64,
    snapshot_from_length: u64,
    committed: Arc<Image>,
    pending: Image,
    queued: Vec<Change>,
    in_flight: Vec<Change>,
    phase: Phase,
    operations: u32,
    scratch: Gather,
}

#[derive(Debug)]
enum Phase {
    Idle,
    /// The frame of `in_flight` is being written; it is this long.
    Writing(u64),
    /// It is being made durable.
    Syncing(u64),
    /// What a failed write left is being cut off.
    Cutting,
    /// The cut is being made durable.
    SyncingCut,
    /// Room for later frames is being reserved.
    Reserving,
    Snapshotting(Box<SnapshotWriter>),
    Dead,
}

/// A log longer than this is replaced by a snapshot.
const SNAPSHOT_FROM_LENGTH: u64 = 1 << 20;

/// Room on the disk held for the log, so that topics can still be deleted on a full disk.
pub(super) const RESERVED_LENGTH: u64 = 256 << 10;

const _: () = assert!(RESERVED_LENGTH <= SNAPSHOT_FROM_LENGTH);

impl MetadataLog {
    /// The log as recovery found it: `length` bytes that make `image`.
    pub(super) fn recovered(
        directory: PathBuf,
        file: File,
        length: u64,
        image: Image,
    ) -> MetadataLog {
        MetadataLog {
            directory,
            file,
            length,
            snapshot_from_length: SNAPSHOT_FROM_LENGTH,
            committed: Arc::new(image.clone()),
            pending: image,
            queued: Vec::new(),
            in_flight: Vec::new(),
            phase: Phase::Idle,
            operations: 0,
            scratch: Gather::default(),
        }
    }

    /// The image of everything durable.
    pub fn committed(&self) -> &Arc<Image> {
        &self.committed
    }

    /// The image of everything durable and everything on its way: what a request is checked
    /// against.
    pub fn pending(&self) -> &Image {
        &self.pending
    }

    /// Whether nothing is in flight or waits.
    pub fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Idle | Phase::Dead) && self.queued.is_empty()
    }

    /// Adds changes. They have happened once a [`MetadataFact::Committed`] carries an image of at
    /// least the version returned; for no changes at all, that may be so already.
    ///
    /// # Panics
    /// If a change does not fit the pending image: the caller has checked it against that.
    pub fn append(&mut self, changes: Vec<Change>, out: &mut MetadataOut) -> u64 {
        for change in &changes {
            if let Err(misfit) = self.pending.apply(change) {
                panic!("{change:?} was not checked: {misfit}");
            }
        }
        let version = self.pending.version;
        self.queued.extend(changes);
        match self.phase {
            Phase::Idle => self.next(out),
            Phase::Dead => self.fail(dead(), out),
            _ => {}
        }
        version
    }

    /// Takes the outcome of an operation.
    ///
    /// # Panics
    /// If `token` is not that of the operation in flight.
    pub fn on_completion(
        &mut self,
        token: MetadataToken,
        result: Result<Output, IoError>,
        out: &mut MetadataOut,
    ) {
        assert_eq!(token.0, self.operations, "one operation is in flight at a time");
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Idle | Phase::Dead => unreachable!("nothing is in flight"),
            Phase::Writing(length) => self.on_written(length, result, out),
            Phase::Syncing(length) => match result {
                Ok(_) => self.commit(length, out),
                Err(error) => self.die(error, out),
            },
            Phase::Cutting => match result {
                Ok(_) => self.submit(Phase::SyncingCut, Op::Sync { file: self.file }, out),
                Err(error) => self.die(error, out),
            },
            Phase::SyncingCut => match result {
                Ok(_) => self.reserve(out),
                Err(error) => self.die(error, out),
            },
            // A disk without room to reserve is no reason to stop.
            Phase::Reserving => self.next(out),
            Phase::Snapshotting(writer) => self.on_snapshot_step(writer, result, out),
        }
    }

    /// Does what is to be done next, when nothing is in flight.
    fn next(&mut self, out: &mut MetadataOut) {
        assert!(matches!(self.phase, Phase::Idle) && self.in_flight.is_empty());
        if self.length >= self.snapshot_from_length {
            let (writer, op) = SnapshotWriter::begin(&self.directory, self.file, &self.committed);
            self.submit(Phase::Snapshotting(Box::new(writer)), op, out);
        } else if !self.queued.is_empty() {
            self.in_flight = std::mem::take(&mut self.queued);
            let mut data = std::mem::take(&mut self.scratch);
            data.encode(|to| {
                write_frame(FrameKind::Changes, self.committed.version, to, |body| {
                    codec::encode_changes(&self.in_flight, body);
                });
            });
            let phase = Phase::Writing(data.len());
            self.submit(phase, Op::Write { file: self.file, position: self.length, data }, out);
        }
    }

    fn on_written(&mut self, length: u64, result: Result<Output, IoError>, out: &mut MetadataOut) {
        match result {
            Ok(Output::Written(mut data)) => {
                data.clear();
                self.scratch = data;
                self.submit(Phase::Syncing(length), Op::Sync { file: self.file }, out);
            }
            Ok(other) => unreachable!("write gave {other:?}"),
            Err(error) => {
                self.fail(error, out);
                let op = Op::Truncate { file: self.file, length: self.length };
                self.submit(Phase::Cutting, op, out);
            }
        }
    }

    fn commit(&mut self, length: u64, out: &mut MetadataOut) {
        let changes = std::mem::take(&mut self.in_flight);
        let mut image = Image::clone(&self.committed);
        for change in &changes {
            image.apply(change).expect("it did fit when it was appended");
        }
        assert!(image.version <= self.pending.version);
        self.length += length;
        self.committed = Arc::new(image);
        out.facts.push(MetadataFact::Committed { changes, image: self.committed.clone() });
        self.next(out);
    }

    fn on_snapshot_step(
        &mut self,
        mut writer: Box<SnapshotWriter>,
        result: Result<Output, IoError>,
        out: &mut MetadataOut,
    ) {
        match writer.on_completion(result) {
            Progress::Next(op) => self.submit(Phase::Snapshotting(writer), op, out),
            Progress::Done => {
                self.length = 0;
                self.snapshot_from_length = SNAPSHOT_FROM_LENGTH;
                self.reserve(out);
            }
            Progress::GaveUp(error) => {
                out.facts.push(MetadataFact::SnapshotFailed(error));
                self.snapshot_from_length = self.length + SNAPSHOT_FROM_LENGTH;
                self.next(out);
            }
            Progress::Fatal(error) => self.die(error, out),
        }
    }

    fn reserve(&mut self, out: &mut MetadataOut) {
        let length = self.length + RESERVED_LENGTH;
        self.submit(Phase::Reserving, Op::Allocate { file: self.file, length }, out);
    }

    /// Undoes all changes that are not committed.
    fn fail(&mut self, error: IoError, out: &mut MetadataOut) {
        self.in_flight.clear();
        self.queued.clear();
        self.pending = Image::clone(&self.committed);
        out.facts.push(MetadataFact::Failed { from: self.committed.version + 1, error });
    }

    fn die(&mut self, error: IoError, out: &mut MetadataOut) {
        self.fail(error, out);
        self.phase = Phase::Dead;
        out.facts.push(MetadataFact::Fatal(error));
    }

    fn submit(&mut self, phase: Phase, op: Op, out: &mut MetadataOut) {
        self.phase = phase;
        self.operations = self.operations.wrapping_add(1);
        out.ops.push((MetadataToken(self.operations), op));
    }
}

/// What changes get once the log is dead.
fn dead() -> IoError {
    IoError { operation: "metadata log", errno: libc::EIO }
}
