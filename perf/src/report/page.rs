//! The page: one file, nothing loaded from elsewhere.

use super::plots::{self, Axes, Bar, Line};
use super::table::{known, spread};
use crate::drivers::Durability;
use crate::error::{Error, Result};
use crate::host::stamp::Stamp;
use crate::results::{Failure, LatencyLog, Outcome, Restart, Results, Until};
use crate::work::latency::Percentiles;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The page's name in the output folder.
pub const FILE: &str = "report.html";

const TEMPLATE: &str = include_str!("page.html");
const MILLION: f64 = 1e6;

/// What the template gets.
#[derive(Debug, Serialize)]
struct Page<'a> {
    stamp: &'a Stamp,
    versions: &'a BTreeMap<String, String>,
    failures: &'a [Failure],
    settings: BTreeSet<Settings<'a>>,
    sections: &'a [Section],
}

/// One scenario in one class of durability.
#[derive(Debug, Serialize)]
struct Section {
    scenario: String,
    title: String,
    durability: &'static str,
    plots: Vec<String>,
    rows: Vec<Row>,
    latencies: Vec<LatencyRow>,
    restarts: Vec<RestartRow>,
}

/// One system's figures, as text.
#[derive(Debug, Serialize)]
struct Row {
    system: String,
    rate: String,
    spread: String,
    mb: String,
    cpu_gb: String,
    cpu_million: String,
    client_cpu: String,
    client_share: String,
    rss: String,
    disk: String,
    verified: bool,
}

/// One kind of latency of one system, as text.
#[derive(Debug, Serialize)]
struct LatencyRow {
    system: String,
    until: &'static str,
    cells: Vec<String>,
}

/// How the restart of one system went, as text.
#[derive(Debug, Serialize)]
struct RestartRow {
    system: String,
    stop: String,
    silence: String,
}

#[derive(Debug, Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Settings<'a> {
    system: &'a str,
    durability: &'static str,
    settings: &'a str,
}

/// Writes the page, and each section's first plot as a file of its own.
///
/// # Errors
/// If the folder cannot be written.
pub fn write(results: &Results, folder: &Path) -> Result<()> {
    let sections = sections(results, folder)?;
    for section in &sections {
        let path = folder.join(format!("{}-{}.svg", section.scenario, section.durability));
        if let Some(plot) = section.plots.first() {
            fs::write(&path, plot).map_err(Error::file(&path))?;
        }
    }
    let path = folder.join(FILE);
    fs::write(&path, render(results, &sections)?).map_err(Error::file(&path))
}

fn render(results: &Results, sections: &[Section]) -> Result<String> {
    let settings: BTreeSet<Settings<'_>> = results
        .results
        .iter()
        .map(|outcome| Settings {
            system: &outcome.system,
            durability: outcome.durability.name(),
            settings: &outcome.settings,
        })
        .collect();
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_template("page", TEMPLATE).map_err(Error::client("minijinja"))?;
    let template = environment.get_template("page").map_err(Error::client("minijinja"))?;
    let page = Page {
        stamp: &results.stamp,
        versions: &results.versions,
        failures: &results.failures,
        settings,
        sections,
    };
    template.render(Serde(page)).map_err(Error::client("minijinja"))
}

