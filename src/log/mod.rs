//! One partition.

pub mod config;
pub use config::LogConfig;
