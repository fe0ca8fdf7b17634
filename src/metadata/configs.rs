//! Requests to change configs: checked, and turned into changes.
//!
//! Check against [`super::MetadataLog::pending`], as with topics.

use super::config_keys::kind::list_entries;
use super::config_keys::{self, ConfigKey, Kind};
use super::{Change, Image, MetadataError, Topic};
use crate::base::BrokerId;
use std::collections::BTreeMap;

/// Whose configs.
#[derive(Debug, Clone, Copy)]
pub enum ConfigResource<'a> {
    /// A topic's.
    Topic(&'a Topic),
    /// The broker's own.
    Broker,
    /// Those of all brokers of the cluster.
    Cluster,
}

/// What IncrementalAlterConfigs does to a key (KIP-339).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlterOperation {
    /// Sets the value.
    Set,
    /// Removes the value that AlterConfigs set.
    Delete,
    /// Adds entries to a list.
    Append,
    /// Takes entries from a list.
    Subtract,
}

impl AlterOperation {
    /// The operation with this number in a request.
    ///
    /// # Errors
    /// If there is none.
    pub fn from_code(code: i8) -> Result<AlterOperation, MetadataError> {
        match code {
            0 => Ok(AlterOperation::Set),
            1 => Ok(AlterOperation::Delete),
            2 => Ok(AlterOperation::Append),
            3 => Ok(AlterOperation::Subtract),
            _ => Err(MetadataError::Request(format!("Unknown config operation {code}."))),
        }
    }
}

/// One key of IncrementalAlterConfigs.
#[derive(Debug, Clone, Copy)]
pub struct Alteration<'a> {
    /// The key.
    pub name: &'a str,
    /// What to do.
    pub operation: AlterOperation,
    /// The value, or the entries; not used by [`AlterOperation::Delete`].
    pub value: Option<&'a str>,
}

impl<'a> ConfigResource<'a> {
    /// The topic of that name. Unlike a broker, no topic stands for all.
    ///
    /// # Errors
    /// If there is none.
    pub fn topic(image: &'a Image, name: &str) -> Result<Self, MetadataError> {
        if name.is_empty() {
            return Err(MetadataError::Request("Default topic resources are not allowed.".into()));
        }
        let topic = image.topic(name);
        topic
            .map(|topic| ConfigResource::Topic(topic))
            .ok_or_else(|| MetadataError::NoSuchTopic(name.to_owned()))
    }

    /// The broker of that name: its number, or nothing for all brokers of the cluster.
    ///
    /// # Errors
    /// If it is another broker.
    pub fn broker(name: &str, broker: BrokerId) -> Result<Self, MetadataError> {
        if name.is_empty() {
            return Ok(ConfigResource::Cluster);
        }
        if name.parse() == Ok(broker.0) {
            return Ok(ConfigResource::Broker);
        }
        Err(MetadataError::Request(format!(
            "Unexpected broker id, expected {broker} or empty string, but received {name}"
        )))
    }

    fn current(self, image: &'a Image) -> &'a BTreeMap<String, String> {
        match self {
            ConfigResource::Topic(topic) => &topic.configs,
            ConfigResource::Broker => &image.dynamic_configs().broker,
            ConfigResource::Cluster => &image.dynamic_configs().cluster,
        }
    }

    fn find_key(self, name: &str) -> Option<&'static ConfigKey> {
        match self {
            ConfigResource::Topic(_) => config_keys::topic_key(name),
            ConfigResource::Broker | ConfigResource::Cluster => config_keys::broker_key(name),
        }
    }

    fn key(self, name: &str) -> Result<&'static ConfigKey, MetadataError> {
        let whose = match self {
            ConfigResource::Topic(_) => "topic",
            ConfigResource::Broker | ConfigResource::Cluster => "broker",
        };
        let key = self
            .find_key(name)
            .ok_or_else(|| MetadataError::Config(format!("Unknown {whose} config name: {name}")))?;
        if !key.dynamic {
            return Err(MetadataError::Request(format!(
                "Cannot update these configs dynamically: {name}"
            )));
        }
        Ok(key)
    }

    /// Checks a value, with the error that Kafka has for it.
    fn check(self, key: &'static ConfigKey, value: &str) -> Result<(), MetadataError> {
        key.kind.check(key.name, value).map_err(|fault| match self {
            ConfigResource::Topic(_) => fault.into(),
            ConfigResource::Broker | ConfigResource::Cluster => {
                MetadataError::Request(fault.to_string())
            }
        })
    }

    /// Checks values that go together with each other.
    fn check_together<'c>(
        self,
        image: &Image,
        configs: impl Iterator<Item = (&'c str, &'c str)>,
    ) -> Result<(), MetadataError> {
        match self {
            ConfigResource::Topic(_) => {
                let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
                check_topic_configs(image, &configs.map(own).collect())
            }
            ConfigResource::Broker | ConfigResource::Cluster => Ok(()),
        }
    }

    fn change(self, key: &'static ConfigKey, value: Option<String>) -> Change {
        let name = key.name.to_owned();
        match self {
            ConfigResource::Topic(topic) => {
                Change::TopicConfigSet { id: topic.id, key: name, value }
            }
            ConfigResource::Broker => Change::BrokerConfigSet { key: name, value },
            ConfigResource::Cluster => Change::ClusterConfigSet { key: name, value },
        }
    }
}

