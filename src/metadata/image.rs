//! The state that the changes so far add up to.

use super::config_keys::{self, ConfigFault, ConfigKey};
use super::dynamic_configs::DynamicConfigs;
use super::effective::{ConfigSource, Configs};
use super::log_config;
use super::{Change, StaticConfig};
use crate::base::{LeaderEpoch, ProducerId, TopicId};
use crate::log::LogConfig;
use rpds::RedBlackTreeMapSync;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use thiserror::Error;

/// Topics, configs and the cluster's identity, as of one change.
///
/// Shared between shards as `Arc<Image>` and never altered once shared. Copies share all that a
/// change leaves alone, so a change costs the same with five topics as with 5,000; only a change
/// of a broker config visits every topic.
#[derive(Debug, Clone)]
pub struct Image {
    /// How many changes it contains.
    pub version: u64,
    /// The cluster's id; empty before the first change.
    pub cluster_id: Arc<str>,
    /// How often the broker has started.
    pub incarnation: i32,
    next_ordinal: u64,
    next_producer_id: ProducerId,
    partition_count: i64,
    topics: RedBlackTreeMapSync<Arc<str>, Arc<Topic>>,
    topics_by_id: RedBlackTreeMapSync<TopicId, Arc<Topic>>,
    dynamic_configs: Arc<DynamicConfigs>,
    static_config: Arc<StaticConfig>,
    default_log_config: Arc<LogConfig>,
}

/// One topic.
#[derive(Debug, Clone)]
pub struct Topic {
    /// Its name.
    pub name: Arc<str>,
    /// Its id.
    pub id: TopicId,
    /// How many topics were made before it; with a partition's number this gives the shard.
    pub ordinal: u64,
    /// Its partitions are 0 to this − 1.
    pub partition_count: i32,
    /// Its overrides.
    pub configs: BTreeMap<String, String>,
    /// What its logs go by: the overrides over the broker's configs.
    pub log_config: Arc<LogConfig>,
}

/// A change that does not fit the image: the log holds what no broker wrote.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ChangeMisfit {
    /// It names a topic that does not exist.
    #[error("there is no topic with id {0}")]
    NoSuchTopic(TopicId),
    /// It makes a topic that exists.
    #[error("topic {0} exists already")]
    TopicExists(Arc<str>),
    /// It takes partitions away, or gives a topic none.
    #[error("topic {topic} has {current} partitions and cannot have {new}")]
    PartitionCount {
        /// The topic.
        topic: Arc<str>,
        /// How many it has.
        current: i32,
        /// How many it should have.
        new: i32,
    },
    /// It names the cluster a second time.
    #[error("the cluster is {0} already")]
    ClusterExists(Arc<str>),
    /// It gives out producer ids a second time.
    #[error("producer ids below {0} are given out already")]
    ProducerIds(ProducerId),
    /// It starts the broker once too often for a leader epoch.
    #[error("the leader epoch cannot grow")]
    Incarnation,
    /// It sets a config that this version of the broker does not know.
    #[error("unknown config {0}")]
    UnknownConfig(String),
    /// It sets a config to a value that this version of the broker does not take.
    #[error(transparent)]
    Config(#[from] ConfigFault),
}

/// What an image consists of, apart from what follows from it: the content of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ImageState {
    pub version: u64,
    pub cluster_id: Arc<str>,
    pub incarnation: i32,
    pub next_ordinal: u64,
    pub next_producer_id: ProducerId,
    pub broker_configs: BTreeMap<String, String>,
    pub cluster_configs: BTreeMap<String, String>,
    pub topics: Vec<TopicState>,
}

/// A topic's part of [`ImageState`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TopicState {
    pub name: Arc<str>,
    pub id: TopicId,
    pub ordinal: u64,
    pub partition_count: i32,
    pub configs: BTreeMap<String, String>,
}

impl Image {
    /// The image before the first change, of a broker that was started with `static_config`.
    pub fn empty(static_config: Arc<StaticConfig>) -> Image {
        let dynamic_configs = Arc::new(DynamicConfigs::default());
        let (dynamic, overrides) = (&dynamic_configs, &BTreeMap::new());
        let configs = Configs { overrides, dynamic, fixed: &static_config };
        let default_log_config = Arc::new(log_config::resolve(&configs));
        Image {
            version: 0,
            cluster_id: "".into(),
            incarnation: 0,
            next_ordinal: 0,
            next_producer_id: ProducerId(0),
            partition_count: 0,
            topics: RedBlackTreeMapSync::new_sync(),
            topics_by_id: RedBlackTreeMapSync::new_sync(),
            dynamic_configs,
            static_config,
            default_log_config,
        }
    }

