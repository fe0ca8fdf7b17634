//! One producer's loop: sends what the pacer says, and times the confirmations.

use super::{Shared, Silence, Watchdog};
use crate::drivers::{Outgoing, Producer};
use crate::error::Result;
use crate::work::in_flight::{InFlight, Times};
use crate::work::latency::LatencySeries;
use crate::work::pacer::{Pacer, Step};
use crate::work::payload::{Origin, PayloadMaker};
use crate::work::spread::Spread;
use std::thread;
use std::time::Duration;

/// How often, in records, confirmations are looked for while there is something to send.
const CONFIRM_INTERVAL: u64 = 16;
/// How often, in records, to look up while requests are built.
const LOOK_UP_INTERVAL: u64 = 1 << 14;
const CONFIRM_WAIT: Duration = Duration::from_millis(1);
/// Waits for a due time are cut into naps, between which confirmations are looked for.
const NAP_MAX: Duration = Duration::from_micros(50);
const FLUSH_WAIT: Duration = Duration::from_millis(100);

/// What one producer is to do.
#[derive(Debug)]
pub struct Assignment {
    /// Number of the producer.
    pub producer: u32,
    /// When to send, and how much.
    pub pacer: Pacer,
    /// Keys and partitions.
    pub spread: Spread,
    /// Bytes of a payload.
    pub record_bytes: usize,
    /// Whether the broker confirms.
    pub confirm: bool,
    /// Whether the driver has built its requests already.
    pub is_prepared: bool,
}

/// What one producer did.
#[derive(Debug, Default)]
pub struct Produced {
    /// When the first record was sent and the last one was confirmed, or left the client.
    pub span: (Duration, Duration),
    /// From due time to confirmation.
    pub latency: LatencySeries,
    /// From the real sending to confirmation.
    pub latency_from_send: LatencySeries,
    /// The longest time in which records waited and none was confirmed.
    pub longest_silence: Silence,
}

/// The state of the loop.
struct Loop<'a> {
    shared: &'a Shared,
    assignment: Assignment,
    in_flight: InFlight,
    confirmed: Vec<u64>,
    watchdog: Watchdog,
    done: Produced,
}

/// Has the driver build its requests, if it does so ahead: in a closed loop, where no record has a
/// time of its own.
///
/// `look_up`, which may end it, is called now and then with the number of records so far.
///
/// # Errors
/// If the driver fails, or `look_up` does.
pub fn prepare(
    producer: &mut dyn Producer,
    assignment: &mut Assignment,
    mut look_up: impl FnMut(u64) -> Result<()>,
) -> Result<()> {
    let records = assignment.pacer.records();
    if assignment.pacer.room() == 0 {
        return Ok(());
    }
    let mut maker = PayloadMaker::new(assignment.record_bytes, u64::from(assignment.producer));
    for sequence in 0..records {
        let (key, partition) = assignment.spread.place(sequence);
        let due = Duration::ZERO;
        let payload = maker.make(Origin { producer: assignment.producer, sequence, due });
        let key = key.as_ref().map(|key| key.as_slice());
        if !producer.prepare(Outgoing { partition, key, sequence, payload })? {
            return Ok(());
        }
        if sequence.is_multiple_of(LOOK_UP_INTERVAL) {
            look_up(sequence)?;
        }
    }
    assignment.is_prepared = true;
    producer.end_preparing()
}

