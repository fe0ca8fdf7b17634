//! What can be wrong with a record batch.

use crate::wire::ErrorCode;
use thiserror::Error;

/// Why a record batch is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BatchError {
    /// The bytes end before the batch does.
    #[error("batch needs {needed} bytes, {available} are there")]
    Truncated { needed: usize, available: usize },
    /// The length field is less than a header takes.
    #[error("batch length {length} is less than a header's")]
    Length { length: i32 },
    /// A message set of an older format, version 0 or 1.
    #[error("record format {magic} is not supported, only 2")]
    OldMagic { magic: i8 },
    /// A format version that does not exist.
    #[error("record format {magic} is not known")]
    UnknownMagic { magic: i8 },
    /// The checksum does not match.
    #[error("batch has CRC-32C {stored:#010x}, its bytes have {computed:#010x}")]
    Crc { stored: u32, computed: u32 },
    /// The attributes name a codec that does not exist.
    #[error("compression codec {codec} is not known")]
    UnknownCompression { codec: i16 },
    /// No batch at all.
    #[error("no record batch")]
    Empty,
    /// Bytes after the one batch that is allowed.
    #[error("{bytes} bytes after the record batch, exactly one batch is allowed")]
    MoreThanOneBatch { bytes: usize },
    /// A produced batch that does not start at 0.
    #[error("base offset {base_offset} of a produced batch is not 0")]
    BaseOffset { base_offset: i64 },
    /// A count of records below 1.
    #[error("batch with a count of {count} records")]
    Count { count: i32 },
    /// Offsets that do not match the count of records.
    #[error("last offset delta {last_offset_delta} of a batch of {count} records")]
    LastOffsetDelta { last_offset_delta: i32, count: i32 },
    /// A producer id without a valid sequence number.
    #[error("base sequence {base_sequence} of producer {producer_id}")]
    Sequence { producer_id: i64, base_sequence: i32 },
    /// A control batch from a client.
    #[error("control batches are for brokers only")]
    Control,
    /// A record whose bytes do not add up.
    #[error("record {index}: {reason}")]
    Record { index: u32, reason: &'static str },
}

impl BatchError {
    /// The error that a producer gets, as Kafka has it.
    pub fn error_code(&self) -> ErrorCode {
        match self {
            BatchError::Length { .. }
            | BatchError::UnknownMagic { .. }
            | BatchError::Crc { .. } => ErrorCode::CorruptMessage,
            BatchError::UnknownCompression { .. } => ErrorCode::UnsupportedCompressionType,
            BatchError::Truncated { .. }
            | BatchError::OldMagic { .. }
            | BatchError::Empty
            | BatchError::MoreThanOneBatch { .. }
            | BatchError::BaseOffset { .. }
            | BatchError::Count { .. }
            | BatchError::LastOffsetDelta { .. }
            | BatchError::Sequence { .. }
            | BatchError::Control
            | BatchError::Record { .. } => ErrorCode::InvalidRecord,
        }
    }
}
