//! Compaction is not there yet: topics that ask for it keep every record, and the log says so.

use super::Shard;
use super::notices::Cause;
use crate::metadata::config_keys::kind::list_entries;
use crate::metadata::{Change, Image};

const POLICY_KEY: &str = "cleanup.policy";
const BROKER_POLICY_KEY: &str = "log.cleanup.policy";

/// What the log says about a topic, or all topics, that shall be compacted.
const WARNING: &str = "cleanup.policy=compact is accepted, but there is no compaction yet: no \
                       record gives way to a later one with its key";

impl Shard {
    /// Says so where the broker was started with compaction as the default of its topics.
    pub(super) fn warn_of_default_compaction(&self) {
        if self.image.broker().broker_value(BROKER_POLICY_KEY).is_some_and(compacts) {
            tracing::warn!(key = BROKER_POLICY_KEY, "{WARNING}");
        }
    }

    /// Says so for each change that asks for compaction, before the controller accepts them.
    pub(super) fn warn_of_compaction(&mut self, changes: &[Change]) {
        let Some(controller) = &self.controller else { return };
        let asks = |change| asks_for_compaction(controller.image(), change);
        let asking: Vec<String> = changes.iter().filter_map(asks).collect();
        for whose in asking {
            if self.may_log(Cause::Compaction) {
                tracing::warn!(%whose, "{WARNING}");
            }
        }
    }
}

/// The topic that shall be compacted, or the key by which all topics shall be.
fn asks_for_compaction(image: &Image, change: &Change) -> Option<String> {
    match change {
        Change::TopicCreated { name, configs, .. } => {
            configs.get(POLICY_KEY).filter(|value| compacts(value)).map(|_| name.to_string())
        }
        Change::TopicConfigSet { id, key, value: Some(value) } => {
            let topic = image.topic_by_id(*id).filter(|_| key == POLICY_KEY && compacts(value));
            topic.map(|topic| topic.name.to_string())
        }
        Change::BrokerConfigSet { key, value: Some(value) }
        | Change::ClusterConfigSet { key, value: Some(value) } => {
            (key == BROKER_POLICY_KEY && compacts(value)).then(|| key.clone())
        }
        _ => None,
    }
}

fn compacts(policy: &str) -> bool {
    list_entries(policy).any(|entry| entry == "compact")
}
