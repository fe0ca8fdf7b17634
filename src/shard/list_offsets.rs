//! ListOffsets: the offset of a timestamp, or of an end of the log.

use super::Shard;
use super::ask::{Answer, FoundOffset, PartitionKey, Question, Refusal};
use super::collect::{self, Answers};
use super::connection::RequestContext;
use super::lookups::{Lookup, LookupPurpose};
use super::reads::check_leader_epoch;
use super::routing::ReplyTo;
use crate::log::{OffsetStep, TimestampQuery};
use crate::wire::ErrorCode;
use crate::wire::api::list_offsets::{
    ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use bytes::Bytes;

/// The special timestamps of the request.
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;

const READ_COMMITTED: i8 = 1;

/// Asks the owner of each partition.
pub(super) fn on_request(shard: &mut Shard, context: &RequestContext, body: &Bytes) {
    let Some(request) = shard.decode::<ListOffsetsRequest>(context, body) else { return };
    let committed = request.isolation_level == READ_COMMITTED;
    let mut questions = Vec::new();
    for topic in &request.topics {
        for partition in &topic.partitions {
            let question = |key| Question::ListOffset {
                partition: key,
                timestamp: partition.timestamp,
                leader_epoch: partition.current_leader_epoch,
                committed,
            };
            questions.push(shard.asking(topic.name, partition.partition_index, question));
        }
    }
    collect::start(shard, context, body, questions, finish);
}

fn finish(shard: &mut Shard, context: &RequestContext, body: &Bytes, mut answers: Answers) {
    let Some(request) = shard.decode::<ListOffsetsRequest>(context, body) else { return };
    let mut response = ListOffsetsResponse::default();
    for topic in &request.topics {
        let mut entry = ListOffsetsTopicResponse { name: topic.name, ..Default::default() };
        for partition in &topic.partitions {
            let found = partition_response(partition.partition_index, answers.next());
            shard.metrics.error(context.api.code(), found.error_code);
            entry.partitions.push(found);
        }
        response.topics.push(entry);
    }
    shard.respond(context, &response);
}

fn partition_response(
    partition_index: i32,
    answer: Option<Answer>,
) -> ListOffsetsPartitionResponse {
    match answer {
        Some(Answer::Offset(found)) => ListOffsetsPartitionResponse {
            partition_index,
            offset: found.offset,
            timestamp: found.timestamp,
            leader_epoch: found.leader_epoch,
            ..Default::default()
        },
        Some(Answer::Refused(refusal)) => ListOffsetsPartitionResponse {
            partition_index,
            error_code: refusal.code.code(),
            ..Default::default()
        },
        other => unreachable!("an offset was asked for, not {other:?}"),
    }
}

impl Shard {
    /// Finds an offset in a log of this shard; a timestamp may need reads.
    pub(super) fn find_offset(
        &mut self,
        to: ReplyTo,
        partition: PartitionKey,
        timestamp: i64,
        leader_epoch: i32,
        committed: bool,
    ) {
        match self.offset_step(partition, timestamp, leader_epoch, committed) {
            Ok(Found::End(found)) => self.give(to, Answer::Offset(found)),
            Ok(Found::Step(step)) => self.take_offset_step(to, partition, Ok(step)),
            Err(refusal) => self.give(to, Answer::Refused(refusal)),
        }
    }

    fn offset_step(
        &self,
        partition: PartitionKey,
        timestamp: i64,
        leader_epoch: i32,
        committed: bool,
    ) -> Result<Found, Refusal> {
        let slot = self.partitions.find_open(partition)?;
        let log = &self.partitions.get(slot).log;
        check_leader_epoch(leader_epoch, log.leader_epoch().0)?;
        let positions = log.positions();
        let end = |offset: i64| {
            let leader_epoch = log.leader_epoch().0;
            Ok(Found::End(FoundOffset { offset, timestamp: -1, leader_epoch }))
        };
        match timestamp {
            LATEST if committed => end(positions.last_stable_offset.0),
            LATEST => end(positions.high_watermark.0),
            EARLIEST | EARLIEST_LOCAL => end(positions.log_start.0),
            LATEST_TIERED => {
                Ok(Found::End(FoundOffset { offset: -1, timestamp: -1, leader_epoch: -1 }))
            }
            MAX_TIMESTAMP => Ok(Found::Step(log.offset_for_timestamp(TimestampQuery::Max))),
            at if at >= 0 => Ok(Found::Step(log.offset_for_timestamp(TimestampQuery::At(at)))),
            other => Err(Refusal {
                code: ErrorCode::InvalidRequest,
                message: format!("timestamp {other} has no meaning"),
            }),
        }
    }

    /// Goes on with a search: a result is given, a read is begun.
    pub(super) fn take_offset_step(
        &mut self,
        to: ReplyTo,
        partition: PartitionKey,
        step: Result<OffsetStep, ErrorCode>,
    ) {
        let answer = match step {
            Ok(OffsetStep::Lookup(lookup)) => {
                let purpose = LookupPurpose::Offset { to, lookup };
                return self.look_up(Lookup { partition, purpose });
            }
            Ok(OffsetStep::Done(Some((offset, timestamp, epoch)))) => {
                Ok(FoundOffset { offset: offset.0, timestamp: timestamp.0, leader_epoch: epoch.0 })
            }
            Ok(OffsetStep::Done(None)) => {
                Ok(FoundOffset { offset: -1, timestamp: -1, leader_epoch: -1 })
            }
            Err(code) => Err(code.into()),
        };
        self.give(to, Answer::of(answer, Answer::Offset));
    }
}

enum Found {
    End(FoundOffset),
    Step(OffsetStep),
}
