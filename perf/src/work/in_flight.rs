//! The records that wait for their confirmation, and since when.

use std::collections::VecDeque;
use std::time::Duration;

/// When a record was due and when it was really handed to the client, since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// What latency counts from.
    pub due: Duration,
    /// What a harness that omits waiting would count from; kept beside it.
    pub started: Duration,
}

/// Times by sequence. Confirmations may come in any order.
#[derive(Debug, Default)]
pub struct InFlight {
    first: u64,
    times: VecDeque<Option<Times>>,
}

impl InFlight {
    /// Adds the record after the one added last; the first has sequence 0.
    pub fn push(&mut self, times: Times) {
        self.times.push_back(Some(times));
    }

    /// Takes a record out, unless it is not (or no longer) in flight.
    pub fn confirm(&mut self, sequence: u64) -> Option<Times> {
        let index = usize::try_from(sequence.checked_sub(self.first)?).ok()?;
        let times = self.times.get_mut(index)?.take();
        while let Some(None) = self.times.front() {
            self.times.pop_front();
            self.first += 1;
        }
        times
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: every record is confirmed once, in whatever order, and strangers are not found.
    #[test]
    fn confirmations_come_in_any_order() {
        let at = |millis| Times { due: Duration::from_millis(millis), started: Duration::ZERO };
        let mut in_flight = InFlight::default();
        (0..3).for_each(|millis| in_flight.push(at(millis)));
        assert_eq!(in_flight.confirm(1), Some(at(1)));
        assert_eq!(in_flight.confirm(1), None);
        assert_eq!(in_flight.confirm(0), Some(at(0)));
        assert_eq!(in_flight.confirm(2), Some(at(2)));
        assert_eq!(in_flight.confirm(3), None);
        in_flight.push(at(9));
        assert_eq!(in_flight.confirm(3), Some(at(9)));
    }
}