    /// The image that a snapshot holds.
    ///
    /// # Errors
    /// If it contradicts itself, or holds configs that this version does not take.
    pub(super) fn restore(
        state: ImageState,
        static_config: Arc<StaticConfig>,
    ) -> Result<Image, ChangeMisfit> {
        let mut image = Image::empty(static_config);
        image.version = state.version;
        image.cluster_id = state.cluster_id;
        image.incarnation = state.incarnation;
        image.next_ordinal = state.next_ordinal;
        image.next_producer_id = state.next_producer_id;
        for (key, value) in state.broker_configs.iter().chain(&state.cluster_configs) {
            check(config_keys::broker_key(key), key, Some(value))?;
        }
        image.dynamic_configs = Arc::new(DynamicConfigs {
            broker: state.broker_configs,
            cluster: state.cluster_configs,
        });
        image.resolve_all();
        for topic in state.topics {
            if image.topics.contains_key(&topic.name) || image.topics_by_id.contains_key(&topic.id)
            {
                return Err(ChangeMisfit::TopicExists(topic.name));
            }
            for (key, value) in &topic.configs {
                check(config_keys::topic_key(key), key, Some(value))?;
            }
            image.insert_state(topic);
        }
        Ok(image)
    }

    /// What a snapshot of the image holds.
    pub(super) fn state(&self) -> ImageState {
        let topics = self.topics.values().map(|topic| TopicState {
            name: topic.name.clone(),
            id: topic.id,
            ordinal: topic.ordinal,
            partition_count: topic.partition_count,
            configs: topic.configs.clone(),
        });
        ImageState {
            version: self.version,
            cluster_id: self.cluster_id.clone(),
            incarnation: self.incarnation,
            next_ordinal: self.next_ordinal,
            next_producer_id: self.next_producer_id,
            broker_configs: self.dynamic_configs.broker.clone(),
            cluster_configs: self.dynamic_configs.cluster.clone(),
            topics: topics.collect(),
        }
    }

    /// The topic of that name.
    pub fn topic(&self, name: &str) -> Option<&Arc<Topic>> {
        self.topics.get(name)
    }

    /// The topic of that id.
    pub fn topic_by_id(&self, id: TopicId) -> Option<&Arc<Topic>> {
        self.topics_by_id.get(&id)
    }

    /// A topic of another name that reads the same once dots are taken for underscores, as they
    /// are in the names of metrics.
    pub fn colliding_topic(&self, name: &str) -> Option<&Arc<Topic>> {
        if !name.contains(['.', '_']) {
            return None;
        }
        self.topics().find(|topic| {
            let same = |byte: u8| if byte == b'.' { b'_' } else { byte };
            *topic.name != *name && topic.name.bytes().map(same).eq(name.bytes().map(same))
        })
    }

    /// All topics, sorted by name.
    pub fn topics(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.topics.values()
    }

    /// How many topics there are.
    pub fn topic_count(&self) -> usize {
        self.topics.size()
    }

    /// How many partitions there are in all topics together.
    pub fn partition_count(&self) -> i64 {
        self.partition_count
    }

    /// The leader epoch of every partition: this broker leads them all, anew with each start.
    pub fn leader_epoch(&self) -> LeaderEpoch {
        LeaderEpoch(self.incarnation)
    }

    /// How many topics were ever made.
    pub fn next_ordinal(&self) -> u64 {
        self.next_ordinal
    }

    /// The first producer id that nobody was given.
    pub fn next_producer_id(&self) -> ProducerId {
        self.next_producer_id
    }

    /// What AlterConfigs set on the broker, and on the cluster.
    pub fn dynamic_configs(&self) -> &DynamicConfigs {
        &self.dynamic_configs
    }

    /// What the broker was started with.
    pub fn static_config(&self) -> &StaticConfig {
        &self.static_config
    }

    /// What was set for a topic with these overrides.
    pub fn configs<'a>(&'a self, overrides: &'a BTreeMap<String, String>) -> Configs<'a> {
        Configs { overrides, dynamic: &self.dynamic_configs, fixed: &self.static_config }
    }

