//! Metrics in Prometheus' text format.
//!
//! Counters and gauges carry the label `shard`, so that a hot core shows; histograms are summed
//! over the shards, so that a process with many cores stays cheap to scrape.

use super::counters::{Description, Kind};
use super::{Latency, Snapshot};
use crate::wire::ErrorCode;
use std::fmt::{self, Display, Write};

/// The content type of the text format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Upper bounds of the histogram buckets in nanoseconds, with their label in seconds.
const BUCKETS: [(u64, &str); 20] = [
    (5_000, "0.000005"),
    (10_000, "0.00001"),
    (25_000, "0.000025"),
    (50_000, "0.00005"),
    (100_000, "0.0001"),
    (250_000, "0.00025"),
    (500_000, "0.0005"),
    (1_000_000, "0.001"),
    (2_500_000, "0.0025"),
    (5_000_000, "0.005"),
    (10_000_000, "0.01"),
    (25_000_000, "0.025"),
    (50_000_000, "0.05"),
    (100_000_000, "0.1"),
    (250_000_000, "0.25"),
    (500_000_000, "0.5"),
    (1_000_000_000, "1"),
    (2_500_000_000, "2.5"),
    (5_000_000_000, "5"),
    (10_000_000_000, "10"),
];

/// The text for the snapshots of all shards, shard 0 first; `None` for one that has not answered.
pub fn render(shards: &[Option<Snapshot>]) -> String {
    let mut text = String::new();
    write_all(&mut text, shards).expect("writing to a string does not fail");
    text
}

/// The text for one number of the whole process.
pub fn gauge(name: &str, help: &str, value: u64) -> String {
    single(name, "gauge", help, value)
}

/// As [`gauge`], for a number that only grows.
pub fn counter(name: &str, help: &str, value: u64) -> String {
    single(name, "counter", help, value)
}

fn single(name: &str, kind: &str, help: &str, value: u64) -> String {
    let mut text = String::new();
    write_single(&mut text, &format!("pinion_{name}"), kind, help, value);
    text
}

/// Appends one number of the whole process, under its full name.
pub fn write_single(text: &mut String, name: &str, kind: &str, help: &str, value: impl Display) {
    full_head(text, name, kind, help)
        .and_then(|()| writeln!(text, "{name} {value}"))
        .expect("writing to a string does not fail");
}

fn write_all(text: &mut String, shards: &[Option<Snapshot>]) -> fmt::Result {
    head(text, "build_info", "gauge", "The version that runs; always 1.")?;
    writeln!(text, "pinion_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"))?;
    write_counters(text, shards)?;
    let sum = Snapshot::sum(shards.iter().flatten());
    write_requests(text, &sum)?;
    write_errors(text, &sum)?;
    write_latencies(text, &sum)
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) -> fmt::Result {
    full_head(text, &format!("pinion_{name}"), kind, help)
}

fn full_head(text: &mut String, name: &str, kind: &str, help: &str) -> fmt::Result {
    writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}")
}

fn write_counters(text: &mut String, shards: &[Option<Snapshot>]) -> fmt::Result {
    let rows = shards.iter().enumerate().filter_map(|(shard, snapshot)| {
        let mut values = Vec::new();
        snapshot
            .as_ref()?
            .counters
            .for_each(|description, value| values.push((description, value)));
        Some((shard, values))
    });
    let rows: Vec<(usize, Vec<(Description, u64)>)> = rows.collect();
    let Some((_, first)) = rows.first() else { return Ok(()) };
    let mut name = "";
    for (column, (description, _)) in first.iter().enumerate() {
        if description.name != name {
            name = description.name;
            let kind = if description.kind == Kind::Gauge { "gauge" } else { "counter" };
            head(text, name, kind, description.help)?;
        }
        for (shard, values) in &rows {
            write_number(text, *shard, *description, values[column].1)?;
        }
    }
    Ok(())
}

fn write_number(
    text: &mut String,
    shard: usize,
    description: Description,
    value: u64,
) -> fmt::Result {
    write!(text, "pinion_{}{{shard=\"{shard}\"", description.name)?;
    if let Some((label, value)) = description.label {
        write!(text, ",{label}=\"{value}\"")?;
    }
    match description.kind {
        Kind::Seconds => writeln!(text, "}} {}", seconds(value)),
        Kind::Counter | Kind::Gauge => writeln!(text, "}} {value}"),
    }
}

