//! Simulated time, and what happens when.

use super::network::{ConnectionId, Side};
use super::station::StationId;
use crate::random::Random;
use pinion::base::{Monotonic, Now, Timestamp};
use pinion::io::{Completion, Socket};
use std::collections::BTreeMap;

/// One thing that will happen.
#[derive(Debug)]
pub enum Event {
    /// An operation on the disk takes effect and completes.
    Disk(u64),
    /// A completion reaches its shard.
    Complete(StationId, Completion),
    /// A shard is woken.
    Wake(StationId),
    /// The next piece of a stream arrives at one side of a connection.
    Arrive(ConnectionId, Side),
    /// The kernel looks whether a receive has something to give.
    Receive(ConnectionId),
    /// The kernel looks whether a send can go on.
    Send(ConnectionId),
    /// The kernel looks whether a listener has somebody to accept.
    Accept(Socket),
}

/// A spread of delays in nanoseconds. Most draws lie near the low end.
#[derive(Debug, Clone, Copy)]
pub struct Delay {
    /// The shortest.
    pub low: u64,
    /// The longest of the usual ones.
    pub high: u64,
    /// One in so many takes up to a hundred times `high`; 0 for none.
    pub outlier_one_in: u64,
}

impl Delay {
    /// A delay between `low` and `high` microseconds.
    pub const fn micros(low: u64, high: u64) -> Delay {
        Delay { low: low * 1000, high: high * 1000, outlier_one_in: 0 }
    }

    fn draw(self, random: &mut Random) -> u64 {
        if random.once_in(self.outlier_one_in) {
            return random.between(self.high, self.high * 100);
        }
        random.between(self.low, self.high)
    }
}

/// The clock, the events to come in order of time, and the source of chance.
#[derive(Debug)]
pub struct Agenda {
    now: u64,
    wall_start: i64,
    events: BTreeMap<(u64, u64), Event>,
    event_count: u64,
    /// Draws everything that the kernel, the disk and the network leave open.
    pub random: Random,
}

impl Agenda {
    /// An empty agenda at the start of time.
    pub fn new(random: Random) -> Agenda {
        const WALL_START: i64 = 1_767_225_600_000;
        Agenda { now: 1, wall_start: WALL_START, events: BTreeMap::new(), event_count: 0, random }
    }

    /// Both clocks.
    pub fn now(&self) -> Now {
        let wall = Timestamp(self.wall_start + (self.now / 1_000_000) as i64);
        Now { monotonic: Monotonic(self.now), wall }
    }

    /// Lets time pass without an event.
    ///
    /// # Panics
    /// If an event would be skipped.
    pub fn pass_until(&mut self, instant: Monotonic) {
        assert!(self.next_at().is_none_or(|at| at >= instant), "an event is skipped");
        self.now = self.now.max(instant.0);
    }

    /// Steps the wall clock, as an operator or NTP does.
    pub fn step_wall_clock(&mut self, milliseconds: i64) {
        self.wall_start += milliseconds;
    }

    /// Sets an event after a drawn delay; returns when.
    pub fn after(&mut self, delay: Delay, event: Event) -> u64 {
        let at = self.now + delay.draw(&mut self.random);
        self.at(at, event);
        at
    }

    /// Sets an event at an instant, after those that are set for the same one.
    pub fn at(&mut self, at: u64, event: Event) {
        self.events.insert((at.max(self.now), self.event_count), event);
        self.event_count += 1;
    }

    /// A drawn instant from now, but not before `floor`.
    pub fn draw_instant(&mut self, delay: Delay, floor: u64) -> u64 {
        floor.max(self.now + delay.draw(&mut self.random))
    }

    /// When the next event is due.
    pub fn next_at(&self) -> Option<Monotonic> {
        self.events.keys().next().map(|&(at, _)| Monotonic(at))
    }

    /// Moves the clock to the next event and takes it.
    pub fn pop(&mut self) -> Option<Event> {
        let ((at, _), event) = self.events.pop_first()?;
        self.now = self.now.max(at);
        Some(event)
    }

    /// Forgets everything to come: the machine or the process died.
    pub fn clear(&mut self) {
        self.events.clear();
    }
}
