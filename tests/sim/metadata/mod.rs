//! The metadata log on the simulated disk: what was committed survives every crash.

use crate::random::Random;
use crate::report;
use crate::strikes::Victim;
use crate::world::{Crash, Disk, Fault, SimIo, World};
use pinion::base::{ProducerId, TopicId};
use pinion::io::{Io, Startup, Token};
use pinion::metadata::{
    Change, Image, MetadataFact, MetadataLog, MetadataOut, MetadataToken, StartError, StaticConfig,
};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

/// What recovery must find: an image that was made, none older than the newest committed one.
#[derive(Debug, Clone, Default)]
struct History {
    images: BTreeMap<u64, String>,
    committed: u64,
}

impl History {
    fn note_pending(&mut self, image: &Image) {
        self.images.insert(image.version, describe(image));
    }

    fn note_facts(&mut self, facts: &mut Vec<MetadataFact>) {
        let is_fatal = facts.iter().any(|fact| matches!(fact, MetadataFact::Fatal(_)));
        for fact in facts.drain(..) {
            match fact {
                MetadataFact::Committed { image, .. } => {
                    assert_eq!(self.images[&image.version], describe(&image));
                    self.committed = image.version;
                }
                // After a fatal error, what failed may be on the disk all the same.
                MetadataFact::Failed { from, .. } if !is_fatal => {
                    self.images.split_off(&from);
                }
                MetadataFact::Failed { .. }
                | MetadataFact::Fatal(_)
                | MetadataFact::SnapshotFailed(_) => {}
            }
        }
    }

    /// # Panics
    /// If `image` is not what was made, or if something committed is missing.
    fn check_recovered(&mut self, image: &Image) {
        let (version, committed) = (image.version, self.committed);
        assert!(version >= committed, "version {committed} was committed, {version} is left");
        if version > 0 {
            let made = self.images.get(&version);
            assert_eq!(made, Some(&describe(image)), "version {version} is not what was made");
        }
        self.images.split_off(&(version + 1));
        self.committed = version;
    }
}

fn describe(image: &Image) -> String {
    let mut text = format!("{} {}", image.cluster_id, image.incarnation);
    let next = image.next_producer_id();
    write!(text, " {next} {:?}", image.dynamic_configs()).expect("strings take all");
    for topic in image.topics() {
        let (name, id, ordinal) = (&topic.name, topic.id, topic.ordinal);
        let (count, configs) = (topic.partition_count, &topic.configs);
        write!(text, "\n{name} {id} {ordinal} {count} {configs:?}").expect("strings take all");
    }
    text
}

/// Draws a change that fits `image`. Long topic names make frames span sectors.
fn draw_change(image: &Image, random: &mut Random) -> Change {
    if image.version == 0 {
        return Change::ClusterCreated { cluster_id: "simulated-cluster-id-0".into() };
    }
    let topics: Vec<_> = image.topics().collect();
    let topic = (!topics.is_empty()).then(|| topics[random.index(topics.len())]);
    match (random.below(6), topic) {
        (0, Some(topic)) => Change::TopicDeleted { id: topic.id },
        (1, Some(topic)) => Change::PartitionsAdded {
            id: topic.id,
            partition_count: topic.partition_count + random.between(1, 3) as i32,
        },
        (2, Some(topic)) => Change::TopicConfigSet {
            id: topic.id,
            key: "retention.ms".into(),
            value: random.once_in(2).then(|| random.below(1 << 40).to_string()),
        },
        (3, _) => Change::BrokerStarted,
        (4, _) => {
            let next = ProducerId(image.next_producer_id().0 + 1000);
            Change::ProducerIdsAllocated { next }
        }
        _ => draw_topic(random),
    }
}

fn draw_topic(random: &mut Random) -> Change {
    let id = TopicId::from_random(random.bits(), random.bits());
    let padding = "x".repeat(random.index(200));
    Change::TopicCreated {
        name: format!("t{:016x}{padding}", random.bits()).into(),
        id,
        partition_count: random.between(1, 5) as i32,
        configs: BTreeMap::from([("segment.bytes".into(), "1048576".into())]),
    }
}

