//! One scenario on one running system: warm up, write, read back, and what that cost.

use super::cost;
use super::kinds::{catch_up, consume, fan_out, full_disk, produce, restart};
use super::phases::Phase;
use crate::drivers::{Durability, Topic};
use crate::error::Result;
use crate::results::Run;
use crate::scenario::{Kind, Scenario};
use crate::systems::Running;
use crate::work::latency::LatencySeries;
use indicatif::ProgressBar;

/// The part of the work that is done once more before it, on a topic of its own.
const WARM_UP_PART: f64 = 0.1;
const WARM_UP_RECORDS_MIN: f64 = 20_000.0;
/// In an open loop, where latency is what is measured, compilers at run time have this long.
const WARM_UP_SECONDS_MIN: f64 = 5.0;

/// A run, and its latencies second by second.
#[derive(Debug, Default)]
pub struct Measured {
    /// The figures and the verdict.
    pub run: Run,
    /// Those of [`crate::results::Figures::latency_us`], if there are any.
    pub latency: LatencySeries,
    /// Those of [`crate::results::Figures::latency_until_confirmed_us`], if there are any.
    pub latency_until_confirmed: LatencySeries,
}

/// What is to be measured.
#[derive(Debug, Clone, Copy)]
pub struct Work<'a> {
    /// What is done.
    pub scenario: &'a Scenario,
    /// What acknowledgements mean.
    pub durability: Durability,
    /// Which of the runs it is.
    pub round: u32,
    /// Whether it is no system that is measured, but how far its client gets: then records that
    /// are not read to be measured are not read at all.
    pub is_ceiling: bool,
}

/// Runs a scenario, whose topics get names that end in `round`.
///
/// # Errors
/// If broker or client fail, or the run is interrupted. Lost records are no error but a verdict.
pub fn run(running: &mut Running, work: Work<'_>, bar: &ProgressBar) -> Result<Measured> {
    let Work { scenario, durability, round, is_ceiling } = work;
    let run = std::process::id();
    let topic = |part: &str| Topic {
        // Of this run alone, since a broker may have been here before.
        name: format!("{}-{part}-{run}-{round}", scenario.name),
        partitions: scenario.partitions,
        durability,
        is_kept: !is_ceiling || scenario.kind != Kind::Produce,
    };
    bar.set_message("warming up");
    once(running, &warm_up(scenario), &topic("warm-up"), bar)?;
    once(running, scenario, &topic("run"), bar)
}

/// A part of the same work, with nothing in its way.
fn warm_up(scenario: &Scenario) -> Scenario {
    let records = scenario.records as f64;
    let rate = scenario.rate.unwrap_or(0.0);
    let part = (records * WARM_UP_PART)
        .max(WARM_UP_RECORDS_MIN)
        .max(rate * WARM_UP_SECONDS_MIN)
        .min(records)
        .max(rate * scenario.warm_up_seconds);
    let mut warm_up = scenario.clone().scaled(part / records);
    if scenario.kind.is_interrupted() {
        warm_up.kind = Kind::Produce;
    }
    warm_up
}

/// Writes all records to a new topic and reads them back.
fn once(
    running: &mut Running,
    scenario: &Scenario,
    topic: &Topic,
    bar: &ProgressBar,
) -> Result<Measured> {
    let Running { server, broker } = running;
    broker.create_topic(topic)?;
    let phase = Phase { broker: broker.as_ref(), scenario, topic, bar };
    let work = match scenario.kind {
        Kind::Produce => produce::run,
        Kind::Consume => consume::run,
        Kind::FanOut => fan_out::run,
        Kind::CatchUp => catch_up::run,
        Kind::Restart => restart::run,
        Kind::FullDisk => full_disk::run,
    };
    let measured = work(server, &phase)?;
    // What stays would take disk and page cache from those behind it. A small disk does not
    // outlive its broker, whose deletions would make room in the middle of a run.
    if server.volume().is_none() {
        broker.delete_topic(topic)?;
    }
    cost::settle(server);
    Ok(measured)
}
