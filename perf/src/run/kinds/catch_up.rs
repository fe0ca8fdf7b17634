//! Reading a backlog, while records are written at a steady rate and read at the end.

use crate::drivers::{ProducerOptions, Start};
use crate::error::Result;
use crate::host::server::Server;
use crate::results::{Figures, Run};
use crate::run::Shared;
use crate::run::consuming::{Consumed, Reading};
use crate::run::cost::{self, Cost};
use crate::run::measure::Measured;
use crate::run::phases::{self, Phase, READERS_CONNECT};
use crate::run::producing::{Assignment, Produced};
use crate::scenario::Scenario;
use crate::work::pacer::{Pace, Pacer};
use std::thread;

/// Unconfirmed records while a backlog is written: enough for any broker's batches.
const BACKLOG_WINDOW: u64 = 10_000;

/// What a drained backlog leaves to be told.
struct CaughtUp {
    /// The writing meanwhile.
    produced: Vec<Produced>,
    /// The reader that stayed at the end.
    followed: Consumed,
    /// The reader that began with the backlog.
    drained: Consumed,
}

/// The rate is that of the drained backlog, the latency that of the reader at the end; the cost is
/// shared by everything that readers got.
///
/// # Errors
/// If broker or client fail, or the run is interrupted.
pub fn run(server: &mut Server, phase: &Phase<'_>) -> Result<Measured> {
    let scenario = phase.scenario;
    write_backlog(server, phase)?;
    cost::settle(server);
    let (cost, caught_up) = Cost::of(server, |server| {
        let caught_up = catch_up(server, phase)?;
        let (start, end) = caught_up.drained.span;
        Ok((caught_up.drained.backlog_end.unwrap_or(end) - start, caught_up))
    })?;
    let CaughtUp { produced, followed, drained } = caught_up;
    let mut verification = followed.verdict;
    verification.add(&drained.verdict);
    let rates = cost.figures(scenario, scenario.backlog);
    let confirmed = phases::merged(produced.iter().map(|produced| &produced.latency));
    let from_send = phases::merged(produced.iter().map(|produced| &produced.latency_from_send));
    let figures = Figures {
        records_per_second: rates.records_per_second,
        mb_per_second: rates.mb_per_second,
        latency_us: followed.latency.percentiles(),
        latency_until_confirmed_us: confirmed.percentiles(),
        latency_from_send_us: from_send.percentiles(),
        ..cost.figures(scenario, verification.received)
    };
    let run = Run { figures, verification };
    Ok(Measured { run, latency: followed.latency, latency_until_confirmed: confirmed })
}

/// Writes the backlog, as a producer of its own.
fn write_backlog(server: &mut Server, phase: &Phase<'_>) -> Result<()> {
    let Scenario { backlog, kafka_client, .. } = *phase.scenario;
    let window = Some(BACKLOG_WINDOW);
    let (batch, confirm, sends_again) = (None, true, false);
    let options = ProducerOptions { batch, confirm, window, sends_again, kafka_client };
    let assignment = Assignment {
        producer: backlog_producer(phase.scenario),
        pacer: Pacer::new(Pace::Closed { window: BACKLOG_WINDOW }, backlog),
        confirm,
        ..phase.assignment(0)
    };
    let writer = phase.writer(server, options, assignment)?;
    phase.begin("backlog", backlog);
    let shared = Shared::start();
    thread::scope(|scope| {
        let threads = phases::spawn_writers(scope, vec![writer], &shared);
        phase.watch(server, &shared, || phases::are_finished(&threads));
        phases::join(threads, &shared).map(drop)
    })
}

/// Writes all records while one reader stays at their end, and another drains the backlog and goes
/// on until it has all of them, too.
fn catch_up(server: &mut Server, phase: &Phase<'_>) -> Result<CaughtUp> {
    let Scenario { records, backlog, .. } = *phase.scenario;
    let live = phase.sent();
    let all = [live.as_slice(), &[backlog]].concat();
    let at_the_end = phase.scenario.consumer_options(Start::End);
    let mut follower = phase.reader(at_the_end)?;
    thread::sleep(READERS_CONNECT);
    let writers = phase.writers(server)?;
    let from_the_first = phase.scenario.consumer_options(Start::First);
    let mut drainer = phase.reader(from_the_first)?;
    phase.begin("catch-up", backlog + 3 * records);
    let shared = Shared::start();
    thread::scope(|scope| {
        let shared = &shared;
        let reading = Reading { sent: &live, is_live: true, backlog_of: None };
        let following = phases::spawn_reader(scope, &mut follower, reading, shared);
        let backlog_of = Some(backlog_producer(phase.scenario));
        let reading = Reading { sent: &all, is_live: false, backlog_of };
        let draining = phases::spawn_reader(scope, &mut drainer, reading, shared);
        let readers = vec![following, draining];
        let writers = phases::spawn_writers(scope, writers, shared);
        phase.watch(server, shared, || {
            phases::are_finished(&readers) && phases::are_finished(&writers)
        });
        let produced = phases::join(writers, shared)?;
        let [followed, drained] = <[Consumed; 2]>::try_from(phases::join(readers, shared)?)
            .expect("as many results as threads");
        Ok(CaughtUp { produced, followed, drained })
    })
}

/// The number of the producer behind the last of the others.
fn backlog_producer(scenario: &Scenario) -> u32 {
    scenario.producers
}
