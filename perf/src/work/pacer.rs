//! When the next record is due: a state machine over the time that it is told.
//!
//! *Closed loop*: a record is due as soon as fewer than `window` wait for their confirmation. It
//! finds the highest rate, and says little about latency, since a slow answer delays the next
//! question.
//!
//! *Open loop*: record i is due at i / rate, whatever became of those before it. Latency counts
//! from the due time, so that a stall is felt by every record that should have been sent during it
//! (no coordinated omission).

use std::time::Duration;

/// How a producer paces its records.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// At most this many records unconfirmed at a time; at least 1.
    Closed {
        /// Records.
        window: u64,
    },
    /// Records at a steady rate.
    Open {
        /// Records per second, more than 0.
        rate: f64,
    },
}

/// What the producer does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Send the next record, which was due at this time since the start.
    Send(Duration),
    /// Nothing is due for this long: wait for confirmations meanwhile.
    WaitFor(Duration),
    /// The window is full: wait for a confirmation.
    WaitForConfirmation,
    /// Every record was sent.
    Done,
}

/// The progress of one producer.
#[derive(Debug)]
pub struct Pacer {
    pace: Pace,
    records: u64,
    sent: u64,
    confirmed: u64,
}

impl Pacer {
    /// A producer of `records` records.
    pub fn new(pace: Pace, records: u64) -> Pacer {
        Pacer { pace, records, sent: 0, confirmed: 0 }
    }

    /// What to do at `now`, since the start.
    pub fn step(&self, now: Duration) -> Step {
        if self.sent == self.records {
            return Step::Done;
        }
        match self.pace {
            Pace::Closed { window } if self.unconfirmed() >= window.max(1) => {
                Step::WaitForConfirmation
            }
            Pace::Closed { .. } => Step::Send(now),
            Pace::Open { rate } => {
                let due = Duration::from_secs_f64(self.sent as f64 / rate);
                if due <= now { Step::Send(due) } else { Step::WaitFor(due - now) }
            }
        }
    }

    /// Records that a closed loop may send now; none in an open loop, where each has its time.
    pub fn room(&self) -> u64 {
        match self.pace {
            Pace::Closed { window } => {
                (self.records - self.sent).min(window.max(1).saturating_sub(self.unconfirmed()))
            }
            Pace::Open { .. } => 0,
        }
    }

    /// Records in all.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Notes that the record of the last [`Step::Send`] was handed over, and gives its sequence.
    pub fn sent_one(&mut self) -> u64 {
        self.sent += 1;
        self.sent - 1
    }

    /// Notes that this many more records were confirmed.
    pub fn confirmed(&mut self, records: u64) {
        self.confirmed += records;
        assert!(self.confirmed <= self.sent, "only what was sent can be confirmed");
    }

    /// Records sent that no confirmation came for.
    pub fn unconfirmed(&self) -> u64 {
        self.sent - self.confirmed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: a closed loop stops at its window and goes on with each confirmation.
    #[test]
    fn a_full_window_waits() {
        let mut pacer = Pacer::new(Pace::Closed { window: 2 }, 3);
        let now = Duration::from_millis(5);
        for sequence in 0..2 {
            assert_eq!(pacer.step(now), Step::Send(now));
            assert_eq!(pacer.sent_one(), sequence);
        }
        assert_eq!((pacer.step(now), pacer.room()), (Step::WaitForConfirmation, 0));
        pacer.confirmed(1);
        assert_eq!(pacer.room(), 1);
        assert_eq!(pacer.step(now), Step::Send(now));
        pacer.sent_one();
        assert_eq!(pacer.step(now), Step::Done);
        assert_eq!(pacer.unconfirmed(), 2);
    }

    /// Goal: after a stall, an open loop sends what it owes at once, each with its own due time.
    #[test]
    fn an_open_loop_owes_what_a_stall_kept_back() {
        let mut pacer = Pacer::new(Pace::Open { rate: 1000.0 }, 100);
        assert_eq!(pacer.step(Duration::ZERO), Step::Send(Duration::ZERO));
        pacer.sent_one();
        let now = Duration::from_micros(400);
        assert_eq!(pacer.step(now), Step::WaitFor(Duration::from_micros(600)));
        let now = Duration::from_millis(10);
        let mut due = Vec::new();
        while let Step::Send(at) = pacer.step(now) {
            due.push(at.as_millis());
            pacer.sent_one();
        }
        assert_eq!(due, (1..=10).collect::<Vec<_>>());
        assert_eq!(pacer.step(now), Step::WaitFor(Duration::from_millis(1)));
    }
}
