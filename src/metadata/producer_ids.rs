//! Producer ids (KIP-98), given to shards in blocks so that a shard asks seldom.

use super::{Change, Image};
use crate::base::ProducerId;
use std::ops::Range;

/// Ids in a block. What a shard has not used when the broker stops is lost.
pub const PRODUCER_ID_BLOCK: i64 = 1_000;

/// The next block, and the change after which its ids may be used.
///
/// # Panics
/// When all 2⁶³ ids are used up.
pub fn allocate(image: &Image) -> (Range<i64>, Change) {
    let first = image.next_producer_id().0;
    let end = first.checked_add(PRODUCER_ID_BLOCK).expect("producer ids do not run out");
    (first..end, Change::ProducerIdsAllocated { next: ProducerId(end) })
}
