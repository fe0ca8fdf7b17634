//! Identifiers and logical positions as newtypes, so that one cannot stand in for another.

use std::fmt;
use uuid::Uuid;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// The logical position of a record in its partition: 0 for the first record ever.
    Offset(i64)
}
number! {
    /// The reign of a partition's leader (KIP-101). Never decreases within a partition.
    LeaderEpoch(i32)
}
number! {
    /// A partition's number within its topic, from 0.
    PartitionIndex(i32)
}
number! {
    /// A broker's `node.id`.
    BrokerId(i32)
}
number! {
    /// The id of an idempotent producer (KIP-98); −1 stands for none.
    ProducerId(i64)
}
number! {
    /// The incarnation of a producer id; a lower one than the newest is fenced.
    ProducerEpoch(i16)
}
number! {
    /// The number of a record among those of one producer in one partition. After 2³¹−1 comes 0.
    Sequence(i32)
}
number! {
    /// A shard's number, from 0. Shard 0 is the controller.
    ShardId(u16)
}

impl Offset {
    /// The first offset of a new partition.
    pub const ZERO: Offset = Offset(0);

    /// The offset `count` records later.
    ///
    /// # Panics
    /// Past 2⁶³−1, which no log reaches.
    #[must_use]
    pub fn plus(self, count: i64) -> Offset {
        Offset(self.0.checked_add(count).expect("an offset stays below 2^63"))
    }

    /// The offset after this one.
    #[must_use]
    pub fn next(self) -> Offset {
        self.plus(1)
    }
}

impl ProducerId {
    /// No producer id: a record batch of a producer without idempotence.
    pub const NONE: ProducerId = ProducerId(-1);

    /// Whether this names a producer.
    pub fn is_some(self) -> bool {
        self.0 >= 0
    }
}

impl Sequence {
    /// The sequence `count` records later, wrapping from 2³¹−1 to 0.
    #[must_use]
    pub fn plus(self, count: i32) -> Sequence {
        let sum = i64::from(self.0) + i64::from(count);
        Sequence((sum % (i64::from(i32::MAX) + 1)) as i32)
    }
}

/// The unique id of a topic (KIP-516). The zero id stands for "none given".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TopicId(pub Uuid);

impl TopicId {
    /// The id that stands for "none given".
    pub const NONE: TopicId = TopicId(Uuid::nil());

    /// Whether this names a topic.
    pub fn is_some(self) -> bool {
        !self.0.is_nil()
    }

    /// A random (version 4) id out of 128 random bits.
    pub fn from_random(high: u64, low: u64) -> TopicId {
        TopicId(uuid::Builder::from_random_bytes(join(high, low)).into_uuid())
    }
}

fn join(high: u64, low: u64) -> [u8; 16] {
    ((u128::from(high) << 64) | u128::from(low)).to_be_bytes()
}

impl fmt::Display for TopicId {
    /// Kafka's form: 22 characters of URL-safe base64 without padding.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let bits = self.0.as_u128();
        // 22 digits of 6 bits hold 132 bits: the last digit carries four padding bits.
        (0..22u32).try_for_each(|index| {
            let shift = 122 - 6 * index as i32;
            let digit = if shift >= 0 { bits >> shift } else { bits << -shift } & 63;
            write!(f, "{}", DIGITS[digit as usize] as char)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: sequences wrap as KIP-98 says, without a negative value.
    #[test]
    fn sequence_wraps_to_zero() {
        assert_eq!(Sequence(i32::MAX).plus(1), Sequence(0));
        assert_eq!(Sequence(i32::MAX - 1).plus(4), Sequence(2));
        assert_eq!(Sequence(7).plus(3), Sequence(10));
    }

    /// Goal: ids print as Kafka prints them, so that operators can compare.
    #[test]
    fn topic_id_prints_as_url_safe_base64() {
        let id = TopicId(Uuid::from_u128(0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f));
        assert_eq!(id.to_string(), "AAECAwQFBgcICQoLDA0ODw");
        let ones = TopicId(Uuid::from_u128(u128::MAX));
        assert_eq!(ones.to_string(), "_____________________w");
    }

    #[test]
    fn random_topic_ids_are_never_none() {
        assert!(TopicId::from_random(0, 0).is_some());
    }
}
