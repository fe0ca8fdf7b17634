//! How far a log has come, in each sense.

use crate::base::{Offset, Timestamp};

/// The offsets up to which a log is deleted, readable, durable, written and assigned. Each is the
/// offset *after* the last record it covers.
///
/// Their order is asserted at every update:
/// `log_start ≤ last_stable_offset ≤ high_watermark ≤ written ≤ log_end` and `durable ≤ written`.
/// Where a topic's flush policy makes readers wait for the disk, `high_watermark ≤ durable` too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Positions {
    /// The first offset of the log; below it everything was deleted.
    pub log_start: Offset,
    /// Records below it are readable.
    pub high_watermark: Offset,
    /// Records below it are decided by transactions (KIP-98).
    pub last_stable_offset: Offset,
    /// Records below it survive a power loss.
    pub durable: Offset,
    /// Records below it are in the page cache and survive the end of the process.
    pub written: Offset,
    /// The offset that the next record gets.
    pub log_end: Offset,
}

impl Positions {
    /// Asserts the order.
    ///
    /// # Panics
    /// If it does not hold, which is a fault of this layer.
    pub fn check(&self) {
        assert!(self.log_start <= self.last_stable_offset, "{self:?}");
        assert!(self.last_stable_offset <= self.high_watermark, "{self:?}");
        assert!(self.high_watermark <= self.written, "{self:?}");
        assert!(self.durable <= self.written, "{self:?}");
        assert!(self.written <= self.log_end, "{self:?}");
    }
}

/// A batch boundary, as an offset and as a place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The offset after the last record before the boundary.
    pub offset: Offset,
    /// The base offset of the segment that holds the boundary.
    pub segment: Offset,
    /// The boundary's place in that segment's file, in bytes.
    pub position: u64,
    /// The greatest timestamp of that segment up to the boundary, and the last offset of the
    /// first batch that has it.
    pub max_timestamp: Option<(Timestamp, Offset)>,
}

impl Mark {
    /// The start of a segment.
    pub fn start_of(segment: Offset) -> Mark {
        Mark { offset: segment, segment, position: 0, max_timestamp: None }
    }

    /// Moves forward to `to`.
    ///
    /// # Panics
    /// If that is backwards.
    pub fn advance(&mut self, to: Mark) {
        let key = |mark: &Mark| (mark.offset, mark.segment, mark.position);
        assert!(key(&to) >= key(self), "a mark only moves forward: {self:?} to {to:?}");
        *self = to;
    }
}
