//! Writing at a steady rate, while the broker is stopped and started again in the middle, by
//! clients that send again what was not confirmed.

use super::produce;
use crate::error::Result;
use crate::host::server::Server;
use crate::results::Restart;
use crate::run::cost::Cost;
use crate::run::measure::Measured;
use crate::run::phases::{self, Meanwhile, Phase};

/// Half-way through the schedule the broker is restarted.
const RESTART_AT: f64 = 0.5;
const MILLIS_PER_SECOND: f64 = 1e3;

/// Writes, restarts and verifies.
///
/// # Errors
/// If broker or client fail, the broker is not ours, or the run is interrupted.
pub fn run(server: &mut Server, phase: &Phase<'_>) -> Result<Measured> {
    let writers = phase.writers(server)?;
    let at = phase.scenario.schedule().mul_f64(RESTART_AT);
    let restart = |mut meanwhile: Meanwhile<'_>| {
        meanwhile.watch_until(at);
        meanwhile.shared.check()?;
        meanwhile.server.restart()
    };
    let (cost, (produced, stop)) = Cost::of(server, |server| {
        let (produced, stop) = phase.produce_while(server, writers, restart)?;
        Ok((phases::span_of(&produced), (produced, stop)))
    })?;
    let mut measured = produce::told(server, phase, &cost, &produced)?;
    let silences = produced.iter().map(|produced| produced.longest_silence.length());
    measured.run.figures.restart = Some(Restart {
        stop_ms: stop.as_secs_f64() * MILLIS_PER_SECOND,
        silence_ms: silences.max().unwrap_or_default().as_secs_f64() * MILLIS_PER_SECOND,
    });
    Ok(measured)
}
