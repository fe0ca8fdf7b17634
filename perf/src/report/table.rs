//! The table in the terminal at the end of a run.

use crate::results::{Failure, Outcome, Results};
use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};
use std::fmt::Write;

const HEADERS: [&str; 11] = [
    "scenario",
    "class",
    "system",
    "records/s",
    "spread",
    "MB/s",
    "CPU-s/GB",
    "RSS MB",
    "p99 µs",
    "p99.99 µs",
    "verified",
];
const COLUMNS_OF_TEXT: usize = 3;

/// The medians of every outcome, and what was left out.
pub fn of(results: &Results) -> String {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(HEADERS);
    for column in table.column_iter_mut().skip(COLUMNS_OF_TEXT) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut outcomes: Vec<&Outcome> = results.results.iter().collect();
    outcomes.sort_by(|a, b| (&a.scenario, a.durability).cmp(&(&b.scenario, b.durability)));
    for outcome in outcomes {
        table.add_row(row(outcome));
    }
    let mut text = format!("{table}\n");
    for Failure { system, scenario, reason } in &results.failures {
        let scenario = scenario.as_deref().unwrap_or("left out");
        // Writing to a string does not fail.
        let _ = writeln!(text, "{system}, {scenario}: {reason}");
    }
    text
}

fn row(outcome: &Outcome) -> [String; HEADERS.len()] {
    let median = &outcome.median;
    let latency = |pick: fn(&crate::work::latency::Percentiles) -> f64| {
        median.latency_us.as_ref().map_or(String::new(), |latency| format!("{:.0}", pick(latency)))
    };
    [
        outcome.scenario.clone(),
        outcome.durability.name().to_owned(),
        outcome.system.clone(),
        format!("{:.0}", median.records_per_second),
        format!("±{:.0}%", spread(outcome) * 100.0),
        format!("{:.1}", median.mb_per_second),
        known(median.broker_cpu_seconds_per_gb, 2),
        known(median.rss_mb, 0),
        latency(|percentiles| percentiles.p99),
        latency(|percentiles| percentiles.p99_99),
        if outcome.verified { "yes" } else { "NO" }.to_owned(),
    ]
}

/// A figure, unless there is none: the cost of a broker that somebody else runs, say.
pub fn known(figure: f64, digits: usize) -> String {
    if figure > 0.0 { format!("{figure:.digits$}") } else { "–".to_owned() }
}

/// How far the run that is farthest from the median rate lies from it, as a part of it.
pub fn spread(outcome: &Outcome) -> f64 {
    let median = outcome.median.records_per_second;
    let rates = outcome.runs.iter().map(|run| run.figures.records_per_second);
    rates.map(|rate| (rate / median - 1.0).abs()).fold(0.0, f64::max)
}
