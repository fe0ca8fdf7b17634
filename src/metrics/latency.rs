//! One latency distribution, and the stages of a request that have one.

use hdrhistogram::Histogram;

/// What part of a request's life a duration covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// From the arrival of its bytes to a decoded and validated request whose writes, questions
    /// or reply are submitted.
    Parse,
    /// Of a produce request: until the last of its batches is in the page cache.
    Append,
    /// Of a produce request: from there to the durability that its acks ask for.
    Sync,
    /// Of any other request that is not answered at once: for records, for another shard, for
    /// the metadata log.
    Wait,
    /// From the ready reply to its last byte handed to the kernel.
    Reply,
    /// From the arrival of its bytes to the last byte of the reply. The others add up to it.
    Whole,
}

impl Stage {
    /// The number of stages.
    pub const COUNT: usize = 6;

    /// Every stage, in the order in which a request passes them.
    pub const ALL: [Stage; Stage::COUNT] =
        [Stage::Parse, Stage::Append, Stage::Sync, Stage::Wait, Stage::Reply, Stage::Whole];

    /// The value of the label `stage`.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Parse => "parse",
            Stage::Append => "append",
            Stage::Sync => "sync",
            Stage::Wait => "wait",
            Stage::Reply => "reply",
            Stage::Whole => "whole",
        }
    }
}

/// Durations in nanoseconds up to 137 s, each kept to within 1% or 64 ns, whichever is more.
///
/// Takes 26 KiB. Longer durations count as 137 s.
#[derive(Debug, Clone, PartialEq)]
pub struct Latency {
    histogram: Histogram<u64>,
    nanos_sum: u64,
}

const NANOS_MIN: u64 = 1 << 6;
const NANOS_MAX: u64 = 1 << 37;
const DIGITS: u8 = 2;

impl Default for Latency {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(NANOS_MIN, NANOS_MAX, DIGITS)
            .expect("the bounds are constants that the histogram accepts");
        Latency { histogram, nanos_sum: 0 }
    }
}

impl Latency {
    /// Counts one duration.
    pub fn record(&mut self, nanos: u64) {
        self.histogram.saturating_record(nanos);
        self.nanos_sum = self.nanos_sum.saturating_add(nanos);
    }

    /// Adds the durations of another distribution.
    pub fn merge(&mut self, other: &Latency) {
        self.histogram.add(&other.histogram).expect("all distributions have the same bounds");
        self.nanos_sum = self.nanos_sum.saturating_add(other.nanos_sum);
    }

    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The sum of all durations.
    pub fn nanos_sum(&self) -> u64 {
        self.nanos_sum
    }

    /// The distribution itself.
    pub fn histogram(&self) -> &Histogram<u64> {
        &self.histogram
    }

    /// How many durations are at most as long as each of `bounds`, which ascend.
    pub fn cumulative(&self, bounds: &[u64]) -> Vec<u64> {
        let mut counts = Vec::with_capacity(bounds.len());
        let mut below = 0;
        for step in self.histogram.iter_recorded() {
            while counts.len() < bounds.len() && bounds[counts.len()] < step.value_iterated_to() {
                counts.push(below);
            }
            below += step.count_since_last_iteration();
        }
        counts.resize(bounds.len(), below);
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: the promised precision, and values beyond the range are counted, none is lost.
    #[test]
    fn keeps_values_within_one_percent() {
        let mut latency = Latency::default();
        for nanos in [0, 1_000, 5_000_000, 60_000_000_000, u64::MAX] {
            latency.record(nanos);
        }
        assert_eq!(latency.count(), 5);
        let near = |quantile: f64, nanos: u64| {
            let value = latency.histogram().value_at_quantile(quantile);
            assert!(value.abs_diff(nanos) <= (nanos / 100).max(64), "{value} is not near {nanos}");
        };
        near(0.4, 1_000);
        near(0.6, 5_000_000);
        near(0.8, 60_000_000_000);
    }

    /// Goal: the buckets that Prometheus sees rise, and the last holds all but the longer ones.
    #[test]
    fn cumulative_counts_rise() {
        let mut latency = Latency::default();
        for nanos in [1_000, 2_000, 2_000, 9_000_000] {
            latency.record(nanos);
        }
        assert_eq!(latency.cumulative(&[500, 1_500, 3_000, 1_000_000]), [0, 1, 3, 3]);
        assert_eq!(latency.cumulative(&[10_000_000]), [4]);
        assert_eq!(Latency::default().cumulative(&[1, 2]), [0, 0]);
    }

    #[test]
    fn merge_adds_counts_and_sums() {
        let (mut a, mut b) = (Latency::default(), Latency::default());
        a.record(1_000);
        b.record(3_000);
        a.merge(&b);
        assert_eq!((a.count(), a.nanos_sum()), (2, 4_000));
    }

    /// Goal: a full set stays small: 20 APIs with three stages, two more for one, and a wait for
    /// the 15 that ask other shards.
    #[test]
    fn a_full_set_stays_below_two_mebibytes() {
        let histogram = Latency::default();
        let bytes = histogram.histogram().distinct_values() * size_of::<u64>();
        assert!(bytes * (20 * 3 + 2 + 15) < 2 << 20, "one distribution takes {bytes} bytes");
    }
}
