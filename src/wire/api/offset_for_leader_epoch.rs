//! OffsetForLeaderEpoch (key 23): where a leader epoch ends, so that a client can tell whether
//! the log was truncated behind its back (KIP-320).

use crate::wire::schema::{api, structs};
use crate::wire::Array;

api! {
    OffsetForLeaderEpoch, versions 2..=4, flexible 4:
    OffsetForLeaderEpochRequest<'a> => OffsetForLeaderEpochResponse<'a>
}

structs! {
    /// Which epochs to look up.
    pub struct OffsetForLeaderEpochRequest<'a> {
        /// A follower's broker id; −1 for a consumer; −2 where the version does not say.
        replica_id: i32 [3..] = -2,
        /// One entry per topic.
        topics: Array<OffsetForLeaderTopic<'a>> [..],
    }

    /// Which epochs to look up in one topic.
    pub struct OffsetForLeaderTopic<'a> {
        /// The topic's name.
        topic: &'a str [..],
        /// One entry per partition.
        partitions: Array<OffsetForLeaderPartition> [..],
    }

    /// Which epoch to look up in one partition.
    pub struct OffsetForLeaderPartition {
        /// The partition.
        partition: i32 [..],
        /// The leader epoch that the client knows; −1 if none. The broker fences a stale one.
        current_leader_epoch: i32 [..] = -1,
        /// The epoch to look up.
        leader_epoch: i32 [..],
    }

    /// Where the epochs end.
    pub struct OffsetForLeaderEpochResponse<'a> {
        /// How long the client is asked to hold back, in milliseconds.
        throttle_time_ms: i32 [..],
        /// One entry per topic.
        topics: Array<OffsetForLeaderTopicResult<'a>> [..],
    }

    /// Where the epochs of one topic end.
    pub struct OffsetForLeaderTopicResult<'a> {
        /// The topic's name.
        topic: &'a str [..],
        /// One entry per partition.
        partitions: Array<EpochEndOffset> [..],
    }

    /// Where one epoch ends.
    pub struct EpochEndOffset {
        /// 0, or why the broker did not do it ([`ErrorCode`](crate::wire::ErrorCode)).
        error_code: i16 [..],
        /// The partition.
        partition: i32 [..],
        /// The greatest epoch of the log not above the one asked for; −1 if there is none.
        leader_epoch: i32 [..] = -1,
        /// The offset after the last one of that epoch; −1 if there is none.
        end_offset: i64 [..] = -1,
    }
}
