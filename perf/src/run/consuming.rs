//! The consumer's loop: reads everything back, verifies it, and times it.

use super::{Shared, Watchdog};
use crate::drivers::Consumer;
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

/// The state of the loop.
struct Loop<'a> {
    reading: Reading<'a>,
    shared: &'a Shared,
    verifier: Verifier,
    /// Records that have come, but stay with the driver until they are verified.
    kept: u64,
    span: Option<(Duration, Duration)>,
    latency: LatencySeries,
}

/// Reads until every record that was sent came back, or no more come.
///
/// # Errors
/// If the client fails, nothing comes at all, or the run is stopped.
pub fn run(consumer: &mut dyn Consumer, reading: Reading<'_>, shared: &Shared) -> Result<Consumed> {
    let mut state = Loop {
        reading,
        shared,
        verifier: Verifier::new(reading.sent),
        kept: 0,
        span: None,
        latency: LatencySeries::default(),
    };
    let mut backlog_end = None;
    let watchdog = Watchdog::new(shared.now());
    while state.verifier.missing() > 0 {
        let received = state.take(consumer)?;
        shared.advance(received);
        shared.check()?;
        let now = shared.now();
        let verifier = &state.verifier;
        if backlog_end.is_none() && reading.backlog_of.is_some_and(|of| verifier.has_all_of(of)) {
            backlog_end = Some(now);
        }
        match &mut state.span {
            Some(span) if received > 0 => span.1 = now,
            Some(span) if now.saturating_sub(span.1) > SILENCE_LIMIT => break,
            Some(_) => {}
            None => watchdog.check(now, || "the first record".to_owned())?,
        }
        if state.kept >= state.verifier.missing() {
            state.verify_kept(consumer)?;
        }
    }
    let end = shared.now() + SURPLUS_WAIT;
    while shared.now() < end {
        state.take(consumer)?;
    }
    state.verify_kept(consumer)?;
    let Loop { verifier, span, latency, .. } = state;
    let (verdict, span) = (verifier.finish(), span.unwrap_or_default());
    Ok(Consumed { verdict, span, backlog_end, latency })
}

impl Loop<'_> {
    /// Takes what has come; how many records.
    fn take(&mut self, consumer: &mut dyn Consumer) -> Result<u64> {
        if let Some(records) = consumer.keep(RECEIVE_WAIT)? {
            if records > 0 {
                self.kept += records;
                self.span.get_or_insert_with(|| (self.shared.now(), self.shared.now()));
            }
            return Ok(records);
        }
        let Loop { reading, shared, verifier, span, latency, .. } = self;
        let mut received = 0;
        consumer.receive(RECEIVE_WAIT, &mut |partition, payload| {
            if received == 0 {
                span.get_or_insert_with(|| (shared.now(), shared.now()));
            }
            received += 1;
            let origin = verifier.receive(partition, payload);
            if let Some(origin) = origin.filter(|_| reading.is_live) {
                let now = shared.now();
                latency.record(now, now.saturating_sub(origin.due));
            }
        })?;
        Ok(received)
    }

    /// Looks at the records that the driver has kept.
    fn verify_kept(&mut self, consumer: &mut dyn Consumer) -> Result<()> {
        self.kept = 0;
        consumer.release(&mut |partition, payload| {
            self.verifier.receive(partition, payload);
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::payload::{Origin, PayloadMaker};
    use std::collections::VecDeque;

    const READING: Reading<'_> = Reading { sent: &[100], is_live: false, backlog_of: None };

    /// A driver that delivers what a test gave it, at once or when it is asked to release it.
    struct Canned {
        records: VecDeque<Vec<u8>>,
        keeps: bool,
        kept: VecDeque<Vec<u8>>,
    }

    impl Canned {
        fn new(records: VecDeque<Vec<u8>>, keeps: bool) -> Canned {
            Canned { records, keeps, kept: VecDeque::new() }
        }
    }

    impl Consumer for Canned {
        fn receive(&mut self, _: Duration, receive: &mut dyn FnMut(u32, &[u8])) -> Result<()> {
            self.records.drain(..).for_each(|record| receive(0, &record));
            Ok(())
        }

        fn keep(&mut self, _: Duration) -> Result<Option<u64>> {
            if !self.keeps {
                return Ok(None);
            }
            let records = self.records.len().min(30);
            self.kept.extend(self.records.drain(..records));
            Ok(Some(records as u64))
        }

        fn release(&mut self, receive: &mut dyn FnMut(u32, &[u8])) -> Result<()> {
            self.kept.drain(..).for_each(|record| receive(0, &record));
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
        for keeps in [false, true] {
            for spoil in spoil {
                let mut spoiled = records(100);
                spoil(&mut spoiled);
                let consumed = run(&mut Canned::new(spoiled, keeps), READING, &Shared::start());
                assert!(!consumed.expect("the driver delivers").verdict.is_clean());
            }
            let mut honest = Canned::new(records(100), keeps);
            let consumed = run(&mut honest, READING, &Shared::start());
            let verdict = consumed.expect("the driver delivers").verdict;
            assert!(verdict.is_clean() && verdict.received == 100, "{verdict:?}");
        }
    }
}
