//! Fetch (key 1): reads record batches.
//!
//! Version 13 names topics by id (KIP-516); from version 7 a session may carry the partitions
//! (KIP-227). Kafka 4.2 ends at version 18.

use crate::wire::field::{Decode, Encode, put_length};
use crate::wire::schema::{api, structs};
use crate::wire::{Array, DecodeError, Shape, Sink, Source};
use uuid::Uuid;

api! {
    Fetch, versions 4..=18, flexible 12:
    FetchRequest<'a> => FetchResponse<'a>
}

structs! {
    /// Where to read from, how much, and how long to wait for it.
    pub struct FetchRequest<'a> {
        /// The cluster that a follower believes to be in.
        cluster_id: Option<&'a str> [12.., tag 0],
        /// A follower's broker id; −1 for a consumer.
        replica_id: i32 [..=14] = -1,
        /// The follower, from version 15 on.
        replica_state: ReplicaState [15.., tag 1],
        /// How long to wait for `min_bytes`, in milliseconds.
        max_wait_ms: i32 [..],
        /// The answer waits until there are this many bytes.
        min_bytes: i32 [..],
        /// The most bytes in the answer. The first batch is sent even if it is larger (KIP-74).
        max_bytes: i32 [..] = i32::MAX,
        /// 0 read_uncommitted, 1 read_committed.
        isolation_level: i8 [..],
        /// The fetch session; 0 is none.
        session_id: i32 [7..],
        /// The place of this request in its session; −1 is a full fetch outside any.
        session_epoch: i32 [7..] = -1,
        /// One entry per topic.
        topics: Array<FetchTopic<'a>> [..],
        /// The partitions that leave the session.
        forgotten_topics_data: Array<ForgottenTopic<'a>> [7..],
        /// The consumer's rack, for fetching from the nearest replica (KIP-392).
        rack_id: &'a str [11..],
    }

    /// Which follower is asking.
    pub struct ReplicaState {
        /// A follower's broker id; −1 for a consumer.
        replica_id: i32 [15..] = -1,
        /// The follower's epoch; −1 if it is not known.
        replica_epoch: i64 [15..] = -1,
    }

    /// The partitions to read of one topic.
    pub struct FetchTopic<'a> {
        /// The topic's name.
        topic: &'a str [..=12],
        /// The topic's id (KIP-516).
        topic_id: Uuid [13..],
        /// One entry per partition.
        partitions: Array<FetchPartition> [..],
    }

    /// Where to read one partition.
    pub struct FetchPartition {
        /// The partition.
        partition: i32 [..],
        /// The leader epoch that the client knows; −1 if none. The broker fences a stale one.
        current_leader_epoch: i32 [9..] = -1,
        /// The first offset wanted. The batch that holds it is sent whole.
        fetch_offset: i64 [..],
        /// The leader epoch of the last record that a follower has; −1 for a consumer.
        last_fetched_epoch: i32 [12..] = -1,
        /// A follower's log start; −1 for a consumer.
        log_start_offset: i64 [5..] = -1,
        /// The most bytes from this partition; the first batch is sent even if it is larger.
        partition_max_bytes: i32 [..],
        /// The log directory of a follower's replica.
        replica_directory_id: Uuid [17.., tag 0],
        /// The high watermark that a follower knows; `i64::MAX` if it does not say.
        high_watermark: i64 [18.., tag 1] = i64::MAX,
    }

    /// Partitions of one topic that leave the session.
    pub struct ForgottenTopic<'a> {
        /// The topic's name.
        topic: &'a str [7..=12],
        /// The topic's id (KIP-516).
        topic_id: Uuid [13..],
        /// The partitions.
        partitions: Array<i32> [7..],
    }

    /// The records found.
    pub struct FetchResponse<'a> {
        /// How long the client is asked to hold back, in milliseconds.
        throttle_time_ms: i32 [..],
        /// 0, or what is wrong with the request as a whole.
        error_code: i16 [7..],
        /// The fetch session; 0 is none.
        session_id: i32 [7..],
        /// One entry per topic.
        responses: Array<FetchableTopicResponse<'a>> [..],
        /// Where the leaders named above are.
        node_endpoints: Array<NodeEndpoint<'a>> [16.., tag 0],
    }

    /// The records of one topic.
    pub struct FetchableTopicResponse<'a> {
        /// The topic's name.
        topic: &'a str [..=12],
        /// The topic's id (KIP-516).
        topic_id: Uuid [13..],
        /// One entry per partition.
        partitions: Array<PartitionData<'a>> [..],
    }

    /// The records of one partition, and how far they may be read.
    pub struct PartitionData<'a> {
        /// The partition.
        partition_index: i32 [..],
        /// 0, or why the broker did not do it ([`ErrorCode`](crate::wire::ErrorCode)).
        error_code: i16 [..],
        /// Records below it may be read; −1 after an error.
        high_watermark: i64 [..],
        /// Transactions below it are decided; −1 if it is not known.
        last_stable_offset: i64 [..] = -1,
        /// The first offset of the log.
        log_start_offset: i64 [5..] = -1,
        /// Where a follower's log leaves this one.
        diverging_epoch: EpochEndOffset [12.., tag 0],
        /// The leader to turn to, if this broker is not it (KIP-951).
        current_leader: LeaderIdAndEpoch [12.., tag 1],
        /// The snapshot that a follower must read first.
        snapshot_id: SnapshotId [12.., tag 2],
        /// The aborted transactions among the records, for read_committed; otherwise null.
        aborted_transactions: Option<Array<AbortedTransaction>> [..],
        /// The broker to read from instead; −1 if this one will do.
        preferred_read_replica: i32 [11..] = -1,
        /// Whole record batches; the last one may be cut short.
        records: Records<'a> [..],
    }

    /// An epoch, and where it ends.
    pub struct EpochEndOffset {
        /// The epoch.
        epoch: i32 [12..] = -1,
        /// The offset after the last one of the epoch.
        end_offset: i64 [12..] = -1,
    }

    /// A leader and its epoch.
    pub struct LeaderIdAndEpoch {
        /// The leader's broker id; −1 if there is none.
        leader_id: i32 [12..] = -1,
        /// The leader's epoch; −1 if it is not known.
        leader_epoch: i32 [12..] = -1,
    }

    /// The end of a metadata snapshot.
    pub struct SnapshotId {
        /// The offset after the last one in the snapshot.
        end_offset: i64 [..] = -1,
        /// The epoch of the last record in the snapshot.
        epoch: i32 [..] = -1,
    }

    /// An aborted transaction, whose records a consumer must skip.
    pub struct AbortedTransaction {
        /// The producer's id.
        producer_id: i64 [..],
        /// The offset of its first record.
        first_offset: i64 [..],
    }

    /// Where a broker is.
    pub struct NodeEndpoint<'a> {
        /// The broker's id.
        node_id: i32 [16..],
        /// The host that clients connect to.
        host: &'a str [16..],
        /// The port that clients connect to.
        port: i32 [16..],
        /// The broker's rack.
        rack: Option<&'a str> [16..],
    }
}

/// The records of one partition in a response.
///
/// Never null: librdkafka takes a null set of records for a malformed response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Records<'a> {
    /// The bytes themselves.
    Inline(&'a [u8]),
    /// Bytes that the connection puts in, from a file straight to the socket: the encoder writes
    /// their length, and [`Sink::splice`] notes where they belong.
    Deferred {
        /// How many bytes.
        length: u32,
    },
}

impl Default for Records<'_> {
    fn default() -> Self {
        Records::Inline(&[])
    }
}

impl<'de: 'a, 'a> Decode<'de> for Records<'a> {
    fn size_min(shape: Shape) -> usize {
        <&[u8]>::size_min(shape)
    }

    /// Null, which other brokers send, is an empty set.
    fn read<S: Source<'de>>(source: &mut S, shape: Shape) -> Result<Self, DecodeError> {
        Ok(Records::Inline(source.bytes(shape)?.unwrap_or_default()))
    }
}

impl Encode for Records<'_> {
    fn write<S: Sink>(&self, sink: &mut S, shape: Shape) {
        match self {
            Records::Inline(bytes) => bytes.write(sink, shape),
            Records::Deferred { length } => {
                put_length(sink, Some(*length as usize), shape);
                sink.splice(*length);
            }
        }
    }
}
