//! Topics, configs and the cluster's identity: what there is, kept durable, the same on every
//! shard.
//!
//! [`Image`] is the state, [`Change`] a step, [`MetadataLog`] the durable list of steps; shard 0
//! appends to it and hands every shard the image that results. `topics` and `configs` check what
//! clients ask for and turn it into changes, `describe` answers DescribeConfigs, and
//! `config_keys` is the table of configurations that all of them go by. `placement` says which
//! shard owns a partition; that is derived and never stored. The log is a stream of committed
//! records, so that a consensus engine may come to write it.
//!
//! May import `base`, `wire` (error codes), `io` and `log` (the settings of a log). Must never
//! know a connection, a request's bytes or a shard's state, and never reads a clock or a random
//! source: ids come as arguments.

mod change;
mod codec;
pub mod config_keys;
pub mod configs;
pub mod describe;
mod dynamic_configs;
pub mod effective;
mod error;
mod frame;
mod image;
pub mod inspect;
mod log_config;
pub mod meta_properties;
mod metadata_log;
mod opening;
pub mod placement;
pub mod producer_ids;
mod recovery;
mod snapshot;
mod start_error;
mod static_config;
pub mod topics;

#[cfg(test)]
mod tests;

pub use change::Change;
pub use error::MetadataError;
pub use image::{ChangeMisfit, Image, Topic};
pub use metadata_log::{MetadataFact, MetadataLog, MetadataOut, MetadataToken};
pub use opening::{Opening, open};
pub use recovery::{LOG_NAME, METADATA_DIRECTORY, RecoveryReport};
pub use start_error::StartError;
pub use static_config::StaticConfig;
