//! Messages between shards: bounded queues, and a call that wakes a sleeper.

use super::ask::{Answer, Ask, QuestionIndex};
use super::checkpoint::Report;
use super::connection::RequestKey;
use crate::base::ShardId;
use crate::base::limits::MAILBOX_CAPACITY;
use crate::metadata::Image;
use crate::metrics::Snapshot;
use crossbeam::queue::ArrayQueue;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::mpsc::Sender;

/// What one shard, or the control thread, tells another shard.
#[derive(Debug)]
pub enum Message {
    /// A connection's shard asks the owner of a partition.
    Ask(Ask),
    /// The owner answers.
    Answer {
        /// The request that it belongs to.
        key: RequestKey,
        /// Which of the request's questions it answers.
        question: QuestionIndex,
        /// The answer.
        answer: Answer,
    },
    /// The controller publishes a new image.
    Image(Arc<Image>),
    /// A shard has put an image into effect: its logs are open, or deleted.
    Applied {
        /// The shard.
        shard: ShardId,
        /// The image's version.
        version: u64,
    },
    /// A shard's part of the checkpoints of the data directory.
    Positions {
        /// The shard.
        shard: ShardId,
        /// All its partitions.
        report: Report,
    },
    /// The control thread wants the metrics.
    Snapshot(Sender<Snapshot>),
    /// The control thread wants a clean end.
    Shutdown,
    /// A shard that is to end has no connection left.
    Drained {
        /// The shard.
        shard: ShardId,
    },
    /// The controller says that no shard has a connection left.
    AllDrained,
}

/// The receiving end's shared part.
#[derive(Debug)]
pub struct Mailbox {
    queue: ArrayQueue<Message>,
    asleep: AtomicBool,
}

impl Default for Mailbox {
    fn default() -> Self {
        Mailbox { queue: ArrayQueue::new(MAILBOX_CAPACITY), asleep: AtomicBool::new(false) }
    }
}

impl Mailbox {
    /// Puts a message in, or gives it back if there is no room. On success, says whether the
    /// owner sleeps and must be woken.
    #[expect(clippy::result_large_err, reason = "the message moves; boxing it would allocate")]
    pub fn post(&self, message: Message) -> Result<bool, Message> {
        self.queue.push(message)?;
        // Pairs with the fence in `fall_asleep`: one of the two sees what the other wrote.
        fence(Ordering::SeqCst);
        Ok(self.asleep.swap(false, Ordering::AcqRel))
    }
}

/// One shard's view of all mailboxes: it reads its own and posts to the others.
#[derive(Debug)]
pub struct Mail {
    own: ShardId,
    boxes: Arc<[Mailbox]>,
    /// What did not fit; bounded by the requests that clients may have in flight.
    overflow: VecDeque<(ShardId, Message)>,
    /// Messages that did not fit at first.
    delayed_count: u64,
}

impl Mail {
    /// The view of shard `own`.
    pub fn new(own: ShardId, boxes: Arc<[Mailbox]>) -> Self {
        Mail { own, boxes, overflow: VecDeque::new(), delayed_count: 0 }
    }

    /// How many shards there are.
    pub fn shard_count(&self) -> u16 {
        self.boxes.len() as u16
    }

    /// The next message for this shard.
    pub fn receive(&mut self) -> Option<Message> {
        self.boxes[usize::from(self.own.0)].queue.pop()
    }

    /// Sends a message; says whether the receiver must be woken.
    pub fn send(&mut self, to: ShardId, message: Message) -> bool {
        assert_ne!(to, self.own, "a shard does not write to itself");
        if !self.overflow.is_empty() {
            self.delayed_count += 1;
            self.overflow.push_back((to, message));
            return false;
        }
        let must_wake = self.post(to, message);
        self.delayed_count += self.overflow.len() as u64;
        must_wake
    }

    /// How many messages have waited for room in a mailbox.
    pub fn delayed_count(&self) -> u64 {
        self.delayed_count
    }

    fn post(&mut self, to: ShardId, message: Message) -> bool {
        match self.boxes[usize::from(to.0)].post(message) {
            Ok(must_wake) => must_wake,
            Err(message) => {
                self.overflow.push_front((to, message));
                false
            }
        }
    }

    /// Tries again what did not fit; calls `wake` for each receiver that sleeps.
    pub fn retry(&mut self, mut wake: impl FnMut(ShardId)) {
        for _ in 0..self.overflow.len() {
            let Some((to, message)) = self.overflow.pop_front() else { return };
            let before = self.overflow.len();
            if self.post(to, message) {
                wake(to);
            }
            if self.overflow.len() > before {
                return;
            }
        }
    }

    /// Whether messages wait for room in a mailbox.
    pub fn is_congested(&self) -> bool {
        !self.overflow.is_empty()
    }

    /// Announces sleep. False if a message came first: then there is no sleep.
    pub fn fall_asleep(&self) -> bool {
        let own = &self.boxes[usize::from(self.own.0)];
        own.asleep.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        if own.queue.is_empty() {
            return true;
        }
        own.asleep.store(false, Ordering::SeqCst);
        false
    }

    /// Announces the end of sleep.
    pub fn wake_up(&self) {
        self.boxes[usize::from(self.own.0)].asleep.store(false, Ordering::SeqCst);
    }
}
