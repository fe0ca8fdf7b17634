//! DeleteRecords (key 21): moves the log start forward.

use crate::wire::schema::{api, structs};
use crate::wire::Array;

api! {
    DeleteRecords, versions 0..=2, flexible 2:
    DeleteRecordsRequest<'a> => DeleteRecordsResponse<'a>
}

structs! {
    /// Which records to delete.
    pub struct DeleteRecordsRequest<'a> {
        /// One entry per topic.
        topics: Array<DeleteRecordsTopic<'a>> [..],
        /// How long the broker may take, in milliseconds.
        timeout_ms: i32 [..],
    }

    /// Which records of one topic to delete.
    pub struct DeleteRecordsTopic<'a> {
        /// The topic's name.
        name: &'a str [..],
        /// One entry per partition.
        partitions: Array<DeleteRecordsPartition> [..],
    }

    /// Which records of one partition to delete.
    pub struct DeleteRecordsPartition {
        /// The partition.
        partition_index: i32 [..],
        /// Records below it are deleted; −1 is the high watermark.
        offset: i64 [..],
    }

    /// What became of each deletion.
    pub struct DeleteRecordsResponse<'a> {
        /// How long the client is asked to hold back, in milliseconds.
        throttle_time_ms: i32 [..],
        /// One entry per topic.
        topics: Array<DeleteRecordsTopicResult<'a>> [..],
    }

    /// What became of the deletions in one topic.
    pub struct DeleteRecordsTopicResult<'a> {
        /// The topic's name.
        name: &'a str [..],
        /// One entry per partition.
        partitions: Array<DeleteRecordsPartitionResult> [..],
    }

    /// What became of the deletion in one partition.
    pub struct DeleteRecordsPartitionResult {
        /// The partition.
        partition_index: i32 [..],
        /// The least log start over all replicas; −1 after an error.
        low_watermark: i64 [..],
        /// 0, or why the broker did not do it ([`ErrorCode`](crate::wire::ErrorCode)).
        error_code: i16 [..],
    }
}
