//! The broker configs that AlterConfigs set: for one broker, and for all brokers of the cluster.

use super::effective::ConfigSource;
use std::collections::BTreeMap;

/// Checked values of broker keys that were set while running (KIP-226). A broker's own go before
/// the cluster's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DynamicConfigs {
    /// This broker's own: the resource with its number for a name.
    pub broker: BTreeMap<String, String>,
    /// The default of all brokers: the resource without a name.
    pub cluster: BTreeMap<String, String>,
}

impl DynamicConfigs {
    /// The values of a key, the one that holds first.
    pub fn values(&self, name: &str) -> impl Iterator<Item = (ConfigSource, &str)> {
        let broker = self.broker.get(name).map(|value| (ConfigSource::DynamicBroker, value));
        let cluster =
            self.cluster.get(name).map(|value| (ConfigSource::DynamicDefaultBroker, value));
        broker.into_iter().chain(cluster).map(|(source, value)| (source, value.as_str()))
    }
}
