//! Kafka bytes to types and back: frames, headers, the messages of each API, record batches.
//!
//! A message is a table of fields in [`api`], turned into a type by the macros of [`schema`]. It is
//! decoded from a [`Source`], in practice the bounded [`Reader`] over a frame, and borrows strings
//! and records from it. It is encoded into a [`Sink`]: a [`Writer`] over a caller's buffer.
//!
//! May be imported by every layer above, imports nothing but `base`. Never here: a partition, a
//! file, a connection, a clock, or what a request means.

pub mod api;
mod decode_error;
pub mod error;
pub mod field;
pub mod frame;
pub mod header;
mod reader;
pub mod record_batch;
mod schema;
mod sink;
mod source;
pub mod varint;

pub use api::ApiKey;
pub use decode_error::DecodeError;
pub use error::ErrorCode;
pub use field::{Array, Shape};
pub use reader::{ELEMENTS_MAX, Reader, STRING_SIZE_MAX};
pub use schema::{Message, Request};
pub use sink::{Cut, Measure, Sink, Writer};
pub use source::Source;
