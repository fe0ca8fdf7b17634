//! Tests of the log as a whole.

mod basics;
mod damage;
mod faults;
mod retention;

use super::LogConfig;

/// Settings that make a segment full after a few batches.
fn small() -> LogConfig {
    LogConfig { segment_bytes: 1000, index_interval_bytes: 200, ..LogConfig::default() }
}
