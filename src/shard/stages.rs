//! How long each stage of a request took.
//!
//! The clock is read twice a turn, when the shard wakes up and when it has done everything, and
//! not once for each request. So a stage begins and ends where a turn does, and the stages of a
//! request add up to the whole of it.

use super::Shard;
use super::slots::SlotId;
use crate::base::Monotonic;
use crate::metrics::{ShardMetrics, Stage};
use crate::wire::ApiKey;

/// When a request went from one stage to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestTimes {
    /// The turn that read it began.
    received: Monotonic,
    /// That turn ended: it was decoded and validated, and its questions were asked.
    parsed: Monotonic,
    /// The last of its batches was written to its log; `None` if it appended nothing.
    written: Option<Monotonic>,
    /// Its reply was made: the beginning of a later turn, or the end of the one that read it.
    ready: Monotonic,
}

impl RequestTimes {
    /// The times of a request that is read in the turn that began at `received`.
    pub fn new(received: Monotonic) -> RequestTimes {
        RequestTimes { received, parsed: received, written: None, ready: received }
    }

    /// Notes that the last of its batches was written at `at`, which another shard may have seen.
    pub fn note_written(&mut self, at: Monotonic) {
        self.written = Some(at);
    }

    /// Notes that its reply is made, in the turn that began at `now`.
    pub fn note_ready(&mut self, now: Monotonic) {
        self.ready = now;
    }

    /// Notes that the turn which began at `began` ended at `ended`; false if it was read earlier.
    pub fn end_turn(&mut self, began: Monotonic, ended: Monotonic) -> bool {
        if self.received != began {
            return false;
        }
        self.parsed = ended;
        self.ready = self.ready.max(ended);
        true
    }

    /// Counts every stage; the last byte of the reply was handed to the kernel at `sent`, if
    /// there is a reply.
    pub fn record(&self, metrics: &mut ShardMetrics, api: ApiKey, sent: Option<Monotonic>) {
        let mut record = |stage, from: Monotonic, to: Monotonic| {
            metrics.record(api.code(), stage, to.since(from).as_nanos() as u64);
        };
        record(Stage::Parse, self.received, self.parsed);
        if let Some(written) = self.written {
            // The owner may have written it while this shard's turn was still going on.
            let written = written.max(self.parsed).min(self.ready);
            record(Stage::Append, self.parsed, written);
            record(Stage::Sync, written, self.ready);
        } else if self.ready > self.parsed {
            record(Stage::Wait, self.parsed, self.ready);
        }
        if let Some(sent) = sent {
            record(Stage::Reply, self.ready, sent);
        }
        record(Stage::Whole, self.received, sent.unwrap_or(self.ready));
    }
}

/// What becomes known only when the turn ends.
#[derive(Debug, Default)]
pub struct TurnStages {
    /// Connections that requests were read from.
    readers: Vec<SlotId>,
    /// Requests that ended without a reply.
    silent: Vec<(ApiKey, RequestTimes)>,
}

impl TurnStages {
    /// A request was read from this connection.
    pub fn note_reader(&mut self, connection: SlotId) {
        if self.readers.last() != Some(&connection) {
            self.readers.push(connection);
        }
    }

    /// A request ended without a reply.
    pub fn note_silent(&mut self, api: ApiKey, times: RequestTimes) {
        self.silent.push((api, times));
    }
}

impl Shard {
    /// Gives the requests that were read in the turn which now ends the time of its end.
    pub(super) fn end_turn_stages(&mut self, began: Monotonic, ended: Monotonic) {
        for id in self.turn_stages.readers.drain(..) {
            if let Some(connection) = self.connections.get_mut(id) {
                connection.end_turn(began, ended);
            }
        }
        for (api, mut times) in self.turn_stages.silent.drain(..) {
            times.end_turn(began, ended);
            times.record(&mut self.metrics, api, None);
        }
    }

    /// Counts the stages of the replies that have left a connection.
    pub(super) fn note_sent(&mut self, id: SlotId) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        for (api, times) in connection.take_sent() {
            times.record(&mut self.metrics, api, Some(self.now.monotonic));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts a request and gives the sum of each stage, whole last; the others must add up to it.
    fn check(times: RequestTimes, sent: Option<u64>) -> Vec<(Stage, u64)> {
        let mut metrics = ShardMetrics::new();
        times.record(&mut metrics, ApiKey::Produce, sent.map(Monotonic));
        let snapshot = metrics.snapshot();
        let stages = snapshot.apis[0].stages.iter();
        let sums: Vec<_> = stages.map(|(stage, latency)| (*stage, latency.nanos_sum())).collect();
        let (last, stages) = sums.split_last().expect("whole is always there");
        assert_eq!(last.0, Stage::Whole);
        assert_eq!(stages.iter().map(|(_, nanos)| nanos).sum::<u64>(), last.1, "{sums:?}");
        sums
    }

    /// Goal: a request that is answered in the turn that read it has taken that turn.
    #[test]
    fn an_answer_within_the_turn() {
        let mut times = RequestTimes::new(Monotonic(100));
        times.note_ready(Monotonic(100));
        assert!(times.end_turn(Monotonic(100), Monotonic(130)));
        assert!(!times.end_turn(Monotonic(150), Monotonic(190)), "a later turn changes nothing");
        let stages = [(Stage::Parse, 30), (Stage::Reply, 40), (Stage::Whole, 70)];
        assert_eq!(check(times, Some(170)), stages);
        assert_eq!(check(times, None), [(Stage::Parse, 30), (Stage::Whole, 30)]);
    }

    /// Goal: an append takes from the turn's end to the write's, whenever its owner saw that.
    #[test]
    fn an_append_on_any_shard() {
        let mut times = RequestTimes::new(Monotonic(100));
        times.end_turn(Monotonic(100), Monotonic(130));
        times.note_ready(Monotonic(200));
        for (written, append, sync) in [(180, 50, 20), (110, 0, 70), (999, 70, 0)] {
            times.note_written(Monotonic(written));
            let stages = check(times, Some(210));
            assert_eq!(stages[1..3], [(Stage::Append, append), (Stage::Sync, sync)]);
        }
    }

    /// Goal: what is answered later without an append has waited.
    #[test]
    fn a_wait() {
        let mut times = RequestTimes::new(Monotonic(100));
        times.end_turn(Monotonic(100), Monotonic(130));
        times.note_ready(Monotonic(500));
        assert_eq!(check(times, Some(510))[1], (Stage::Wait, 370));
    }
}
