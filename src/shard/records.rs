//! DeleteRecords: everything before an offset goes (KIP-107).

use super::Shard;
use super::ask::{Answer, PartitionKey, Question, Refusal};
use super::collect::{self, Answers};
use super::connection::RequestContext;
use super::routing::ReplyTo;
use super::slots::SlotId;
use crate::base::Offset;
use crate::wire::api::delete_records::{
    DeleteRecordsPartitionResult, DeleteRecordsRequest, DeleteRecordsResponse,
    DeleteRecordsTopicResult,
};
use bytes::Bytes;

/// Stands for the high watermark.
const HIGH_WATERMARK: i64 = -1;

/// Asks the owner of each partition.
pub(super) fn on_request(shard: &mut Shard, context: &RequestContext, body: &Bytes) {
    let Some(request) = shard.decode::<DeleteRecordsRequest>(context, body) else { return };
    let mut questions = Vec::new();
    for topic in &request.topics {
        for partition in &topic.partitions {
            let question =
                |key| Question::DeleteRecords { partition: key, before: partition.offset };
            questions.push(shard.asking(topic.name, partition.partition_index, question));
        }
    }
    collect::start(shard, context, body, questions, finish);
}

fn finish(shard: &mut Shard, context: &RequestContext, body: &Bytes, mut answers: Answers) {
    let Some(request) = shard.decode::<DeleteRecordsRequest>(context, body) else { return };
    let mut response = DeleteRecordsResponse::default();
    for topic in &request.topics {
        let mut entry = DeleteRecordsTopicResult { name: topic.name, ..Default::default() };
        for partition in &topic.partitions {
            let result = partition_result(partition.partition_index, answers.next());
            shard.metrics.error(context.api.code(), result.error_code);
            entry.partitions.push(result);
        }
        response.topics.push(entry);
    }
    shard.respond(context, &response);
}

fn partition_result(partition_index: i32, answer: Option<Answer>) -> DeleteRecordsPartitionResult {
    match answer {
        Some(Answer::LogStart(start)) => DeleteRecordsPartitionResult {
            partition_index,
            low_watermark: start.0,
            ..Default::default()
        },
        Some(Answer::Refused(refusal)) => DeleteRecordsPartitionResult {
            partition_index,
            low_watermark: -1,
            error_code: refusal.code.code(),
        },
        other => unreachable!("a log's start was asked for, not {other:?}"),
    }
}

impl Shard {
    /// Moves the start of a log of this shard, and answers once that is on the disk.
    pub(super) fn delete_records(&mut self, to: ReplyTo, partition: PartitionKey, before: i64) {
        let slot = match self.partitions.find_open(partition) {
            Ok(slot) => slot,
            Err(code) => return self.give(to, code.into()),
        };
        let now = self.now;
        let mut out = self.take_log_out();
        let log = &mut self.partitions.get_mut(slot).log;
        let before = match before {
            HIGH_WATERMARK => log.positions().high_watermark,
            offset => Offset(offset),
        };
        let start = log.delete_records(before, now, &mut out);
        match start {
            Ok(start) => self.partitions.get_mut(slot).deletion_waiters.push((start, to)),
            Err(error) => {
                let refusal = Refusal { code: error.code(), message: error.to_string() };
                self.give(to, Answer::Refused(refusal));
            }
        }
        self.drain_log_out(slot, out);
        self.answer_deletions(slot);
    }

    /// Answers the deletions of a partition that no crash can take back any more.
    pub(super) fn answer_deletions(&mut self, slot: SlotId) {
        let partition = self.partitions.get_mut(slot);
        let saved = partition.log.saved_log_start();
        let is_saved = |(start, _): &mut (Offset, ReplyTo)| *start <= saved;
        let answered: Vec<_> = partition.deletion_waiters.extract_if(.., is_saved).collect();
        for (start, to) in answered {
            self.give(to, Answer::LogStart(start));
        }
    }

    /// Refuses the deletions of a partition that wait. Their records are gone for now.
    pub(super) fn refuse_deletions(&mut self, slot: SlotId, refusal: &Refusal) {
        let waiting = std::mem::take(&mut self.partitions.get_mut(slot).deletion_waiters);
        for (_, to) in waiting {
            self.give(to, Answer::Refused(refusal.clone()));
        }
    }
}
