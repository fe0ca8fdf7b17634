//! Every config with its value and where that comes from: the content of DescribeConfigs.

use super::config_keys::{self, ConfigKey, Kind};
use super::effective::{ConfigSource, Configs, Layer};
use super::{Image, Topic};

/// One config of a topic or the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    /// The key.
    pub name: &'static str,
    /// Its value; `None` where that is null or must not be shown.
    pub value: Option<String>,
    /// Who set it.
    pub source: ConfigSource,
    /// Whether nobody did.
    pub is_default: bool,
    /// Whether AlterConfigs refuses it.
    pub read_only: bool,
    /// Whether its value is a secret.
    pub sensitive: bool,
    /// The number of its type (KIP-569).
    pub type_code: i8,
    /// What it means.
    pub documentation: &'static str,
    /// Every value that it has somewhere, the one that holds first.
    pub synonyms: Vec<ConfigSynonym>,
}

/// One value that a config has somewhere, in the words in which it was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigSynonym {
    /// The key under which it was set.
    pub name: &'static str,
    /// The value; `None` where it must not be shown.
    pub value: Option<String>,
    /// Who set it.
    pub source: ConfigSource,
}

/// The configs of a topic.
pub fn describe_topic(image: &Image, topic: &Topic) -> Vec<ConfigEntry> {
    let configs = image.configs(&topic.configs);
    config_keys::topic_keys()
        .filter(|key| !key.internal || topic.configs.contains_key(key.name))
        .map(|key| describe(&configs, key))
        .collect()
}

/// The configs of the broker.
pub fn describe_broker(image: &Image) -> Vec<ConfigEntry> {
    let configs = image.broker();
    config_keys::broker_keys().map(|key| describe(&configs, key)).collect()
}

/// The configs that were set for all brokers of the cluster, and no others: what holds on a broker
/// is that broker's to tell.
pub fn describe_cluster(image: &Image) -> Vec<ConfigEntry> {
    let configs = image.broker();
    let is_cluster = |layer: &Layer<'_>| layer.source == ConfigSource::DynamicDefaultBroker;
    config_keys::broker_keys()
        .filter(|key| image.dynamic_configs().cluster.contains_key(key.name))
        .map(|key| describe_layers(key, configs.layers(key).filter(is_cluster).collect()))
        .collect()
}

fn describe(configs: &Configs<'_>, key: &'static ConfigKey) -> ConfigEntry {
    describe_layers(key, configs.layers(key).collect())
}

fn describe_layers(key: &'static ConfigKey, layers: Vec<Layer<'_>>) -> ConfigEntry {
    let sensitive = matches!(key.kind, Kind::Password);
    let shown = |value: &str| (!sensitive).then(|| value.to_owned());
    let source = layers.first().map_or(ConfigSource::Default, |layer| layer.source);
    ConfigEntry {
        name: key.name,
        value: layers.first().and_then(|layer| shown(&layer.scaled())),
        source,
        is_default: source == ConfigSource::Default,
        read_only: !key.dynamic,
        sensitive,
        type_code: key.kind.type_code(),
        documentation: key.documentation,
        synonyms: layers
            .into_iter()
            .map(|layer| ConfigSynonym {
                name: layer.name,
                value: shown(layer.value),
                source: layer.source,
            })
            .collect(),
    }
}
