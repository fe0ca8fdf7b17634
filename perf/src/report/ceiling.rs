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
    let mut parts = Vec::new();
    let mut client = None;
    for comparison in comparisons {
        for ceiling in &comparison.ceilings {
            let rate = Quantity::Rate.text(ceiling.median.records_per_second);
            let value = comparison
                .sweep()
                .map(|sweep| format!(" ({} {})", sweep.field.name(), whole(sweep.value)));
            let figure = format!("{rate}{}", value.unwrap_or_default());
            if client.replace(&ceiling.client) == Some(&ceiling.client) {
                parts.push(figure);
            } else {
                parts.push(format!("the client ({}) reaches {figure}", ceiling.client));
            }
        }
    }
    (!parts.is_empty()).then(|| {
        format!("Alone, against a broker that does next to nothing, {}.", parts.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{of_sweep, outcome, results};

    /// Goal: each value of a sweep has its ceiling, and the client is named once.
    #[test]
    fn the_ceilings_of_a_sweep_make_one_sentence() {
        let of = |system, rate, count| of_sweep(outcome(system, &[rate]), count);
        let outcomes = vec![
            of("pinion", 1.0, 1),
            of("pinion", 1.0, 10),
            of(ceiling::NAME, 8.0, 1),
            of(ceiling::NAME, 9.0, 10),
        ];
        let results = results(outcomes);
        let comparisons = Comparison::all(&results);
        let sentence = sentence(&Vec::from_iter(&comparisons)).expect("two ceilings");
        assert!(
            sentence.ends_with("(librdkafka) reaches 8/s (partitions 1), 9/s (partitions 10)."),
            "{sentence}"
        );
        assert_eq!(super::sentence(&[]), None);
    }
}
