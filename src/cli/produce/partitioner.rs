//! Which partition a record goes to.

/// Spreads records over the partitions of a topic, as Kafka's Java client does.
///
/// A record with a key goes where the key's murmur2 hash says, the same for every client that
/// follows Java's. Records without a key stay on one partition until its batch is full, so that
/// batches get large (KIP-480), then move on to the next.
pub struct Partitioner {
    partition_count: i32,
    fixed: Option<i32>,
    current: i32,
}

impl Partitioner {
    /// For a topic of `partition_count` partitions, at least 1; `fixed` overrides everything.
    pub fn new(partition_count: i32, fixed: Option<i32>) -> Partitioner {
        assert!(partition_count > 0, "a topic has at least one partition");
        Partitioner { partition_count, fixed, current: 0 }
    }

    /// The partition for a record with this key.
    pub fn partition(&self, key: Option<&[u8]>) -> i32 {
        match (self.fixed, key) {
            (Some(partition), _) => partition,
            (None, Some(key)) => (murmur2(key) & i32::MAX) % self.partition_count,
            (None, None) => self.current,
        }
    }

    /// Records without a key go on to the next partition.
    pub fn next_batch(&mut self) {
        self.current = (self.current + 1) % self.partition_count;
    }
}

/// MurmurHash2, 32 bits, with the seed that Kafka's clients agreed on.
fn murmur2(bytes: &[u8]) -> i32 {
    const SEED: u32 = 0x9747_b28c;
    const MIX: u32 = 0x5bd1_e995;
    const SHIFT: u32 = 24;

    let mut hash = SEED ^ bytes.len() as u32;
    let (words, rest) = bytes.as_chunks::<4>();
    for word in words {
        let mut word = u32::from_le_bytes(*word).wrapping_mul(MIX);
        word ^= word >> SHIFT;
        hash = hash.wrapping_mul(MIX) ^ word.wrapping_mul(MIX);
    }
    if !rest.is_empty() {
        let tail = rest.iter().rev().fold(0, |tail, byte| tail << 8 | u32::from(*byte));
        hash = (hash ^ tail).wrapping_mul(MIX);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MIX);
    (hash ^ hash >> 15) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: the hashes that Kafka's own tests list, so that keys meet their old records.
    #[test]
    fn hashes_as_java_does() {
        for (key, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()), hash, "{key}");
        }
    }

    #[test]
    fn keys_stick_and_the_rest_moves_by_batch() {
        let mut partitioner = Partitioner::new(3, None);
        let keyed = partitioner.partition(Some(b"abc"));
        assert_eq!(keyed, 479_470_107 % 3);
        assert_eq!((partitioner.partition(None), partitioner.partition(None)), (0, 0));
        partitioner.next_batch();
        assert_eq!((partitioner.partition(None), partitioner.partition(Some(b"abc"))), (1, keyed));
        assert_eq!(Partitioner::new(3, Some(2)).partition(Some(b"abc")), 2);
    }
}
