//! The names of a log's files, which are Kafka's.

use crate::base::Offset;
use crate::io::jobs::with_suffix;
use std::path::{Path, PathBuf};

/// No log gets this far; so that sums of offsets stay within their type.
const OFFSET_MAX: i64 = 1 << 62;

/// A kind of file that belongs to a segment; its name is the segment's base offset in 20 digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentPart {
    /// Record batches.
    Log,
    /// Offset to position.
    OffsetIndex,
    /// Timestamp to offset.
    TimeIndex,
    /// Aborted transactions.
    TransactionIndex,
    /// The producers as of the segment's base offset.
    ProducerSnapshot,
}

impl SegmentPart {
    /// Every kind.
    pub const ALL: [SegmentPart; 5] = [
        SegmentPart::Log,
        SegmentPart::OffsetIndex,
        SegmentPart::TimeIndex,
        SegmentPart::TransactionIndex,
        SegmentPart::ProducerSnapshot,
    ];

    fn suffix(self) -> &'static str {
        match self {
            SegmentPart::Log => "log",
            SegmentPart::OffsetIndex => "index",
            SegmentPart::TimeIndex => "timeindex",
            SegmentPart::TransactionIndex => "txnindex",
            SegmentPart::ProducerSnapshot => "snapshot",
        }
    }
}

/// Marks files of retired segments, which go after a delay.
pub const DELETED_SUFFIX: &str = ".deleted";

/// The segment that waits for the next roll. Kafka ignores files of this name.
pub const PREPARED_NAME: &str = "next.log.prepared";

/// The file of leader epochs.
pub const EPOCHS_NAME: &str = "leader-epoch-checkpoint";

/// The file of the log's start. Kafka ignores it.
pub const SAVED_START_NAME: &str = "log-start-offset";

/// Marks a log that failed: what the page cache has of it may not be on the disk, though a sync
/// would say so.
pub const SYNC_FAILED_NAME: &str = "sync-failed";

/// The file that names the topic's id.
pub const METADATA_NAME: &str = "partition.metadata";

/// The name that [`METADATA_NAME`] has in a directory whose topic is deleted, where there was no
/// room to rename the directory itself.
pub const CONDEMNED_METADATA_NAME: &str = "partition.metadata.deleted";

/// The path of a segment's file.
pub fn segment_path(directory: &Path, base_offset: Offset, part: SegmentPart) -> PathBuf {
    directory.join(format!("{:020}.{}", base_offset.0, part.suffix()))
}

/// The path with [`DELETED_SUFFIX`] added.
pub fn deleted_path(path: &Path) -> PathBuf {
    with_suffix(path, DELETED_SUFFIX)
}

/// What a file name stands for, if it names a part of a segment.
pub fn parse_segment_name(name: &str) -> Option<(Offset, SegmentPart)> {
    let (digits, suffix) = name.split_once('.')?;
    let part = SegmentPart::ALL.into_iter().find(|part| part.suffix() == suffix)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let offset: i64 = digits.parse().ok()?;
    (offset <= OFFSET_MAX).then_some((Offset(offset), part))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: names go both ways, and nothing else passes for one.
    #[test]
    fn names_round_trip() {
        for part in SegmentPart::ALL {
            let path = segment_path(Path::new("t-0"), Offset(1234), part);
            let name = path.file_name().unwrap().to_str().unwrap();
            assert_eq!(parse_segment_name(name), Some((Offset(1234), part)));
        }
        let path = segment_path(Path::new("d"), Offset(7), SegmentPart::Log);
        assert_eq!(path, Path::new("d/00000000000000000007.log"));
        for bad in [
            PREPARED_NAME,
            EPOCHS_NAME,
            SAVED_START_NAME,
            "1.log.deleted",
            "+1.log",
            ".log",
            "x",
            "9.tmp",
        ] {
            assert_eq!(parse_segment_name(bad), None, "{bad}");
        }
        assert_eq!(parse_segment_name("99999999999999999999.log"), None, "above 2^63");
    }
}
