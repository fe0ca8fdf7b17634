//! What has happened in runs, counted: a simulator in which nothing happens proves nothing.

use std::collections::BTreeMap;

/// How often things happened, by a sentence that says what.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Coverage(BTreeMap<String, u64>);

/// What the usual number of seeds has to come across.
const EXPECTED: &[&str] = &[
    "a process was killed",
    "the power failed",
    "a broker ended cleanly",
    "a broker listened no more before its end",
    "a broker died in its start",
    "a crash interrupted: write",
    "a crash interrupted: sync",
    "a crash interrupted: sync directory",
    "a crash interrupted: rename",
    "said: cut a torn tail",
    "said: no mark of a clean end, but the machine has run on: logs are scanned from their \
     recovery points, and have all that was written",
    "said: wrote a log once more, since a sync of it had failed",
    "said: removed what was left of a deleted partition",
    "said: the log start moved",
    "said: took appends back",
    "said: a log is out of service until the next start",
    "said: metadata changes were not made durable",
    "failed: open",
    "failed: write",
    "failed: sync",
    "failed: rename",
    "the disk was full",
    "records were acknowledged after the disk was full",
    "a faulty disk kept a broker from starting",
    "a segment was rolled",
    "a segment was retired",
    "a producer snapshot was read",
    "a topic was created",
    "a topic was deleted",
    "a topic grew",
    "a topic was configured",
    "records were deleted",
    "retention moved a log start",
    "a waiting fetch was released",
    "a client had to wait for the broker to read",
    "a sequence gap was refused",
    "a batch was sent again",
    "counted: shard_messages_total",
    "counted: duplicate_batches_total",
    "counted: produced_batches_total",
];

impl Coverage {
    /// It happened.
    pub fn note(&mut self, what: &str) {
        self.add(what, 1);
    }

    /// It happened so often.
    pub fn add(&mut self, what: &str, count: u64) {
        if count > 0 {
            *self.0.entry(what.to_owned()).or_default() += count;
        }
    }

    /// Takes in what happened elsewhere.
    pub fn merge(&mut self, other: &Coverage) {
        other.0.iter().for_each(|(what, count)| self.add(what, *count));
    }

    /// How often it happened.
    pub fn count(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or(0)
    }

    /// # Panics
    /// If something of what should happen never did.
    pub fn check(&self) {
        let never: Vec<_> = EXPECTED.iter().filter(|what| self.count(what) == 0).collect();
        assert!(never.is_empty(), "these never happened: {never:#?}\nthese did: {self:#?}");
    }
}
