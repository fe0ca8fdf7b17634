//! Ids, positions, time and limits that every layer shares.
//!
//! Plain values only: nothing here does I/O, reads a clock or knows the Kafka protocol.
//! Imports nothing of the crate.

pub mod ids;
pub mod limits;
pub mod lookout;
pub mod time;
pub mod timers;
pub mod topic_name;

pub use ids::{
    BrokerId, LeaderEpoch, Offset, PartitionIndex, ProducerEpoch, ProducerId, Sequence, ShardId,
    TopicId,
};
pub use lookout::Lookout;
pub use time::{Monotonic, Now, Timestamp};
