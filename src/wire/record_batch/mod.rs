//! Record batches (format version 2, KIP-98): what producers send, logs hold and consumers get.
//!
//! A batch is a header of 61 bytes and the records, compressed together or not at all. The CRC-32C
//! covers all from the attributes on: base offset and leader epoch lie outside it, so that a broker
//! can stamp them without touching the records.
//!
//! | bytes | field | | bytes | field |
//! |---|---|---|---|---|
//! | 0–7 | base offset | | 27–34 | base timestamp |
//! | 8–11 | length of what follows | | 35–42 | max timestamp |
//! | 12–15 | partition leader epoch | | 43–50 | producer id |
//! | 16 | magic | | 51–52 | producer epoch |
//! | 17–20 | CRC-32C | | 53–56 | base sequence |
//! | 21–22 | attributes | | 57–60 | count of records |
//! | 23–26 | last offset delta | | 61– | records |

mod batches;
mod builder;
pub mod compression;
mod error;
mod header;
mod records;
#[cfg(test)]
mod tests;
mod validate;

pub use batches::{Batch, Batches};
pub use builder::BatchBuilder;
pub use compression::Compression;
pub use error::BatchError;
pub use header::{
    Attributes, BatchHeader, HEADER_SIZE, LENGTH_PREFIX_SIZE, TimestampType, stamp,
    stamp_timestamp, verify_crc,
};
pub use records::{
    Record, RecordHeader, RecordHeaders, Records, RecordsSummary, places_without_key, summarize,
};
pub use validate::{Produced, inspect_produced, validate_produced};
