//! What is wrong with a request for a change, and the Kafka error that says so.

use super::config_keys::ConfigFault;
use crate::base::TopicId;
use crate::wire::ErrorCode;
use thiserror::Error;

/// A change that a client asked for and does not get. The text is for the client.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MetadataError {
    /// The name breaks the rules.
    #[error("Topic name is invalid: {0}")]
    TopicName(String),
    /// The name cannot be told from that of another topic in a metric's name.
    #[error("Topic '{name}' collides with existing topic: {other}")]
    TopicCollision {
        /// The name asked for.
        name: String,
        /// The topic that exists.
        other: String,
    },
    /// The broker keeps the name for itself.
    #[error("Creation of internal topic {0} is prohibited.")]
    TopicInternal(String),
    /// The topic exists.
    #[error("Topic '{0}' already exists.")]
    TopicExists(String),
    /// There is no such topic.
    #[error("This server does not host a topic named '{0}'.")]
    NoSuchTopic(String),
    /// There is no topic with that id.
    #[error("This server does not host a topic with the id {0}.")]
    NoSuchTopicId(TopicId),
    /// `delete.topic.enable` is false.
    #[error("Topic deletion is disabled.")]
    DeletionDisabled,
    /// The number of partitions is not possible.
    #[error("{0}")]
    Partitions(String),
    /// There would be more partitions than a broker takes.
    #[error("{0}")]
    TooManyPartitions(String),
    /// The number of replicas is not possible.
    #[error("{0}")]
    ReplicationFactor(String),
    /// The replicas named by hand are not possible.
    #[error("{0}")]
    ReplicaAssignment(String),
    /// A config's value is not allowed.
    #[error(transparent)]
    ConfigValue(#[from] ConfigFault),
    /// A config is not known, or cannot be changed in the way asked for.
    #[error("{0}")]
    Config(String),
    /// The request contradicts itself, or asks for what does not exist.
    #[error("{0}")]
    Request(String),
}

impl MetadataError {
    /// The code in the response.
    pub fn code(&self) -> ErrorCode {
        match self {
            MetadataError::TopicName(_) | MetadataError::TopicCollision { .. } => {
                ErrorCode::InvalidTopicException
            }
            MetadataError::TopicExists(_) => ErrorCode::TopicAlreadyExists,
            MetadataError::NoSuchTopic(_) => ErrorCode::UnknownTopicOrPartition,
            MetadataError::NoSuchTopicId(_) => ErrorCode::UnknownTopicId,
            MetadataError::DeletionDisabled => ErrorCode::TopicDeletionDisabled,
            MetadataError::Partitions(_) => ErrorCode::InvalidPartitions,
            MetadataError::TooManyPartitions(_) => ErrorCode::PolicyViolation,
            MetadataError::ReplicationFactor(_) => ErrorCode::InvalidReplicationFactor,
            MetadataError::ReplicaAssignment(_) => ErrorCode::InvalidReplicaAssignment,
            MetadataError::ConfigValue(_) | MetadataError::Config(_) => ErrorCode::InvalidConfig,
            MetadataError::Request(_) | MetadataError::TopicInternal(_) => {
                ErrorCode::InvalidRequest
            }
        }
    }
}
