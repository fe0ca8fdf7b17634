//! OffsetForLeaderEpoch: where a leader's reign ended (KIP-101, KIP-320).

use super::Shard;
use super::ask::{Answer, PartitionKey, Question, Refusal};
use super::collect::{self, Answers};
use super::connection::RequestContext;
use super::reads::check_leader_epoch;
use crate::base::{LeaderEpoch, Offset};
use crate::wire::api::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
    OffsetForLeaderTopicResult,
};
use bytes::Bytes;

/// Asks the owner of each partition.
pub(super) fn on_request(shard: &mut Shard, context: &RequestContext, body: &Bytes) {
    let Some(request) = shard.decode::<OffsetForLeaderEpochRequest>(context, body) else { return };
    let mut questions = Vec::new();
    for topic in &request.topics {
        for partition in &topic.partitions {
            let question = |key| Question::EpochEnd {
                partition: key,
                leader_epoch: partition.leader_epoch,
                current_leader_epoch: partition.current_leader_epoch,
            };
            questions.push(shard.asking(topic.topic, partition.partition, question));
        }
    }
    collect::start(shard, context, body, questions, finish);
}

fn finish(shard: &mut Shard, context: &RequestContext, body: &Bytes, mut answers: Answers) {
    let Some(request) = shard.decode::<OffsetForLeaderEpochRequest>(context, body) else { return };
    let mut response = OffsetForLeaderEpochResponse::default();
    for topic in &request.topics {
        let mut entry = OffsetForLeaderTopicResult { topic: topic.topic, ..Default::default() };
        for partition in &topic.partitions {
            let end = epoch_end(partition.partition, answers.next());
            shard.metrics.error(context.api.code(), end.error_code);
            entry.partitions.push(end);
        }
        response.topics.push(entry);
    }
    shard.respond(context, &response);
}

fn epoch_end(partition: i32, answer: Option<Answer>) -> EpochEndOffset {
    match answer {
        Some(Answer::EpochEnd(epoch, end)) => EpochEndOffset {
            partition,
            leader_epoch: epoch.0,
            end_offset: end.0,
            ..Default::default()
        },
        Some(Answer::Refused(refusal)) => {
            EpochEndOffset { partition, error_code: refusal.code.code(), ..Default::default() }
        }
        other => unreachable!("an epoch's end was asked for, not {other:?}"),
    }
}

impl Shard {
    /// The last epoch not after `leader_epoch` in a log of this shard, and where it ends.
    pub(super) fn epoch_end(
        &self,
        partition: PartitionKey,
        leader_epoch: i32,
        current_leader_epoch: i32,
    ) -> Result<(LeaderEpoch, Offset), Refusal> {
        let slot = self.partitions.find_open(partition)?;
        let log = &self.partitions.get(slot).log;
        check_leader_epoch(current_leader_epoch, log.leader_epoch().0)?;
        let end = log.end_offset_for_epoch(LeaderEpoch(leader_epoch));
        Ok(end.unwrap_or((LeaderEpoch(-1), Offset(-1))))
    }
}
