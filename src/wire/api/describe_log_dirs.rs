//! DescribeLogDirs (key 35): what is on which disk.

use crate::wire::schema::{api, structs};
use crate::wire::Array;

api! {
    DescribeLogDirs, versions 1..=4, flexible 2:
    DescribeLogDirsRequest<'a> => DescribeLogDirsResponse<'a>
}

structs! {
    /// Which partitions to look for.
    pub struct DescribeLogDirsRequest<'a> {
        /// The topics; null for all.
        topics: Option<Array<DescribableLogDirTopic<'a>>> [..],
    }

    /// Which partitions of one topic to look for.
    pub struct DescribableLogDirTopic<'a> {
        /// The topic's name.
        topic: &'a str [..],
        /// The partitions.
        partitions: Array<i32> [..],
    }

    /// The log directories.
    pub struct DescribeLogDirsResponse<'a> {
        /// How long the client is asked to hold back, in milliseconds.
        throttle_time_ms: i32 [..],
        /// 0, or why the broker did not do it ([`ErrorCode`](crate::wire::ErrorCode)).
        error_code: i16 [3..],
        /// One entry per log directory.
        results: Array<DescribeLogDirsResult<'a>> [..],
    }

    /// One log directory.
    pub struct DescribeLogDirsResult<'a> {
        /// 0, or why the broker did not do it ([`ErrorCode`](crate::wire::ErrorCode)).
        error_code: i16 [..],
        /// Its absolute path.
        log_dir: &'a str [..],
        /// One entry per topic.
        topics: Array<DescribeLogDirsTopic<'a>> [..],
        /// The size of the volume that it is on; −1 if it is not known.
        total_bytes: i64 [4..] = -1,
        /// The bytes left on the volume that it is on; −1 if they are not known.
        usable_bytes: i64 [4..] = -1,
    }

    /// The replicas of one topic in a log directory.
    pub struct DescribeLogDirsTopic<'a> {
        /// The topic's name.
        name: &'a str [..],
        /// One entry per partition.
        partitions: Array<DescribeLogDirsPartition> [..],
    }

    /// One replica in a log directory.
    pub struct DescribeLogDirsPartition {
        /// The partition.
        partition_index: i32 [..],
        /// The bytes of its segments.
        partition_size: i64 [..],
        /// How many records it is behind.
        offset_lag: i64 [..],
        /// Whether it is being moved to this directory, and not yet in use.
        is_future_key: bool [..],
    }
}
