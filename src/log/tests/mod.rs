//! Tests of the log as a whole, on a small disk in memory that knows what is in the page cache
//! and what is durable, and that fails operations on demand.

mod basics;
mod crash;
mod bench;
mod damage;
mod disk;
mod faults;
mod lifecycle;
mod retention;
mod settings;

use super::LogConfig;

/// Settings that make a segment full after a few batches.
fn small() -> LogConfig {
    LogConfig { segment_bytes: 1000, index_interval_bytes: 200, ..LogConfig::default() }
}
