//! Why bytes could not be read as a Kafka message.

use thiserror::Error;

/// What was wrong with the bytes, and the bound that they broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The bytes end inside a field.
    #[error("{needed} bytes needed, {remaining} left")]
    Truncated { needed: usize, remaining: usize },
    /// A length or count below zero that does not mean null (below −1).
    #[error("length {length} is negative")]
    NegativeLength { length: i32 },
    /// A string longer than the protocol allows.
    #[error("string of {length} bytes, at most {max} are allowed")]
    StringTooLong { length: usize, max: usize },
    /// Null where this version of the message allows none.
    #[error("null where a value is required")]
    UnexpectedNull,
    /// An array that could not fit in the bytes that remain.
    #[error("array of {count} elements, the bytes that remain hold at most {max}")]
    ArrayTooLong { count: usize, max: usize },
    /// More array elements than one message may have.
    #[error("{count} more array elements, {left} are left of the message's budget")]
    TooManyElements { count: usize, left: usize },
    /// A string that is not UTF-8.
    #[error("invalid UTF-8 after {valid_up_to} bytes of a string")]
    InvalidUtf8 { valid_up_to: usize },
    /// A varint with more bits than its type.
    #[error("varint does not fit in {bits} bits")]
    VarintOverflow { bits: u32 },
    /// A known tagged field whose declared size is more than its value takes.
    #[error("tagged field {tag} has {left} bytes left over")]
    TagSize { tag: u32, left: usize },
    /// A version that this message does not have.
    #[error("version {version} is not within {min} to {max}")]
    UnsupportedVersion { version: i16, min: i16, max: i16 },
}
