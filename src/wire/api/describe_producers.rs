//! DescribeProducers (key 61): the producers that a partition remembers.

use crate::wire::schema::{api, structs};
use crate::wire::Array;

api! {
    DescribeProducers, versions 0..=0, flexible 0:
    DescribeProducersRequest<'a> => DescribeProducersResponse<'a>
}

structs! {
    /// Which partitions to look at.
    pub struct DescribeProducersRequest<'a> {
        /// One entry per topic.
        topics: Array<TopicRequest<'a>> [..],
    }

    /// Which partitions of one topic to look at.
    pub struct TopicRequest<'a> {
        /// The topic's name.
        name: &'a str [..],
        /// The partitions.
        partition_indexes: Array<i32> [..],
    }

    /// The producers.
    pub struct DescribeProducersResponse<'a> {
        /// How long the client is asked to hold back, in milliseconds.
        throttle_time_ms: i32 [..],
        /// One entry per topic.
        topics: Array<TopicResponse<'a>> [..],
    }

    /// The producers of one topic.
    pub struct TopicResponse<'a> {
        /// The topic's name.
        name: &'a str [..],
        /// One entry per partition.
        partitions: Array<PartitionResponse<'a>> [..],
    }

    /// The producers of one partition.
    pub struct PartitionResponse<'a> {
        /// The partition.
        partition_index: i32 [..],
        /// 0, or why the broker did not do it ([`ErrorCode`](crate::wire::ErrorCode)).
        error_code: i16 [..],
        /// The error in words.
        error_message: Option<&'a str> [..],
        /// One entry per producer.
        active_producers: Array<ProducerState> [..],
    }

    /// What a partition remembers of one producer.
    pub struct ProducerState {
        /// The producer's id.
        producer_id: i64 [..],
        /// The producer's epoch.
        producer_epoch: i32 [..],
        /// The sequence number of its last record; −1 if there is none.
        last_sequence: i32 [..] = -1,
        /// The timestamp of its last batch; −1 if there is none.
        last_timestamp: i64 [..] = -1,
        /// The epoch of its transaction's coordinator.
        coordinator_epoch: i32 [..],
        /// Where its open transaction starts; −1 if there is none.
        current_txn_start_offset: i64 [..] = -1,
    }
}
