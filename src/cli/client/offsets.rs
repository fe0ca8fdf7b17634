//! Offsets by place or by time.

use super::{ClientError, Cluster, TopicMetadata};
use crate::wire::api::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use smallvec::smallvec;
use std::collections::BTreeMap;

/// Stands for the end of a partition, where a timestamp is expected.
pub const LATEST: i64 = -1;

/// Stands for the start of a partition, where a timestamp is expected.
pub const EARLIEST: i64 = -2;

/// What a broker found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundOffset {
    /// The offset; −1 where no record is as late as the timestamp asked for.
    pub offset: i64,
    /// The timestamp of the record there, in milliseconds since 1970; −1 for a place.
    pub timestamp: i64,
}

/// Asks the leaders of a topic's partitions for the offset of the first record at or after a
/// timestamp, or for a place; `wanted` gives it for each partition.
pub fn list_offsets(
    cluster: &mut Cluster,
    topic: &TopicMetadata,
    wanted: &BTreeMap<i32, i64>,
) -> Result<BTreeMap<i32, FoundOffset>, ClientError> {
    let mut by_leader: BTreeMap<i32, Vec<(i32, i64)>> = BTreeMap::new();
    for partition in &topic.partitions {
        if let Some(timestamp) = wanted.get(&partition.index) {
            by_leader.entry(partition.leader).or_default().push((partition.index, *timestamp));
        }
    }
    let mut found = BTreeMap::new();
    for (leader, partitions) in by_leader {
        ask_leader(cluster, leader, &topic.name, &partitions, &mut found)?;
    }
    Ok(found)
}

fn ask_leader(
    cluster: &mut Cluster,
    leader: i32,
    topic: &str,
    partitions: &[(i32, i64)],
    found: &mut BTreeMap<i32, FoundOffset>,
) -> Result<(), ClientError> {
    let wanted = partitions.iter().map(|&(partition_index, timestamp)| ListOffsetsPartition {
        partition_index,
        timestamp,
        ..Default::default()
    });
    let request = ListOffsetsRequest {
        replica_id: -1,
        topics: smallvec![ListOffsetsTopic { name: topic, partitions: wanted.collect() }],
        timeout_ms: cluster.wait_max_ms(),
        ..Default::default()
    };
    let response = cluster.broker(leader)?.call(&request)?;
    for answer in response.topics.iter().flat_map(|topic| &topic.partitions) {
        let subject = format!("partition {} of topic \"{topic}\"", answer.partition_index);
        ClientError::check(&subject, answer.error_code, None)?;
        let offset = FoundOffset { offset: answer.offset, timestamp: answer.timestamp };
        found.insert(answer.partition_index, offset);
    }
    Ok(())
}
