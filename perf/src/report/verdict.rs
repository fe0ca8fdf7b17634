//! The page's verdict: who is first in what, by how much, and where that is not Pinion.

use super::ceiling;
use super::comparison::{Comparison, Contest, Standing};
use super::numbers::{UNKNOWN, factor, percent, whole};
use super::quantity::Quantity;
use crate::results::Outcome;
use serde::Serialize;

/// Busier than this, a client is what was measured.
pub const CLIENT_BUSY: f64 = 0.85;
const MILLION: f64 = 1e6;

/// What is said of all comparisons together.
#[derive(Debug, Serialize)]
pub struct Verdict {
    /// The figures that decide somewhere.
    quantities: Vec<&'static str>,
    groups: Vec<Group>,
    /// How often Pinion stands where, for each of these figures.
    counts: Vec<Counts>,
    /// A sentence for each figure in which Pinion is not first.
    behind: Vec<String>,
}

/// A scenario's rows.
#[derive(Debug, Serialize)]
struct Group {
    section: String,
    title: String,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    label: String,
    cells: Vec<Cell>,
}

/// One figure of one comparison.
#[derive(Debug, Default, Serialize)]
struct Cell {
    /// For the style sheet.
    class: &'static str,
    text: String,
    note: String,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Counts {
    name: &'static str,
    ahead: usize,
    clearly_ahead: usize,
    even: usize,
    behind: usize,
    clearly_behind: usize,
}

impl Verdict {
    /// The verdict on all comparisons; none if nothing stands beside Pinion.
    pub fn on(comparisons: &[Comparison<'_>]) -> Option<Verdict> {
        let decides_somewhere = |quantity: &Quantity| {
            comparisons.iter().any(|comparison| comparison.contest(*quantity).is_some())
        };
        let quantities: Vec<Quantity> =
            Quantity::ALL.into_iter().filter(decides_somewhere).collect();
        let mut verdict = Verdict {
            quantities: quantities.iter().map(|quantity| quantity.title()).collect(),
            groups: Vec::new(),
            counts: quantities.iter().map(|quantity| Counts::of(*quantity, comparisons)).collect(),
            behind: Vec::new(),
        };
        for comparison in comparisons {
            let entries = quantities.iter().map(|q| (*q, comparison.contest(*q)));
            let entries: Vec<(Quantity, Option<Contest<'_>>)> = entries.collect();
            let contests = || entries.iter().filter_map(|(_, contest)| contest.as_ref());
            let behind = contests().filter(|contest| contest.standing == Standing::Behind);
            verdict.behind.extend(behind.map(|contest| sentence(comparison, contest)));
            if contests().next().is_some() {
                let cells = entries.iter().map(|(quantity, contest)| match contest {
                    Some(contest) => Cell::of(comparison, contest),
                    None => Cell::without(comparison, *quantity),
                });
                let row = Row { label: label(comparison), cells: cells.collect() };
                verdict.group_of(comparison).rows.push(row);
            }
        }
        (!verdict.groups.is_empty()).then_some(verdict)
    }

    fn group_of(&mut self, comparison: &Comparison<'_>) -> &mut Group {
        let section = comparison.section();
        if self.groups.last().is_none_or(|group| group.section != section) {
            let (section, title) = (section.to_owned(), comparison.title());
            self.groups.push(Group { section, title, rows: Vec::new() });
        }
        self.groups.last_mut().expect("one was pushed if there was none")
    }
}

impl Counts {
    fn of(quantity: Quantity, comparisons: &[Comparison<'_>]) -> Counts {
        let mut counts = Counts { name: quantity.title(), ..Counts::default() };
        for contest in comparisons.iter().filter_map(|comparison| comparison.contest(quantity)) {
            let (all, clearly) = match contest.standing {
                Standing::Ahead => (&mut counts.ahead, &mut counts.clearly_ahead),
                Standing::Behind => (&mut counts.behind, &mut counts.clearly_behind),
                Standing::Even => (&mut counts.even, &mut 0),
            };
            *all += 1;
            *clearly += usize::from(contest.is_proven);
        }
        counts
    }
}

impl Cell {
    fn of(comparison: &Comparison<'_>, contest: &Contest<'_>) -> Cell {
        let Contest { ratio, other, .. } = contest;
        let (ratio, other) = (factor(*ratio), &other.system);
        let (class, text) = match (contest.standing, contest.is_proven) {
            (Standing::Ahead, true) => ("ahead", format!("▲ {ratio} better than {other}")),
            (Standing::Ahead, false) => ("ahead", format!("△ {ratio} better than {other}")),
            (Standing::Even, _) => ("even", format!("● even with {other}")),
            (Standing::Behind, false) => ("behind", format!("▽ {ratio} worse than {other}")),
            (Standing::Behind, true) => ("behind", format!("▼ {ratio} worse than {other}")),
        };
        let note = match contest.quantity {
            Quantity::Rate => near_ceiling(comparison, contest).or_else(|| busy_clients(contest)),
            _ => None,
        };
        Cell { class, text, note: note.unwrap_or_default() }
    }

    /// Says why there is no contest.
    fn without(comparison: &Comparison<'_>, quantity: Quantity) -> Cell {
        let has_figure = |outcome: &&Outcome| quantity.of(&outcome.median).is_some();
        let has_kept_up = comparison.own().is_some_and(|own| comparison.has_kept_up(own));
        let text = match quantity {
            _ if !comparison.outcomes.iter().any(has_figure) => UNKNOWN,
            Quantity::Rate if has_kept_up => "as scheduled",
            Quantity::P99 if comparison.is_open_loop() == Some(false) => "closed loop",
            Quantity::P99 if !comparison.decides(quantity) => "says what piled up",
            Quantity::Rate if comparison.outcomes.iter().any(|o| comparison.is_at_ceiling(o)) => {
                "at the client's ceiling"
            }
            _ => UNKNOWN,
        };
        Cell { class: "none", text: text.to_owned(), ..Cell::default() }
    }
}

/// The part of a core that the client used.
pub fn client_share(outcome: &Outcome) -> f64 {
    let median = &outcome.median;
    median.client_cpu_seconds_per_million / MILLION * median.records_per_second
}

/// Says so, where a rate is near what the client alone reaches.
fn near_ceiling(comparison: &Comparison<'_>, contest: &Contest<'_>) -> Option<String> {
    let share = |outcome: &Outcome| {
        let share =
            comparison.share_of_ceiling(outcome).filter(|share| ceiling::is_near(*share))?;
        Some(format!("{} at {}", outcome.system, percent(share)))
    };
    let near: Vec<String> = [contest.own, contest.other].into_iter().filter_map(share).collect();
    (!near.is_empty()).then(|| {
        format!("{} of what its client can do: says nothing about the broker", near.join(", "))
    })
}

/// Says so, where a client was what limited a rate.
fn busy_clients(contest: &Contest<'_>) -> Option<String> {
    let busy = [contest.own, contest.other].into_iter().filter(|o| client_share(o) > CLIENT_BUSY);
    let busy: Vec<String> =
        busy.map(|o| format!("{} with {}", percent(client_share(o)), o.system)).collect();
    (!busy.is_empty()).then(|| format!("client's part of a core: {}", busy.join(", ")))
}

/// The class, and the value of a sweep.
fn label(comparison: &Comparison<'_>) -> String {
    let class = comparison.durability().name();
    match comparison.sweep() {
        Some(sweep) => {
            format!("{class}, {} {}", sweep.field.name(), whole(sweep.value))
        }
        None => class.to_owned(),
    }
}

fn sentence(comparison: &Comparison<'_>, contest: &Contest<'_>) -> String {
    let Contest { quantity, own, other, ratio, .. } = contest;
    let text = |outcome: &Outcome| {
        quantity.of(&outcome.median).map_or(String::new(), |value| quantity.text(value))
    };
    let unproven = if contest.is_proven { "" } else { ", in too few runs to be sure" };
    format!(
        "{} ({}): {}: {} with {}, {} with {}; {} worse{unproven}.",
        comparison.section(),
        label(comparison),
        quantity.name(),
        text(own),
        own.system,
        text(other),
        other.system,
        factor(*ratio),
    )
}
