//! Topics and where their partitions are, in owned form.

use crate::wire::api::metadata::{MetadataResponsePartition, MetadataResponseTopic};
use uuid::Uuid;

/// A topic.
#[derive(Debug, Clone)]
pub struct TopicMetadata {
    /// Its name.
    pub name: String,
    /// Its id; zero where the broker does not tell.
    pub id: Uuid,
    /// Whether it is one of the broker's own.
    pub is_internal: bool,
    /// Why the broker could not describe it, or 0.
    pub error_code: i16,
    /// Its partitions, by index.
    pub partitions: Vec<PartitionMetadata>,
}

/// A partition.
#[derive(Debug, Clone)]
pub struct PartitionMetadata {
    /// Its number within the topic.
    pub index: i32,
    /// The broker that leads it, or −1.
    pub leader: i32,
    /// The brokers that hold it.
    pub replicas: Vec<i32>,
    /// Those of them that are in sync.
    pub in_sync: Vec<i32>,
}

impl TopicMetadata {
    pub(super) fn of(topic: &MetadataResponseTopic<'_>) -> TopicMetadata {
        let mut partitions: Vec<_> = topic.partitions.iter().map(PartitionMetadata::of).collect();
        partitions.sort_by_key(|partition| partition.index);
        TopicMetadata {
            name: topic.name.unwrap_or_default().to_owned(),
            id: topic.topic_id,
            is_internal: topic.is_internal,
            error_code: topic.error_code,
            partitions,
        }
    }

    /// The replicas of its partitions, by the first of them.
    pub fn replication_factor(&self) -> usize {
        self.partitions.first().map_or(0, |partition| partition.replicas.len())
    }
}

impl PartitionMetadata {
    fn of(partition: &MetadataResponsePartition) -> PartitionMetadata {
        PartitionMetadata {
            index: partition.partition_index,
            leader: partition.leader_id,
            replicas: partition.replica_nodes.to_vec(),
            in_sync: partition.isr_nodes.to_vec(),
        }
    }
}
