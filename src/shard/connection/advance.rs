//! How a client gets on with the frame that it sends.

use crate::base::Monotonic;

/// Bytes of a frame that have to come within `pinion.shard.receive.stall.ms`: a client that sends
/// fewer stands still. Not more than a connection of 16 KiB/s brings in the default time.
const ADVANCE_MIN: usize = 64 * 1024;

/// What tells a client that sends from one that stands still.
#[derive(Debug)]
pub struct Advance {
    /// When it last had sent enough, or had nothing to send.
    since: Monotonic,
    /// What has come since then.
    bytes: usize,
    /// Whether the connection stands in the queue for receive memory.
    awaits_memory: bool,
}

impl Advance {
    /// Of a client that begins at `now`.
    pub fn new(now: Monotonic) -> Advance {
        Advance { since: now, bytes: 0, awaits_memory: false }
    }

    /// It has sent enough, or has nothing to send.
    pub fn restart(&mut self, now: Monotonic) {
        (self.since, self.bytes) = (now, 0);
    }

    /// Notes that `count` bytes of a frame have come.
    pub fn note(&mut self, count: usize, now: Monotonic) {
        self.bytes += count;
        if self.bytes >= ADVANCE_MIN {
            self.restart(now);
        }
    }

    /// Has it wait for receive memory; false if it does already.
    pub fn begin_awaiting_memory(&mut self) -> bool {
        !std::mem::replace(&mut self.awaits_memory, true)
    }

    /// It need not wait for receive memory: it was not the client that stood still.
    pub fn end_awaiting_memory(&mut self, now: Monotonic) {
        assert!(self.awaits_memory, "it stood in the queue");
        self.awaits_memory = false;
        self.restart(now);
    }

    /// Since when it has not sent enough.
    pub fn since(&self) -> Monotonic {
        self.since
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: a client that sends a byte now and then stands still, one that sends enough does not.
    #[test]
    fn a_trickle_is_no_advance() {
        let mut advance = Advance::new(Monotonic(0));
        for second in 1..100 {
            advance.note(1, Monotonic(second));
        }
        assert_eq!(advance.since(), Monotonic(0));
        advance.note(ADVANCE_MIN, Monotonic(100));
        assert_eq!(advance.since(), Monotonic(100));
    }

    /// Goal: a connection stands in the queue for memory once, and that time is not held against
    /// its client, whatever comes meanwhile.
    #[test]
    fn waiting_for_memory_is_no_standing_still() {
        let mut advance = Advance::new(Monotonic(0));
        assert!(advance.begin_awaiting_memory());
        advance.restart(Monotonic(10));
        assert!(!advance.begin_awaiting_memory());
        advance.end_awaiting_memory(Monotonic(50));
        assert_eq!(advance.since(), Monotonic(50));
        assert!(advance.begin_awaiting_memory());
    }
}
