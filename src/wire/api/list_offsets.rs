//! ListOffsets (key 2): finds offsets by timestamp.
//!
//! Negative timestamps name places: −1 the end, −2 the start, −3 the record with the greatest
//! timestamp (version 7), −4 the start of the local log (8), −5 the end of the tiered part (9).

use crate::wire::schema::{api, structs};
use crate::wire::Array;

api! {
    ListOffsets, versions 1..=11, flexible 6:
    ListOffsetsRequest<'a> => ListOffsetsResponse<'a>
}

structs! {
    /// Which offsets to find.
    pub struct ListOffsetsRequest<'a> {
        /// A follower's broker id; −1 for a consumer.
        replica_id: i32 [..],
        /// 0 read_uncommitted, 1 read_committed.
        isolation_level: i8 [2..],
        /// One entry per topic.
        topics: Array<ListOffsetsTopic<'a>> [..],
        /// How long a look-up in tiered storage may take, in milliseconds.
        timeout_ms: i32 [10..],
    }

    /// Which offsets to find in one topic.
    pub struct ListOffsetsTopic<'a> {
        /// The topic's name.
        name: &'a str [..],
        /// One entry per partition.
        partitions: Array<ListOffsetsPartition> [..],
    }

    /// Which offset to find in one partition.
    pub struct ListOffsetsPartition {
        /// The partition.
        partition_index: i32 [..],
        /// The leader epoch that the client knows; −1 if none. The broker fences a stale one.
        current_leader_epoch: i32 [4..] = -1,
        /// Find the first record at or after this time (milliseconds since 1970), or a named place.
        timestamp: i64 [..],
    }

    /// The offsets found.
    pub struct ListOffsetsResponse<'a> {
        /// How long the client is asked to hold back, in milliseconds.
        throttle_time_ms: i32 [2..],
        /// One entry per topic.
        topics: Array<ListOffsetsTopicResponse<'a>> [..],
    }

    /// The offsets found in one topic.
    pub struct ListOffsetsTopicResponse<'a> {
        /// The topic's name.
        name: &'a str [..],
        /// One entry per partition.
        partitions: Array<ListOffsetsPartitionResponse> [..],
    }

    /// The offset found in one partition.
    pub struct ListOffsetsPartitionResponse {
        /// The partition.
        partition_index: i32 [..],
        /// 0, or why the broker did not do it ([`ErrorCode`](crate::wire::ErrorCode)).
        error_code: i16 [..],
        /// The timestamp of the record found; −1 if there is none.
        timestamp: i64 [..] = -1,
        /// The offset found; −1 if there is none.
        offset: i64 [..] = -1,
        /// The leader epoch of the record found; −1 if it is not known.
        leader_epoch: i32 [4..] = -1,
    }
}
