//! Latencies as an HdrHistogram interval log: the text that the tools of that project read.
//!
//! One line for each API and stage, tagged `Produce.whole`; values in nanoseconds, maxima shown in
//! milliseconds. Nothing is lost on the way: a reader may merge, subtract and take percentiles.

use super::{Snapshot, Stage};
use hdrhistogram::serialization::V2Serializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use std::time::Duration;

const NANOS_PER_MILLISECOND: f64 = 1e6;

/// The interval log of a snapshot that covers the time from the process's start to `uptime` later.
pub fn render(snapshot: &Snapshot, uptime: Duration) -> String {
    let mut text = Vec::new();
    let mut serializer = V2Serializer::new();
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment("[Pinion latencies: Tag=<api>.<stage>, nanoseconds]")
        .with_max_value_divisor(NANOS_PER_MILLISECOND)
        .begin_log_with(&mut text, &mut serializer)
        .expect("writing to memory does not fail");
    for api in &snapshot.apis {
        for (stage, latency) in &api.stages {
            let name = tag(api.name(), *stage);
            let tag = Tag::new(&name).expect("API names have neither commas nor spaces");
            log.write_histogram(latency.histogram(), Duration::ZERO, uptime, Some(tag))
                .expect("writing to memory does not fail");
        }
    }
    String::from_utf8(text).expect("an interval log is ASCII")
}

fn tag(api: &str, stage: Stage) -> String {
    format!("{api}.{}", stage.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::ShardMetrics;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    /// Goal: the library's own reader finds each distribution under its tag.
    #[test]
    fn reads_back() {
        let mut metrics = ShardMetrics::new();
        metrics.record(0, Stage::Whole, 2_000_000);
        metrics.record(1, Stage::Parse, 500);
        let text = render(&metrics.snapshot(), Duration::from_secs(9));
        let tags: Vec<_> = IntervalLogIterator::new(text.as_bytes())
            .map(|entry| entry.expect("a well-formed line"))
            .filter_map(|entry| match entry {
                LogEntry::Interval(interval) => Some(interval.tag()?.as_str().to_owned()),
                _ => None,
            })
            .collect();
        assert_eq!(tags, ["Produce.whole", "Fetch.parse"]);
    }
}
