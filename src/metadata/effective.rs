//! Which value of a configuration holds, and who set it.

use super::StaticConfig;
use super::config_keys::{self, ConfigKey, Scope, kind};
use std::collections::BTreeMap;

/// Who set a value, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigSource {
    /// The topic's own override.
    DynamicTopic,
    /// AlterConfigs on the broker.
    DynamicBroker,
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
            ConfigSource::StaticBroker => 4,
            ConfigSource::Default => 5,
        }
    }
}

/// One value that a key has somewhere, in the words in which it was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// The key under which it was set: the key itself or a synonym.
    pub name: &'static str,
    /// Who set it.
    pub source: ConfigSource,
    /// What it was set to.
    pub value: Option<String>,
    /// The key's own value is this times `value`.
    scale: i64,
}

/// Everything that was set: for a topic, and for the broker.
#[derive(Debug, Clone, Copy)]
pub struct Configs<'a> {
    /// The overrides of a topic; empty for the broker.
    pub overrides: &'a BTreeMap<String, String>,
    /// What AlterConfigs set on the broker.
    pub dynamic: &'a BTreeMap<String, String>,
    /// What the broker was started with.
    pub fixed: &'a StaticConfig,
}

impl<'a> Configs<'a> {
    /// Every value that `key` has, the one that holds first; never empty for a topic key.
    pub fn layers(&self, key: &'static ConfigKey) -> Vec<Layer> {
        let mut layers = Vec::new();
        match key.scope {
            Scope::Broker => self.broker_layers(key, 1, &mut layers),
            Scope::Topic => {
                if let Some(value) = self.overrides.get(key.name) {
                    let source = ConfigSource::DynamicTopic;
                    let value = Some(value.clone());
                    layers.push(Layer { name: key.name, source, value, scale: 1 });
                }
                for synonym in key.synonyms {
                    let broker_key = config_keys::broker_key(synonym.name)
                        .expect("the table holds every synonym");
                    self.broker_layers(broker_key, synonym.scale, &mut layers);
                }
                if key.synonyms.is_empty() {
                    layers.push(Layer::default_of(key, 1));
                }
            }
        }
        layers
    }

    fn broker_layers(&self, key: &'static ConfigKey, scale: i64, layers: &mut Vec<Layer>) {
        if let Some(value) = self.dynamic.get(key.name) {
            let source = ConfigSource::DynamicBroker;
            layers.push(Layer { name: key.name, source, value: Some(value.clone()), scale });
        }
        if let Some(value) = self.fixed.get(key.name) {
            let source = ConfigSource::StaticBroker;
            layers.push(Layer { name: key.name, source, value: Some(value.to_owned()), scale });
        }
        if key.default.is_some() || scale == 1 {
            layers.push(Layer::default_of(key, scale));
        }
    }

    /// The value that holds, in the key's own unit; `None` where it is null.
    pub fn value(&self, key: &'static ConfigKey) -> Option<String> {
        self.layers(key).iter().find(|layer| layer.value.is_some())?.scaled()
    }

    /// The value of a numeric topic key.
    ///
    /// # Panics
    /// If the table has no such topic key, or it is not numeric.
    pub fn topic_number(&self, name: &str) -> i64 {
        self.topic_value(name).trim().parse().expect("a checked number")
    }

    /// The value of a boolean topic key.
    ///
    /// # Panics
    /// If the table has no such topic key, or it is not boolean.
    pub fn topic_flag(&self, name: &str) -> bool {
        kind::parse_boolean(&self.topic_value(name)).expect("a checked boolean")
    }

    /// The text of a broker key; `None` where it is null.
    ///
    /// # Panics
    /// If the table has no such broker key.
    pub fn broker_value(&self, name: &str) -> Option<&'a str> {
        let key = config_keys::broker_key(name).expect("the table has every key that is read");
        let dynamic = self.dynamic.get(key.name).map(String::as_str);
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

    /// The text of a topic key.
    ///
    /// # Panics
    /// If the table has no such topic key.
    pub fn topic_value(&self, name: &str) -> String {
        let key = config_keys::topic_key(name).expect("the table has every key that is read");
        self.value(key).expect("every topic key has a default")
    }
}

impl Layer {
    fn default_of(key: &'static ConfigKey, scale: i64) -> Layer {
        let value = key.default.map(str::to_owned);
        Layer { name: key.name, source: ConfigSource::Default, value, scale }
    }

    /// The value in the unit of the key that was asked for.
    pub fn scaled(&self) -> Option<String> {
        let value = self.value.as_ref()?;
        if self.scale == 1 {
            return Some(value.clone());
        }
        let number: i64 = value.trim().parse().expect("only checked numbers are scaled");
        // A negative duration means "no bound" in every unit.
        let scaled = if number < 0 { -1 } else { number * self.scale };
        Some(scaled.to_string())
    }
}