/// Checks AlterConfigs: afterwards these values are set and no others.
///
/// # Errors
/// If a key or a value is not possible; nothing changes then.
pub fn replace_configs(
    image: &Image,
    resource: ConfigResource<'_>,
    configs: &[(&str, Option<&str>)],
) -> Result<Vec<Change>, MetadataError> {
    let mut wanted = BTreeMap::new();
    for (name, value) in configs {
        let key = resource.key(name)?;
        let value = required(name, *value)?;
        resource.check(key, value)?;
        wanted.insert(key.name, value);
    }
    resource.check_together(image, wanted.iter().map(|(name, value)| (*name, *value)))?;
    let current = resource.current(image);
    let mut changes = Vec::new();
    for name in current.keys().filter(|name| !wanted.contains_key(name.as_str())) {
        changes.push(resource.change(resource.key(name)?, None));
    }
    for (name, value) in wanted {
        if current.get(name).map(String::as_str) != Some(value) {
            changes.push(resource.change(resource.key(name)?, Some(value.to_owned())));
        }
    }
    Ok(changes)
}

/// Checks IncrementalAlterConfigs: what is not named stays.
///
/// # Errors
/// If a key, an operation or a value is not possible; nothing changes then.
pub fn alter_configs(
    image: &Image,
    resource: ConfigResource<'_>,
    alterations: &[Alteration<'_>],
) -> Result<Vec<Change>, MetadataError> {
    let current = resource.current(image);
    let mut wanted: BTreeMap<&str, (&'static ConfigKey, Option<String>)> = BTreeMap::new();
    for alteration in alterations {
        let is_removal = alteration.operation == AlterOperation::Delete;
        if is_removal && resource.find_key(alteration.name).is_none() {
            // What nobody knows is not set: there is nothing to remove.
            continue;
        }
        let key = resource.key(alteration.name)?;
        let value = altered(image, resource, key, alteration)?;
        if let Some(value) = &value {
            resource.check(key, value)?;
        }
        if wanted.insert(key.name, (key, value)).is_some() {
            return Err(MetadataError::Request(format!(
                "Error due to duplicate config keys: {}",
                key.name
            )));
        }
    }
    let kept = current.iter().filter(|(name, _)| !wanted.contains_key(name.as_str()));
    let kept = kept.map(|(name, value)| (name.as_str(), value.as_str()));
    let set = wanted.iter().filter_map(|(name, (_, value))| Some((*name, value.as_deref()?)));
    resource.check_together(image, kept.chain(set))?;
    let changed =
        wanted.into_values().filter(|(key, value)| current.get(key.name) != value.as_ref());
    Ok(changed.map(|(key, value)| resource.change(key, value)).collect())
}

/// The value that a key has after an alteration; `None` if it is to be removed.
fn altered(
    image: &Image,
    resource: ConfigResource<'_>,
    key: &'static ConfigKey,
    alteration: &Alteration<'_>,
) -> Result<Option<String>, MetadataError> {
    let value = match alteration.operation {
        AlterOperation::Delete => return Ok(None),
        _ => required(key.name, alteration.value)?,
    };
    if alteration.operation == AlterOperation::Set {
        return Ok(Some(value.to_owned()));
    }
    if !matches!(key.kind, Kind::List(_)) {
        return Err(MetadataError::Config(format!(
            "Can't {} to key {} because its type is not LIST.",
            if alteration.operation == AlterOperation::Append { "APPEND" } else { "SUBTRACT" },
            key.name
        )));
    }
    let now = match resource {
        ConfigResource::Topic(topic) => image.configs(&topic.configs).value(key),
        ConfigResource::Broker => image.broker().value(key),
        ConfigResource::Cluster => image.cluster_value(key),
    };
    let now = now.unwrap_or_default();
    let mut entries: Vec<&str> = list_entries(&now).collect();
    if alteration.operation == AlterOperation::Append {
        for entry in list_entries(value) {
            if !entries.contains(&entry) {
                entries.push(entry);
            }
        }
    } else {
        let taken: Vec<&str> = list_entries(value).collect();
        entries.retain(|entry| !taken.contains(entry));
    }
    Ok(Some(entries.join(",")))
}

/// Checks the overrides of a topic, each of which has been checked alone.
pub(super) fn check_topic_configs(
    image: &Image,
    overrides: &BTreeMap<String, String>,
) -> Result<(), MetadataError> {
    let configs = image.configs(overrides);
    let lag = |name| {
        let key = config_keys::topic_key(name).expect("the table has every key that is read");
        let value = configs.value(key).expect("every topic key has a default");
        value.trim().parse::<i64>().expect("a checked number")
    };
    let (min, max) = (lag("min.compaction.lag.ms"), lag("max.compaction.lag.ms"));
    if min > max {
        return Err(MetadataError::Config(format!(
            "conflict topic config setting min.compaction.lag.ms ({min}) > \
             max.compaction.lag.ms ({max})"
        )));
    }
    Ok(())
}

fn required<'a>(name: &str, value: Option<&'a str>) -> Result<&'a str, MetadataError> {
    value.ok_or_else(|| MetadataError::Request(format!("Null value not supported for : {name}")))
}