fn sections(results: &Results, folder: &Path) -> Result<Vec<Section>> {
    let mut keys = Vec::new();
    for outcome in &results.results {
        let key = (outcome.scenario.as_str(), outcome.durability);
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let section = |(scenario, durability): (&str, Durability)| {
        let is_here =
            |outcome: &&Outcome| outcome.scenario == scenario && outcome.durability == durability;
        let outcomes: Vec<&Outcome> = results.results.iter().filter(is_here).collect();
        Ok(Section {
            scenario: scenario.to_owned(),
            title: outcomes.first().map_or(String::new(), |outcome| outcome.title.clone()),
            durability: durability.name(),
            plots: [bars_of(&outcomes)?, lines_of(&outcomes, folder)?].concat(),
            rows: outcomes.iter().map(|outcome| row(outcome)).collect(),
            latencies: outcomes.iter().flat_map(|outcome| latency_rows(outcome)).collect(),
            restarts: outcomes.iter().filter_map(|outcome| restart_row(outcome)).collect(),
        })
    };
    keys.into_iter().map(section).collect()
}

fn bars_of(outcomes: &[&Outcome]) -> Result<Vec<String>> {
    let bars = |value: fn(&Outcome) -> f64, text: fn(f64) -> String| -> Vec<Bar> {
        let bars = outcomes.iter().map(|outcome| (outcome.system.clone(), value(outcome)));
        let shown = bars.filter(|(_, value)| *value > 0.0);
        shown.map(|(name, value)| Bar { name, value, text: text(value) }).collect()
    };
    let rates = bars(|outcome| outcome.median.records_per_second, |v| format!("{v:.0}/s"));
    let tails = bars(
        |outcome| outcome.median.latency_us.map_or(0.0, |latency| latency.p99),
        |v| format!("{v:.0} µs"),
    );
    let costs =
        bars(|outcome| outcome.median.broker_cpu_seconds_per_gb, |v| format!("{v:.2} s/GB"));
    let titled = [
        ("Records per second: more is better", rates),
        ("99th percentile of latency: less is better", tails),
        ("Broker CPU time per GB of payload: less is better", costs),
    ];
    let shown = titled.iter().filter(|(_, bars)| !bars.is_empty());
    shown.map(|(title, bars)| plots::bars(title, bars)).collect()
}

/// The latencies behind the percentiles, if there are any: by percentile, and over time.
fn lines_of(outcomes: &[&Outcome], folder: &Path) -> Result<Vec<String>> {
    let mut shown = Vec::new();
    for (log, until) in [(LatencyLog::Counted, ""), (LatencyLog::UntilConfirmed, " to confirmed")] {
        let mut by_percentile = Vec::new();
        let mut over_time = Vec::new();
        for outcome in outcomes {
            let Some(latency) = outcome.read_latency(log, folder) else { continue };
            let name = || outcome.system.clone();
            by_percentile.push(Line { name: name(), points: latency.spectrum() });
            over_time.push(Line { name: name(), points: latency.over_time() });
        }
        if !by_percentile.is_empty() {
            let title = format!("Latency{until} by percentile, all runs");
            shown.push(plots::lines(&title, Axes::Spectrum, &by_percentile)?);
        }
        if over_time.iter().any(|line| line.points.len() > 2) {
            let title = format!("99th percentile of latency{until} in each second, all runs");
            shown.push(plots::lines(&title, Axes::OverTime, &over_time)?);
        }
    }
    Ok(shown)
}

fn row(outcome: &Outcome) -> Row {
    let median = &outcome.median;
    let client_share = median.client_cpu_seconds_per_million / MILLION * median.records_per_second;
    Row {
        system: outcome.system.clone(),
        rate: format!("{:.0}", median.records_per_second),
        spread: format!("{:.0}", spread(outcome) * 100.0),
        mb: format!("{:.1}", median.mb_per_second),
        cpu_gb: known(median.broker_cpu_seconds_per_gb, 2),
        cpu_million: known(median.broker_cpu_seconds_per_million, 2),
        client_cpu: format!("{:.2}", median.client_cpu_seconds_per_million),
        client_share: format!("{:.0}", client_share * 100.0),
        rss: known(median.rss_mb, 0),
        disk: format!("{:.2}", median.disk_bytes_per_byte),
        verified: outcome.verified,
    }
}

fn restart_row(outcome: &Outcome) -> Option<RestartRow> {
    let Restart { stop_ms, silence_ms } = outcome.median.restart?;
    let [stop, silence] = [stop_ms, silence_ms].map(|millis| format!("{millis:.0}"));
    Some(RestartRow { system: outcome.system.clone(), stop, silence })
}

/// The latency that counts, and that to the confirmation beside it. What was really sent when is
/// known of confirmed records.
fn latency_rows(outcome: &Outcome) -> Vec<LatencyRow> {
    let median = &outcome.median;
    let from_send = median.latency_from_send_us.map_or(0.0, |percentiles| percentiles.p99);
    let kinds = [
        (outcome.latency_until, median.latency_us),
        (Until::Confirmed, median.latency_until_confirmed_us),
    ];
    let row = |(until, latency): (Until, Option<Percentiles>)| {
        let latency = latency?;
        let percentiles =
            [latency.p50, latency.p90, latency.p99, latency.p99_9, latency.p99_99, latency.max];
        let mut cells: Vec<String> = percentiles.map(|micros| format!("{micros:.0}")).to_vec();
        cells.push(latency.count.to_string());
        cells.push(known(if until == Until::Confirmed { from_send } else { 0.0 }, 0));
        Some(LatencyRow { system: outcome.system.clone(), until: until.name(), cells })
    };
    kinds.into_iter().filter_map(row).collect()
}