/// Sends everything and waits until it is confirmed, or has left the client.
///
/// # Errors
/// If the client fails, nothing moves any more, or the run is stopped.
pub fn run(
    producer: &mut dyn Producer,
    assignment: Assignment,
    shared: &Shared,
) -> Result<Produced> {
    let seed = u64::from(assignment.producer);
    let new_maker = || PayloadMaker::new(assignment.record_bytes, seed);
    let mut maker = (!assignment.is_prepared).then(new_maker);
    let start = shared.now();
    let mut state = Loop {
        shared,
        assignment,
        in_flight: InFlight::default(),
        confirmed: Vec::new(),
        watchdog: Watchdog::new(start),
        done: Produced { span: (start, start), ..Produced::default() },
    };
    loop {
        // The schedule begins when this loop does, whatever was done before it.
        match state.assignment.pacer.step(shared.now() - start) {
            Step::Send(due) => match &mut maker {
                Some(maker) => state.send(producer, maker, start + due)?,
                None => state.send_prepared(producer)?,
            },
            Step::WaitFor(wait) => {
                producer.push()?;
                state.collect(producer, Duration::ZERO)?;
                thread::sleep(wait.min(NAP_MAX));
            }
            Step::WaitForConfirmation => state.collect(producer, CONFIRM_WAIT)?,
            Step::Done => break,
        }
    }
    state.finish(producer)
}

impl Loop<'_> {
    fn send(
        &mut self,
        producer: &mut dyn Producer,
        maker: &mut PayloadMaker,
        due: Duration,
    ) -> Result<()> {
        let sequence = self.assignment.pacer.sent_one();
        let (key, partition) = self.assignment.spread.place(sequence);
        let payload = maker.make(Origin { producer: self.assignment.producer, sequence, due });
        if self.assignment.confirm {
            self.in_flight.push(Times { due, started: self.shared.now() });
        }
        let key = key.as_ref().map(|key| key.as_slice());
        let record = Outgoing { partition, key, sequence, payload };
        while !producer.send(record)? {
            self.collect(producer, CONFIRM_WAIT)?;
        }
        if sequence.is_multiple_of(CONFIRM_INTERVAL) {
            self.collect(producer, Duration::ZERO)?;
        }
        Ok(())
    }

    /// Sends what the window allows of the records that were built ahead.
    fn send_prepared(&mut self, producer: &mut dyn Producer) -> Result<()> {
        let pacer = &mut self.assignment.pacer;
        let sent = producer.send_prepared(pacer.room())?;
        let now = self.shared.now();
        for _ in 0..sent {
            pacer.sent_one();
            if self.assignment.confirm {
                self.in_flight.push(Times { due: now, started: now });
            }
        }
        let wait = if sent == 0 { CONFIRM_WAIT } else { Duration::ZERO };
        self.collect(producer, wait)
    }

    /// Notes what was confirmed.
    fn collect(&mut self, producer: &mut dyn Producer, wait: Duration) -> Result<()> {
        self.shared.check()?;
        producer.confirmed(wait, &mut self.confirmed)?;
        let now = self.shared.now();
        let pacer = &mut self.assignment.pacer;
        if self.confirmed.is_empty() {
            if pacer.unconfirmed() == 0 {
                self.watchdog.moved(now);
            }
            return self.watchdog.check(now, || format!("{} confirmations", pacer.unconfirmed()));
        }
        let silence = self.watchdog.moved(now);
        let longest = &mut self.done.longest_silence;
        if silence.length() > longest.length() {
            *longest = silence;
        }
        let count = self.confirmed.len() as u64;
        pacer.confirmed(count);
        self.shared.advance(count);
        for sequence in self.confirmed.drain(..) {
            if let Some(times) = self.in_flight.confirm(sequence) {
                self.done.latency.record(now, now.saturating_sub(times.due));
                self.done.latency_from_send.record(now, now.saturating_sub(times.started));
            }
        }
        Ok(())
    }

    fn finish(mut self, producer: &mut dyn Producer) -> Result<Produced> {
        while !producer.flush(FLUSH_WAIT)? {
            self.collect(producer, Duration::ZERO)?;
        }
        while self.assignment.confirm && self.assignment.pacer.unconfirmed() > 0 {
            self.collect(producer, CONFIRM_WAIT)?;
        }
        self.done.span.1 = self.shared.now();
        Ok(self.done)
    }
}
