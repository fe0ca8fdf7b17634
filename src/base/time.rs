//! Time as a value: read once per tick through the seam and handed down.

use std::time::Duration;

/// Nanoseconds of a clock that never goes back; its zero has no meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Monotonic(pub u64);

impl Monotonic {
    /// The instant `duration` later; the far future where that would overflow.
    #[must_use]
    pub fn after(self, duration: Duration) -> Monotonic {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Monotonic(self.0.saturating_add(nanos))
    }

    /// The time since `earlier`; zero if that is later.
    pub fn since(self, earlier: Monotonic) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Milliseconds since the Unix epoch, Kafka's timestamp; −1 stands for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// No timestamp.
    pub const NONE: Timestamp = Timestamp(-1);
}

/// The two clocks, read together once per tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// For timers and latencies.
    pub monotonic: Monotonic,
    /// For record timestamps and retention.
    pub wall: Timestamp,
}
