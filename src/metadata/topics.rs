//! Requests to make, delete and grow topics: checked, and turned into changes.
//!
//! Check against [`super::MetadataLog::pending`], so that two requests on their way at once
//! cannot contradict each other.

use super::config_keys;
use super::configs::check_topic_configs;
use super::{Change, Image, MetadataError, Topic};
use crate::base::topic_name::topic_name_fault;
use crate::base::{BrokerId, TopicId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Partitions of one topic.
pub const PARTITIONS_PER_TOPIC_MAX: i32 = 10_000;
/// Partitions of one broker: each has files open.
pub const PARTITIONS_MAX: i64 = 200_000;

const _: () = assert!(PARTITIONS_PER_TOPIC_MAX as i64 <= PARTITIONS_MAX);

/// A topic that Kafka's own brokers keep their metadata in.
const METADATA_TOPIC: &str = "__cluster_metadata";

/// What CreateTopics asks for.
#[derive(Debug, Clone, Copy)]
pub struct NewTopic<'a> {
    /// The name.
    pub name: &'a str,
    /// The number of partitions; −1 for the broker's default.
    pub partition_count: i32,
    /// The number of replicas; −1 for the broker's default.
    pub replication_factor: i16,
    /// Partitions and the brokers that keep them, if the client chose them.
    pub assignments: &'a [Assignment<'a>],
    /// Overrides.
    pub configs: &'a [(&'a str, Option<&'a str>)],
}

/// The replicas of one partition, as a client chose them.
#[derive(Debug, Clone, Copy)]
pub struct Assignment<'a> {
    /// The partition.
    pub partition: i32,
    /// The brokers, the preferred leader first.
    pub brokers: &'a [BrokerId],
}

/// Checks a topic to be made by `broker` under the id `id`, which no topic has.
///
/// # Errors
/// If the name, the partitions, the replicas or a config is not possible.
pub fn create_topic(
    image: &Image,
    broker: BrokerId,
    new: &NewTopic<'_>,
    id: TopicId,
) -> Result<Vec<Change>, MetadataError> {
    check_name(image, new.name)?;
    let partition_count = if new.assignments.is_empty() {
        check_replication(image, new.replication_factor)?;
        match new.partition_count {
            -1 => default_partition_count(image),
            count => count,
        }
    } else {
        check_assigned_topic(new, broker)?
    };
    check_partition_count(image, partition_count, 0)?;
    let configs = check_configs(new.configs)?;
    check_topic_configs(image, &configs)?;
    let name = Arc::from(new.name);
    Ok(vec![Change::TopicCreated { name, id, partition_count, configs }])
}

/// Checks a topic to be deleted.
///
/// # Errors
/// If there is none, or deletion is switched off.
pub fn delete_topic(image: &Image, name: &str) -> Result<Vec<Change>, MetadataError> {
    delete(image, known_topic(image, name)?)
}

/// Checks a topic to be deleted by its id.
///
/// # Errors
/// If there is none, or deletion is switched off.
pub fn delete_topic_by_id(image: &Image, id: TopicId) -> Result<Vec<Change>, MetadataError> {
    delete(image, image.topic_by_id(id).ok_or(MetadataError::NoSuchTopicId(id))?)
}

/// Checks a topic to be given more partitions: `count` in all. `assignments` has the brokers of
/// each new partition, if the client chose them.
///
/// # Errors
/// If there is no such topic, the count does not grow, or the brokers are not this one.
pub fn create_partitions(
    image: &Image,
    broker: BrokerId,
    name: &str,
    count: i32,
    assignments: Option<&[&[BrokerId]]>,
) -> Result<Vec<Change>, MetadataError> {
    let topic = known_topic(image, name)?;
    let current = topic.partition_count;
    if count == current {
        return Err(MetadataError::Partitions(format!(
            "Topic already has {current} partition(s)."
        )));
    }
    if count < current {
        return Err(MetadataError::Partitions(format!(
            "The topic {name} currently has {current} partition(s); {count} would not be an \
             increase."
        )));
    }
    check_partition_count(image, count, current)?;
    if let Some(assignments) = assignments {
        let added = count - current;
        if i32::try_from(assignments.len()) != Ok(added) {
            return Err(MetadataError::ReplicaAssignment(format!(
                "Attempted to add {added} additional partition(s), but only {} assignment(s) \
                 were specified.",
                assignments.len()
            )));
        }
        for (partition, brokers) in (current..).zip(assignments) {
            check_assignment(&Assignment { partition, brokers }, broker)?;
        }
    }
    Ok(vec![Change::PartitionsAdded { id: topic.id, partition_count: count }])
}

/// The partitions of a topic that names no number.
pub fn default_partition_count(image: &Image) -> i32 {
    i32::try_from(image.broker().broker_number("num.partitions")).expect("an int key")
}