fn write_requests(text: &mut String, sum: &Snapshot) -> fmt::Result {
    head(text, "requests_total", "counter", "Requests received, by API.")?;
    for api in &sum.apis {
        let name = api.name();
        writeln!(text, "pinion_requests_total{{api=\"{name}\"}} {}", api.requests)?;
    }
    Ok(())
}

fn write_errors(text: &mut String, sum: &Snapshot) -> fmt::Result {
    let help = "Errors that replies carried, by API and Kafka error.";
    head(text, "request_errors_total", "counter", help)?;
    for api in &sum.apis {
        let name = api.name();
        for (code, count) in &api.errors {
            let error = ErrorCode::from_code(*code).map_or("Unknown", ErrorCode::name);
            writeln!(
                text,
                "pinion_request_errors_total{{api=\"{name}\",error=\"{error}\"}} {count}"
            )?;
        }
    }
    Ok(())
}

fn write_latencies(text: &mut String, sum: &Snapshot) -> fmt::Result {
    let help = "Time that requests took, by API and stage; the stages add up to `whole`.";
    head(text, "request_duration_seconds", "histogram", help)?;
    for api in &sum.apis {
        for (stage, latency) in &api.stages {
            let labels = format!("api=\"{}\",stage=\"{}\"", api.name(), stage.name());
            write_histogram(text, &labels, latency)?;
        }
    }
    Ok(())
}

fn write_histogram(text: &mut String, labels: &str, latency: &Latency) -> fmt::Result {
    const NAME: &str = "pinion_request_duration_seconds";
    let counts = latency.cumulative(&BUCKETS.map(|(bound, _)| bound));
    for ((_, label), count) in BUCKETS.iter().zip(counts) {
        writeln!(text, "{NAME}_bucket{{{labels},le=\"{label}\"}} {count}")?;
    }
    let count = latency.count();
    writeln!(text, "{NAME}_bucket{{{labels},le=\"+Inf\"}} {count}")?;
    writeln!(text, "{NAME}_sum{{{labels}}} {}", seconds(latency.nanos_sum()))?;
    writeln!(text, "{NAME}_count{{{labels}}} {count}")
}

fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{ShardMetrics, Stage};

    fn text_of_two_shards() -> String {
        let mut shards = [ShardMetrics::new(), ShardMetrics::new()];
        shards[0].counters.received_bytes = 10;
        shards[1].counters.received_bytes = 20;
        shards[1].counters.busy_nanos = 1_500_000_000;
        for shard in &mut shards {
            shard.request(0);
            shard.error(0, 6);
            shard.record(0, Stage::Whole, 2_000_000);
        }
        render(&shards.map(|shard| Some(shard.snapshot())))
    }

    /// Goal: what an operator's dashboard asks for is there, under stable names.
    #[test]
    fn shows_counters_errors_and_buckets() {
        let text = text_of_two_shards();
        for line in [
            "# TYPE pinion_received_bytes_total counter",
            "pinion_received_bytes_total{shard=\"0\"} 10",
            "pinion_received_bytes_total{shard=\"1\"} 20",
            "pinion_busy_seconds_total{shard=\"1\"} 1.5",
            "pinion_connections_closed_total{shard=\"0\",reason=\"peer\"} 0",
            "pinion_requests_total{api=\"Produce\"} 2",
            "pinion_request_errors_total{api=\"Produce\",error=\"NotLeaderOrFollower\"} 2",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\nis missing in\n{text}");
        }
        for (suffix, labels, value) in [
            ("bucket", ",le=\"0.001\"", "0"),
            ("bucket", ",le=\"0.0025\"", "2"),
            ("bucket", ",le=\"+Inf\"", "2"),
            ("sum", "", "0.004"),
            ("count", "", "2"),
        ] {
            let series = format!("{{api=\"Produce\",stage=\"whole\"{labels}}}");
            let line = format!("pinion_request_duration_seconds_{suffix}{series} {value}");
            assert!(text.lines().any(|l| l == line), "{line}\nis missing in\n{text}");
        }
    }

    /// Goal: each name has its help and type once, before its values, as the format demands.
    #[test]
    fn every_name_is_introduced_once() {
        let text = text_of_two_shards();
        let mut introduced: Vec<&str> = Vec::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let name = rest.split(' ').next().unwrap_or_default();
                assert!(!introduced.contains(&name), "{name} is introduced twice");
                introduced.push(name);
            } else if !line.starts_with('#') {
                let current = introduced.last().expect("a value after its help");
                assert!(line.starts_with(current), "{line} stands under {current}");
            }
        }
    }
}
