//! CreatePartitions (key 37): adds partitions to topics.

use crate::wire::schema::{api, structs};
use crate::wire::Array;

api! {
    CreatePartitions, versions 0..=3, flexible 2:
    CreatePartitionsRequest<'a> => CreatePartitionsResponse<'a>
}

structs! {
    /// The topics to grow.
    pub struct CreatePartitionsRequest<'a> {
        /// One entry per topic.
        topics: Array<CreatePartitionsTopic<'a>> [..],
        /// How long the broker may take, in milliseconds.
        timeout_ms: i32 [..],
        /// Check, but change nothing.
        validate_only: bool [..],
    }

    /// A topic to grow.
    pub struct CreatePartitionsTopic<'a> {
        /// The topic's name.
        name: &'a str [..],
        /// How many partitions it shall have in all.
        count: i32 [..],
        /// Which brokers get the new partitions; null to let the cluster choose.
        assignments: Option<Array<CreatePartitionsAssignment>> [..],
    }

    /// The brokers that get one new partition.
    pub struct CreatePartitionsAssignment {
        /// The brokers to place the partition on.
        broker_ids: Array<i32> [..],
    }

    /// What became of each topic.
    pub struct CreatePartitionsResponse<'a> {
        /// How long the client is asked to hold back, in milliseconds.
        throttle_time_ms: i32 [..],
        /// One entry per topic.
        results: Array<CreatePartitionsTopicResult<'a>> [..],
    }

    /// What became of one topic.
    pub struct CreatePartitionsTopicResult<'a> {
        /// The topic's name.
        name: &'a str [..],
        /// 0, or why the broker did not do it ([`ErrorCode`](crate::wire::ErrorCode)).
        error_code: i16 [..],
        /// The error in words.
        error_message: Option<&'a str> [..],
    }
}
