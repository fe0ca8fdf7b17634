//! What a broker's `/latency` says.

use super::CliError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{
    IntervalLogHistogram, IntervalLogIterator, LogEntry,
};
use std::time::Duration;

/// The distribution of one stage of one API.
#[derive(Debug)]
pub struct Reading {
    /// Kafka's name of the API.
    pub api: String,
    /// The stage's name.
    pub stage: String,
    /// Durations in nanoseconds.
    pub histogram: Histogram<u64>,
}

/// Reads `/latency` of the broker at `url`.
pub fn fetch(url: &str, wait_max: Duration) -> Result<Vec<Reading>, CliError> {
    let url = format!("{url}/latency");
    let failure = |error: ureq::Error| {
        CliError::failure(format!(
            "cannot read {url}: {error}; is that the broker's pinion.metrics.listen?"
        ))
    };
    let config = ureq::Agent::config_builder().timeout_global(Some(wait_max)).build();
    let mut response = ureq::Agent::from(config).get(&url).call().map_err(failure)?;
    let text = response.body_mut().read_to_string().map_err(failure)?;
    parse(&text).map_err(|reason| CliError::failure(format!("cannot understand {url}: {reason}")))
}

/// Takes an interval log apart.
fn parse(text: &str) -> Result<Vec<Reading>, String> {
    let mut readings = Vec::new();
    for entry in IntervalLogIterator::new(text.as_bytes()) {
        match entry {
            Ok(LogEntry::Interval(interval)) => readings.push(reading(&interval)?),
            Ok(_) => {}
            Err(_) => return Err("it is not an HdrHistogram log".to_owned()),
        }
    }
    Ok(readings)
}

fn reading(interval: &IntervalLogHistogram<'_>) -> Result<Reading, String> {
    let tag = interval.tag().ok_or("a line has no tag")?;
    let (api, stage) = tag.as_str().split_once('.').ok_or("a tag is not API.STAGE")?;
    let bytes = STANDARD.decode(interval.encoded_histogram()).map_err(|error| error.to_string())?;
    let histogram = Deserializer::new()
        .deserialize(&mut bytes.as_slice())
        .map_err(|error| format!("the histogram of {}: {error}", tag.as_str()))?;
    Ok(Reading { api: api.to_owned(), stage: stage.to_owned(), histogram })
}

/// What came after `earlier`. A distribution that shrank is that of a broker which started anew,
/// and is given whole.
pub fn between(earlier: &[Reading], later: &[Reading]) -> Vec<Reading> {
    let subtract = |later: &Reading| {
        let same = |e: &&Reading| e.api == later.api && e.stage == later.stage;
        let mut histogram = later.histogram.clone();
        if let Some(earlier) = earlier.iter().find(same)
            && histogram.subtract(&earlier.histogram).is_err()
        {
            histogram = later.histogram.clone();
        }
        Reading { api: later.api.clone(), stage: later.stage.clone(), histogram }
    };
    later.iter().map(subtract).filter(|reading| !reading.histogram.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{ShardMetrics, Stage, hdr_log};

    fn readings(durations: &[u64]) -> Vec<Reading> {
        let mut metrics = ShardMetrics::new();
        durations.iter().for_each(|nanos| metrics.record(0, Stage::Whole, *nanos));
        metrics.record(1, Stage::Parse, 900);
        parse(&hdr_log::render(&metrics.snapshot(), Duration::from_secs(1))).unwrap()
    }

    /// Goal: what the broker recorded arrives unchanged.
    #[test]
    fn reads_what_the_broker_writes() {
        let readings = readings(&[1_000_000, 3_000_000]);
        let [produce, fetch] = &readings[..] else { panic!("{readings:?}") };
        assert_eq!((produce.api.as_str(), produce.stage.as_str()), ("Produce", "whole"));
        assert_eq!((produce.histogram.len(), fetch.histogram.len()), (2, 1));
        assert!(produce.histogram.max().abs_diff(3_000_000) < 30_000);
    }

    /// Goal: between two looks only what is new counts, its maximum too.
    #[test]
    fn the_difference_has_what_is_new() {
        let (earlier, later) = (readings(&[9_000_000]), readings(&[9_000_000, 1_000_000]));
        let new = between(&earlier, &later);
        assert_eq!(new.len(), 1, "{new:?}");
        assert_eq!(new[0].histogram.len(), 1);
        assert!(new[0].histogram.max() < 1_100_000);
        assert_eq!(between(&later, &earlier)[0].histogram.len(), 1, "a restart gives the whole");
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(parse("<html>").is_err());
    }
}
