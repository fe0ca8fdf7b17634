//! Results for the tests of this folder.

use crate::drivers::Durability;
use crate::host::cores::Cores;
use crate::host::stamp::Stamp;
use crate::results::{Figures, Outcome, Results, Run, Until};
use crate::scenario::Scenario;
use crate::sweep::{Field, Sweep};
use crate::work::latency::Percentiles;
use crate::work::verifier::Verdict;

/// An outcome with runs of these rates; the 99th percentile of its latency is 1 s by the rate.
pub fn outcome(system: &str, rates: &[f64]) -> Outcome {
    let run = |rate: &f64| {
        let latency = Percentiles { p99: 1e6 / rate, count: 1_000, ..Percentiles::default() };
        let figures =
            Figures { records_per_second: *rate, latency_us: Some(latency), ..Figures::default() };
        let verification = Verdict { sent: 1_000, received: 1_000, ..Verdict::default() };
        Run { figures, verification }
    };
    let runs: Vec<Run> = rates.iter().map(run).collect();
    Outcome {
        system: system.to_owned(),
        scenario: "confirmed".to_owned(),
        title: "Some <work>".to_owned(),
        durability: Durability::Fsync,
        work: None,
        sweep: None,
        latency_until: Until::Confirmed,
        client: "librdkafka".to_owned(),
        settings: String::new(),
        verified: true,
        median: Figures::median(&runs),
        runs,
    }
}

/// The outcome, as that of a built-in scenario; of its first value, if it varies a field.
pub fn of_scenario(outcome: Outcome, name: &str) -> Outcome {
    let work = Scenario::find(name).expect("a built-in scenario").remove(0);
    let (scenario, sweep) = (work.name.clone(), work.sweep.clone());
    Outcome { scenario, sweep, work: Some(work), ..outcome }
}

/// The outcome, as one of a sweep over partitions.
pub fn of_sweep(outcome: Outcome, partitions: u32) -> Outcome {
    let (name, title) = ("partitions".to_owned(), "Many partitions".to_owned());
    let value = f64::from(partitions);
    let sweep = Some(Sweep { name, title, field: Field::Partitions, value });
    Outcome { scenario: format!("partitions-partitions-{partitions}"), sweep, ..outcome }
}

/// Results of these outcomes on some machine.
pub fn results(results: Vec<Outcome>) -> Results {
    let text = String::new;
    let stamp = Stamp {
        started: text(),
        kernel: text(),
        congestion_control: "cubic".to_owned(),
        cpu: text(),
        memory_mib: 1,
        file_system: text(),
        fdatasync_us: 1.0,
        cores: Cores { broker: vec![0], client: vec![1] },
        load_average: text(),
        commit: text(),
        command: text(),
    };
    Results { results, ..Results::of(stamp) }
}
