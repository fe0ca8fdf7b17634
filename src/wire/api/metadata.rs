//! Metadata (key 3): the brokers, and the leaders of partitions.
//!
//! Version 0 asks for all topics by an empty list, later ones by null.

use crate::wire::schema::{api, structs};
use crate::wire::Array;
use uuid::Uuid;

api! {
    Metadata, versions 0..=13, flexible 9:
    MetadataRequest<'a> => MetadataResponse<'a>
}

structs! {
    /// Which topics the client wants to know about.
    pub struct MetadataRequest<'a> {
        /// The topics; null for all. At version 0 an empty list means all, too.
        topics: Option<Array<MetadataRequestTopic<'a>>> [.., nullable 1..],
        /// Whether a topic that does not exist may be created.
        allow_auto_topic_creation: bool [4..] = true,
        /// Whether the allowed operations on the cluster are wanted.
        include_cluster_authorized_operations: bool [8..=10],
        /// Whether the allowed operations on each topic are wanted.
        include_topic_authorized_operations: bool [8..],
    }

    /// A topic, by name or by id.
    pub struct MetadataRequestTopic<'a> {
        /// The topic's id, or zero if it is asked for by name.
        topic_id: Uuid [10..],
        /// The topic's name, or null if it is asked for by id.
        name: Option<&'a str> [.., nullable 10..],
    }

    /// The cluster as the broker sees it.
    pub struct MetadataResponse<'a> {
        /// How long the client is asked to hold back, in milliseconds.
        throttle_time_ms: i32 [3..],
        /// One entry per broker.
        brokers: Array<MetadataResponseBroker<'a>> [..],
        /// The cluster's id.
        cluster_id: Option<&'a str> [2..],
        /// The controller's broker id; −1 if it is not known.
        controller_id: i32 [1..] = -1,
        /// One entry per topic.
        topics: Array<MetadataResponseTopic<'a>> [..],
        /// A bit per operation allowed on the cluster; `i32::MIN` if not asked for.
        cluster_authorized_operations: i32 [8..=10] = i32::MIN,
        /// 0, or why the broker did not do it ([`ErrorCode`](crate::wire::ErrorCode)).
        error_code: i16 [13..],
    }

    /// Where a broker is.
    pub struct MetadataResponseBroker<'a> {
        /// The broker's id.
        node_id: i32 [..],
        /// The host that clients connect to.
        host: &'a str [..],
        /// The port that clients connect to.
        port: i32 [..],
        /// The broker's rack.
        rack: Option<&'a str> [1..],
    }

    /// A topic and its partitions.
    pub struct MetadataResponseTopic<'a> {
        /// 0, or why the broker did not do it ([`ErrorCode`](crate::wire::ErrorCode)).
        error_code: i16 [..],
        /// The topic's name, or null if it was asked for by an id that does not exist.
        name: Option<&'a str> [.., nullable 12..],
        /// The topic's id, or zero if it was asked for by a name that does not exist.
        topic_id: Uuid [10..],
        /// Whether it is one of the broker's own topics.
        is_internal: bool [1..],
        /// One entry per partition.
        partitions: Array<MetadataResponsePartition> [..],
        /// A bit per operation allowed on the topic; `i32::MIN` if not asked for.
        topic_authorized_operations: i32 [8..] = i32::MIN,
    }

    /// A partition, its leader and its replicas.
    pub struct MetadataResponsePartition {
        /// 0, or why the broker did not do it ([`ErrorCode`](crate::wire::ErrorCode)).
        error_code: i16 [..],
        /// The partition.
        partition_index: i32 [..],
        /// The leader's broker id; −1 if there is none.
        leader_id: i32 [..],
        /// The leader's epoch; −1 if it is not known.
        leader_epoch: i32 [7..] = -1,
        /// The brokers that hold a replica.
        replica_nodes: Array<i32> [..],
        /// The brokers whose replicas are in sync.
        isr_nodes: Array<i32> [..],
        /// The brokers whose replicas are offline.
        offline_replicas: Array<i32> [5..],
    }
}
