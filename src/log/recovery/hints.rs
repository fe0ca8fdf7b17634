//! What is known of a log before its own files are looked at.

use crate::base::Offset;

/// What the data directory's files say of a log.
#[derive(Debug, Clone, Copy, Default)]
pub struct RecoveryHints {
    /// How the last process that wrote to the log ended.
    pub last_end: LastEnd,
    /// Below this offset, records and indexes were on the disk.
    pub recovery_point: Option<Offset>,
    /// Below this offset, records were deleted.
    pub log_start: Option<Offset>,
}

/// How the last process on a data directory ended, which says what may be missing of its writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LastEnd {
    /// It closed every log. Nothing is missing.
    Clean,
    /// It died, and the machine has run on since. The page cache has all but the end of what was
    /// being written.
    Killed,
    /// It did not end cleanly, and the power may have failed: what was not synced may be missing.
    #[default]
    Unknown,
}