/// One process: recovers, appends changes and commits them, until it is done or dies.
#[derive(Debug)]
struct Process {
    io: SimIo,
    log: MetadataLog,
    out: MetadataOut,
}

impl Process {
    /// `None` if it died on the way.
    fn start(world: &World, history: &mut History) -> Option<Process> {
        match Process::try_start(world, history) {
            Ok(process) => Some(process),
            Err(error) if world.machine().stations.current().is_empty() => {
                drop(error);
                None
            }
            Err(error) => panic!("recovery refuses: {error}"),
        }
    }

    fn try_start(world: &World, history: &mut History) -> Result<Process, StartError> {
        let mut io = world.boot(1).pop().expect("one shard has one handle");
        let mut startup = Startup::new(&mut io);
        let static_config = Arc::new(StaticConfig::default());
        let recovered = MetadataLog::recover(&mut startup, Path::new("/data"), static_config);
        let (log, _) = recovered?;
        history.check_recovered(log.committed());
        Ok(Process { io, log, out: MetadataOut::default() })
    }

    fn append(&mut self, changes: Vec<Change>, history: &mut History) {
        self.log.append(changes, &mut self.out);
        history.note_pending(self.log.pending());
    }

    /// Lets one operation complete, or all of them.
    fn run(&mut self, all: bool, history: &mut History) {
        let mut completions = Vec::new();
        while !self.log.is_idle() && !self.io.is_dead() {
            for (token, op) in self.out.ops.drain(..) {
                self.io.submit(Token(token.0.into()), op);
            }
            self.io.wait(None, &mut completions);
            if self.io.is_dead() {
                return;
            }
            for completion in completions.drain(..) {
                let token = MetadataToken(completion.token.0 as u32);
                self.log.on_completion(token, completion.result, &mut self.out);
            }
            history.note_facts(&mut self.out.facts);
            if !all {
                return;
            }
        }
    }
}

/// What one run does besides dying.
#[derive(Debug)]
struct Scenario {
    seed: u64,
    /// Whether a snapshot is to take the log's place.
    bulk: bool,
    /// A planted bug: the disk only says that it has synced.
    lie: bool,
    /// What it begins with.
    start: Start,
}

/// A disk and what is known of it.
#[derive(Clone, Default)]
struct Start {
    disk: Disk,
    history: History,
}

impl std::fmt::Debug for Start {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "version {}", self.history.committed)
    }
}

/// Topics that come and go: a megabyte of changes, and hardly an image.
fn bulk_changes(random: &mut Random) -> Vec<Change> {
    let mut changes = Vec::new();
    for _ in 0..6000 {
        let topic = draw_topic(random);
        let Change::TopicCreated { id, .. } = topic else { unreachable!("a topic was drawn") };
        changes.extend([topic, Change::TopicDeleted { id }]);
    }
    changes
}

impl Scenario {
    fn new(seed: u64, lie: bool) -> Scenario {
        let world = World::with_directory(seed, Path::new("/data"));
        let start = Start { disk: world.machine().disk.clone(), history: History::default() };
        Scenario { seed, bulk: false, lie, start }
    }

    /// Begins with a log so long that a snapshot is due.
    fn with_long_log(seed: u64) -> Scenario {
        let mut scenario = Scenario { bulk: true, ..Scenario::new(seed, false) };
        let (world, mut history, mut random) = scenario.begin();
        let mut process = Process::start(&world, &mut history).expect("nothing kills it");
        process.append(vec![draw_change(process.log.pending(), &mut random)], &mut history);
        process.run(true, &mut history);
        process.append(bulk_changes(&mut random), &mut history);
        process.run(true, &mut history);
        world.shut_down();
        scenario.start = Start { disk: world.machine().disk.clone(), history };
        scenario
    }

