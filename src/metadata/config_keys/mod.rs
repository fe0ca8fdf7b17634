//! The one table of configurations: topic and broker keys under Kafka's own names.
//!
//! CreateTopics, AlterConfigs, DescribeConfigs, the configuration file and `pinion config` all
//! read it, so that a key, its default and its range are written down once; a test holds
//! `docs/CONFIGURATION.md` to it. `topic_keys` and `broker_keys` hold the rows, `kind` what a value
//! may be.
//!
//! May import `base`. Must never know what a key does to a log or a shard.

mod broker_keys;
pub mod kind;
mod topic_keys;

#[cfg(test)]
mod tests;

pub use broker_keys::{parse_cores, parse_listener, parse_metrics_address};
use kind::Range;
pub use kind::{ConfigFault, Kind};

/// What a key belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Set for a topic by CreateTopics, AlterConfigs and IncrementalAlterConfigs.
    Topic,
    /// Set in the configuration file; by AlterConfigs too if the key is dynamic.
    Broker,
}

/// One row of the table.
#[derive(Debug)]
pub struct ConfigKey {
    /// The name, as Kafka spells it.
    pub name: &'static str,
    /// What it belongs to.
    pub scope: Scope,
    /// What a value may be.
    pub kind: Kind,
    /// The value where nobody set one; `None` is Kafka's null: unset.
    pub default: Option<&'static str>,
    /// Whether a running broker takes a new value.
    pub dynamic: bool,
    /// For a topic key, the broker keys that give topics without an override their value, the
    /// strongest first.
    pub synonyms: &'static [Synonym],
    /// What it means, in a sentence or two; plain text.
    pub documentation: &'static str,
    /// Whether it is for tests only: not shown where nobody has set it, and without a default.
    pub internal: bool,
    /// What a value in a metadata log may be, where once more was accepted than `kind` allows.
    pub former: Option<Kind>,
}

impl ConfigKey {
    /// Checks a value that was accepted at some time.
    ///
    /// # Errors
    /// As [`Kind::check`].
    pub fn check_accepted(&self, value: &str) -> Result<(), ConfigFault> {
        self.former.unwrap_or(self.kind).check(self.name, value)
    }

    /// The key, with what its values could be formerly.
    const fn formerly(self, kind: Kind) -> ConfigKey {
        ConfigKey { former: Some(kind), ..self }
    }
}

/// What the size of a segment may be (KIP-1030).
const SEGMENT_BYTES: Kind = Kind::Int(Range { min: 1024 * 1024, max: i32::MAX as i64 });

/// What it could be before.
const FORMER_SEGMENT_BYTES: Kind = Kind::Int(Range { min: 14, max: i32::MAX as i64 });

/// A broker key that a topic key falls back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Synonym {
    /// The broker key.
    pub name: &'static str,
    /// The topic key's value is the broker key's times this: 3,600,000 from hours to ms.
    pub scale: i64,
}

/// Other spellings of broker keys that Kafka still takes, and the names they stand for.
const ALIASES: [(&str, &str); 2] = [("broker.id", "node.id"), ("log.dir", "log.dirs")];

/// Every key, topic keys first, each group sorted by name.
pub fn all() -> impl Iterator<Item = &'static ConfigKey> {
    topic_keys().chain(broker_keys())
}

/// The topic keys, sorted by name.
pub fn topic_keys() -> impl Iterator<Item = &'static ConfigKey> {
    topic_keys::TOPIC_KEYS.iter()
}

/// The broker keys, sorted by name.
pub fn broker_keys() -> impl Iterator<Item = &'static ConfigKey> {
    broker_keys::BROKER_KEYS.iter()
}

/// The topic key of that name.
pub fn topic_key(name: &str) -> Option<&'static ConfigKey> {
    find(topic_keys::TOPIC_KEYS, name)
}

/// The broker key of that name, or of the name that it is an alias of.
pub fn broker_key(name: &str) -> Option<&'static ConfigKey> {
    let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, name)| name);
    find(broker_keys::BROKER_KEYS, name)
}

/// The broker key that was meant by `name`, which is none: the one that a topic key falls back
/// to, or else the key or alias that is most like it, if any is near.
pub fn nearest_broker_key(name: &str) -> Option<&'static str> {
    if let Some(synonym) = topic_key(name).and_then(|key| key.synonyms.first()) {
        return Some(synonym.name);
    }
    let names = broker_keys().map(|key| key.name).chain(ALIASES.iter().map(|(alias, _)| *alias));
    let scored = names.map(|known| (strsim::jaro_winkler(name, known), known));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 > 0.85).then_some(best.1)
}

fn find(keys: &'static [ConfigKey], name: &str) -> Option<&'static ConfigKey> {
    keys.binary_search_by(|key| key.name.cmp(name)).ok().map(|index| &keys[index])
}
