//! Reading while it is written: the latency is from end to end.

use crate::drivers::{Consumer, Start};
use crate::error::Result;
use crate::host::server::Server;
use crate::results::Run;
use crate::run::Shared;
use crate::run::consuming::{Consumed, Reading};
use crate::run::cost::Cost;
use crate::run::measure::Measured;
use crate::run::phases::{self, Phase, READERS_CONNECT};
use crate::work::verifier::Verdict;
use std::thread;

/// Everything at once: the rate counts what readers got, all of them together.
///
/// # Errors
/// If broker or client fail, or the run is interrupted.
pub fn run(server: &mut Server, phase: &Phase<'_>) -> Result<Measured> {
    let (cost, readers) = Cost::of(server, |server| {
        let readers = write_and_read(server, phase)?;
        let start = readers.iter().map(|reader| reader.span.0).min().unwrap_or_default();
        let end = readers.iter().map(|reader| reader.span.1).max().unwrap_or_default();
        Ok((end - start, readers))
    })?;
    let latency = phases::merged(readers.iter().map(|reader| &reader.latency));
    let mut verification = Verdict::default();
    readers.iter().for_each(|reader| verification.add(&reader.verdict));
    let mut figures = cost.figures(phase.scenario, verification.received);
    figures.latency_us = latency.percentiles();
    Ok(Measured { run: Run { figures, verification }, latency, ..Measured::default() })
}

/// Writes all records while every reader reads all of them.
fn write_and_read(server: &mut Server, phase: &Phase<'_>) -> Result<Vec<Consumed>> {
    let scenario = phase.scenario;
    let sent = phase.sent();
    let options = scenario.consumer_options(Start::First);
    let mut consumers: Vec<Box<dyn Consumer>> = Vec::new();
    for _ in 0..scenario.readers {
        consumers.push(phase.reader(options)?);
    }
    thread::sleep(READERS_CONNECT);
    let writers = phase.writers(server)?;
    phase.begin("fan-out", scenario.records * (1 + u64::from(scenario.readers)));
    let shared = Shared::start();
    thread::scope(|scope| {
        let shared = &shared;
        let reading = Reading { sent: &sent, is_live: true, backlog_of: None };
        let readers: Vec<_> = consumers
            .iter_mut()
            .map(|consumer| phases::spawn_reader(scope, consumer, reading, shared))
            .collect();
        let writers = phases::spawn_writers(scope, writers, shared);
        phase.watch(server, shared, || {
            phases::are_finished(&readers) && phases::are_finished(&writers)
        });
        phases::join(writers, shared)?;
        phases::join(readers, shared)
    })
}
