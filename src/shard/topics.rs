//! CreateTopics, DeleteTopics, CreatePartitions: checked one by one, carried out together.

use super::connection::RequestContext;
use super::controller::{Controller, Decision};
use crate::base::{BrokerId, TopicId};
use crate::metadata::describe::{ConfigEntry, describe_topic};
use crate::metadata::topics::{Assignment, NewTopic};
use crate::metadata::{Change, MetadataError, topics};
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
    DeletableTopicResult, DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};
use std::collections::HashMap;

/// A topic's outcome, before it is written.
struct Outcome {
    result: Result<(), MetadataError>,
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
    let mut image = controller.image().clone();
    let mut changes = Vec::new();
    let mut outcomes = Vec::new();
    for topic in &request.topics {
        let id = controller.new_topic_id();
        let is_repeated =
            request.topics.iter().filter(|other| other.name == topic.name).count() > 1;
        let checked = match is_repeated {
            true => Err(MetadataError::Request(format!("Duplicate topic name: {}", topic.name))),
            false => check_new(&image, controller.broker, topic, id),
        };
        outcomes.push(match checked {
            Ok(new) => {
                apply_checked(&mut image, &new);
                changes.extend(new);
                created(&image, id)
            }
            Err(error) => refused(error),
        });
    }
    if request.validate_only {
        changes.clear();
    }
    let respond = |broken: bool| CreateTopicsResponse {
        topics: request
            .topics
            .iter()
            .zip(&outcomes)
            .map(|(topic, outcome)| creation_result(topic.name, outcome, broken))
            .collect(),
        ..Default::default()
    };
    let texts = Texts::of(outcomes.iter().map(|outcome| &outcome.result));
    let mut response = respond(false);
    let mut failure = respond(true);
    for (index, result) in response.topics.iter_mut().enumerate() {
        result.error_message = texts.get(index);
    }
    for result in &mut failure.topics {
        result.error_message = Some(STORAGE_FAILED);
    }
    Decision::of(context, changes, &response, &failure)
}

/// For clients whose change was sound, while the disk was not.
pub(super) const STORAGE_FAILED: &str =
    "the change could not be made durable; see the broker's log";

fn check_new(
    image: &crate::metadata::Image,
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

/// Lets the checks of a request's later parts see its earlier ones.
pub(super) fn apply_checked(image: &mut crate::metadata::Image, changes: &[Change]) {
    for change in changes {
        if let Err(misfit) = image.apply(change) {
            unreachable!("{change:?} was checked: {misfit}");
        }
    }
}

fn created(image: &crate::metadata::Image, id: TopicId) -> Outcome {
    let Some(topic) = image.topic_by_id(id) else { unreachable!("the topic was just created") };
    Outcome {
        result: Ok(()),
        id,
        partition_count: topic.partition_count,
        configs: describe_topic(image, topic),
    }
}

fn refused(error: MetadataError) -> Outcome {
    Outcome { result: Err(error), id: TopicId::NONE, partition_count: -1, configs: Vec::new() }
}

fn creation_result<'a>(
    name: &'a str,
    outcome: &'a Outcome,
    broken: bool,
) -> CreatableTopicResult<'a> {
    let code = code_of(&outcome.result, broken);
    if code != ErrorCode::None {
        return CreatableTopicResult { name, error_code: code.code(), ..Default::default() };
    }
    let config = |entry: &'a ConfigEntry| CreatableTopicConfigs {
        name: entry.name,
        value: entry.value.as_deref(),
        read_only: entry.read_only,
        config_source: entry.source.code(),
        is_sensitive: entry.sensitive,
    };
    CreatableTopicResult {
        name,
        topic_id: outcome.id.0,
        num_partitions: outcome.partition_count,
        replication_factor: 1,
        configs: Some(outcome.configs.iter().map(config).collect()),
        ..Default::default()
    }
}

fn code_of(result: &Result<(), MetadataError>, broken: bool) -> ErrorCode {
    match result {
        Err(error) => error.code(),
        Ok(()) if broken => ErrorCode::KafkaStorageError,
        Ok(()) => ErrorCode::None,
    }
}

