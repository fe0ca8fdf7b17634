//! Whole brokers on the simulated machine, with clients that check what they are promised.
//!
//! A run is a few lives of one data directory: a process starts, an auditor reads everything,
//! producers, readers and an operator work, and then the process is killed, the power fails, or it
//! ends cleanly. The seed decides how many shards and clients there are, how fast everything is,
//! and when it ends.

mod admin;
mod auditor;
mod client;
mod line;
mod node;
mod producer;
mod reader;
mod topics;

use crate::random::Random;
use crate::report;
use crate::world::{Crash, Delay, Disk, DiskSpeed, Weather, World};
use admin::Admin;
use auditor::Auditor;
use client::Client;
use node::Node;
use pinion::base::Monotonic;
use producer::Producer;
use reader::Reader;
use std::path::Path;
use std::time::Duration;
use topics::Topics;

/// What a run did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Figures {
    crashes: u64,
    acknowledged: u64,
    read: u64,
    nanos: u64,
    fingerprint: u64,
}

/// One run.
struct Run {
    world: World,
    random: Random,
    topics: Topics,
    clients: Vec<Box<dyn Client>>,
    shard_count: usize,
}

/// How a life ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Clean,
    Crash(Crash),
}

impl Run {
    fn new(seed: u64) -> Run {
        let world = World::with_directory(seed, Path::new(node::DATA));
        let mut random = Random::new(seed).fork();
        world.machine().speed = draw_speed(&mut random);
        world.machine().network.weather = draw_weather(&mut random);
        let think_max = random.pick(&[
            Duration::from_micros(500),
            Duration::from_millis(5),
            Duration::from_secs(2),
        ]);
        let mut clients: Vec<Box<dyn Client>> = vec![Box::new(Admin::new(&world, think_max))];
        for name in 0..random.between(1, 4) {
            clients.push(Box::new(Producer::new(&world, name, think_max)));
        }
        for _ in 0..random.between(1, 3) {
            clients.push(Box::new(Reader::new(&world, think_max)));
        }
        let shard_count = random.between(1, 3) as usize;
        Run { world, random, topics: Topics::default(), clients, shard_count }
    }

    fn now(&self) -> Monotonic {
        self.world.machine().agenda.now().monotonic
    }

    fn has_crashed(&self, before: u64) -> bool {
        self.world.machine().crashes() > before
    }

    /// One process from its start to its end.
    fn live(&mut self, turns: u64, end: End) {
        let before = self.world.machine().crashes();
        let seed = self.random.bits();
        let started = Node::start(&self.world, self.shard_count, seed);
        let mut node = match started {
            Ok(node) => node,
            Err(_) if self.has_crashed(before) => return,
            Err(error) => panic!("the broker does not start: {error}"),
        };
        if self.audit(&mut node) {
            self.work(&mut node, turns);
        }
        if self.has_crashed(before) {
            return;
        }
        match end {
            End::Clean => self.shut_down(&mut node),
            End::Crash(crash) => self.world.crash(crash),
        }
    }

    /// Reads everything; false if the process dies meanwhile.
    fn audit(&mut self, node: &mut Node) -> bool {
        let before = self.world.machine().crashes();
        let mut auditor = Auditor::new(&self.world, &self.topics);
        let patience = self.now().after(Duration::from_secs(600));
        while !auditor.is_done() {
            let now = self.now();
            assert!(now < patience, "the audit does not come to an end");
            auditor.act(now, &mut self.topics);
            let later = now.after(Duration::from_millis(10));
            node.advance(auditor.next_deadline().unwrap_or(later).max(now));
            if self.has_crashed(before) {
                return false;
            }
        }
        true
    }

    /// Lets clients and shards run.
    fn work(&mut self, node: &mut Node, turns: u64) {
        let before = self.world.machine().crashes();
        for _ in 0..turns {
            let now = self.now();
            let chosen = self.random.index(self.clients.len());
            self.clients[chosen].act(now, &mut self.topics);
            for client in &mut self.clients {
                if client.next_deadline().is_some_and(|due| due <= now) {
                    client.act(now, &mut self.topics);
                }
            }
            let next = self.clients.iter().filter_map(|client| client.next_deadline()).min();
            node.advance(next.unwrap_or(now).max(now));
            if self.has_crashed(before) {
                return;
            }
        }
    }

