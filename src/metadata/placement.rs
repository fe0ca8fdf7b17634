//! Which shard owns which partition.

use crate::base::{PartitionIndex, ShardId};

/// The owner of a partition of the topic with this ordinal.
///
/// Follows from the metadata and the number of shards alone, so that restarting with another
/// number of cores moves no data. Partitions of one topic lie on the shards in turn; each topic
/// begins one shard after the topic made before it, so that topics of one partition spread too.
///
/// # Panics
/// If there is no shard, or the partition's number is negative.
pub fn shard_of(ordinal: u64, partition: PartitionIndex, shard_count: u16) -> ShardId {
    assert!(shard_count > 0, "a broker has shards");
    let partition = u64::try_from(partition.0).expect("partitions count from 0");
    let count = u64::from(shard_count);
    let shard = (ordinal % count + partition % count) % count;
    ShardId(u16::try_from(shard).expect("less than the shard count"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loads(topics: u64, partitions: i32, shards: u16) -> Vec<u32> {
        let mut loads = vec![0; usize::from(shards)];
        for ordinal in 0..topics {
            for partition in 0..partitions {
                let shard = shard_of(ordinal, PartitionIndex(partition), shards);
                loads[usize::from(shard.0)] += 1;
            }
        }
        loads
    }

    /// Goal: whatever the shape of the topics, no shard has much more than another.
    #[test]
    fn spreads_evenly() {
        for (topics, partitions, shards) in
            [(1, 1000, 4), (1000, 1, 4), (100, 3, 4), (7, 5, 3), (64, 6, 8), (100, 1, 1)]
        {
            let loads = loads(topics, partitions, shards);
            let (least, most) = (loads.iter().min().unwrap(), loads.iter().max().unwrap());
            assert!(most - least <= 2, "{topics}×{partitions} on {shards}: {loads:?}");
        }
    }

    /// Goal: the largest ordinal and partition have a place.
    #[test]
    fn takes_extremes() {
        assert!(shard_of(u64::MAX, PartitionIndex(i32::MAX), 256).0 < 256);
    }
}
