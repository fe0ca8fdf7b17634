//! What a recovery has to tell.

use crate::base::Offset;
use std::fmt;
use std::path::PathBuf;

/// What recovery did and found.
#[derive(Debug, Default)]
pub struct RecoveryReport {
    /// Damage, which is never served.
    pub damage: Vec<DamageReport>,
    /// Bytes cut from the end, which were never acknowledged as durable.
    pub cut_bytes: u64,
    /// Bytes written once more, because a sync of them had failed.
    pub rewritten_bytes: u64,
    /// Bytes whose checksums were tested.
    pub scanned_bytes: u64,
    /// Whether something that can be made again could not be written, for want of room.
    pub is_disk_full: bool,
    /// Segments whose indexes were made again.
    pub indexes_rebuilt: u32,
    /// Indexes, checkpoints and snapshots that were missing or damaged, and made again.
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
