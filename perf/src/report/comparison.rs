//! The outcomes that may be compared: of all systems, on the same work, in one class.

use super::ceiling;
use super::quantity::Quantity;
use super::spread::Spread;
use crate::drivers::Durability;
use crate::results::{Outcome, Results};
use crate::scenario::{Kind, Scenario};
use crate::sweep::Sweep;

/// The system that the others are measured against.
pub const OWN: &str = "pinion";

/// Nearer to the offered rate than this is what the schedule asked for: the last confirmations
/// come after its end.
const AS_SCHEDULED: f64 = 0.95;
/// Fewer runs than this show no spread.
const RUNS_MIN: usize = 3;

/// All systems on the same work in one class of durability.
#[derive(Debug)]
pub struct Comparison<'a> {
    /// At least one, in the order of systems.
    pub outcomes: Vec<&'a Outcome>,
    /// What the clients alone reach with this work.
    pub ceilings: Vec<&'a Outcome>,
}

/// How Pinion stands beside the best of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The better median; ranges of the runs do not overlap.
    Ahead,
    /// Ranges overlap: another run could turn it round.
    Even,
    /// The worse median; ranges of the runs do not overlap.
    Behind,
}

/// Pinion beside the best of the others, in one figure.
#[derive(Debug, Clone)]
pub struct Contest<'a> {
    /// The figure.
    pub quantity: Quantity,
    /// Pinion.
    pub own: &'a Outcome,
    /// The best of the others.
    pub other: &'a Outcome,
    /// How many times the better median is as good as the other; at least 1.
    pub ratio: f64,
    /// Who is better.
    pub standing: Standing,
    /// Whether there were enough runs of both to know their spread.
    pub is_proven: bool,
}

