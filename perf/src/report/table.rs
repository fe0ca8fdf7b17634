//! The table in the terminal at the end of a run.

use super::numbers::{significant, whole};
use super::quantity::Quantity;
use crate::results::{Failure, Outcome, Results};
use crate::work::latency::Percentiles;
use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};
use std::fmt::Write;

const HEADERS: [&str; 11] = [
    "scenario",
    "class",
    "system",
    "records/s",
    "min … max",
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

/// Whether everything came back; nothing to say where it was not asked to.
fn verdict(outcome: &Outcome) -> &'static str {
    match outcome.runs.iter().all(|run| run.verification.sent == 0) {
        true => "",
        false if outcome.verified => "yes",
        false => "NO",
    }
}

fn row(outcome: &Outcome) -> [String; HEADERS.len()] {
    let median = &outcome.median;
    let latency = |pick: fn(&Percentiles) -> f64| {
        median.latency_us.as_ref().map_or(String::new(), |latency| whole(pick(latency)))
    };
    let spread = Quantity::Rate.spread(outcome).and_then(|spread| spread.text(whole));
    [
        outcome.scenario.clone(),
        outcome.durability.name().to_owned(),
        outcome.system.clone(),
        whole(median.records_per_second),
        spread.unwrap_or_default(),
        significant(median.mb_per_second),
        significant(median.broker_cpu_seconds_per_gb),
        significant(median.rss_mb),
        latency(|percentiles| percentiles.p99),
        latency(|percentiles| percentiles.p99_99),
        verdict(outcome).to_owned(),
    ]
}
