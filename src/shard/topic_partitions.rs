//! DescribeTopicPartitions: a page of partitions (KIP-966).

use super::Shard;
use super::connection::RequestContext;
use super::operations::TOPIC_OPERATIONS;
use crate::base::topic_name::{is_internal_topic, topic_name_fault};
use crate::metadata::Topic;
use crate::wire::ErrorCode;
use crate::wire::api::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
    DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use bytes::Bytes;
use smallvec::smallvec;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Partitions of one page, whatever the client asks.
const PAGE_MAX: i32 = 2_000;

/// Answers from the image: topics in the order of their names, from the cursor on.
pub(super) fn on_request(shard: &mut Shard, context: &RequestContext, body: &Bytes) {
    let Some(request) = shard.decode::<DescribeTopicPartitionsRequest>(context, body) else {
        return;
    };
    let image = Arc::clone(&shard.image);
    let named: BTreeSet<&str> = request.topics.iter().map(|topic| topic.name).collect();
    let names: BTreeSet<&str> =
        if named.is_empty() { image.topics().map(|topic| &*topic.name).collect() } else { named };
    let from = request.cursor.as_ref().map_or(("", 0), |c| (c.topic_name, c.partition_index));
    let mut left = request.response_partition_limit.clamp(1, PAGE_MAX);
    let mut response = DescribeTopicPartitionsResponse::default();
    for name in names.into_iter().filter(|name| *name >= from.0) {
        let first = if name == from.0 { from.1.max(0) } else { 0 };
        if left == 0 {
            let partition_index = first;
            response.next_cursor = Some(Cursor { topic_name: name, partition_index });
            break;
        }
        let Some(topic) = image.topic(name) else {
            response.topics.push(unknown(name));
            continue;
        };
        let end = topic.partition_count.min(first.saturating_add(left));
        response.topics.push(page(shard, topic, first, end));
        left -= (end - first).max(0);
        if end < topic.partition_count {
            response.next_cursor = Some(Cursor { topic_name: name, partition_index: end });
            break;
        }
    }
    for topic in &response.topics {
        shard.metrics.error(context.api.code(), topic.error_code);
    }
    shard.respond(context, &response);
}

fn unknown(name: &str) -> DescribeTopicPartitionsResponseTopic<'_> {
    let error = match topic_name_fault(name) {
        Some(_) => ErrorCode::InvalidTopicException,
        None => ErrorCode::UnknownTopicOrPartition,
    };
    DescribeTopicPartitionsResponseTopic {
        error_code: error.code(),
        name: Some(name),
        ..Default::default()
    }
}

fn page<'i>(
    shard: &Shard,
    topic: &'i Topic,
    first: i32,
    end: i32,
) -> DescribeTopicPartitionsResponseTopic<'i> {
    let broker = shard.settings.broker_id.0;
    let leader_epoch = shard.image.leader_epoch().0;
    DescribeTopicPartitionsResponseTopic {
        name: Some(&topic.name),
        topic_id: topic.id.0,
        is_internal: is_internal_topic(&topic.name),
        partitions: (first..end).map(|index| partition(index, broker, leader_epoch)).collect(),
        topic_authorized_operations: TOPIC_OPERATIONS,
        ..Default::default()
    }
}

/// A partition whose leader is its only replica.
///
/// The lists of eligible leaders may be null in the protocol, but Kafka's Java client fails on
/// null: they are empty.
fn partition(
    partition_index: i32,
    leader_id: i32,
    leader_epoch: i32,
) -> DescribeTopicPartitionsResponsePartition {
    DescribeTopicPartitionsResponsePartition {
        partition_index,
        leader_id,
        leader_epoch,
        replica_nodes: smallvec![leader_id],
        isr_nodes: smallvec![leader_id],
        eligible_leader_replicas: Some(smallvec![]),
        last_known_elr: Some(smallvec![]),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_that_java_clients_read_are_not_null() {
        let partition = partition(0, 1, 1);
        assert!(partition.eligible_leader_replicas.is_some());
        assert!(partition.last_known_elr.is_some());
    }
}
