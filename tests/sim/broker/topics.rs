//! What the clients of a run know of its topics.

use super::coverage::Coverage;
use crate::ledger::Ledger;
use crate::payload::RecordId;
use crate::random::Random;
use crate::world::Crash;
use pinion::log::FlushPolicy;
use std::collections::{BTreeMap, BTreeSet};

/// All topics that were ever asked for, and the names of records.
#[derive(Default)]
pub struct Topics {
    topics: BTreeMap<String, Topic>,
    record_count: u64,
    producer_ids: BTreeSet<i64>,
    /// Records that were read.
    pub read_count: u64,
    /// What has happened.
    pub seen: Coverage,
}

/// A topic, from the request that makes it.
pub struct Topic {
    /// Where it is in its life, as far as its clients were told.
    pub stage: Stage,
    /// When its records are safe.
    pub policy: FlushPolicy,
    /// Whether it has had several policies.
    has_changed_policy: bool,
    /// Whether old records go by themselves.
    pub has_retention: bool,
    /// One for each partition.
    pub ledgers: Vec<Ledger>,
    /// The configs that it is made with.
    pub configs: Vec<(&'static str, String)>,
}

/// Where a topic is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Asked for; it may exist.
    Wanted,
    /// Acknowledged.
    Live,
    /// Nothing is promised of it any more.
    Doomed,
}

/// Flush policies, with `flush.messages` and `flush.ms`.
pub const FLUSH_POLICIES: [(FlushPolicy, i64, i64); 4] = [
    (FlushPolicy::Always, 1, i64::MAX),
    (FlushPolicy::Always, 1, i64::MAX),
    (FlushPolicy::Sometimes, 5, 30),
    (FlushPolicy::Never, i64::MAX, i64::MAX),
];

/// A topic's name and a partition's number.
pub type Place = (String, i32);

impl Topics {
    /// Draws a topic to be made; gives its name.
    pub fn draw(&mut self, random: &mut Random) -> String {
        let name = format!("t{}", self.topics.len());
        let (policy, messages, millis) = random.pick(&FLUSH_POLICIES);
        let retention_bytes = random.pick(&[-1, -1, 40_000]);
        let configs = vec![
            ("flush.messages", messages.to_string()),
            ("flush.ms", millis.to_string()),
            ("internal.segment.bytes", random.pick(&[9000, 20_000, 1_000_000]).to_string()),
            ("index.interval.bytes", random.pick(&[0, 1000, 4096]).to_string()),
            ("retention.bytes", retention_bytes.to_string()),
            ("file.delete.delay.ms", random.pick(&[0, 100, 60_000]).to_string()),
            ("preallocate", random.once_in(3).to_string()),
        ];
        let count = random.between(1, 4);
        let topic = Topic {
            stage: Stage::Wanted,
            policy,
            has_changed_policy: false,
            has_retention: retention_bytes >= 0,
            ledgers: (0..count).map(|_| Ledger::default()).collect(),
            configs,
        };
        self.topics.insert(name.clone(), topic);
        name
    }

    /// A topic by its name.
    pub fn get(&mut self, name: &str) -> &mut Topic {
        self.topics.get_mut(name).expect("clients name topics that were drawn")
    }

    /// The topics in a stage, by name.
    pub fn in_stage(&self, stage: Stage) -> Vec<String> {
        let is_in = |(_, topic): &(&String, &Topic)| topic.stage == stage;
        self.topics.iter().filter(is_in).map(|(name, _)| name.clone()).collect()
    }

    /// Draws a partition of a live topic.
    pub fn draw_place(&mut self, random: &mut Random) -> Option<Place> {
        let live = self.in_stage(Stage::Live);
        if live.is_empty() {
            return None;
        }
        let name = live[random.index(live.len())].clone();
        let index = random.index(self.topics[&name].ledgers.len()) as i32;
        Some((name, index))
    }

    /// All partitions of live topics.
    pub fn live_places(&self) -> Vec<Place> {
        let live = self.topics.iter().filter(|(_, topic)| topic.stage == Stage::Live);
        live.flat_map(|(name, topic)| {
            (0..topic.ledgers.len() as i32).map(|index| (name.clone(), index))
        })
        .collect()
    }

    /// Whether something is still promised of a topic.
    pub fn is_live(&self, name: &str) -> bool {
        self.topics[name].stage == Stage::Live
    }

    /// What is known of a partition.
    pub fn ledger(&mut self, place: &Place) -> &mut Ledger {
        &mut self.get(&place.0).ledgers[place.1 as usize]
    }

    /// Names for new records.
    pub fn draw_names(&mut self, count: u64) -> Vec<RecordId> {
        let first = self.record_count;
        self.record_count += count;
        (first..self.record_count).map(RecordId).collect()
    }

    /// A producer was given an id.
    ///
    /// # Panics
    /// If another one had it before.
    pub fn note_producer_id(&mut self, id: i64) {
        assert!(self.producer_ids.insert(id), "producer id {id} was given to two");
    }

    /// Records that were acknowledged.
    pub fn acknowledged_count(&self) -> u64 {
        let ledgers = self.topics.values().flat_map(|topic| &topic.ledgers);
        ledgers.map(Ledger::acknowledged_count).sum()
    }

    /// A crash takes what was not promised to survive it. Says whether it took anything that
    /// producers were told is there.
    pub fn crash(&mut self, crash: Crash) -> bool {
        let mut has_lost = false;
        for topic in self.topics.values_mut().filter(|topic| topic.stage == Stage::Live) {
            topic.ledgers.iter_mut().for_each(|ledger| ledger.crash(crash));
            if crash == Crash::Power {
                has_lost |= topic.policy != FlushPolicy::Always;
                // Where nobody waited for the disk before somebody did, a hole is damage.
                if topic.policy == FlushPolicy::Never && topic.has_changed_policy {
                    topic.stage = Stage::Doomed;
                }
            }
        }
        has_lost
    }
}

impl Topic {
    /// The policy is being changed: from now on nothing is promised but what both promise.
    pub fn loosen(&mut self, policy: FlushPolicy) {
        let order = [FlushPolicy::Never, FlushPolicy::Sometimes, FlushPolicy::Always];
        let known = [self.policy, policy];
        self.has_changed_policy |= policy != self.policy;
        self.policy = order.into_iter().find(|policy| known.contains(policy)).unwrap_or(policy);
    }

    /// Whether an acknowledgement of these acks means that a power loss does not matter.
    pub fn survives_power(&self, acks: i16) -> bool {
        match self.policy {
            FlushPolicy::Always => true,
            FlushPolicy::Sometimes => acks == -1,
            FlushPolicy::Never => false,
        }
    }
}
