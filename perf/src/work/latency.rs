//! Latencies as HDR histograms: one for each second of a run, mergeable, in nanoseconds.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::interval_log::{
    IntervalLogIterator, IntervalLogWriterBuilder, LogEntry, Tag,
};
use hdrhistogram::serialization::{Deserializer, V2DeflateSerializer};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Values are kept to three digits.
const DIGITS: u8 = 3;
/// The longest latency that is told apart from longer ones.
const LATENCY_MAX: Duration = Duration::from_secs(3600);
/// Points of a spectrum between one rarity and ten times it.
const POINTS_PER_DECADE: u32 = 10;
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

    /// The distribution as points: how rare a latency is, as 1 in so many, and the latency in
    /// microseconds; up to the rarest that there are values for.
    pub fn spectrum(&self) -> Vec<(f64, f64)> {
        let whole = self.whole();
        let rarities = (0..).map(|step| 10f64.powf(f64::from(step) / f64::from(POINTS_PER_DECADE)));
        let seen = rarities.take_while(|rarity| *rarity <= whole.len() as f64);
        let point = |rarity: f64| {
            let nanos = whole.value_at_quantile(1.0 - 1.0 / rarity);
            (rarity, (nanos as f64 / NANOS_PER_MICRO).max(1.0))
        };
        seen.map(point).collect()
    }

    /// The 99th percentile of each second that has values, in microseconds.
    pub fn over_time(&self) -> Vec<(f64, f64)> {
        let seconds = (0..).zip(&self.seconds).filter(|(_, histogram)| !histogram.is_empty());
        let point = |(second, histogram): (u32, &Histogram<u64>)| {
            let nanos = histogram.value_at_quantile(0.99);
            (f64::from(second), (nanos as f64 / NANOS_PER_MICRO).max(1.0))
        };
        seconds.map(point).collect()
    }

    /// Reads what [`LatencySeries::to_log`] wrote; `None` if it is something else, or holds
    /// histograms of other bounds.
    pub fn from_log(text: &str) -> Option<LatencySeries> {
        let mut series = LatencySeries::default();
        let mut deserializer = Deserializer::new();
        let ours = histogram();
        for entry in IntervalLogIterator::new(text.as_bytes()) {
            let LogEntry::Interval(interval) = entry.ok()? else { continue };
            let bytes = BASE64_STANDARD.decode(interval.encoded_histogram()).ok()?;
            let second: Histogram<u64> = deserializer.deserialize(&mut bytes.as_slice()).ok()?;
            if (second.high(), second.sigfig()) != (ours.high(), ours.sigfig()) {
                return None;
            }
            series.seconds.push(second);
        }
        Some(series)
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

    /// Goal: a page can be made again from what a run left.
    #[test]
    fn a_log_is_the_series_again() {
        let again = LatencySeries::from_log(&series().to_log("confirmed")).expect("our own log");
        assert_eq!(again.percentiles(), series().percentiles());
        assert_eq!(again.over_time().len(), 3);
        let rarest = again.spectrum().pop().expect("there are values");
        assert!(rarest.0 > 1000.0 && rarest.1 > 2900.0, "{rarest:?}");
        assert!(LatencySeries::from_log("1,2").is_none());
        let wider = Histogram::new_with_bounds(1, u64::MAX / 2, 1).expect("valid bounds");
        let foreign = LatencySeries { seconds: vec![wider] }.to_log("confirmed");
        assert!(LatencySeries::from_log(&foreign).is_none());
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
