//! CreateTopics, DeleteTopics, CreatePartitions: checked one by one, carried out together.

use super::connection::RequestContext;
use super::controller::{Controller, Decision};
use super::draft::{Draft, Outcome};
use crate::base::{BrokerId, TopicId};
use crate::metadata::describe::{ConfigEntry, describe_topic};
use crate::metadata::topics::{Assignment, NewTopic};
use crate::metadata::{Change, Image, MetadataError, topics};
use crate::wire::ErrorCode;
use crate::wire::api::create_partitions::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic,
    CreatePartitionsTopicResult,
};
use crate::wire::api::create_topics::{
    CreatableTopic, CreatableTopicConfigs, CreatableTopicResult, CreateTopicsRequest,
    CreateTopicsResponse,
};
use crate::wire::api::delete_topics::{
    DeletableTopicResult, DeleteTopicsRequest, DeleteTopicsResponse,
};
use std::collections::HashMap;

/// A topic as it will be, for the response.
struct Created {
    id: TopicId,
    partition_count: i32,
    configs: Vec<ConfigEntry>,
}

/// CreateTopics (key 19).
pub(super) fn create(
    controller: &mut Controller,
    context: &RequestContext,
    request: &CreateTopicsRequest,
) -> Decision {
    let mut draft = Draft::of(controller);
    let mut created = Vec::new();
    let mut namesakes: HashMap<&str, u32> = HashMap::new();
    for topic in &request.topics {
        *namesakes.entry(topic.name).or_default() += 1;
    }
    for topic in &request.topics {
        let id = controller.new_topic_id();
        let is_repeated = namesakes[topic.name] > 1;
        draft.add(|image, broker| match is_repeated {
            true => Err(MetadataError::Request(format!("Duplicate topic name: {}", topic.name))),
            false => check_new(image, broker, topic, id),
        });
        created.push(describe_created(draft.image(), id));
    }
    let changes = draft.take_changes(request.validate_only);
    let respond = |broken: bool| CreateTopicsResponse {
        topics: request
            .topics
            .iter()
            .zip(&created)
            .zip(draft.outcomes(broken))
            .map(|((topic, created), outcome)| creation_result(topic.name, created, outcome))
            .collect(),
        ..Default::default()
    };
    Decision::of(context, changes, draft.errors(), &respond(false), &respond(true))
}

fn check_new(
    image: &Image,
    broker: BrokerId,
    topic: &CreatableTopic,
    id: TopicId,
) -> Result<Vec<Change>, MetadataError> {
    let brokers: Vec<Vec<BrokerId>> = topic
        .assignments
        .iter()
        .map(|assignment| assignment.broker_ids.iter().copied().map(BrokerId).collect())
        .collect();
    let assignments: Vec<Assignment> = topic
        .assignments
        .iter()
        .zip(&brokers)
        .map(|(assignment, brokers)| Assignment { partition: assignment.partition_index, brokers })
        .collect();
    let configs: Vec<_> = topic.configs.iter().map(|config| (config.name, config.value)).collect();
    let new = NewTopic {
        name: topic.name,
        partition_count: topic.num_partitions,
        replication_factor: topic.replication_factor,
        assignments: &assignments,
        configs: &configs,
    };
    topics::create_topic(image, broker, &new, id)
}

fn describe_created(image: &Image, id: TopicId) -> Option<Created> {
    image.topic_by_id(id).map(|topic| Created {
        id,
        partition_count: topic.partition_count,
        configs: describe_topic(image, topic),
    })
}

fn creation_result<'a>(
    name: &'a str,
    created: &'a Option<Created>,
    (code, error_message): Outcome<'a>,
) -> CreatableTopicResult<'a> {
    let result =
        CreatableTopicResult { name, error_code: code.code(), error_message, ..Default::default() };
    let config = |entry: &'a ConfigEntry| CreatableTopicConfigs {
        name: entry.name,
        value: entry.value.as_deref(),
        read_only: entry.read_only,
        config_source: entry.source.code(),
        is_sensitive: entry.sensitive,
    };
    match created {
        Some(created) if code == ErrorCode::None => CreatableTopicResult {
            topic_id: created.id.0,
            num_partitions: created.partition_count,
            replication_factor: 1,
            configs: Some(created.configs.iter().map(config).collect()),
            ..result
        },
        _ => result,
    }
}

/// DeleteTopics (key 20). Up to version 5 topics have names only.
pub(super) fn delete(
    controller: &mut Controller,
    context: &RequestContext,
    request: &DeleteTopicsRequest,
) -> Decision {
    let mut draft = Draft::of(controller);
    let named = request.topic_names.iter().map(|name| (Some(*name), TopicId::NONE));
    let stated = request.topics.iter().map(|state| (state.name, TopicId(state.topic_id)));
    let mut shown = Vec::new();
    for (name, id) in named.chain(stated) {
        shown.push(draft.name_topic(name, id));
        draft.add(|image, _| match name {
            Some(name) => topics::delete_topic(image, name),
            None => topics::delete_topic_by_id(image, id),
        });
    }
    let changes = draft.take_changes(false);
    let respond = |broken: bool| DeleteTopicsResponse {
        responses: shown
            .iter()
            .zip(draft.outcomes(broken))
            .map(|((name, id), (code, error_message))| DeletableTopicResult {
                name: name.as_deref(),
                topic_id: id.0,
                error_code: code.code(),
                error_message,
            })
            .collect(),
        ..Default::default()
    };
    Decision::of(context, changes, draft.errors(), &respond(false), &respond(true))
}

/// CreatePartitions (key 37): more partitions for topics.
pub(super) fn grow(
    controller: &mut Controller,
    context: &RequestContext,
    request: &CreatePartitionsRequest,
) -> Decision {
    let mut draft = Draft::of(controller);
    for topic in &request.topics {
        draft.add(|image, broker| check_growth(image, broker, topic));
    }
    let changes = draft.take_changes(request.validate_only);
    let respond = |broken: bool| CreatePartitionsResponse {
        results: request
            .topics
            .iter()
            .zip(draft.outcomes(broken))
            .map(|(topic, (code, error_message))| CreatePartitionsTopicResult {
                name: topic.name,
                error_code: code.code(),
                error_message,
            })
            .collect(),
        ..Default::default()
    };
    Decision::of(context, changes, draft.errors(), &respond(false), &respond(true))
}

fn check_growth(
    image: &Image,
    broker: BrokerId,
    topic: &CreatePartitionsTopic,
) -> Result<Vec<Change>, MetadataError> {
    let brokers: Option<Vec<Vec<BrokerId>>> = topic.assignments.as_ref().map(|assignments| {
        let ids = assignments.iter().map(|assignment| assignment.broker_ids.iter());
        ids.map(|ids| ids.copied().map(BrokerId).collect()).collect()
    });
    let brokers: Option<Vec<&[BrokerId]>> =
        brokers.as_ref().map(|all| all.iter().map(Vec::as_slice).collect());
    topics::create_partitions(image, broker, topic.name, topic.count, brokers.as_deref())
}

/// Topics that a Metadata request named: those that can be, with the broker's defaults.
pub(super) fn create_missing(controller: &mut Controller, names: &[String]) -> Vec<Change> {
    let mut draft = Draft::of(controller);
    for name in names {
        let id = controller.new_topic_id();
        let new = NewTopic {
            name,
            partition_count: -1,
            replication_factor: -1,
            assignments: &[],
            configs: &[],
        };
        draft.add(|image, broker| topics::create_topic(image, broker, &new, id));
    }
    draft.take_changes(false)
}
