//! The tables of a section: what systems reached, what it cost, and how long records took.

use super::ceiling;
use super::comparison::Comparison;
use super::grid::{Cell, Grid};
use super::numbers::{factor, micros, percent, significant, whole};
use super::quantity::Quantity;
use super::spread::Spread;
use super::verdict::{CLIENT_BUSY, client_share};
use crate::results::{self, Figures, Idle, Outcome, Restart, Results, Until};
use crate::work::latency::Percentiles;
use crate::work::verifier;

const COST_HEADS: [&str; 12] = [
    "system",
    "records/s",
    "of Pinion's",
    "MB/s",
    "client, of a core",
    "of its ceiling",
    "broker CPU, s/GB",
    "broker CPU, s/million",
    "client CPU, s/million",
    "memory, MB",
    "disk bytes per byte",
    "verified",
];

const LATENCY_HEADS: [&str; 10] = [
    "system",
    "until",
    "p50",
    "p90",
    "p99",
    "p99.9",
    "p99.99",
    "max",
    "records",
    "p99 from sending",
];

const IDLE_HEADS: [&str; 3] = ["system", "class", "CPU at rest, of a core"];

const FULL_DISK_HEADS: [&str; 3] =
    ["system", "from room to confirmation, ms", "the broker had ended"];

const RESTART_HEADS: [&str; 3] = ["system", "SIGTERM to end, ms", "no confirmation, ms"];

/// Fewer values beyond a percentile than this, and it hangs on single records.
const BEYOND_MIN: f64 = 10.0;

