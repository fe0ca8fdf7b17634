//! The consumer's loop: reads everything back, verifies it, and times it.

use super::{Shared, Watchdog};
use crate::drivers::{Consumer, Counter};
use crate::error::Result;
use crate::work::latency::LatencySeries;
use crate::work::verifier::{Verdict, Verifier};
use std::time::Duration;

const RECEIVE_WAIT: Duration = Duration::from_millis(100);
/// After the last record, how long to look for some that should not be there.
const SURPLUS_WAIT: Duration = Duration::from_millis(200);
/// Records that stop coming are lost: how long they may take.
const SILENCE_LIMIT: Duration = Duration::from_secs(15);

/// What a reader is to read, and what it notes.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// Records of each producer.
    pub sent: &'a [u64],
    /// Whether producers send meanwhile, by the same clock: then latencies are noted.
    pub is_live: bool,
    /// The producer whose records were there before: then the end of these is noted.
    pub backlog_of: Option<u32>,
}

/// What was read.
#[derive(Debug)]
pub struct Consumed {
    /// What became of the records.
    pub verdict: Verdict,
    /// When the first and the last record came.
    pub span: (Duration, Duration),
    /// When the last record of the backlog came, if it did.
    pub backlog_end: Option<Duration>,
    /// From the time at which a record was due to be sent to its coming, if both have one clock.
    pub latency: LatencySeries,
}

/// What was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// Records that came.
    pub records: u64,
    /// When the first and the last of them came.
    pub span: (Duration, Duration),
}

/// Counts until so many records have come, or no more come.
///
/// # Errors
/// If the client fails, nothing comes at all, or the run is stopped.
pub fn count(counter: &mut dyn Counter, records: u64, shared: &Shared) -> Result<Counted> {
    let watchdog = Watchdog::new(shared.now());
    let mut counted = Counted { records: 0, span: (Duration::ZERO, Duration::ZERO) };
    while counted.records < records {
        let received = counter.count(RECEIVE_WAIT)?;
        let now = shared.now();
        shared.advance(received);
        shared.check()?;
        if received > 0 {
            let start = if counted.records == 0 { now } else { counted.span.0 };
            counted.span = (start, now);
            counted.records += received;
        } else if counted.records == 0 {
            watchdog.check(now, || "the first record".to_owned())?;
        } else if now.saturating_sub(counted.span.1) > SILENCE_LIMIT {
            break;
        }
    }
    Ok(counted)
}

/// Reads until every record that was sent came back, or no more come.
///
/// # Errors
/// If the client fails, nothing comes at all, or the run is stopped.
pub fn run(consumer: &mut dyn Consumer, reading: Reading<'_>, shared: &Shared) -> Result<Consumed> {
    let mut latency = LatencySeries::default();
    let mut verifier = Verifier::new(reading.sent);
    let mut span: Option<(Duration, Duration)> = None;
    let mut backlog_end = None;
    let watchdog = Watchdog::new(shared.now());
    while verifier.missing() > 0 {
        let mut received = 0;
        consumer.receive(RECEIVE_WAIT, &mut |partition, payload| {
            if received == 0 && span.is_none() {
                let now = shared.now();
                span = Some((now, now));
            }
            received += 1;
            let origin = verifier.receive(partition, payload);
            if let Some(origin) = origin.filter(|_| reading.is_live) {
                let now = shared.now();
                latency.record(now, now.saturating_sub(origin.due));
            }
        })?;
        shared.advance(received);
        shared.check()?;
        let now = shared.now();
        if backlog_end.is_none() && reading.backlog_of.is_some_and(|of| verifier.has_all_of(of)) {
            backlog_end = Some(now);
        }
        match &mut span {
            Some(span) if received > 0 => span.1 = now,
            Some(span) if now.saturating_sub(span.1) > SILENCE_LIMIT => break,
            Some(_) => {}
            None => watchdog.check(now, || "the first record".to_owned())?,
        }
    }
    let end = shared.now() + SURPLUS_WAIT;
    while shared.now() < end {
        consumer.receive(RECEIVE_WAIT, &mut |partition, payload| {
            verifier.receive(partition, payload);
        })?;
    }
    let (verdict, span) = (verifier.finish(), span.unwrap_or_default());
    Ok(Consumed { verdict, span, backlog_end, latency })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::payload::{Origin, PayloadMaker};
    use std::collections::VecDeque;

    const READING: Reading<'_> = Reading { sent: &[100], is_live: false, backlog_of: None };

    /// A driver that delivers what a test gave it.
    struct Canned(VecDeque<Vec<u8>>);

    impl Consumer for Canned {
        fn receive(&mut self, _: Duration, receive: &mut dyn FnMut(u32, &[u8])) -> Result<()> {
            for record in self.0.drain(..) {
                receive(0, &record);
            }
            Ok(())
        }
    }

    fn records(count: u64) -> VecDeque<Vec<u8>> {
        let mut maker = PayloadMaker::new(64, 1);
        let origin = |sequence| Origin { producer: 0, sequence, due: Duration::ZERO };
        (0..count).map(|sequence| maker.make(origin(sequence)).to_vec()).collect()
    }

    /// Goal: a driver that repeats, reorders or damages one record does not get past a run.
    #[test]
    fn a_broken_driver_is_caught() {
        let spoil: [fn(&mut VecDeque<Vec<u8>>); 3] = [
            |records| records.insert(50, records[50].clone()),
            |records| records.swap(50, 51),
            |records| records.push_back(vec![0; 64]),
        ];
        for spoil in spoil {
            let mut spoiled = records(100);
            spoil(&mut spoiled);
            let consumed = run(&mut Canned(spoiled), READING, &Shared::start());
            assert!(!consumed.expect("the driver delivers").verdict.is_clean());
        }
        let consumed = run(&mut Canned(records(100)), READING, &Shared::start());
        assert!(consumed.expect("the driver delivers").verdict.is_clean());
    }

    /// Goal: counting ends with the last record, and the first call's time starts the span.
    #[test]
    fn records_are_counted_to_the_last() {
        struct Numbers(Vec<u64>);
        impl Counter for Numbers {
            fn count(&mut self, _: Duration) -> Result<u64> {
                Ok(self.0.pop().unwrap_or(0))
            }
        }
        let shared = Shared::start();
        let counted = count(&mut Numbers(vec![7, 0, 40, 50, 0]), 97, &shared);
        let counted = counted.expect("the driver counts");
        assert_eq!(counted.records, 97);
        assert!(counted.span.0 <= counted.span.1 && counted.span.1 <= shared.now());
    }
}
