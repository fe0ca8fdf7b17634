//! `pinion latency`: the latency percentiles of a running broker.

mod reading;

use super::address::parse_address;
use super::duration::{parse_at_least, parse_wait};
use super::error::CliError;
use super::output::Output;
use super::table::Table;
use clap::Args;
use reading::Reading;
use serde_json::{Value, json};
use std::thread;
use std::time::Duration;

const AFTER_HELP: &str = "\
Examples:
  pinion latency
  pinion latency --watch 5s
  pinion latency --metrics http://10.0.0.7:9644 --json

Stages of a request, in order; they add up to whole:
  parse   until it is decoded and validated, and its writes or questions are submitted
  append  a produce, until its batches are in the page cache
  sync    a produce, from there to the durability that its acks ask for
  wait    others that are not answered at once: for records, another shard, the metadata log
  reply   until the last byte of the reply is handed to the kernel

The numbers come from /latency, an HdrHistogram log, and are those since the broker's start, or
since the last look with --watch.";

/// The quantiles shown, with their titles.
const QUANTILES: [(f64, &str, &str); 5] = [
    (0.5, "#P50", "p50_us"),
    (0.9, "#P90", "p90_us"),
    (0.99, "#P99", "p99_us"),
    (0.999, "#P99.9", "p99_9_us"),
    (0.9999, "#P99.99", "p99_99_us"),
];

/// The shortest pause between two looks: each costs the broker's control thread a merge of all
/// histograms.
const PAUSE_MIN: Duration = Duration::from_millis(100);

/// Which broker, and how to show it.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct LatencyArgs {
    /// The broker's HTTP address: its pinion.metrics.listen
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:9644",
        value_parser = parse_url
    )]
    metrics: String,

    /// Look again and again, and show what came in between [default: 2s]
    #[arg(
        long,
        value_name = "DURATION",
        num_args = 0..=1,
        default_missing_value = "2s",
        value_parser = parse_pause
    )]
    watch: Option<Duration>,

    /// JSON in microseconds instead of a table; with --watch, one array a line
    #[arg(long)]
    json: bool,

    /// Longest wait for the broker's answer
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "10s",
        value_parser = parse_wait
    )]
    timeout: Duration,
}

/// A URL, or `HOST:PORT` for short.
fn parse_url(text: &str) -> Result<String, String> {
    let address = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
    match parse_address(address) {
        Ok(address) => Ok(format!("http://{address}")),
        Err(_) => Err("write http://HOST:PORT, such as http://127.0.0.1:9644".to_owned()),
    }
}

fn parse_pause(text: &str) -> Result<Duration, String> {
    parse_at_least(text, PAUSE_MIN)
}

/// Prints the percentiles once, or until interrupted.
pub fn run(args: &LatencyArgs) -> Result<(), CliError> {
    let mut output = Output::new();
    let mut last = reading::fetch(&args.metrics, args.timeout)?;
    show(args, &last, &mut output)?;
    while let Some(pause) = args.watch {
        output.flush()?;
        thread::sleep(pause);
        let next = reading::fetch(&args.metrics, args.timeout)?;
        show(args, &reading::between(&last, &next), &mut output)?;
        last = next;
    }
    output.flush()
}

fn show(args: &LatencyArgs, readings: &[Reading], output: &mut Output) -> Result<(), CliError> {
    if args.json {
        let values = Value::Array(readings.iter().map(to_json).collect());
        return if args.watch.is_some() { output.line(values) } else { output.json(&values) };
    }
    let titles = ["API", "STAGE", "#COUNT"].into_iter();
    let titles = titles.chain(QUANTILES.map(|(_, title, _)| title)).chain(["#MAX"]);
    let mut table = Table::new(&titles.collect::<Vec<_>>());
    for reading in readings {
        let histogram = &reading.histogram;
        let start = [reading.api.clone(), reading.stage.clone(), histogram.len().to_string()];
        let quantiles = QUANTILES.map(|(q, _, _)| duration(histogram.value_at_quantile(q)));
        table.row(start.into_iter().chain(quantiles).chain([duration(histogram.max())]));
    }
    output.table(&table)?;
    if args.watch.is_some() { output.line("") } else { Ok(()) }
}

fn to_json(reading: &Reading) -> Value {
    let micros = |nanos: u64| nanos as f64 / 1e3;
    let histogram = &reading.histogram;
    let mut value = json!({
        "api": reading.api,
        "stage": reading.stage,
        "count": histogram.len(),
        "max_us": micros(histogram.max()),
    });
    for (quantile, _, name) in QUANTILES {
        value[name] = json!(micros(histogram.value_at_quantile(quantile)));
    }
    value
}

/// A duration with three digits and its unit.
fn duration(nanos: u64) -> String {
    const UNITS: [(f64, &str); 3] = [(1e9, "s"), (1e6, "ms"), (1e3, "µs")];
    let value = nanos as f64;
    let (size, unit) = UNITS.into_iter().find(|(size, _)| value >= *size).unwrap_or((1.0, "ns"));
    let scaled = value / size;
    let digits = match scaled {
        0.0..10.0 if unit != "ns" => 2,
        10.0..100.0 if unit != "ns" => 1,
        _ => 0,
    };
    format!("{scaled:.digits$}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_a_host_and_a_port() {
        for text in ["http://10.0.0.7:9644/", "10.0.0.7:9644"] {
            assert_eq!(parse_url(text).as_deref(), Ok("http://10.0.0.7:9644"));
        }
        for text in ["foo", "https://10.0.0.7:9644", "http://10.0.0.7:9644/metrics"] {
            assert!(parse_url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_have_three_digits() {
        let shown: Vec<_> =
            [0, 640, 1_234, 56_700, 999_000, 12_340_000, 9_870_000_000].map(duration).into();
        assert_eq!(shown, ["0ns", "640ns", "1.23µs", "56.7µs", "999µs", "12.3ms", "9.87s"]);
    }
}
