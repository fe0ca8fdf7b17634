//! The commands of `pinion` against a running broker: what they print, and their exit codes.
//!
//! `PINION_TEST_BOOTSTRAP=HOST:PORT` runs the tests that need nothing but the protocol against
//! another broker, such as Apache Kafka; the others then pass without a look.

#[path = "../support/mod.rs"]
mod support;

mod consume;
mod dump_log;
mod latency;
mod produce;
mod refusals;
mod target;
mod topics;
