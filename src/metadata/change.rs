//! What can happen to the metadata.

use crate::base::{ProducerId, TopicId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One record of the metadata log. Applied in order to an [`super::Image`], changes give the
/// same image on every shard and after every restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The first record: the cluster has a name.
    ClusterCreated {
        /// 22 characters of URL-safe base64, as Kafka's.
        cluster_id: Arc<str>,
    },
    /// The broker started once more; all leader epochs grow by one.
    BrokerStarted,
    /// A topic was made.
    TopicCreated {
        /// Its name, which no other topic has.
        name: Arc<str>,
        /// Its id, which no topic ever had.
        id: TopicId,
        /// Its partitions are 0 to this − 1.
        partition_count: i32,
        /// Its overrides; every key and value has been checked.
        configs: BTreeMap<String, String>,
    },
    /// A topic is gone, with its records.
    TopicDeleted {
        /// Which one.
        id: TopicId,
    },
    /// A topic has more partitions.
    PartitionsAdded {
        /// Which one.
        id: TopicId,
        /// The new total.
        partition_count: i32,
    },
    /// A topic's override was set, or removed.
    TopicConfigSet {
        /// Which topic.
        id: TopicId,
        /// Which topic key.
        key: String,
        /// Its value, checked; `None` removes the override.
        value: Option<String>,
    },
    /// A broker config was set while running, or is back to what the broker was started with.
    BrokerConfigSet {
        /// Which broker key.
        key: String,
        /// Its value, checked; `None` removes it.
        value: Option<String>,
    },
    /// As `BrokerConfigSet`, for all brokers of the cluster.
    ClusterConfigSet {
        /// Which broker key.
        key: String,
        /// Its value, checked; `None` removes it.
        value: Option<String>,
    },
    /// Producer ids below `next` have been handed out to shards and are never used again.
    ProducerIdsAllocated {
        /// The first id that is still free.
        next: ProducerId,
    },
}
