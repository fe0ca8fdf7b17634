//! What is known of a log before its own files are looked at.

use crate::base::Offset;

/// What the data directory's checkpoints say of a log.
#[derive(Debug, Clone, Copy, Default)]
pub struct RecoveryHints {
    /// Whether the broker was shut down cleanly.
    pub clean: bool,
    /// Whether the machine has run on since the last broker ended. Then the page cache survived:
    /// nothing but the end of the last write can be torn.
    pub same_boot: bool,
    /// Below this offset, records and indexes were on the disk.
    pub recovery_point: Option<Offset>,
    /// Below this offset, records were deleted.
    pub log_start: Option<Offset>,
}
