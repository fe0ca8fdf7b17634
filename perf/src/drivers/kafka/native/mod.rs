//! A load generator for brokers that speak Kafka's protocol, so lean that it is not the limit.
//!
//! It is no client for users: one connection to one broker, no retries, no groups, no compression.
//! In a closed loop all requests are built before the measured time ([`outbox`]) and written
//! several at a time; in an open loop records that are due at the same moment share a batch
//! ([`batching`]). Fetched records can be kept and verified once the last has come ([`frames`]).

mod batching;
mod connection;
mod consumer;
mod ends;
mod frames;
mod messages;
mod outbox;
mod producer;

pub use consumer::NativeConsumer;
pub use producer::NativeProducer;

/// The name in errors and results.
pub const CLIENT: &str = "native generator";
