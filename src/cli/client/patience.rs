//! How long something that fails is tried again.

use super::ClientError;
use crate::wire::ErrorCode;
use std::time::{Duration, Instant};

const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// How long something that does not exist may take to appear.
const MISSING_WAIT_MAX: Duration = Duration::from_millis(700);

/// One row of tries, up to the first success. Pauses grow from try to try.
#[derive(Debug)]
pub struct Patience {
    start: Instant,
    wait_max: Duration,
    pause: Duration,
}

impl Patience {
    /// Tries for `wait_max` from now.
    pub fn new(wait_max: Duration) -> Patience {
        Patience { start: Instant::now(), wait_max, pause: PAUSE_MIN }
    }

    /// How long to wait after `error` before the next try; `None` if it is final, or the time is
    /// up. That something does not exist is believed sooner than the rest: brokers learn of a new
    /// topic within moments of each other.
    pub fn pause_after(&mut self, error: &ClientError) -> Option<Duration> {
        let is_missing = error.is_code(ErrorCode::UnknownTopicOrPartition);
        let wait_max = if is_missing { MISSING_WAIT_MAX } else { self.wait_max };
        if !error.is_retriable() || self.start.elapsed() + self.pause > wait_max {
            return None;
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(PAUSE_MAX);
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(code: ErrorCode) -> ClientError {
        ClientError::check("it", code as i16, None).unwrap_err()
    }

    /// Goal: final errors end the tries at once, others when the time is up, with growing pauses.
    #[test]
    fn tries_end() {
        let mut patience = Patience::new(Duration::from_secs(3600));
        assert_eq!(patience.pause_after(&refusal(ErrorCode::OffsetOutOfRange)), None);
        let moved = refusal(ErrorCode::NotLeaderOrFollower);
        let pauses: Vec<_> = (0..8).filter_map(|_| patience.pause_after(&moved)).collect();
        assert_eq!((pauses[0], pauses[1], pauses[7]), (PAUSE_MIN, PAUSE_MIN * 2, PAUSE_MAX));
        let missing = refusal(ErrorCode::UnknownTopicOrPartition);
        assert_eq!(patience.pause_after(&missing), None);
        assert_eq!(Patience::new(Duration::ZERO).pause_after(&moved), None);
    }
}
