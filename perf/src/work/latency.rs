//! Latencies as HDR histograms: one for each second of a run, mergeable, in nanoseconds.

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Values are kept to three digits.
const DIGITS: u8 = 3;
/// The longest latency that is told apart from longer ones.
const LATENCY_MAX: Duration = Duration::from_secs(3600);
const NANOS_PER_MICRO: f64 = 1e3;
const NANOS_PER_MILLI: f64 = 1e6;

/// The distribution of one kind of latency over the seconds of a run.
#[derive(Debug, Default)]
pub struct LatencySeries {
    seconds: Vec<Histogram<u64>>,
}

/// Percentiles in microseconds, with the number of values behind them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    #[serde(rename = "p99.9")]
    pub p99_9: f64,
    #[serde(rename = "p99.99")]
    pub p99_99: f64,
    pub max: f64,
    pub count: u64,
}

impl LatencySeries {
    /// Notes a latency that ended at `at`, since the start.
    pub fn record(&mut self, at: Duration, latency: Duration) {
        let second = usize::try_from(at.as_secs()).expect("a run of less than 2^64 seconds");
        while self.seconds.len() <= second {
            self.seconds.push(histogram());
        }
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX).max(1);
        self.seconds[second].saturating_record(nanos);
    }

    /// Adds what another series noted, second by second.
    pub fn merge(&mut self, other: &LatencySeries) {
        while self.seconds.len() < other.seconds.len() {
            self.seconds.push(histogram());
        }
        for (own, other) in self.seconds.iter_mut().zip(&other.seconds) {
            own.add(other).expect("both have the same bounds");
        }
    }

    /// The distribution over the whole run.
    pub fn whole(&self) -> Histogram<u64> {
        let mut whole = histogram();
        for second in &self.seconds {
            whole.add(second).expect("both have the same bounds");
        }
        whole
    }

    /// Percentiles over the whole run; none if nothing was noted.
    pub fn percentiles(&self) -> Option<Percentiles> {
        let whole = self.whole();
        let micros = |quantile| whole.value_at_quantile(quantile) as f64 / NANOS_PER_MICRO;
        (!whole.is_empty()).then(|| Percentiles {
            p50: micros(0.5),
            p90: micros(0.9),
            p99: micros(0.99),
            p99_9: micros(0.999),
            p99_99: micros(0.9999),
            max: whole.max() as f64 / NANOS_PER_MICRO,
            count: whole.len(),
        })
    }

    /// An HdrHistogram log with a line for each second, tagged `tag`, values in nanoseconds.
    ///
    /// # Panics
    /// If the tag has a comma or white space.
    pub fn to_log(&self, tag: &str) -> String {
        let mut text = Vec::new();
        let mut serializer = V2DeflateSerializer::new();
        let mut log = IntervalLogWriterBuilder::new()
            .add_comment("[values in nanoseconds, maxima in milliseconds]")
            .with_max_value_divisor(NANOS_PER_MILLI)
            .begin_log_with(&mut text, &mut serializer)
            .expect("writing to memory does not fail");
        let tag = Tag::new(tag).expect("a tag without commas and white space");
        for (second, histogram) in (0..).zip(&self.seconds) {
            let (start, length) = (Duration::from_secs(second), Duration::from_secs(1));
            log.write_histogram(histogram, start, length, Some(tag))
                .expect("writing to memory does not fail");
        }
        String::from_utf8(text).expect("an interval log is ASCII")
    }
}

fn histogram() -> Histogram<u64> {
    let max = u64::try_from(LATENCY_MAX.as_nanos()).expect("an hour of nanoseconds fits");
    Histogram::new_with_bounds(1, max, DIGITS).expect("the bounds are valid")
}

#[cfg(test)]
mod tests {
    use super::*;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    fn series() -> LatencySeries {
        let mut series = LatencySeries::default();
        for millis in 0..3000 {
            series.record(Duration::from_millis(millis), Duration::from_micros(millis + 1));
        }
        series
    }

    /// Goal: the percentiles over all seconds, within the histogram's three digits.
    #[test]
    fn percentiles_cover_every_second() {
        let percentiles = series().percentiles().expect("values were noted");
        let near = |value: f64, wanted: f64| (value / wanted - 1.0).abs() < 0.002;
        assert!(near(percentiles.p50, 1500.0), "{percentiles:?}");
        assert!(near(percentiles.p99, 2970.0), "{percentiles:?}");
        assert!(near(percentiles.max, 3000.0), "{percentiles:?}");
        assert_eq!(percentiles.count, 3000);
        assert_eq!(LatencySeries::default().percentiles(), None);
    }

    /// Goal: two merged series hold the values of both.
    #[test]
    fn series_merge() {
        let (mut left, right) = (LatencySeries::default(), series());
        left.record(Duration::from_secs(9), Duration::from_secs(1));
        left.merge(&right);
        assert_eq!(left.whole().len(), 3001);
        assert_eq!(left.seconds.len(), 10);
    }

    /// Goal: the library's own reader finds a line for each second, with its tag.
    #[test]
    fn the_log_reads_back() {
        let text = series().to_log("confirmed");
        let entries = IntervalLogIterator::new(text.as_bytes());
        let tagged = entries.filter(|entry| match entry {
            Ok(LogEntry::Interval(interval)) => {
                interval.tag().is_some_and(|tag| tag.as_str() == "confirmed")
            }
            _ => false,
        });
        assert_eq!(tagged.count(), 3);
    }
}
