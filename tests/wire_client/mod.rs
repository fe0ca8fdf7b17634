//! A Kafka client for tests that look at the protocol itself: any version of any request, any
//! bytes, and answers as they come.
//!
//! [`connection`] sends and receives frames; the other files say in one call what most tests
//! need. May use `pinion::wire`, the standard library and nothing of the broker. Never retries,
//! never hides an error code.

// Each test binary compiles this module for itself and uses a part of it.
#![allow(dead_code, unused_imports)]

mod batches;
mod configs;
mod connection;
mod fetch;
mod offsets;
mod produce;
mod topics;

pub use batches::{TIMESTAMP, batch, batch_of, idempotent_batch, values_of, verified_batches};
pub use connection::WireClient;
pub use fetch::{Fetch, Fetched};
pub use offsets::Found;
pub use produce::{Produced, Unanswered};

/// What a call of this client that must succeed fails with: the connection broke.
pub const BROKE: &str = "the broker answers and keeps the connection";
