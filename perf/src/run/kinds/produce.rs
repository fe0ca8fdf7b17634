//! Writing; reading back only verifies.

use crate::error::Result;
use crate::host::server::Server;
use crate::results::Run;
use crate::run::cost::Cost;
use crate::run::measure::Measured;
use crate::run::phases::{self, Phase};
use crate::run::producing::Produced;
use crate::work::verifier::Verdict;

/// Writes and verifies.
///
/// # Errors
/// If broker or client fail, or the run is interrupted.
pub fn run(server: &mut Server, phase: &Phase<'_>) -> Result<Measured> {
    let writers = phase.writers(server)?;
    let (cost, produced) = Cost::of(server, |server| {
        let produced = phase.produce(server, writers)?;
        Ok((phases::span_of(&produced), produced))
    })?;
    told(server, phase, &cost, &produced)
}

/// What is to be told of writing, once everything is read back. What nobody keeps is not read.
///
/// # Errors
/// If broker or client fail, or the run is interrupted.
pub fn told(
    server: &mut Server,
    phase: &Phase<'_>,
    cost: &Cost,
    produced: &[Produced],
) -> Result<Measured> {
    let verification = match phase.topic.is_kept {
        true => phase.verify(server)?.verdict,
        false => Verdict::default(),
    };
    let mut figures = cost.figures(phase.scenario, phase.scenario.records);
    let latency = phases::merged(produced.iter().map(|produced| &produced.latency));
    let from_send = phases::merged(produced.iter().map(|produced| &produced.latency_from_send));
    figures.latency_us = latency.percentiles();
    figures.latency_from_send_us = from_send.percentiles();
    let run = Run { figures, verification };
    Ok(Measured { run, latency, ..Measured::default() })
}
