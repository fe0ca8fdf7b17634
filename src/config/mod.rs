//! The broker's configuration: a TOML file under Kafka's own names, then `--set`, then typed.
//!
//! The keys, their defaults and ranges stand in `metadata::config_keys`; here they are read
//! (`file`), put together and checked against each other (`typed`), and documented (`render`).
//! Without a file every key has its default.
//!
//! May import everything below it. Must never know a shard's or a log's inner workings, and
//! nothing but start-up calls it.

mod error;
mod file;
mod render;
mod typed;

#[cfg(test)]
mod tests;

pub use error::{ConfigError, Origin};
pub use render::render_documented;
pub use typed::{Address, Config, Override};
