//! Produce (key 0): appends record batches.
//!
//! Version 13 names topics by id (KIP-516). Versions 0 to 2, which may carry older record formats,
//! are advertised and refused: see [`SUPPORTED`](super::SUPPORTED).

use crate::wire::schema::{api, structs};
use crate::wire::Array;
use uuid::Uuid;

api! {
    Produce, versions 3..=13, flexible 9:
    ProduceRequest<'a> => ProduceResponse<'a>
}

structs! {
    /// Record batches to append.
    pub struct ProduceRequest<'a> {
        /// The transaction that the batches belong to, if any.
        transactional_id: Option<&'a str> [..],
        /// Who must have the records before the answer: 1 the leader, −1 all in sync; 0 for no
        /// answer at all.
        acks: i16 [..],
        /// How long to wait for the other replicas, in milliseconds.
        timeout_ms: i32 [..],
        /// One entry per topic.
        topic_data: Array<TopicProduceData<'a>> [..],
    }

    /// The batches for one topic.
    pub struct TopicProduceData<'a> {
        /// The topic's name.
        name: &'a str [..=12],
        /// The topic's id (KIP-516).
        topic_id: Uuid [13..],
        /// One entry per partition.
        partition_data: Array<PartitionProduceData<'a>> [..],
    }

    /// The batch for one partition.
    pub struct PartitionProduceData<'a> {
        /// The partition.
        index: i32 [..],
        /// Exactly one record batch: see [`record_batch`](crate::wire::record_batch).
        records: Option<&'a [u8]> [..],
    }

    /// What became of each batch.
    pub struct ProduceResponse<'a> {
        /// One entry per topic.
        responses: Array<TopicProduceResponse<'a>> [..],
        /// How long the client is asked to hold back, in milliseconds.
        throttle_time_ms: i32 [..],
        /// Where the leaders named above are.
        node_endpoints: Array<NodeEndpoint<'a>> [10.., tag 0],
    }

    /// What became of the batches of one topic.
    pub struct TopicProduceResponse<'a> {
        /// The topic's name.
        name: &'a str [..=12],
        /// The topic's id (KIP-516).
        topic_id: Uuid [13..],
        /// One entry per partition.
        partition_responses: Array<PartitionProduceResponse<'a>> [..],
    }

    /// What became of one batch.
    pub struct PartitionProduceResponse<'a> {
        /// The partition.
        index: i32 [..],
        /// 0, or why the broker did not do it ([`ErrorCode`](crate::wire::ErrorCode)).
        error_code: i16 [..],
        /// The offset of the first record; −1 after an error.
        base_offset: i64 [..],
        /// When the broker appended the batch, if the topic uses LogAppendTime; otherwise −1.
        log_append_time_ms: i64 [..] = -1,
        /// The first offset of the log.
        log_start_offset: i64 [5..] = -1,
        /// The records that were refused, if the broker can tell (KIP-467).
        record_errors: Array<BatchIndexAndErrorMessage<'a>> [8..],
        /// The error in words.
        error_message: Option<&'a str> [8..],
        /// The leader to turn to, if this broker is not it (KIP-951).
        current_leader: LeaderIdAndEpoch [10.., tag 0],
    }

    /// Why one record was refused.
    pub struct BatchIndexAndErrorMessage<'a> {
        /// The record's place in the batch, from 0.
        batch_index: i32 [8..],
        /// The reason in words.
        batch_index_error_message: Option<&'a str> [8..],
    }

    /// A leader and its epoch.
    pub struct LeaderIdAndEpoch {
        /// The leader's broker id; −1 if there is none.
        leader_id: i32 [10..] = -1,
        /// The leader's epoch; −1 if it is not known.
        leader_epoch: i32 [10..] = -1,
    }

    /// Where a broker is.
    pub struct NodeEndpoint<'a> {
        /// The broker's id.
        node_id: i32 [10..],
        /// The host that clients connect to.
        host: &'a str [10..],
        /// The port that clients connect to.
        port: i32 [10..],
        /// The broker's rack.
        rack: Option<&'a str> [10..],
    }
}