impl<'a> Comparison<'a> {
    /// Every comparison: those of a sweep or a scenario behind each other, then by class, then by
    /// value.
    pub fn all(results: &'a Results) -> Vec<Comparison<'a>> {
        let mut comparisons: Vec<Comparison<'a>> = Vec::new();
        let (ceilings, outcomes): (Vec<&Outcome>, Vec<&Outcome>) =
            results.results.iter().partition(|outcome| ceiling::is_ceiling(outcome));
        for outcome in outcomes {
            let is_same = |comparison: &&mut Comparison<'_>| {
                let first = comparison.first();
                first.scenario == outcome.scenario && first.durability == outcome.durability
            };
            match comparisons.iter_mut().find(is_same) {
                Some(comparison) => comparison.outcomes.push(outcome),
                None => {
                    let ceilings = ceiling::of_work(outcome, &ceilings);
                    comparisons.push(Comparison { outcomes: vec![outcome], ceilings });
                }
            }
        }
        let mut sections: Vec<&str> = Vec::new();
        for comparison in &comparisons {
            if !sections.contains(&comparison.section()) {
                sections.push(comparison.section());
            }
        }
        let place = |comparison: &Comparison<'a>| {
            let section = sections.iter().position(|name| *name == comparison.section());
            (section, comparison.durability())
        };
        comparisons.sort_by_key(place);
        comparisons
    }

    fn first(&self) -> &'a Outcome {
        self.outcomes[0]
    }

    /// The name of the scenario, or of the one that varies a field.
    pub fn section(&self) -> &'a str {
        let first = self.first();
        first.sweep.as_ref().map_or(&first.scenario, |sweep| &sweep.name)
    }

    /// The section's line for people.
    pub fn title(&self) -> String {
        let first = self.first();
        first.sweep.as_ref().map_or_else(
            || first.title.clone(),
            |sweep| format!("{}, by {}", sweep.title, sweep.field.name()),
        )
    }

    /// Pinion's outcome, if it has one.
    pub fn own(&self) -> Option<&'a Outcome> {
        self.outcomes.iter().copied().find(|outcome| outcome.system == OWN)
    }

    /// Which value of a sweep this is.
    pub fn sweep(&self) -> Option<&'a Sweep> {
        self.first().sweep.as_ref()
    }

    /// What was done, if the results say so.
    pub fn work(&self) -> Option<&'a Scenario> {
        self.first().work.as_ref()
    }

    /// The class.
    pub fn durability(&self) -> Durability {
        self.first().durability
    }

    /// Whether records were due by a schedule; none if the results do not say.
    pub fn is_open_loop(&self) -> Option<bool> {
        self.work().map(|work| work.rate.is_some())
    }

    /// The records per second that the schedule asks for, if these are the ones that are counted.
    pub fn offered(&self) -> Option<f64> {
        let work = self.work()?;
        match work.kind {
            Kind::FanOut => work.rate.map(|rate| rate * f64::from(work.readers)),
            Kind::Produce | Kind::Consume | Kind::Restart | Kind::FullDisk => work.rate,
            Kind::CatchUp => None,
        }
    }

    /// Whether a system kept up with the schedule, if there is one.
    pub fn has_kept_up(&self, outcome: &Outcome) -> bool {
        let rate = outcome.median.records_per_second;
        self.offered().is_some_and(|offered| rate >= offered * AS_SCHEDULED)
    }

    /// Whether every system kept up with the schedule, so that their rates say nothing.
    pub fn is_as_scheduled(&self) -> bool {
        self.outcomes.iter().all(|outcome| self.has_kept_up(outcome))
    }

    /// The part of what its client alone reaches; none if that is not known, or the rate was
    /// given.
    pub fn share_of_ceiling(&self, outcome: &Outcome) -> Option<f64> {
        if self.is_open_loop() == Some(true) {
            return None;
        }
        let mut ceilings = self.ceilings.iter().filter(|ceiling| ceiling.client == outcome.client);
        let ceiling = ceilings.next().and_then(|ceiling| Quantity::Rate.of(&ceiling.median))?;
        Some(outcome.median.records_per_second / ceiling)
    }

    /// Whether a rate says nothing about the broker, since its client alone is hardly faster.
    pub fn is_at_ceiling(&self, outcome: &Outcome) -> bool {
        self.share_of_ceiling(outcome).is_some_and(ceiling::is_near)
    }

    /// Whether the work was interrupted: then latency mostly says what had piled up.
    fn is_interrupted(&self) -> bool {
        self.work().is_some_and(|work| work.kind.is_interrupted())
    }

    /// Whether systems can be told apart by a figure here: not by a rate that was given to them,
    /// nor by a latency that says how long some queue was.
    pub fn decides(&self, quantity: Quantity) -> bool {
        match quantity {
            Quantity::Rate => !self.is_as_scheduled(),
            Quantity::P99 => self.is_open_loop() != Some(false) && !self.is_interrupted(),
            Quantity::Silence | Quantity::Resume => true,
            Quantity::CpuPerGb | Quantity::Memory => true,
        }
    }

    /// Pinion beside the best of the others that lost, repeated and moved nothing; none if either
    /// is missing, the figure does not decide, or both rates are those of their clients or of the
    /// schedule.
    pub fn contest(&self, quantity: Quantity) -> Option<Contest<'a>> {
        let has_figure =
            |outcome: &&Outcome| outcome.verified && quantity.of(&outcome.median).is_some();
        let figure = |outcome: &Outcome| quantity.of(&outcome.median).unwrap_or_default();
        let contenders = self.outcomes.iter().copied().filter(has_figure);
        let (own, others): (Vec<&Outcome>, Vec<&Outcome>) =
            contenders.partition(|outcome| outcome.system == OWN);
        let own = own.first().copied()?;
        let by_figure = |a: &&Outcome, b: &&Outcome| figure(a).total_cmp(&figure(b));
        let other = if quantity.more_is_better() {
            others.into_iter().max_by(by_figure)
        } else {
            others.into_iter().min_by(by_figure)
        };
        let other = other.filter(|_| self.decides(quantity))?;
        let both =
            |is_given: fn(&Self, &Outcome) -> bool| is_given(self, own) && is_given(self, other);
        if quantity == Quantity::Rate && (both(Self::is_at_ceiling) || both(Self::has_kept_up)) {
            return None;
        }
        let greater = figure(own) / figure(other);
        let better = if quantity.more_is_better() { greater } else { 1.0 / greater };
        let spreads = (quantity.spread(own)?, quantity.spread(other)?);
        Some(Contest {
            quantity,
            own,
            other,
            ratio: better.max(1.0 / better),
            standing: Standing::of(better, spreads),
            is_proven: spreads.0.runs.min(spreads.1.runs) >= RUNS_MIN,
        })
    }
}

