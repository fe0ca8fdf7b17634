//! ListOffsets, OffsetForLeaderEpoch and DeleteRecords of one partition.

use super::{BROKE, WireClient};
use pinion::wire::ErrorCode;
use pinion::wire::api::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use pinion::wire::api::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use pinion::wire::api::offset_for_leader_epoch::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use smallvec::smallvec;
use std::io;

/// What ListOffsets found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    pub error: ErrorCode,
    pub timestamp: i64,
    pub offset: i64,
    pub leader_epoch: i32,
}

impl WireClient {
    /// Looks a timestamp up, or one of the named places below 0.
    pub fn list_offset(&mut self, of: (&str, i32), timestamp: i64) -> Found {
        self.try_list_offset(of, timestamp).expect(BROKE)
    }

    /// Looks a timestamp up, unless the connection breaks.
    pub fn try_list_offset(
        &mut self,
        (topic, partition_index): (&str, i32),
        timestamp: i64,
    ) -> io::Result<Found> {
        let partition = ListOffsetsPartition { partition_index, timestamp, ..Default::default() };
        let topic = ListOffsetsTopic { name: topic, partitions: smallvec![partition] };
        let request =
            ListOffsetsRequest { replica_id: -1, topics: smallvec![topic], ..Default::default() };
        let response = self.try_call(9, &request)?;
        let found = &response.topics[0].partitions[0];
        assert_eq!(found.partition_index, partition_index);
        Ok(Found {
            error: found.error_code.into(),
            timestamp: found.timestamp,
            offset: found.offset,
            leader_epoch: found.leader_epoch,
        })
    }

    /// The partition's high watermark.
    pub fn end_offset(&mut self, of: (&str, i32)) -> i64 {
        let found = self.list_offset(of, -1);
        assert_eq!(found.error, ErrorCode::None);
        found.offset
    }

    /// The partition's log start.
    pub fn start_offset(&mut self, of: (&str, i32)) -> i64 {
        let found = self.list_offset(of, -2);
        assert_eq!(found.error, ErrorCode::None);
        found.offset
    }

    /// Deletes records below an offset (−1: below the high watermark). Gives the new log start.
    pub fn delete_records(&mut self, of: (&str, i32), offset: i64) -> Result<i64, ErrorCode> {
        self.try_delete_records(of, offset).expect(BROKE)
    }

    /// Deletes records, unless the connection breaks.
    pub fn try_delete_records(
        &mut self,
        (topic, partition_index): (&str, i32),
        offset: i64,
    ) -> io::Result<Result<i64, ErrorCode>> {
        let partition = DeleteRecordsPartition { partition_index, offset };
        let topic = DeleteRecordsTopic { name: topic, partitions: smallvec![partition] };
        let request = DeleteRecordsRequest { topics: smallvec![topic], timeout_ms: 30_000 };
        let response = self.try_call(2, &request)?;
        let result = &response.topics[0].partitions[0];
        Ok(match result.error_code.into() {
            ErrorCode::None => Ok(result.low_watermark),
            error => Err(error),
        })
    }

    /// Where a leader epoch ends: the greatest epoch up to it, and the offset after its last.
    pub fn epoch_end(
        &mut self,
        (topic, partition): (&str, i32),
        leader_epoch: i32,
    ) -> Result<(i32, i64), ErrorCode> {
        let partition = OffsetForLeaderPartition { partition, leader_epoch, ..Default::default() };
        let topic = OffsetForLeaderTopic { topic, partitions: smallvec![partition] };
        let request = OffsetForLeaderEpochRequest { replica_id: -1, topics: smallvec![topic] };
        let response = self.call(4, &request);
        let end = &response.topics[0].partitions[0];
        match end.error_code.into() {
            ErrorCode::None => Ok((end.leader_epoch, end.end_offset)),
            error => Err(error),
        }
    }
}
