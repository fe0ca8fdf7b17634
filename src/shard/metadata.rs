//! Metadata: the broker, the topics and their partitions. Unknown topics may be created on the way.

use super::Shard;
use super::ask::{Question, QuestionIndex};
use super::connection::{RequestContext, RequestKey};
use super::operations::{CLUSTER_OPERATIONS, TOPIC_OPERATIONS};
use super::requests::CONTROLLER;
use super::work::Work;
use crate::base::TopicId;
use crate::base::topic_name::{is_internal_topic, topic_name_fault};
use crate::metadata::{Image, Topic};
use crate::wire::api::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker,
    MetadataResponsePartition, MetadataResponseTopic,
};
use crate::wire::{Array, ErrorCode};
use bytes::Bytes;
use smallvec::smallvec;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

/// A request that waits for topics to be created.
#[derive(Debug)]
pub struct PendingMetadata {
    context: RequestContext,
    body: Bytes,
}

/// Answers from the image; creates missing topics first where client and configuration allow it.
pub(super) fn on_request(shard: &mut Shard, context: &RequestContext, body: &Bytes) {
    let Some(request) = shard.decode::<MetadataRequest>(context, body) else { return };
    let names = missing_names(shard, &request);
    if names.is_empty() {
        return respond(shard, context, &request);
    }
    let pending = PendingMetadata { context: *context, body: body.clone() };
    shard.set_work(context.key, Work::Metadata(pending));
    shard.ask(CONTROLLER, context.key, QuestionIndex::ONLY, Question::CreateMissing { names });
}

/// Answers a request whose topics have been created, or could not be.
pub(super) fn on_created(shard: &mut Shard, key: RequestKey) {
    let Some(Work::Metadata(pending)) = shard.take_work(key) else { return };
    let context = pending.context;
    if let Some(request) = shard.decode::<MetadataRequest>(&context, &pending.body) {
        respond(shard, &context, &request);
    }
}

fn missing_names(shard: &Shard, request: &MetadataRequest) -> Vec<String> {
    if !request.allow_auto_topic_creation
        || !shard.image.broker().broker_flag("auto.create.topics.enable")
    {
        return Vec::new();
    }
    let topics = request.topics.iter().flatten();
    let names: BTreeSet<&str> = topics.filter_map(|topic| topic.name).collect();
    names
        .into_iter()
        .filter(|name| shard.image.topic(name).is_none() && topic_name_fault(name).is_none())
        .map(str::to_owned)
        .collect()
}

fn respond(shard: &mut Shard, context: &RequestContext, request: &MetadataRequest) {
    let image = Arc::clone(&shard.image);
    let settings = Arc::clone(&shard.settings);
    // Version 0 asks for all topics by an empty list, later ones by null.
    let wants_all = match &request.topics {
        None => true,
        Some(topics) => topics.is_empty() && context.version == 0,
    };
    let mut topics: Array<MetadataResponseTopic> = if wants_all {
        image.topics().map(|topic| describe(shard, topic)).collect()
    } else {
        // However often a topic is named, it is described once, as in Kafka.
        let mut seen = HashSet::new();
        let wanted = request.topics.iter().flatten();
        let wanted = wanted.filter(|topic| seen.insert((topic.name, topic.topic_id)));
        wanted.map(|topic| find(shard, &image, topic, context.version)).collect()
    };
    for topic in &mut topics {
        shard.metrics.error(context.api.code(), topic.error_code);
        if request.include_topic_authorized_operations && topic.error_code == 0 {
            topic.topic_authorized_operations = TOPIC_OPERATIONS;
        }
    }
    let mut response = MetadataResponse {
        brokers: smallvec![MetadataResponseBroker {
            node_id: settings.broker_id.0,
            host: &settings.advertised_host,
            port: i32::from(settings.advertised_port),
            rack: settings.rack.as_deref(),
        }],
        cluster_id: Some(&image.cluster_id),
        controller_id: settings.broker_id.0,
        topics,
        ..Default::default()
    };
    if request.include_cluster_authorized_operations {
        response.cluster_authorized_operations = CLUSTER_OPERATIONS;
    }
    shard.respond(context, &response);
}

fn find<'i>(
    shard: &Shard,
    image: &'i Image,
    wanted: &MetadataRequestTopic<'i>,
    version: i16,
) -> MetadataResponseTopic<'i> {
    let refuse = |error: ErrorCode| MetadataResponseTopic {
        error_code: error.code(),
        name: wanted.name.or(if version < 12 { Some("") } else { None }),
        topic_id: wanted.topic_id,
        ..Default::default()
    };
    match wanted.name {
        Some(name) => match image.topic(name) {
            Some(topic) => describe(shard, topic),
            None if topic_name_fault(name).is_some() => refuse(ErrorCode::InvalidTopicException),
            None => refuse(ErrorCode::UnknownTopicOrPartition),
        },
        None => match image.topic_by_id(TopicId(wanted.topic_id)) {
            Some(topic) => describe(shard, topic),
            None => refuse(ErrorCode::UnknownTopicId),
        },
    }
}

fn describe<'i>(shard: &Shard, topic: &'i Topic) -> MetadataResponseTopic<'i> {
    // One broker: it leads every partition, and is its only replica.
    let broker = shard.settings.broker_id.0;
    let leader_epoch = shard.image.leader_epoch().0;
    let partition = |partition_index| MetadataResponsePartition {
        partition_index,
        leader_id: broker,
        leader_epoch,
        replica_nodes: smallvec![broker],
        isr_nodes: smallvec![broker],
        ..Default::default()
    };
    MetadataResponseTopic {
        name: Some(&topic.name),
        topic_id: topic.id.0,
        is_internal: is_internal_topic(&topic.name),
        partitions: (0..topic.partition_count).map(partition).collect(),
        ..Default::default()
    }
}
