//! What all simulated clients have in common.

use super::line::{Heard, Line, Response};
use super::topics::Topics;
use crate::random::Random;
use crate::world::World;
use pinion::base::Monotonic;
use pinion::wire::ErrorCode;
use std::time::Duration;

/// A client: called again and again, it does what is to be done at the moment.
pub trait Client {
    /// Hears responses and sends requests.
    fn act(&mut self, now: Monotonic, topics: &mut Topics) {
        loop {
            match self.line().hear() {
                Heard::Nothing => break,
                Heard::Broken => self.on_broken(now),
                Heard::Response(response) => self.on_response(&response, now, topics),
            }
        }
        self.ask(now, topics);
    }

    /// Its connection.
    fn line(&mut self) -> &mut Line;

    /// Takes a response.
    fn on_response(&mut self, response: &Response, now: Monotonic, topics: &mut Topics);

    /// Its connection is gone, and with it what was not answered.
    fn on_broken(&mut self, now: Monotonic);

    /// Sends requests, if it is time for some.
    fn ask(&mut self, now: Monotonic, topics: &mut Topics);

    /// When it wants to act though nothing has arrived.
    fn next_deadline(&self) -> Option<Monotonic>;

    /// The broker has lost what it had acknowledged without promising it.
    fn forget_history(&mut self) {}
}

/// How a client spends its time.
#[derive(Debug)]
pub struct Pace {
    /// What it leaves to chance.
    pub random: Random,
    think_max: Duration,
    /// When it acts next.
    pub next: Monotonic,
}

impl Pace {
    /// A pace of the run's own making.
    pub fn new(world: &World, think_max: Duration) -> Pace {
        let random = world.machine().agenda.random.fork();
        Pace { random, think_max, next: Monotonic(0) }
    }

    /// Whether the client may ask now: its time has come, and its connection is open. One that is
    /// not gets opened, for the next act.
    pub fn lets_ask(&mut self, line: &mut Line, now: Monotonic) -> bool {
        if self.next > now {
            return false;
        }
        let is_open = line.is_open();
        if !is_open && !line.open() {
            self.back_off(now);
        }
        is_open
    }

    /// Thinks before the next act.
    pub fn think(&mut self, now: Monotonic) {
        let nanos = self.random.between(1, self.think_max.as_nanos() as u64);
        self.next = now.after(Duration::from_nanos(nanos));
    }

    /// Waits a little before another attempt.
    pub fn back_off(&mut self, now: Monotonic) {
        let micros = self.random.between(500, 20_000);
        self.next = now.after(Duration::from_micros(micros));
    }
}

/// Whether a client tries again after this error.
pub fn is_retriable(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::UnknownTopicOrPartition
            | ErrorCode::UnknownTopicId
            | ErrorCode::NotLeaderOrFollower
            | ErrorCode::KafkaStorageError
            | ErrorCode::RequestTimedOut
            | ErrorCode::LeaderNotAvailable
            | ErrorCode::NotController
    )
}
