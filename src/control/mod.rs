//! The control thread: metrics and health over HTTP, signals, and where log lines go.
//!
//! Runs beside the shards on ordinary async libraries, and may be slow without harm. It reaches a
//! shard through [`ShardHandle`] only: a message in, a snapshot out, and never a wait without an
//! end. Imports `metrics`. Never here: a partition, a request of a Kafka client, the data plane.

mod error;
mod fleet;
mod http;
mod log_output;
mod process;
mod signals;
mod thread;

pub use error::ControlError;
pub use fleet::ShardHandle;
pub use log_output::LogOutput;
pub use thread::{ControlThread, MetricsListener};
