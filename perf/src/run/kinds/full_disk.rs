//! Writing at a steady rate to a disk that gets full in the middle and has room again a while
//! later, by clients that send again what was not confirmed.
//!
//! A broker may refuse, wait or end meanwhile: one that has ended is started again once there is
//! room, as its operator would.

use super::produce;
use crate::error::{Error, Result};
use crate::host::server::Server;
use crate::host::volume::Volume;
use crate::results::FullDisk;
use crate::run::STALL_LIMIT;
use crate::run::cost::Cost;
use crate::run::measure::Measured;
use crate::run::phases::{self, Meanwhile, Phase};
use crate::run::producing::Produced;
use std::time::Duration;

/// There is room for this part of the payload when writing begins.
const ROOM: f64 = 0.5;
/// Room for the rest is made when nothing was confirmed for this part of the schedule.
const DRY: f64 = 0.25;
/// A machine that is busy elsewhere confirms nothing for a moment, too.
const DRY_MIN: Duration = Duration::from_secs(1);
const DRY_MAX: Duration = Duration::from_secs(10);
const MILLIS_PER_SECOND: f64 = 1e3;

const _: () = assert!(DRY_MAX.as_secs() < STALL_LIMIT.as_secs());

/// How a full disk came to its end.
struct Relief {
    /// When there was room again, since the start.
    at: Duration,
    /// Whether the broker had ended by then.
    has_ended: bool,
}

/// Fills the disk up, writes, makes room and verifies.
///
/// # Errors
/// If broker or client fail, the broker is not ours, its disk did not get full, or the run is
/// interrupted.
pub fn run(server: &mut Server, phase: &Phase<'_>) -> Result<Measured> {
    let scenario = phase.scenario;
    let payload = scenario.records as f64 * scenario.record_bytes as f64;
    let dry = scenario.schedule().mul_f64(DRY).clamp(DRY_MIN, DRY_MAX);
    let writers = phase.writers(server)?;
    volume(server)?.fill_but((payload * ROOM) as u64)?;
    let relieve = |mut meanwhile: Meanwhile<'_>| {
        meanwhile.wait_until_nothing_moves_for(dry);
        meanwhile.shared.check()?;
        volume(meanwhile.server)?.make_room()?;
        let at = meanwhile.shared.now();
        let has_ended = meanwhile.server.revive()?;
        Ok(Relief { at, has_ended })
    };
    let (cost, (produced, relief)) = Cost::of(server, |server| {
        let (produced, relief) = phase.produce_while(server, writers, relieve)?;
        Ok((phases::span_of(&produced), (produced, relief)))
    })?;
    let resumed = resumed(&produced, relief.at, dry / 2)?;
    let mut measured = produce::told(server, phase, &cost, &produced)?;
    measured.run.figures.full_disk = Some(FullDisk {
        resume_ms: resumed.as_secs_f64() * MILLIS_PER_SECOND,
        has_ended: relief.has_ended,
    });
    Ok(measured)
}

fn volume(server: &Server) -> Result<&Volume> {
    let elsewhere = || Error::Input("the disk of somebody else's broker is not filled".to_owned());
    server.volume().ok_or_else(elsewhere)
}

/// How long after `room` every producer had a confirmation again. Each must have waited for one
/// since `stopped` before that, or the disk was not full.
fn resumed(produced: &[Produced], room: Duration, stopped: Duration) -> Result<Duration> {
    let resumed = produced.iter().map(|produced| {
        let silence = produced.longest_silence;
        let is_of_the_disk = silence.from + stopped <= room && room <= silence.until;
        is_of_the_disk.then(|| silence.until - room).ok_or_else(|| {
            Error::Input(format!(
                "the disk was not full: the longest time without a confirmation was from {:?} to \
                 {:?}, and room was made at {room:?}",
                silence.from, silence.until
            ))
        })
    });
    resumed.reduce(|a, b| Ok(a?.max(b?))).unwrap_or(Ok(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Silence;

    const SECOND: Duration = Duration::from_secs(1);

    fn produced(from: u32, until: u32) -> Produced {
        let longest_silence = Silence { from: SECOND * from, until: SECOND * until };
        Produced { longest_silence, ..Produced::default() }
    }

    /// Goal: the slowest producer counts, and a run whose disk was not full gives no figure.
    #[test]
    fn confirmations_come_back_after_there_is_room() {
        let all = [produced(5, 12), produced(7, 11)];
        assert_eq!(resumed(&all, SECOND * 10, SECOND * 2).ok(), Some(SECOND * 2));
        for (from, until) in [(9, 12), (5, 9), (0, 0)] {
            let error = resumed(&[produced(from, until)], SECOND * 10, SECOND * 2);
            let error = error.expect_err("it was not full").to_string();
            assert!(error.contains("not full") && error.contains("10s"), "{error}");
        }
    }
}