    /// What is set for the broker: AlterConfigs over the configuration file over the defaults.
    pub fn broker(&self) -> Configs<'_> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        self.configs(&NONE)
    }

    /// The value of a broker key on a broker that has none of its own; `None` where it is null.
    pub fn cluster_value(&self, key: &'static ConfigKey) -> Option<Cow<'_, str>> {
        let mut layers = self.broker().layers(key);
        Some(layers.find(|layer| layer.source != ConfigSource::DynamicBroker)?.scaled())
    }

    /// Takes in one change.
    ///
    /// # Errors
    /// If the change does not fit; the image is then as it was.
    pub fn apply(&mut self, change: &Change) -> Result<(), ChangeMisfit> {
        match change {
            Change::ClusterCreated { cluster_id } => {
                if !self.cluster_id.is_empty() {
                    return Err(ChangeMisfit::ClusterExists(self.cluster_id.clone()));
                }
                self.cluster_id = cluster_id.clone();
            }
            Change::BrokerStarted => {
                let next = self.incarnation.checked_add(1);
                self.incarnation = next.ok_or(ChangeMisfit::Incarnation)?;
            }
            Change::TopicCreated { name, id, partition_count, configs } => {
                self.create_topic(name, *id, *partition_count, configs)?;
            }
            Change::TopicDeleted { id } => self.delete_topic(*id)?,
            Change::PartitionsAdded { id, partition_count } => {
                self.add_partitions(*id, *partition_count)?;
            }
            Change::TopicConfigSet { id, key, value } => {
                let mut topic = self.copy_of(*id)?;
                check(config_keys::topic_key(key), key, value.as_deref())?;
                assign(&mut topic.configs, key, value);
                topic.log_config = self.resolve(&topic.configs);
                self.insert(topic);
            }
            Change::BrokerConfigSet { key, value } => {
                check(config_keys::broker_key(key), key, value.as_deref())?;
                assign(&mut Arc::make_mut(&mut self.dynamic_configs).broker, key, value);
                self.resolve_all();
            }
            Change::ClusterConfigSet { key, value } => {
                check(config_keys::broker_key(key), key, value.as_deref())?;
                assign(&mut Arc::make_mut(&mut self.dynamic_configs).cluster, key, value);
                self.resolve_all();
            }
            Change::ProducerIdsAllocated { next } => {
                if *next <= self.next_producer_id {
                    return Err(ChangeMisfit::ProducerIds(self.next_producer_id));
                }
                self.next_producer_id = *next;
            }
        }
        self.version += 1;
        Ok(())
    }

    fn create_topic(
        &mut self,
        name: &Arc<str>,
        id: TopicId,
        partition_count: i32,
        configs: &BTreeMap<String, String>,
    ) -> Result<(), ChangeMisfit> {
        if self.topics.contains_key(name) || self.topics_by_id.contains_key(&id) {
            return Err(ChangeMisfit::TopicExists(name.clone()));
        }
        if partition_count < 1 {
            let topic = name.clone();
            return Err(ChangeMisfit::PartitionCount { topic, current: 0, new: partition_count });
        }
        for (key, value) in configs {
            check(config_keys::topic_key(key), key, Some(value))?;
        }
        let (name, configs) = (name.clone(), configs.clone());
        let ordinal = self.next_ordinal;
        self.insert_state(TopicState { name, id, ordinal, partition_count, configs });
        self.next_ordinal += 1;
        Ok(())
    }

    fn delete_topic(&mut self, id: TopicId) -> Result<(), ChangeMisfit> {
        let topic = self.topics_by_id.get(&id).ok_or(ChangeMisfit::NoSuchTopic(id))?.clone();
        assert!(self.topics.remove_mut(&topic.name), "both maps hold the same topics");
        self.topics_by_id.remove_mut(&id);
        self.partition_count -= i64::from(topic.partition_count);
        Ok(())
    }

    fn add_partitions(&mut self, id: TopicId, count: i32) -> Result<(), ChangeMisfit> {
        let mut topic = self.copy_of(id)?;
        if count <= topic.partition_count {
            let (topic, current) = (topic.name, topic.partition_count);
            return Err(ChangeMisfit::PartitionCount { topic, current, new: count });
        }
        self.partition_count += i64::from(count - topic.partition_count);
        topic.partition_count = count;
        self.insert(topic);
        Ok(())
    }

    /// Works out all log configs again, since what they fall back to has changed.
    fn resolve_all(&mut self) {
        self.default_log_config = Arc::new(log_config::resolve(&self.broker()));
        let topics: Vec<_> = self.topics.values().cloned().collect();
        for topic in topics {
            let log_config = self.resolve(&topic.configs);
            self.insert(Topic { log_config, ..Topic::clone(&topic) });
        }
    }

    fn copy_of(&self, id: TopicId) -> Result<Topic, ChangeMisfit> {
        let topic = self.topics_by_id.get(&id).ok_or(ChangeMisfit::NoSuchTopic(id))?;
        Ok(Topic::clone(topic))
    }

    fn insert_state(&mut self, state: TopicState) {
        let TopicState { name, id, ordinal, partition_count, configs } = state;
        let log_config = self.resolve(&configs);
        self.insert(Topic { name, id, ordinal, partition_count, configs, log_config });
        self.partition_count += i64::from(partition_count);
    }

    fn insert(&mut self, topic: Topic) {
        let topic = Arc::new(topic);
        self.topics.insert_mut(topic.name.clone(), topic.clone());
        self.topics_by_id.insert_mut(topic.id, topic);
    }

    /// Topics without an override share one log config.
    fn resolve(&self, overrides: &BTreeMap<String, String>) -> Arc<LogConfig> {
        if overrides.is_empty() {
            return self.default_log_config.clone();
        }
        Arc::new(log_config::overridden(&self.default_log_config, overrides))
    }
}

fn check(
    known: Option<&'static ConfigKey>,
    name: &str,
    value: Option<&str>,
) -> Result<(), ChangeMisfit> {
    let key = known.ok_or_else(|| ChangeMisfit::UnknownConfig(name.to_owned()))?;
    value.map_or(Ok(()), |value| Ok(key.check_accepted(value)?))
}

fn assign(configs: &mut BTreeMap<String, String>, key: &str, value: &Option<String>) {
    match value {
        Some(value) => configs.insert(key.to_owned(), value.clone()),
        None => configs.remove(key),
    };
}
