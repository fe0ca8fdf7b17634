//! Which value of a configuration holds, and who set it.

use super::StaticConfig;
use super::config_keys::{self, ConfigKey, Scope, Synonym, kind};
use super::dynamic_configs::DynamicConfigs;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Who set a value, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigSource {
    /// The topic's own override.
    DynamicTopic,
    /// AlterConfigs on the broker.
    DynamicBroker,
    /// AlterConfigs on all brokers of the cluster.
    DynamicDefaultBroker,
    /// The configuration file or the command line.
    StaticBroker,
    /// Nobody.
    Default,
}

impl ConfigSource {
    /// The number in a DescribeConfigs response (KIP-226).
    pub fn code(self) -> i8 {
        match self {
            ConfigSource::DynamicTopic => 1,
            ConfigSource::DynamicBroker => 2,
            ConfigSource::DynamicDefaultBroker => 3,
            ConfigSource::StaticBroker => 4,
            ConfigSource::Default => 5,
        }
    }
}

/// One value that a key has somewhere, in the words in which it was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layer<'a> {
    /// The key under which it was set: the key itself or a synonym.
    pub name: &'static str,
    /// Who set it.
    pub source: ConfigSource,
    /// What it was set to.
    pub value: &'a str,
    /// The key's own value is this times `value`.
    scale: i64,
}

/// Everything that was set: for a topic, and for the broker.
#[derive(Debug, Clone, Copy)]
pub struct Configs<'a> {
    /// The overrides of a topic; empty for the broker.
    pub overrides: &'a BTreeMap<String, String>,
    /// What AlterConfigs set on the broker, and on the cluster.
    pub dynamic: &'a DynamicConfigs,
    /// What the broker was started with.
    pub fixed: &'a StaticConfig,
}

impl<'a> Configs<'a> {
    /// Every value that `key` has, the one that holds first; none where it is null.
    pub fn layers(&self, key: &'static ConfigKey) -> impl Iterator<Item = Layer<'a>> + use<'a> {
        let configs = *self;
        let is_topic = key.scope == Scope::Topic;
        let own = Synonym { name: key.name, scale: 1 };
        let overridden = self.overrides.get(key.name).filter(|_| is_topic);
        let default = key.default.filter(|_| is_topic && key.synonyms.is_empty());
        let synonyms = (!is_topic).then_some(own).into_iter().chain(key.synonyms.iter().copied());
        let overridden = overridden.map(|value| own.layer(ConfigSource::DynamicTopic, value));
        let default = default.map(|value| own.layer(ConfigSource::Default, value));
        let fallbacks = synonyms.flat_map(move |synonym| configs.broker_layers(synonym));
        overridden.into_iter().chain(fallbacks).chain(default)
    }

    fn broker_layers(self, synonym: Synonym) -> impl Iterator<Item = Layer<'a>> + use<'a> {
        let key = config_keys::broker_key(synonym.name).expect("the table holds every synonym");
        let fixed = self.fixed.get(key.name).map(|value| (ConfigSource::StaticBroker, value));
        let default = key.default.map(|value| (ConfigSource::Default, value));
        let values = self.dynamic.values(key.name).chain(fixed).chain(default);
        values.map(move |(source, value)| synonym.layer(source, value))
    }

    /// The value that holds, in the key's own unit; `None` where it is null.
    pub fn value(&self, key: &'static ConfigKey) -> Option<Cow<'a, str>> {
        Some(self.layers(key).next()?.scaled())
    }

    /// The text of a broker key; `None` where it is null.
    ///
    /// # Panics
    /// If the table has no such broker key.
    pub fn broker_value(&self, name: &str) -> Option<&'a str> {
        let key = config_keys::broker_key(name).expect("the table has every key that is read");
        let dynamic = self.dynamic.values(key.name).next().map(|(_, value)| value);
        dynamic.or_else(|| self.fixed.get_or_default(key.name))
    }

    /// The value of a numeric broker key.
    ///
    /// # Panics
    /// If the table has no such broker key, or it is null or not numeric.
    pub fn broker_number(&self, name: &str) -> i64 {
        let value = self.broker_value(name).expect("a key with a default");
        value.trim().parse().expect("a checked number")
    }

    /// The value of a boolean broker key.
    ///
    /// # Panics
    /// If the table has no such broker key, or it is null or not boolean.
    pub fn broker_flag(&self, name: &str) -> bool {
        let value = self.broker_value(name).expect("a key with a default");
        kind::parse_boolean(value).expect("a checked boolean")
    }
}

impl Synonym {
    fn layer(self, source: ConfigSource, value: &str) -> Layer<'_> {
        Layer { name: self.name, source, value, scale: self.scale }
    }
}

impl<'a> Layer<'a> {
    /// The value in the unit of the key that was asked for.
    pub fn scaled(self) -> Cow<'a, str> {
        if self.scale == 1 {
            return self.value.into();
        }
        let number: i64 = self.value.trim().parse().expect("only checked numbers are scaled");
        // A negative duration means "no bound" in every unit.
        let scaled = if number < 0 { -1 } else { number * self.scale };
        scaled.to_string().into()
    }
}
