//! What a shard counts and measures: latencies by API and stage, counters, gauges.
//!
//! A shard owns one [`ShardMetrics`] and writes it from its own thread: no lock, no atomic, and
//! no allocation once an API has been seen. The control thread asks for a [`Snapshot`] by a
//! message and renders or merges it far from the data path. `docs/METRICS.md` lists what operators
//! see.
//!
//! Imports `base` and `wire`. No clock here: whoever records brings the duration.

pub mod counters;
pub mod hdr_log;
pub mod latency;
pub mod prometheus;
mod shard_metrics;

pub use counters::Counters;
pub use latency::{Latency, Stage};
pub use shard_metrics::{ApiSnapshot, ShardMetrics, Snapshot};