/// Throughput, cost and verification of every system.
pub fn costs(comparisons: &[&Comparison<'_>]) -> Grid {
    Grid {
        heads: heads(comparisons, &COST_HEADS),
        rows: rows(comparisons, |comparison, outcome| vec![cost_row(comparison, outcome)]),
    }
}

/// Latencies of every system that has any.
pub fn latencies(comparisons: &[&Comparison<'_>]) -> Option<Grid> {
    let rows = rows(comparisons, |_, outcome| latency_rows(outcome));
    (!rows.is_empty()).then(|| Grid { heads: heads(comparisons, &LATENCY_HEADS), rows })
}

/// In a sweep, the first column is the value.
fn heads(comparisons: &[&Comparison<'_>], heads: &[&str]) -> Vec<String> {
    let varied = comparisons.iter().find_map(|comparison| comparison.sweep());
    let varied = varied.map(|sweep| sweep.field.name());
    varied.into_iter().chain(heads.iter().copied()).map(str::to_owned).collect()
}

fn rows(
    comparisons: &[&Comparison<'_>],
    of_outcome: impl Fn(&Comparison<'_>, &Outcome) -> Vec<Vec<Cell>>,
) -> Vec<Vec<Cell>> {
    let mut rows = Vec::new();
    for comparison in comparisons {
        let outcomes = comparison.outcomes.iter();
        let mut own: Vec<_> =
            outcomes.flat_map(|outcome| of_outcome(comparison, outcome)).collect();
        if let Some(sweep) = comparison.sweep() {
            let value = |row: &mut Vec<Cell>| row.insert(0, Cell::text(whole(sweep.value)));
            own.iter_mut().for_each(value);
        }
        rows.append(&mut own);
    }
    rows
}

fn cost_row(comparison: &Comparison<'_>, outcome: &Outcome) -> Vec<Cell> {
    let median = &outcome.median;
    let cell = |pick: fn(&Figures) -> f64, number: fn(f64) -> String| {
        let spread = Spread::of(outcome, |figures| Some(pick(figures)).filter(|v| *v > 0.0));
        Cell::median(pick(median), spread, number)
    };
    let share = client_share(outcome);
    let own = comparison.own().map_or(0.0, |own| own.median.records_per_second);
    let of_own = if own > 0.0 { median.records_per_second / own } else { 0.0 };
    let of_ceiling = comparison.share_of_ceiling(outcome);
    let share_cell = Cell::figure(share, percent).with_note(&outcome.client);
    vec![
        Cell::text(outcome.system.clone()),
        cell(|figures| figures.records_per_second, whole),
        Cell::figure(of_own, factor),
        Cell::figure(median.mb_per_second, significant),
        share_cell.styled_if(share > CLIENT_BUSY, "warn"),
        Cell::figure(of_ceiling.unwrap_or(0.0), percent)
            .styled_if(of_ceiling.is_some_and(ceiling::is_near), "warn"),
        cell(|figures| figures.broker_cpu_seconds_per_gb, significant),
        cell(|figures| figures.broker_cpu_seconds_per_million, significant),
        cell(|figures| figures.client_cpu_seconds_per_million, significant),
        cell(|figures| figures.rss_mb, whole),
        cell(|figures| figures.disk_bytes_per_byte, significant),
        verified(outcome),
    ]
}

/// How the restart went, where there was one.
pub fn restarts(comparisons: &[&Comparison<'_>]) -> Option<Grid> {
    let rows = rows(comparisons, |_, outcome| {
        let Some(restart) = outcome.median.restart else { return Vec::new() };
        let spread = |pick: fn(&Restart) -> f64| {
            Spread::of(outcome, |figures| figures.restart.as_ref().map(pick))
        };
        vec![vec![
            Cell::text(outcome.system.clone()),
            Cell::median(restart.stop_ms, spread(|restart| restart.stop_ms), whole),
            Cell::median(restart.silence_ms, spread(|restart| restart.silence_ms), whole),
        ]]
    });
    (!rows.is_empty()).then(|| Grid { heads: heads(comparisons, &RESTART_HEADS), rows })
}

/// How it went on a full disk, where it was one.
pub fn full_disks(comparisons: &[&Comparison<'_>]) -> Option<Grid> {
    let rows = rows(comparisons, |_, outcome| {
        let Some(full_disk) = outcome.median.full_disk else { return Vec::new() };
        let spread = Spread::of(outcome, |figures| Some(figures.full_disk?.resume_ms));
        let has_ended = if full_disk.has_ended { "yes, and was started again" } else { "no" };
        vec![vec![
            Cell::text(outcome.system.clone()),
            Cell::median(full_disk.resume_ms, spread, whole),
            Cell::text(has_ended).styled_if(full_disk.has_ended, "warn"),
        ]]
    });
    (!rows.is_empty()).then(|| Grid { heads: heads(comparisons, &FULL_DISK_HEADS), rows })
}

/// What systems use when they have nothing to do, if that was measured.
pub fn idle(results: &Results) -> Option<Grid> {
    let row = |idle: &Idle| {
        let text = |percent: f64| format!("{percent:.0}%");
        let median = results::median(idle.cpu_percent.iter().copied());
        let note = Spread::between(&idle.cpu_percent).and_then(|spread| spread.text(text));
        vec![
            Cell::text(idle.system.clone()),
            Cell::text(idle.durability.name()),
            Cell::text(text(median)).with_note(&note.unwrap_or_default()),
        ]
    };
    let rows: Vec<_> = results.idle.iter().map(row).collect();
    let heads = IDLE_HEADS.map(str::to_owned).to_vec();
    (!rows.is_empty()).then_some(Grid { heads, rows })
}

/// What became of the records of all runs.
pub fn verification(outcome: &Outcome) -> verifier::Verdict {
    let mut whole = verifier::Verdict::default();
    outcome.runs.iter().for_each(|run| whole.add(&run.verification));
    whole
}

fn verified(outcome: &Outcome) -> Cell {
    let verdict = verification(outcome);
    let of = format!("of {}", whole(verdict.sent as f64));
    let (text, class) = if outcome.verified {
        ("yes".to_owned(), "good")
    } else {
        (format!("NO: {}", faults(&verdict)), "bad")
    };
    Cell::text(text).with_note(&of).styled_if(true, class)
}

/// What is wrong, in numbers.
pub fn faults(verdict: &verifier::Verdict) -> String {
    let kinds = [
        (verdict.lost, "lost"),
        (verdict.duplicated, "repeated"),
        (verdict.reordered, "out of order"),
        (verdict.damaged, "damaged"),
    ];
    let found = kinds.iter().filter(|(count, _)| *count > 0);
    let found = found.map(|(count, kind)| format!("{} {kind}", whole(*count as f64)));
    found.collect::<Vec<_>>().join(", ")
}

/// The latency that counts, and that to the confirmation beside it. What was really sent when is
/// known of confirmed records.
fn latency_rows(outcome: &Outcome) -> Vec<Vec<Cell>> {
    type Pick = fn(&Figures) -> Option<Percentiles>;
    let counted: (Until, Pick) = (outcome.latency_until, |figures| figures.latency_us);
    let beside: (Until, Pick) = (Until::Confirmed, |figures| figures.latency_until_confirmed_us);
    let row = |(until, pick): (Until, Pick)| {
        let latency = pick(&outcome.median)?;
        let of = |percentile: fn(&Percentiles) -> f64| {
            let spread = Spread::of(outcome, |figures| pick(figures).as_ref().map(percentile));
            Cell::median(percentile(&latency), spread, micros)
        };
        let records = latency.count as f64 / outcome.runs.len().max(1) as f64;
        let thin = |cell: Cell, beyond: f64| cell.styled_if(records * beyond < BEYOND_MIN, "thin");
        let from_send = outcome.median.latency_from_send_us.filter(|_| until == Until::Confirmed);
        Some(vec![
            Cell::text(outcome.system.clone()),
            Cell::text(until.name()),
            of(|p| p.p50),
            of(|p| p.p90),
            thin(of(|p| p.p99), 0.01),
            thin(of(|p| p.p99_9), 0.001),
            thin(of(|p| p.p99_99), 0.0001),
            of(|p| p.max),
            Cell::text(whole(records)),
            Cell::figure(from_send.map_or(0.0, |latency| latency.p99), micros),
        ])
    };
    [counted, beside].into_iter().filter_map(row).collect()
}

/// How long the shortest of all runs measured, in seconds; none if there is no run.
pub fn shortest_seconds(comparisons: &[&Comparison<'_>]) -> Option<f64> {
    let outcomes = comparisons.iter().flat_map(|comparison| &comparison.outcomes);
    let runs = outcomes.flat_map(|outcome| outcome.runs.iter().map(move |run| (outcome, run)));
    let seconds = runs.filter_map(|(outcome, run)| {
        let backlog = outcome.work.as_ref().map_or(0, |work| work.backlog);
        let records = if backlog > 0 { backlog } else { run.verification.received };
        let rate = Quantity::Rate.of(&run.figures)?;
        Some(records as f64 / rate)
    });
    seconds.reduce(f64::min)
}