impl Standing {
    fn of(better: f64, (own, other): (Spread, Spread)) -> Standing {
        if own.overlaps(&other) {
            Standing::Even
        } else if better > 1.0 {
            Standing::Ahead
        } else {
            Standing::Behind
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{of_scenario, of_sweep, outcome, results};
    use crate::systems::ceiling::NAME;

    fn contest(outcomes: Vec<Outcome>, check: impl Fn(Option<Contest<'_>>)) {
        let results = results(outcomes);
        check(Comparison::all(&results)[0].contest(Quantity::Rate));
    }

    /// Goal: who is better follows from the medians, but only where no run of one lies between
    /// those of the other.
    #[test]
    fn ranges_decide_the_standing() {
        let cases = [
            ([90.0, 100.0, 110.0], Standing::Ahead),
            ([30.0, 31.0, 51.0], Standing::Even),
            ([10.0, 20.0, 30.0], Standing::Behind),
        ];
        for (own, standing) in cases {
            let outcomes = vec![outcome(OWN, &own), outcome("kafka", &[40.0, 50.0, 60.0])];
            contest(outcomes, |contest| {
                let contest = contest.expect("both have a rate");
                assert_eq!((contest.standing, contest.is_proven), (standing, true));
                assert!(contest.ratio >= 1.0, "{contest:?}");
            });
        }
    }

    /// Goal: the best of the others is the one to beat, unless its records were not all as sent;
    /// one run proves nothing.
    #[test]
    fn only_clean_systems_compete() {
        let mut broken = outcome("nats", &[90.0]);
        broken.verified = false;
        let others = [outcome("rabbitmq", &[1.0]), outcome("kafka", &[20.0]), broken];
        let outcomes = [vec![outcome(OWN, &[40.0])], others.to_vec()].concat();
        contest(outcomes, |contest| {
            let contest = contest.expect("three have a rate");
            assert_eq!((contest.other.system.as_str(), contest.ratio), ("kafka", 2.0));
            assert_eq!((contest.standing, contest.is_proven), (Standing::Ahead, false));
        });
        contest(vec![outcome(OWN, &[1.0])], |contest| assert!(contest.is_none()));
    }

    /// Goal: a rate that the schedule gave decides nothing, until one falls short of it; latency
    /// decides in an open loop only.
    #[test]
    fn what_was_given_does_not_decide() {
        let decides = |name, rates: [f64; 2], quantity| {
            let outcomes = [outcome(OWN, &rates[..1]), outcome("kafka", &rates[1..])];
            let results = results(outcomes.map(|outcome| of_scenario(outcome, name)).to_vec());
            Comparison::all(&results)[0].decides(quantity)
        };
        assert!(!decides("steady-1k", [19_990.0, 19_950.0], Quantity::Rate));
        assert!(decides("steady-1k", [19_990.0, 9_000.0], Quantity::Rate));
        assert!(decides("steady-1k", [19_990.0, 19_950.0], Quantity::P99));
        assert!(decides("confirmed", [2.0, 1.0], Quantity::Rate));
        assert!(!decides("confirmed", [2.0, 1.0], Quantity::P99));
        assert!(!decides("fan-out", [49_900.0, 49_800.0], Quantity::Rate));
    }

    /// Whether these rates tell Pinion and the best of the others apart.
    fn rates_decide(scenario: &str, rates: [(&str, f64); 3]) -> bool {
        let outcomes = rates.map(|(system, rate)| of_scenario(outcome(system, &[rate]), scenario));
        let results = results(outcomes.to_vec());
        Comparison::all(&results)[0].contest(Quantity::Rate).is_some()
    }

    /// Goal: where a third one falls short of the schedule, the two that keep up are still even.
    #[test]
    fn two_that_keep_up_are_not_told_apart() {
        let decide = |own, other| {
            rates_decide("steady-1k", [(OWN, own), ("kafka", other), ("nats", 9_000.0)])
        };
        assert!(!decide(19_990.0, 19_999.0));
        assert!(decide(19_990.0, 8_000.0));
    }

    /// Goal: what the client alone reaches is no competitor, but what rates are measured by, where
    /// the same client carried them and nobody gave them.
    #[test]
    fn the_ceiling_does_not_compete() {
        let of = |name: &str, clients: [&str; 2]| {
            let own = of_scenario(outcome(OWN, &[90.0]), name);
            let alone = of_scenario(outcome(NAME, &[100.0]), name);
            let clients = clients.map(str::to_owned);
            let [own_client, client] = clients;
            let outcomes = vec![Outcome { client: own_client, ..own }, Outcome { client, ..alone }];
            let results = results(outcomes);
            let comparisons = Comparison::all(&results);
            assert!(comparisons[0].contest(Quantity::Rate).is_none());
            assert_eq!((comparisons.len(), comparisons[0].outcomes.len()), (1, 1));
            comparisons[0].share_of_ceiling(comparisons[0].outcomes[0])
        };
        assert_eq!(of("confirmed", ["native generator"; 2]), Some(0.9));
        assert_eq!(of("confirmed", ["native generator", "librdkafka"]), None);
        assert_eq!(of("steady-1k", ["librdkafka"; 2]), None);
    }

    /// Goal: two rates that are those of their clients decide nothing; one alone does.
    #[test]
    fn two_clients_at_their_ceilings_tell_nothing_of_brokers() {
        let decide =
            |own, other| rates_decide("confirmed", [(OWN, own), ("kafka", other), (NAME, 100.0)]);
        assert!(!decide(95.0, 90.0));
        assert!(decide(95.0, 50.0));
    }

    /// Goal: the values of a sweep stand together, in each class by themselves.
    #[test]
    fn a_sweep_stands_together() {
        let class = |durability, partitions| {
            let outcome = of_sweep(outcome(OWN, &[1.0]), partitions);
            Outcome { durability, ..outcome }
        };
        let outcomes = vec![
            class(Durability::PageCache, 1),
            outcome(OWN, &[1.0]),
            class(Durability::Fsync, 1),
            class(Durability::PageCache, 100),
        ];
        let results = results(outcomes);
        let comparisons = Comparison::all(&results);
        let values = comparisons.iter().map(|comparison| {
            (comparison.durability().name(), comparison.sweep().map(|sweep| sweep.value))
        });
        let (cached, synced) = (Durability::PageCache.name(), Durability::Fsync.name());
        let wanted =
            [(cached, Some(1.0)), (cached, Some(100.0)), (synced, Some(1.0)), (synced, None)];
        assert_eq!(values.collect::<Vec<_>>(), wanted);
    }
}
