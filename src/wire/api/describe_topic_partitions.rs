//! DescribeTopicPartitions (key 75): topics page by page (KIP-966).

use crate::wire::schema::{api, structs};
use crate::wire::Array;
use uuid::Uuid;

api! {
    DescribeTopicPartitions, versions 0..=0, flexible 0:
    DescribeTopicPartitionsRequest<'a> => DescribeTopicPartitionsResponse<'a>
}

structs! {
    /// Which topics to describe, and where to go on.
    pub struct DescribeTopicPartitionsRequest<'a> {
        /// The topics; empty for all.
        topics: Array<TopicRequest<'a>> [..],
        /// The most partitions in the answer.
        response_partition_limit: i32 [..] = 2000,
        /// Where to go on; null to begin.
        cursor: Option<Cursor<'a>> [..],
    }

    /// A topic to describe.
    pub struct TopicRequest<'a> {
        /// The topic's name.
        name: &'a str [..],
    }

    /// A place in the list of partitions.
    pub struct Cursor<'a> {
        /// The topic's name.
        topic_name: &'a str [..],
        /// The partition.
        partition_index: i32 [..],
    }

    /// One page.
    pub struct DescribeTopicPartitionsResponse<'a> {
        /// How long the client is asked to hold back, in milliseconds.
        throttle_time_ms: i32 [..],
        /// One entry per topic.
        topics: Array<DescribeTopicPartitionsResponseTopic<'a>> [..],
        /// Where the next page begins; null if this is the last.
        next_cursor: Option<Cursor<'a>> [..],
    }

    /// A topic and its partitions.
    pub struct DescribeTopicPartitionsResponseTopic<'a> {
        /// 0, or why the broker did not do it ([`ErrorCode`](crate::wire::ErrorCode)).
        error_code: i16 [..],
        /// The topic's name.
        name: Option<&'a str> [..],
        /// The topic's id (KIP-516).
        topic_id: Uuid [..],
        /// Whether it is one of the broker's own topics.
        is_internal: bool [..],
        /// One entry per partition.
        partitions: Array<DescribeTopicPartitionsResponsePartition> [..],
        /// A bit per operation allowed on the topic; `i32::MIN` if not asked for.
        topic_authorized_operations: i32 [..] = i32::MIN,
    }

    /// A partition, its leader and its replicas.
    pub struct DescribeTopicPartitionsResponsePartition {
        /// 0, or why the broker did not do it ([`ErrorCode`](crate::wire::ErrorCode)).
        error_code: i16 [..],
        /// The partition.
        partition_index: i32 [..],
        /// The leader's broker id; −1 if there is none.
        leader_id: i32 [..],
        /// The leader's epoch; −1 if it is not known.
        leader_epoch: i32 [..] = -1,
        /// The brokers that hold a replica.
        replica_nodes: Array<i32> [..],
        /// The brokers whose replicas are in sync.
        isr_nodes: Array<i32> [..],
        /// The brokers that may lead although they left the in-sync set; null if not tracked.
        eligible_leader_replicas: Option<Array<i32>> [..],
        /// The brokers that were last eligible to lead; null if not tracked.
        last_known_elr: Option<Array<i32>> [..],
        /// The brokers whose replicas are offline.
        offline_replicas: Array<i32> [..],
    }
}
