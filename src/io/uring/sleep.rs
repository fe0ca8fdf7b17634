//! Going to sleep, unless a client is about to ask for more.
//!
//! A consumer that is behind asks again as soon as it has an answer, and a core that sleeps takes
//! longer to wake than such a client needs. So the shard looks out for a moment first: after it has
//! sent many records, while nothing is under way but what clients may send, and only where that was
//! of use lately ([`Lookout`]). An idle shard, a slowly fed one, and one that waits for its disk go
//! to sleep at once.

use super::ring::Sleep;
use super::{Uring, sys};
use crate::base::{Lookout, Monotonic};
use std::time::Duration;

/// Bytes of records after which a client is expected to ask for more: less does not take a client
/// long enough for the cost of looking out to be small beside it.
const SENT_MIN: u64 = 64 * 1024;

/// What a shard knows of its last sleeps.
#[derive(Debug, Default)]
pub(super) struct Sleeper {
    lookout: Lookout,
    /// Bytes sent from the page cache by the time of the last sleep.
    sent_before: u64,
    /// Time spent looking out.
    looked: Duration,
}

impl Sleeper {
    /// Time spent looking out so far.
    pub(super) fn looked(&self) -> Duration {
        self.looked
    }
}

impl Uring {
    /// Hands the queued entries over and sleeps, or sees what comes without.
    pub(super) fn sleep(&mut self, sleep: Sleep) {
        if !self.expects_a_request() {
            return self.ring.enter(sleep);
        }
        let start = sys::monotonic();
        let patience = self.sleeper.lookout.patience();
        if patience.is_zero() {
            self.ring.enter(sleep);
            return self.sleeper.lookout.slept(sys::monotonic().since(start));
        }
        let (has_come, looked) = self.look_out(start, patience);
        self.sleeper.looked += looked;
        if has_come {
            self.sleeper.lookout.saw();
            self.ring.enter(Sleep::No);
        } else {
            self.sleeper.lookout.missed();
            self.ring.enter(sleep.shortened(looked));
        }
    }

    /// Whether records have just been sent, and nothing is awaited but clients.
    fn expects_a_request(&mut self) -> bool {
        let sent = self.counters.hot_bytes - self.sleeper.sent_before;
        self.sleeper.sent_before = self.counters.hot_bytes;
        sent >= SENT_MIN
            && self.slots.awaits_clients_only()
            && self.starved.is_empty()
            && !self.ring.has_work()
    }

    /// Watches the ring's shared memory, without a system call. Gives whether something has come,
    /// and how long that took.
    fn look_out(&mut self, start: Monotonic, patience: Duration) -> (bool, Duration) {
        loop {
            let has_come = self.ring.has_work() || self.ring.has_completions();
            let looked = sys::monotonic().since(start);
            if has_come || looked >= patience {
                return (has_come, looked);
            }
            std::hint::spin_loop();
        }
    }
}
