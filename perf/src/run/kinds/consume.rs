//! Reading what was written before.

use crate::drivers::Start;
use crate::error::Result;
use crate::host::server::Server;
use crate::results::Run;
use crate::run::cost::{self, Cost};
use crate::run::measure::Measured;
use crate::run::phases::Phase;
use crate::work::verifier::Verdict;

/// Writes, then reads, which counts.
///
/// # Errors
/// If broker or client fail, or the run is interrupted.
pub fn run(server: &mut Server, phase: &Phase<'_>) -> Result<Measured> {
    let writers = phase.writers(server)?;
    phase.produce(server, writers)?;
    cost::settle(server);
    let (cost, verification) = read(server, phase)?;
    let figures = cost.figures(phase.scenario, phase.scenario.records);
    Ok(Measured { run: Run { figures, verification }, ..Measured::default() })
}

/// Reads everything back. Where the driver can count for less than it costs to look at every
/// record, counting is measured, and another reading verifies.
fn read(server: &mut Server, phase: &Phase<'_>) -> Result<(Cost, Verdict)> {
    let mut reader = phase.reader(phase.scenario.consumer_options(Start::First))?;
    if reader.counter().is_none() {
        let (cost, consumed) = Cost::of(server, |server| {
            let consumed = phase.consume(server, reader)?;
            Ok((consumed.span.1 - consumed.span.0, consumed))
        })?;
        return Ok((cost, consumed.verdict));
    }
    let (cost, ()) = Cost::of(server, |server| {
        let (start, end) = phase.count(server, reader)?.span;
        Ok((end - start, ()))
    })?;
    Ok((cost, phase.verify(server)?.verdict))
}
