//! How large the things sent may be.

use super::super::client::{ClientError, Cluster, describe_topic_configs};
use std::fmt;

/// The topic's limit: bytes of a batch as sent, after compression.
const BATCH_LIMIT: &str = "max.message.bytes";

/// The most that a request may have where the broker is as Kafka is by default: its
/// `socket.request.max.bytes`.
const REQUEST_SIZE_MAX: usize = 100 << 20;

/// A size, and who sets it. Reads as the end of a sentence about something larger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// The most that is allowed.
    pub bytes: usize,
    origin: String,
}

impl Limit {
    /// What any request may have.
    pub fn of_requests() -> Limit {
        Limit { bytes: REQUEST_SIZE_MAX, origin: "what a request may have".to_owned() }
    }

    /// What a batch for the topic may have. That of requests, where the broker does not tell.
    pub fn of_batches(cluster: &mut Cluster, topic: &str) -> Result<Limit, ClientError> {
        let configs = match describe_topic_configs(cluster, topic) {
            Err(error) if error.is_retriable() => return Err(error),
            configs => configs.unwrap_or_default(),
        };
        let config = configs.into_iter().find(|config| config.name == BATCH_LIMIT);
        let bytes = config.and_then(|config| config.value?.parse::<usize>().ok());
        let origin = format!("{BATCH_LIMIT} of topic \"{topic}\"");
        let limit = bytes.map(|bytes| Limit { bytes, origin });
        Ok(limit.filter(|limit| limit.bytes < REQUEST_SIZE_MAX).unwrap_or_else(Limit::of_requests))
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "above the limit of {} ({})", self.bytes, self.origin)
    }
}
