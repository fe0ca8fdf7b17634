//! DescribeProducers: the idempotent producers of a partition (KIP-664).

use super::Shard;
use super::ask::{Answer, PartitionKey, Question, Refusal};
use super::collect::{self, Answers};
use super::connection::RequestContext;
use crate::log::ActiveProducer;
use crate::wire::api::describe_producers::{
    DescribeProducersRequest, DescribeProducersResponse, PartitionResponse, ProducerState,
    TopicResponse,
};
use bytes::Bytes;

/// Asks the owner of each partition.
pub(super) fn on_describe(shard: &mut Shard, context: &RequestContext, body: &Bytes) {
    let Some(request) = shard.decode::<DescribeProducersRequest>(context, body) else { return };
    let mut questions = Vec::new();
    for topic in &request.topics {
        for index in &topic.partition_indexes {
            let question = |partition| Question::DescribeProducers { partition };
            questions.push(shard.asking(topic.name, *index, question));
        }
    }
    collect::start(shard, context, body, questions, finish);
}

fn finish(shard: &mut Shard, context: &RequestContext, body: &Bytes, mut answers: Answers) {
    let Some(request) = shard.decode::<DescribeProducersRequest>(context, body) else { return };
    let mut response = DescribeProducersResponse::default();
    for topic in &request.topics {
        let mut entry = TopicResponse { name: topic.name, ..Default::default() };
        for index in &topic.partition_indexes {
            let partition = partition_response(*index, answers.next());
            shard.metrics.error(context.api.code(), partition.error_code);
            entry.partitions.push(partition);
        }
        response.topics.push(entry);
    }
    shard.respond(context, &response);
}

fn partition_response<'a>(partition_index: i32, answer: Option<Answer>) -> PartitionResponse<'a> {
    match answer {
        Some(Answer::Producers(producers)) => PartitionResponse {
            partition_index,
            active_producers: producers.iter().map(producer_state).collect(),
            ..Default::default()
        },
        Some(Answer::Refused(refusal)) => PartitionResponse {
            partition_index,
            error_code: refusal.code.code(),
            ..Default::default()
        },
        other => unreachable!("producers were asked for, not {other:?}"),
    }
}

fn producer_state(producer: &ActiveProducer) -> ProducerState {
    ProducerState {
        producer_id: producer.producer_id.0,
        producer_epoch: i32::from(producer.epoch.0),
        last_sequence: producer.last_sequence,
        last_timestamp: producer.last_timestamp.0,
        coordinator_epoch: -1,
        ..Default::default()
    }
}

impl Shard {
    /// The idempotent producers of a partition of this shard.
    pub(super) fn describe_producers(
        &self,
        partition: PartitionKey,
    ) -> Result<Vec<ActiveProducer>, Refusal> {
        let slot = self.partitions.find_open(partition)?;
        Ok(self.partitions.get(slot).log.active_producers().collect())
    }
}