/// The words of errors, which responses borrow.
struct Texts(HashMap<usize, String>);

impl Texts {
    fn of<'r>(results: impl Iterator<Item = &'r Result<(), MetadataError>>) -> Texts {
        let text =
            |result: &Result<(), MetadataError>| result.as_ref().err().map(|e| e.to_string());
        let texts = results.enumerate().filter_map(|(index, result)| Some((index, text(result)?)));
        Texts(texts.collect())
    }

    fn get(&self, index: usize) -> Option<&str> {
        self.0.get(&index).map(String::as_str)
    }
}

/// DeleteTopics (key 20). Up to version 5 topics have names only.
pub(super) fn delete(
    controller: &mut Controller,
    context: &RequestContext,
    request: &DeleteTopicsRequest,
) -> Decision {
    let mut image = controller.image().clone();
    let mut changes = Vec::new();
    let named = request.topic_names.iter().map(|name| (Some(*name), TopicId::NONE));
    let stated = request.topics.iter().map(|t: &DeleteTopicState| (t.name, TopicId(t.topic_id)));
    let mut found = Vec::new();
    for (name, id) in named.chain(stated) {
        let topic = match name {
            Some(name) => image.topic(name),
            None => image.topic_by_id(id),
        };
        let shown = topic.map(|topic| (topic.name.to_string(), topic.id));
        let checked = match name {
            Some(name) => topics::delete_topic(&image, name),
            None => topics::delete_topic_by_id(&image, id),
        };
        let result = checked.map(|deletion| {
            apply_checked(&mut image, &deletion);
            changes.extend(deletion);
        });
        let (shown_name, shown_id) = match shown {
            Some((name, id)) => (Some(name), id),
            None => (name.map(str::to_owned), id),
        };
        found.push((shown_name, shown_id, result));
    }
    let texts = Texts::of(found.iter().map(|(_, _, result)| result));
    let respond = |broken: bool| DeleteTopicsResponse {
        responses: found
            .iter()
            .enumerate()
            .map(|(index, (name, id, result))| DeletableTopicResult {
                name: name.as_deref(),
                topic_id: id.0,
                error_code: code_of(result, broken).code(),
                error_message: if broken { Some(STORAGE_FAILED) } else { texts.get(index) },
            })
            .collect(),
        ..Default::default()
    };
    let (response, failure) = (respond(false), respond(true));
    Decision::of(context, changes, &response, &failure)
}

/// CreatePartitions (key 37): more partitions for topics.
pub(super) fn grow(
    controller: &mut Controller,
    context: &RequestContext,
    request: &CreatePartitionsRequest,
) -> Decision {
    let mut image = controller.image().clone();
    let mut changes = Vec::new();
    let mut results = Vec::new();
    for topic in &request.topics {
        let checked = check_growth(&image, controller.broker, topic);
        results.push(checked.map(|growth| {
            apply_checked(&mut image, &growth);
            changes.extend(growth);
        }));
    }
    if request.validate_only {
        changes.clear();
    }
    let texts = Texts::of(results.iter());
    let respond = |broken: bool| CreatePartitionsResponse {
        results: request
            .topics
            .iter()
            .zip(&results)
            .enumerate()
            .map(|(index, (topic, result))| CreatePartitionsTopicResult {
                name: topic.name,
                error_code: code_of(result, broken).code(),
                error_message: if broken { Some(STORAGE_FAILED) } else { texts.get(index) },
            })
            .collect(),
        ..Default::default()
    };
    let (response, failure) = (respond(false), respond(true));
    Decision::of(context, changes, &response, &failure)
}

fn check_growth(
    image: &crate::metadata::Image,
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
    let mut image = controller.image().clone();
    let mut changes = Vec::new();
    for name in names {
        let new = NewTopic {
            name,
            partition_count: -1,
            replication_factor: -1,
            assignments: &[],
            configs: &[],
        };
        let id = controller.new_topic_id();
        match topics::create_topic(&image, controller.broker, &new, id) {
            Ok(creation) => {
                apply_checked(&mut image, &creation);
                changes.extend(creation);
            }
            Err(error) => tracing::debug!(topic = name, %error, "did not create a topic"),
        }
    }
    changes
}
