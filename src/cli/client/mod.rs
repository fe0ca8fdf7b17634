//! A small blocking Kafka client, for commands that ask one thing after another.
//!
//! Negotiates versions, finds leaders, tries again what the protocol calls retriable, and never
//! waits without a limit. Works against any Kafka broker. Not for the data plane.

mod args;
mod cluster;
mod configs;
mod connection;
mod error;
mod metadata;
mod offsets;
mod patience;

pub use args::ClientArgs;
pub use cluster::Cluster;
pub use configs::{RESOURCE_TOPIC, TopicConfig, describe_topic_configs};
pub use connection::Connection;
pub use error::ClientError;
pub use metadata::{PartitionMetadata, TopicMetadata};
pub use offsets::{EARLIEST, FoundOffset, LATEST, list_offsets};
pub use patience::Patience;
