//! The plots of a section: bars for one piece of work, lines for a sweep, and latencies.

use super::comparison::Comparison;
use super::numbers::tick_of_micros;
use super::plots::bars::{Bar, bars};
use super::plots::lines::{Across, Line, Plot};
use super::quantity::Quantity;
use crate::error::Result;
use crate::results::{LatencyLog, Outcome, Until};
use crate::sweep::Field;
use crate::work::latency::LatencySeries;
use serde::Serialize;
use std::path::Path;

/// More bars than this beside each other are too small to read.
const BARS_MAX: usize = 3;

/// A plot, and what it shows for those who do not see it.
#[derive(Debug, Serialize)]
pub struct Picture {
    /// What is shown.
    pub title: String,
    /// The plot.
    pub svg: String,
}

/// A figure of each system, beside each other, for each figure that decides.
///
/// # Errors
/// If a plot cannot be drawn.
pub fn of_one(comparison: &Comparison<'_>) -> Result<Vec<Picture>> {
    let mut pictures = Vec::new();
    for quantity in Quantity::ALL.into_iter().filter(|quantity| comparison.decides(*quantity)) {
        if pictures.len() < BARS_MAX
            && let Some(svg) = of_quantity(comparison, quantity, quantity.title())?
        {
            pictures.push(Picture { title: quantity.title().to_owned(), svg });
        }
    }
    Ok(pictures)
}

/// One figure of each system that has it, if there is any.
///
/// # Errors
/// If the plot cannot be drawn.
pub fn of_quantity(
    comparison: &Comparison<'_>,
    quantity: Quantity,
    title: &str,
) -> Result<Option<String>> {
    let bar = |outcome: &&Outcome| {
        let value = quantity.of(&outcome.median)?;
        let spread = quantity.spread(outcome);
        let range = spread.map_or((value, value), |spread| (spread.least, spread.most));
        let void = if outcome.verified { "" } else { " (void)" };
        let text = format!("{}{void}", quantity.text(value));
        Some(Bar { name: outcome.system.clone(), value, range, text })
    };
    let all: Vec<Bar> = comparison.outcomes.iter().filter_map(bar).collect();
    if all.is_empty() {
        return Ok(None);
    }
    let tick = |value| quantity.tick(value);
    bars(title, quantity.more_is_better(), tick, &all).map(Some)
}

/// The figures that a sweep is about, over the values of its field.
///
/// # Errors
/// If a plot cannot be drawn.
pub fn of_sweep(field: Field, comparisons: &[&Comparison<'_>]) -> Result<Vec<Picture>> {
    let (across, quantities) = match field {
        Field::Rate => {
            ("offered records per second", [Quantity::P99, Quantity::Rate, Quantity::CpuPerGb])
        }
        Field::Partitions => ("partitions", [Quantity::Rate, Quantity::CpuPerGb, Quantity::Memory]),
        Field::Producers => ("producers", [Quantity::Rate, Quantity::CpuPerGb, Quantity::Memory]),
        Field::RecordBytes => {
            ("bytes of a record", [Quantity::Rate, Quantity::CpuPerGb, Quantity::Memory])
        }
    };
    let values = comparisons.iter().filter_map(|comparison| comparison.sweep());
    let values: Vec<f64> = values.map(|sweep| sweep.value).collect();
    let mut pictures = Vec::new();
    for quantity in quantities {
        let lines = sweep_lines(quantity, comparisons);
        if lines.is_empty() {
            continue;
        }
        let better = if quantity.more_is_better() { "more is better" } else { "less is better" };
        let plot = Plot {
            title: quantity.title(),
            subtitle: &format!("{better} · both scales logarithmic"),
            across: Across::Values(across, values.clone()),
            tick: &|value| quantity.tick(value),
            lines: &lines,
        };
        let title = format!("{} over {across}", quantity.title());
        pictures.push(Picture { title, svg: plot.draw()? });
    }
    Ok(pictures)
}

fn sweep_lines(quantity: Quantity, comparisons: &[&Comparison<'_>]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for comparison in comparisons {
        let Some(sweep) = comparison.sweep() else { continue };
        for outcome in &comparison.outcomes {
            let Some(value) = quantity.of(&outcome.median) else { continue };
            let index = lines.iter().position(|line| line.name == outcome.system);
            let index = index.unwrap_or_else(|| {
                lines.push(Line::named(&outcome.system));
                lines.len() - 1
            });
            lines[index].points.push((sweep.value, value));
            if let Some(spread) = quantity.spread(outcome) {
                lines[index].ranges.push((sweep.value, (spread.least, spread.most)));
            }
        }
    }
    lines
}

/// Latencies by percentile and over time, if there are logs of them.
///
/// # Errors
/// If a plot cannot be drawn.
pub fn of_latencies(comparison: &Comparison<'_>, folder: &Path) -> Result<Vec<Picture>> {
    let counted = comparison.outcomes.first().map_or(Until::default(), |o| o.latency_until);
    let logs = [(LatencyLog::Counted, counted), (LatencyLog::UntilConfirmed, Until::Confirmed)];
    let mut pictures = Vec::new();
    for (log, until) in logs {
        let read = |outcome: &&Outcome| {
            outcome.read_latency(log, folder).map(|series| (outcome.system.clone(), series))
        };
        let all: Vec<_> = comparison.outcomes.iter().filter_map(read).collect();
        let what = format!("Latency until {}", until.name());
        let lines = lines_of(&all, LatencySeries::spectrum);
        if !lines.is_empty() {
            let title = format!("{what}, by percentile");
            pictures.push(latency_plot(title, Across::Percentile, "all runs", &lines)?);
        }
        let lines = lines_of(&all, LatencySeries::over_time);
        if lines.iter().any(|line| line.points.len() > 2) {
            let title = format!("{what}, over time");
            let subtitle = "99th percentile of each second, all runs";
            pictures.push(latency_plot(title, Across::Seconds, subtitle, &lines)?);
        }
    }
    Ok(pictures)
}

fn lines_of(
    all: &[(String, LatencySeries)],
    points: fn(&LatencySeries) -> Vec<(f64, f64)>,
) -> Vec<Line> {
    let line = |(name, series): &(String, _)| Line { points: points(series), ..Line::named(name) };
    all.iter().map(line).collect()
}

fn latency_plot(title: String, across: Across, what: &str, lines: &[Line]) -> Result<Picture> {
    let subtitle = format!("less is better · {what} · logarithmic");
    let plot = Plot { title: &title, subtitle: &subtitle, across, tick: &tick_of_micros, lines };
    let svg = plot.draw()?;
    Ok(Picture { title, svg })
}