fn known_topic<'a>(image: &'a Image, name: &str) -> Result<&'a Arc<Topic>, MetadataError> {
    image.topic(name).ok_or_else(|| MetadataError::NoSuchTopic(name.to_owned()))
}

fn delete(image: &Image, topic: &Topic) -> Result<Vec<Change>, MetadataError> {
    if !image.broker().broker_flag("delete.topic.enable") {
        return Err(MetadataError::DeletionDisabled);
    }
    Ok(vec![Change::TopicDeleted { id: topic.id }])
}

fn check_name(image: &Image, name: &str) -> Result<(), MetadataError> {
    if let Some(fault) = topic_name_fault(name) {
        return Err(MetadataError::TopicName(fault));
    }
    if image.topic(name).is_some() {
        return Err(MetadataError::TopicExists(name.to_owned()));
    }
    if name == METADATA_TOPIC {
        return Err(MetadataError::TopicInternal(name.to_owned()));
    }
    match image.colliding_topic(name) {
        Some(other) => Err(MetadataError::TopicCollision {
            name: name.to_owned(),
            other: other.name.to_string(),
        }),
        None => Ok(()),
    }
}

fn check_replication(image: &Image, factor: i16) -> Result<(), MetadataError> {
    let factor = match factor {
        -1 => image.broker().broker_number("default.replication.factor"),
        factor if factor < 1 => {
            return Err(MetadataError::ReplicationFactor(
                "Replication factor must be larger than 0, or -1 to use the default value.".into(),
            ));
        }
        factor => i64::from(factor),
    };
    if factor > 1 {
        return Err(MetadataError::ReplicationFactor(format!(
            "Unable to replicate the partition {factor} time(s): The target replication factor \
             of {factor} cannot be reached because only 1 broker(s) are registered."
        )));
    }
    Ok(())
}

fn check_partition_count(image: &Image, count: i32, current: i32) -> Result<(), MetadataError> {
    if count < 1 {
        return Err(MetadataError::Partitions(
            "Number of partitions must be larger than 0, or -1 to use the default value.".into(),
        ));
    }
    if count > PARTITIONS_PER_TOPIC_MAX {
        return Err(MetadataError::Partitions(format!(
            "A topic has at most {PARTITIONS_PER_TOPIC_MAX} partitions; {count} are too many."
        )));
    }
    let total = image.partition_count() + i64::from(count - current);
    if total > PARTITIONS_MAX {
        return Err(MetadataError::TooManyPartitions(format!(
            "A broker has at most {PARTITIONS_MAX} partitions; there would be {total}."
        )));
    }
    Ok(())
}

/// Checks replicas that a client chose. Gives the number of partitions.
fn check_assigned_topic(new: &NewTopic<'_>, broker: BrokerId) -> Result<i32, MetadataError> {
    if new.partition_count != -1 || new.replication_factor != -1 {
        return Err(MetadataError::Request(
            "With a manual partition assignment, the number of partitions and the replication \
             factor must both be -1."
                .into(),
        ));
    }
    let mut partitions: Vec<i32> = new.assignments.iter().map(|a| a.partition).collect();
    partitions.sort_unstable();
    if !partitions.iter().copied().eq((0..).take(partitions.len())) {
        return Err(MetadataError::ReplicaAssignment(
            "The partitions of a manual assignment must be numbered from 0 without a gap.".into(),
        ));
    }
    new.assignments.iter().try_for_each(|assignment| check_assignment(assignment, broker))?;
    i32::try_from(partitions.len())
        .map_err(|_| MetadataError::ReplicaAssignment("There are too many partitions.".into()))
}

fn check_assignment(assignment: &Assignment<'_>, broker: BrokerId) -> Result<(), MetadataError> {
    let partition = assignment.partition;
    if assignment.brokers == [broker] {
        return Ok(());
    }
    let fault = match assignment.brokers.iter().find(|named| **named != broker) {
        Some(unknown) => format!("names broker {unknown}, but only {broker} is registered"),
        None if assignment.brokers.is_empty() => "names no broker".into(),
        None => format!("names broker {broker} more than once"),
    };
    Err(MetadataError::ReplicaAssignment(format!(
        "The manual assignment of partition {partition} {fault}."
    )))
}

fn check_configs(
    configs: &[(&str, Option<&str>)],
) -> Result<BTreeMap<String, String>, MetadataError> {
    let mut checked = BTreeMap::new();
    for (name, value) in configs {
        let Some(value) = value else {
            return Err(MetadataError::Config(format!(
                "Null value not supported for topic configs: {name}"
            )));
        };
        let key = config_keys::topic_key(name)
            .ok_or_else(|| MetadataError::Config(format!("Unknown topic config name: {name}")))?;
        key.kind.check(name, value)?;
        checked.insert((*name).to_owned(), (*value).to_owned());
    }
    Ok(checked)
}
