//! All shards, as the control thread sees them.

use crate::metrics::Snapshot;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long the shards may take to answer, all together. A tick takes far less.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(2);

/// Within this time the last answers are given again, so that many scrapers cost no more than one.
const ANSWER_AGE_MAX: Duration = Duration::from_millis(250);

/// What the control thread needs of a shard. Neither call waits for the shard.
pub trait ShardHandle: Send + Sync {
    /// Asks the shard to send what it has measured. Where the request cannot be delivered, `reply`
    /// is dropped.
    fn request_snapshot(&self, reply: Sender<Snapshot>);

    /// Asks the shard to stop accepting, finish what it has, close its logs and end.
    fn begin_shutdown(&self);
}

/// The handles of all shards, and their latest answers.
pub struct Fleet {
    shards: Vec<Box<dyn ShardHandle>>,
    latest: Mutex<Option<(Instant, Arc<Answers>)>>,
    answer_wait_max: Duration,
}

/// One answer for each shard; `None` for a shard that gave none in time.
pub type Answers = Vec<Option<Snapshot>>;

impl Fleet {
    pub fn new(shards: Vec<Box<dyn ShardHandle>>) -> Fleet {
        Fleet { shards, latest: Mutex::new(None), answer_wait_max: ANSWER_WAIT_MAX }
    }

    /// The shards' answers, shard 0 first. Blocks for a bounded time.
    pub fn answers(&self) -> Arc<Answers> {
        // Whoever comes while another collects waits here for the same answers.
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, answers)) = &*latest
            && at.elapsed() < ANSWER_AGE_MAX
        {
            return Arc::clone(answers);
        }
        let answers = Arc::new(self.collect());
        *latest = Some((Instant::now(), Arc::clone(&answers)));
        answers
    }

    fn collect(&self) -> Answers {
        let deadline = Instant::now() + self.answer_wait_max;
        let replies: Vec<Receiver<Snapshot>> = self.shards.iter().map(|s| ask(&**s)).collect();
        let wait = |reply: Receiver<Snapshot>| {
            reply.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
        };
        replies.into_iter().map(wait).collect()
    }

    /// Asks every shard to end.
    pub fn begin_shutdown(&self) {
        self.shards.iter().for_each(|shard| shard.begin_shutdown());
    }
}

fn ask(shard: &dyn ShardHandle) -> Receiver<Snapshot> {
    let (sender, receiver) = mpsc::channel();
    shard.request_snapshot(sender);
    receiver
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::metrics::ShardMetrics;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A shard that answers at once, refuses, or keeps the question for ever.
    pub enum Fake {
        Answers(Arc<AtomicUsize>),
        Refuses,
        Hangs(Mutex<Vec<Sender<Snapshot>>>),
    }

    impl Fake {
        pub fn hanging() -> Fake {
            Fake::Hangs(Mutex::default())
        }
    }

    impl ShardHandle for Fake {
        fn request_snapshot(&self, reply: Sender<Snapshot>) {
            match self {
                Fake::Answers(count) => {
                    let mut metrics = ShardMetrics::new();
                    metrics.counters.partitions = 7;
                    metrics.record(0, crate::metrics::Stage::Whole, 1_000_000);
                    count.fetch_add(1, Ordering::Relaxed);
                    reply.send(metrics.snapshot()).unwrap();
                }
                Fake::Refuses => drop(reply),
                Fake::Hangs(kept) => kept.lock().unwrap().push(reply),
            }
        }

        fn begin_shutdown(&self) {}
    }

    pub fn fleet(shards: Vec<Fake>) -> Fleet {
        let mut fleet = Fleet::new(
            shards.into_iter().map(|shard| Box::new(shard) as Box<dyn ShardHandle>).collect(),
        );
        fleet.answer_wait_max = Duration::from_millis(20);
        fleet
    }

    /// Goal: shards that refuse or hang are told apart from the one that answers, in bounded time.
    #[test]
    fn a_silent_shard_hides_no_other() {
        let count = Arc::default();
        let fleet = fleet(vec![Fake::hanging(), Fake::Answers(count), Fake::Refuses]);
        let answers = fleet.answers();
        let given: Vec<bool> = answers.iter().map(Option::is_some).collect();
        assert_eq!(given, [false, true, false]);
    }

    /// Goal: a burst of scrapes asks the shards once.
    #[test]
    fn answers_are_shared_for_a_moment() {
        let count = Arc::new(AtomicUsize::new(0));
        let fleet = fleet(vec![Fake::Answers(Arc::clone(&count))]);
        let first = fleet.answers();
        *fleet.latest.lock().unwrap() =
            Some((Instant::now() + Duration::from_secs(60), Arc::clone(&first)));
        assert!(Arc::ptr_eq(&first, &fleet.answers()));
        assert_eq!(count.load(Ordering::Relaxed), 1);
    }
}