    fn shut_down(&mut self, node: &mut Node) {
        node.begin_shutdown();
        let patience = self.now().after(Duration::from_secs(60));
        while !node.has_ended() {
            let now = self.now();
            assert!(now < patience, "the clean end does not come");
            for client in &mut self.clients {
                client.act(now, &mut self.topics);
            }
            node.advance(now.after(Duration::from_millis(1)));
        }
        self.world.shut_down();
    }

    /// What a life's end means for what clients may expect.
    fn settle(&mut self, end: End) {
        let End::Crash(crash) = end else { return };
        if self.topics.crash(crash) {
            self.clients.iter_mut().for_each(|client| client.forget_history());
        }
    }

    fn figures(&self) -> Figures {
        let machine = self.world.machine();
        Figures {
            crashes: machine.crashes(),
            acknowledged: self.topics.acknowledged_count(),
            read: self.topics.read_count,
            nanos: machine.agenda.now().monotonic.0,
            fingerprint: machine.trace.fingerprint(),
        }
    }
}

fn draw_speed(random: &mut Random) -> DiskSpeed {
    let slow = random.pick(&[1, 1, 10]);
    DiskSpeed {
        operation: Delay { outlier_one_in: 200, ..Delay::micros(5, 100 * slow) },
        sync: Delay { outlier_one_in: 100, ..Delay::micros(20, 1500 * slow) },
    }
}

fn draw_weather(random: &mut Random) -> Weather {
    Weather {
        latency: Delay { outlier_one_in: 500, ..Delay::micros(5, random.pick(&[50, 1000])) },
        piece_length_max: random.pick(&[60, 4000, 100_000]),
        send_buffer: random.pick(&[2000, 200_000]),
        out_of_buffers_one_in: 0,
        multishot_ends_one_in: random.pick(&[0, 40]),
    }
}

/// A whole run. With a `plan`, something is wrong with the disk.
fn run(seed: u64, plan: fn(&mut Disk)) -> Figures {
    let repeat = format!("PINION_SIM_SEED={seed} cargo test --release --test sim broker");
    let _guard = report::on_failure(repeat);
    let mut run = Run::new(seed);
    plan(&mut run.world.machine().disk);
    for _ in 0..run.random.between(2, 4) {
        let mut end = run.random.pick(&[
            End::Crash(Crash::Power),
            End::Crash(Crash::Power),
            End::Crash(Crash::Process),
            End::Clean,
        ]);
        if let End::Crash(crash) = end
            && run.random.once_in(2)
        {
            // At a place of its own choice, perhaps during the start.
            let step = run.world.machine().disk_steps() + run.random.below(1500);
            run.world.machine().crash_at_step(step, crash);
        }
        let before = run.world.machine().crashes();
        let turns = run.random.between(100, 6000);
        run.live(turns, end);
        if end == End::Clean && run.has_crashed(before) {
            end = End::Crash(Crash::Process);
        }
        run.settle(end);
    }
    run.live(300, End::Clean);
    run.live(0, End::Clean);
    run.figures()
}

/// Goal: one seed is one run.
#[test]
fn one_seed_is_one_run() {
    for seed in [1, 2, 3] {
        assert_eq!(run(seed, |_| {}), run(seed, |_| {}), "seed {seed}");
    }
}

/// Goal: whatever happens, brokers keep what they promise.
#[test]
fn brokers_keep_their_promises() {
    let mut total = Figures::default();
    let seeds = report::seeds(300);
    let count = seeds.end - seeds.start;
    for seed in seeds {
        let figures = run(seed, |_| {});
        total.crashes += figures.crashes;
        total.acknowledged += figures.acknowledged;
        total.read += figures.read;
        total.nanos += figures.nanos;
    }
    let hours = total.nanos as f64 / 3.6e12;
    let Figures { crashes, acknowledged, read, .. } = total;
    report::print(&format!(
        "sim: brokers: {count} seeds, {hours:.2} simulated hours, {crashes} crashes, \
         {acknowledged} records acknowledged, {read} read"
    ));
}

/// Goal: a disk that only says that it has synced is noticed within a few seeds.
#[test]
fn a_lying_disk_is_noticed() {
    let expected = ["was lost", "does not start", "cannot be audited", "given to two", "anew"];
    report::expect_noticed(&expected, || {
        for seed in 0..20 {
            run(seed, |disk| disk.faults.syncs_lie = true);
        }
    });
}
