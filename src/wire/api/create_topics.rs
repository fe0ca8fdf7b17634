//! CreateTopics (key 19).

use crate::wire::schema::{api, structs};
use crate::wire::Array;
use uuid::Uuid;

api! {
    CreateTopics, versions 2..=7, flexible 5:
    CreateTopicsRequest<'a> => CreateTopicsResponse<'a>
}

structs! {
    /// The topics to create.
    pub struct CreateTopicsRequest<'a> {
        /// One entry per topic.
        topics: Array<CreatableTopic<'a>> [..],
        /// How long the broker may take, in milliseconds.
        timeout_ms: i32 [..] = 60000,
        /// Check, but change nothing.
        validate_only: bool [..],
    }

    /// A topic to create.
    pub struct CreatableTopic<'a> {
        /// The topic's name.
        name: &'a str [..],
        /// How many partitions; −1 for the default.
        num_partitions: i32 [..],
        /// How many replicas of each partition; −1 for the default.
        replication_factor: i16 [..],
        /// Which brokers get which partition; empty to let the cluster choose.
        assignments: Array<CreatableReplicaAssignment> [..],
        /// One entry per config.
        configs: Array<CreatableTopicConfig<'a>> [..],
    }

    /// The brokers that get one partition.
    pub struct CreatableReplicaAssignment {
        /// The partition.
        partition_index: i32 [..],
        /// The brokers to place the partition on.
        broker_ids: Array<i32> [..],
    }

    /// A config of the new topic.
    pub struct CreatableTopicConfig<'a> {
        /// The config's name.
        name: &'a str [..],
        /// The config's value.
        value: Option<&'a str> [..],
    }

    /// What became of each topic.
    pub struct CreateTopicsResponse<'a> {
        /// How long the client is asked to hold back, in milliseconds.
        throttle_time_ms: i32 [..],
        /// One entry per topic.
        topics: Array<CreatableTopicResult<'a>> [..],
    }

    /// What became of one topic.
    pub struct CreatableTopicResult<'a> {
        /// The topic's name.
        name: &'a str [..],
        /// The topic's id (KIP-516).
        topic_id: Uuid [7..],
        /// 0, or why the broker did not do it ([`ErrorCode`](crate::wire::ErrorCode)).
        error_code: i16 [..],
        /// The error in words.
        error_message: Option<&'a str> [..],
        /// Why the configs are not told.
        topic_config_error_code: i16 [5.., tag 0],
        /// How many partitions it has; −1 if that is not told.
        num_partitions: i32 [5..] = -1,
        /// How many replicas each of them has; −1 if that is not told.
        replication_factor: i16 [5..] = -1,
        /// Its configs; null if they are not told.
        configs: Option<Array<CreatableTopicConfigs<'a>>> [5..],
    }

    /// A config of the topic.
    pub struct CreatableTopicConfigs<'a> {
        /// The config's name.
        name: &'a str [5..],
        /// The config's value; null if it is sensitive.
        value: Option<&'a str> [5..],
        /// Whether it cannot be changed.
        read_only: bool [5..],
        /// Where the value comes from: 1 the topic, 2 to 4 the brokers, 5 the default
        /// (`DescribeConfigsResponse.ConfigSource`); −1 if it is not known.
        config_source: i8 [5..] = -1,
        /// Whether the value is secret.
        is_sensitive: bool [5..],
    }
}
