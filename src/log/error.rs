//! What can go wrong in a log, for each kind of caller.

use crate::base::{Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};
use crate::io::IoError;
use crate::wire::ErrorCode;
use std::path::PathBuf;
use thiserror::Error;

/// Why a log cannot be opened at start-up.
#[derive(Debug, Error)]
pub enum LogError {
    /// The file system refused.
    #[error("{}: {source}{}", path.display(), source.remedy())]
    Io { path: PathBuf, source: IoError },
    /// There is no room for what a partition without records begins with. It can be made later,
    /// by [`Log::create`](super::Log::create).
    #[error("{}: {source}{}", path.display(), source.remedy())]
    NoRoomToMake { path: PathBuf, source: IoError },
    /// A message set of before Kafka 0.11.
    #[error(
        "{}: record format {magic} at byte {position} is not supported, only 2: convert the topic \
         with Kafka 3 first",
        path.display()
    )]
    LegacyFormat { path: PathBuf, position: u64, magic: i8 },
    /// Kafka's log cleaner was interrupted here.
    #[error(
        "{}: an interrupted compaction of Apache Kafka: start and stop Kafka once, so that it \
         completes",
        path.display()
    )]
    InterruptedCompaction { path: PathBuf },
    /// Two segments claim the same offsets.
    #[error("{}: begins below {expected}, where the segment before it ends", path.display())]
    Overlap { path: PathBuf, expected: Offset },
}

impl LogError {
    /// The failure to make something that an empty partition needs.
    pub(super) fn of_making(path: PathBuf) -> impl FnOnce(IoError) -> LogError {
        |source| match source.is_no_space() {
            true => LogError::NoRoomToMake { path, source },
            false => LogError::Io { path, source },
        }
    }
}

/// Why a batch is not appended, or not any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AppendError {
    /// Above `max.message.bytes`.
    #[error("batch of {size} bytes is larger than max.message.bytes, {max}")]
    TooLarge { size: usize, max: u32 },
    /// Above `segment.bytes`.
    #[error("batch of {size} bytes is larger than segment.bytes, {max}")]
    LargerThanSegment { size: usize, max: u64 },
    /// Outside `message.timestamp.before.max.ms` or `message.timestamp.after.max.ms`.
    #[error("timestamp {timestamp} is not within {earliest} and {latest}",
        timestamp = timestamp.0, earliest = earliest.0, latest = latest.0)]
    TimestampOutOfRange { timestamp: Timestamp, earliest: Timestamp, latest: Timestamp },
    /// Only a broker may say that it set the timestamps.
    #[error("the batch says LogAppendTime, which only a broker may set")]
    TimestampTypeSet,
    /// A gap or a repetition in a producer's sequence.
    #[error("producer {producer_id} sent sequence {sequence}, expected {expected}")]
    OutOfOrderSequence { producer_id: ProducerId, sequence: Sequence, expected: Sequence },
    /// A newer incarnation of the producer has appended.
    #[error("producer {producer_id} has epoch {epoch}, the newest is {newest}")]
    InvalidProducerEpoch { producer_id: ProducerId, epoch: ProducerEpoch, newest: ProducerEpoch },
    /// The disk is full.
    #[error("the disk is full")]
    NoSpace,
    /// A write failed.
    #[error("the disk failed: {0}")]
    Io(IoError),
    /// A sync failed earlier: the log takes nothing until a restart.
    #[error("the log failed and takes no appends until a restart")]
    Failed,
    /// The log is being deleted or closed.
    #[error("the log is being closed")]
    Closing,
}

impl AppendError {
    /// The error of a failed write or open.
    pub fn of_io(error: IoError) -> AppendError {
        if error.is_no_space() { AppendError::NoSpace } else { AppendError::Io(error) }
    }

    /// Kafka's code.
    pub fn code(&self) -> ErrorCode {
        match self {
            AppendError::TooLarge { .. } => ErrorCode::MessageTooLarge,
            AppendError::LargerThanSegment { .. } => ErrorCode::RecordListTooLarge,
            AppendError::TimestampOutOfRange { .. } | AppendError::TimestampTypeSet => {
                ErrorCode::InvalidTimestamp
            }
            AppendError::OutOfOrderSequence { .. } => ErrorCode::OutOfOrderSequenceNumber,
            AppendError::InvalidProducerEpoch { .. } => ErrorCode::InvalidProducerEpoch,
            AppendError::NoSpace | AppendError::Io(_) | AppendError::Failed => {
                ErrorCode::KafkaStorageError
            }
            AppendError::Closing => ErrorCode::NotLeaderOrFollower,
        }
    }
}

/// Why there is nothing to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ReadError {
    /// Below the log's start or above its end.
    #[error("offset {offset} is out of range: the log has {log_start} to {log_end}")]
    OffsetOutOfRange { offset: Offset, log_start: Offset, log_end: Offset },
    /// The bytes that hold the offset are damaged.
    #[error("segment {segment}: damage at byte {position}")]
    Corrupt { segment: Offset, position: u64 },
    /// The disk failed.
    #[error("the disk failed: {0}")]
    Io(IoError),
    /// The log is closed or deleted.
    #[error("the log is closed")]
    Closed,
}

impl ReadError {
    /// Kafka's code.
    pub fn code(&self) -> ErrorCode {
        match self {
            ReadError::OffsetOutOfRange { .. } => ErrorCode::OffsetOutOfRange,
            ReadError::Corrupt { .. } => ErrorCode::CorruptMessage,
            ReadError::Io(_) => ErrorCode::KafkaStorageError,
            ReadError::Closed => ErrorCode::NotLeaderOrFollower,
        }
    }
}

/// What ended a log until the next start.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}: {error}", path.display())]
pub struct LogFailure {
    /// The file or directory.
    pub path: PathBuf,
    /// What failed.
    pub error: IoError,
}
