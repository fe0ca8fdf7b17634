//! The generator's ceiling: what a client reaches against a broker that does next to nothing.
//!
//! It is measured like a system, and is none: a rate near it says nothing about the broker.

use super::comparison::Comparison;
use super::numbers::whole;
use super::quantity::Quantity;
use crate::results::Outcome;
use crate::systems::ceiling;

/// Nearer to the ceiling than this part of it, the client is what was measured.
pub const NEAR: f64 = 0.85;

/// Whether these are the figures of a client alone.
pub fn is_ceiling(outcome: &Outcome) -> bool {
    outcome.system == ceiling::NAME
}

/// Whether a rate that is this part of the ceiling says nothing about the broker.
pub fn is_near(share: f64) -> bool {
    share > NEAR
}

/// The ceilings of the work of an outcome: those of its class, if there are any.
pub fn of_work<'a>(outcome: &Outcome, ceilings: &[&'a Outcome]) -> Vec<&'a Outcome> {
    let of_work = ceilings.iter().copied().filter(|ceiling| ceiling.scenario == outcome.scenario);
    let (of_class, others): (Vec<_>, Vec<_>) =
        of_work.partition(|ceiling| ceiling.durability == outcome.durability);
    if of_class.is_empty() { others } else { of_class }
}

/// What the clients alone reach, in a sentence; none if nobody measured it.
pub fn sentence(comparisons: &[&Comparison<'_>]) -> Option<String> {
    let figure = |comparison: &Comparison<'_>, ceiling: &Outcome| {
        let rate = Quantity::Rate.text(ceiling.median.records_per_second);
        let at = comparison
            .sweep()
            .map(|sweep| format!(" with {} {}", sweep.field.name(), whole(sweep.value)));
        format!("{} reaches {rate}{}", ceiling.client, at.unwrap_or_default())
    };
    let figures = comparisons.iter().flat_map(|comparison| {
        comparison.ceilings.iter().map(move |ceiling| figure(comparison, ceiling))
    });
    let figures = figures.collect::<Vec<_>>().join(", ");
    (!figures.is_empty())
        .then(|| format!("Alone, against a broker that does next to nothing, {figures}."))
}