    fn begin(&self) -> (World, History, Random) {
        let world = World::new(self.seed);
        world.machine().disk = self.start.disk.clone();
        world.machine().disk.faults.syncs_lie = self.lie;
        (world, self.start.history.clone(), Random::new(self.seed))
    }

    /// A few rounds of changes; some are appended while others are on their way.
    fn live(&self, world: &World, history: &mut History, random: &mut Random) {
        let Some(process) = Process::start(world, history) else { return };
        self.work(process, history, random);
    }

    fn work(&self, mut process: Process, history: &mut History, random: &mut Random) {
        for _ in 0..random.between(1, 6) {
            for _ in 0..random.between(1, 3) {
                let mut image = process.log.pending().clone();
                let count = random.between(1, 6);
                let draw = |_| {
                    let change = draw_change(&image, random);
                    image.apply(&change).expect("a drawn change fits");
                    change
                };
                let changes: Vec<_> = (0..count).map(draw).collect();
                process.append(changes, history);
                process.run(false, history);
            }
            process.run(true, history);
        }
    }
}

impl Victim for Scenario {
    fn die_twice(&self, step: u64, crash: Crash) -> u64 {
        let (world, mut history, mut random) = self.begin();
        let start = world.machine().disk_steps();
        world.machine().crash_at_step(start + step, crash);
        self.live(&world, &mut history, &mut random);
        if world.machine().crashes() == 0 {
            let paths = world.machine().disk.paths();
            let has_snapshot = paths.iter().any(|path| path.ends_with("/snapshot"));
            assert_eq!(has_snapshot, self.bulk, "{paths:?}");
            return 0;
        }
        let second = world.machine().disk_steps() + Random::new(step).below(60);
        world.machine().crash_at_step(second, Crash::Power);
        self.live(&world, &mut history, &mut random);
        if world.machine().crashes() == 1 {
            world.crash(Crash::Power);
        }
        Process::start(&world, &mut history).expect("nothing kills the third process");
        2
    }

    fn fail_once(&self, operation: &'static str, call: u64, errno: i32) -> bool {
        let (world, mut history, mut random) = self.begin();
        let before = world.machine().disk.faults.calls(operation);
        let fault = Fault { operation, call: before + call, count: 1, errno };
        world.machine().disk.faults.plan(fault);
        if let Ok(process) = Process::try_start(&world, &mut history) {
            self.work(process, &mut history, &mut random);
        }
        let was_struck = world.machine().disk.faults.calls(operation) > before + call;
        world.machine().disk.faults.clear();
        world.crash(Crash::Power);
        let process = Process::start(&world, &mut history).expect("nothing kills it");
        self.work(process, &mut history, &mut random);
        was_struck
    }
}

/// Goal: at every crash point, what was committed survives and nothing else appears.
#[test]
fn committed_changes_survive_every_crash_point() {
    let die = |seed| Scenario::new(seed, false).die_everywhere();
    let points: u64 = report::seeds(30).map(die).sum();
    report::print(&format!("sim: metadata log: {points} crash points"));
}

/// Goal: the same while a snapshot takes the place of a long log.
#[test]
fn snapshots_survive_every_crash_point() {
    let die = |seed| Scenario::with_long_log(seed).die_everywhere();
    let points: u64 = report::seeds(2).map(die).sum();
    report::print(&format!("sim: metadata log with snapshots: {points} crash points"));
}

/// Goal: whichever call fails, nothing committed is lost, and the next start works.
#[test]
fn committed_changes_survive_every_failed_call() {
    let operations = ["open", "write", "sync", "sync directory", "truncate", "allocate", "read"];
    let fail = |seed| Scenario::new(seed, false).fail_everywhere(&operations);
    let count: u64 = report::seeds(10).map(fail).sum();
    report::print(&format!("sim: metadata log: {count} failed calls"));
}

/// Goal: the checks notice a disk that only says that it has synced.
#[test]
fn a_lying_disk_is_noticed() {
    report::expect_noticed(&["was committed"], || {
        let _: u64 = (0..20).map(|seed| Scenario::new(seed, true).die_everywhere()).sum();
    });
}
