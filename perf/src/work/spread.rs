//! Where a record goes: to each partition in turn, or where its key says.

/// The keys and partitions of a producer's records.
#[derive(Debug, Clone, Copy)]
pub struct Spread {
    partitions: u32,
    keys: Option<u64>,
}

/// A key's bytes.
pub type Key = [u8; 8];

impl Spread {
    /// Records over so many partitions, at least 1: in turn, or by one of so many keys, at least 1,
    /// that are drawn evenly.
    pub fn new(partitions: u32, keys: Option<u64>) -> Spread {
        assert!(partitions > 0, "a topic has at least one partition");
        assert!(keys != Some(0), "a record with a key has one of at least one");
        Spread { partitions, keys }
    }

    /// The key and the partition of the record with this number.
    pub fn place(self, sequence: u64) -> (Option<Key>, u32) {
        let key = self.keys.map(|keys| (mixed(sequence) % keys).to_be_bytes());
        // Every driver sends to the partition that it is told: all systems get the same spread.
        let spread_by = key.map_or(sequence, |key| mixed(u64::from_be_bytes(key)));
        let partition = spread_by % u64::from(self.partitions);
        (key, u32::try_from(partition).expect("a remainder of a u32"))
    }
}

/// The output function of SplitMix64: neighbours land far from each other, evenly.
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn without_keys_partitions_take_turns() {
        let spread = Spread::new(3, None);
        let partitions: Vec<_> = (0..5).map(|sequence| spread.place(sequence)).collect();
        assert_eq!(partitions, [(None, 0), (None, 1), (None, 2), (None, 0), (None, 1)]);
    }

    /// Goal: a key stays on its partition, all keys occur, and no partition gets much more than
    /// another.
    #[test]
    fn keys_stay_and_spread_evenly() {
        let spread = Spread::new(10, Some(1000));
        let mut partition_of = BTreeMap::new();
        let mut records = [0; 10];
        for sequence in 0..20_000 {
            let (key, partition) = spread.place(sequence);
            let key = key.expect("records have keys");
            assert_eq!(*partition_of.entry(key).or_insert(partition), partition);
            records[partition as usize] += 1;
        }
        assert_eq!(partition_of.len(), 1000);
        assert!(records.iter().all(|count| (1_400..2_600).contains(count)), "{records:?}");
    }
}
