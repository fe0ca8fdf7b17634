//! One run: a few lives of one data directory.

use super::admin::Admin;
use super::auditor::Auditor;
use super::client::Client;
use super::coverage::Coverage;
use super::hearing::Hearing;
use super::node::{self, Node};
use super::producer::Producer;
use super::reader::Reader;
use super::topics::Topics;
use super::trouble::Trouble;
use crate::random::Random;
use crate::world::{Crash, Delay, Disk, DiskSpeed, Weather, World};
use pinion::base::Monotonic;
use std::path::Path;
use std::time::Duration;

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    pub crashes: u64,
    pub acknowledged: u64,
    pub read: u64,
    /// Simulated time.
    pub nanos: u64,
    /// Of everything that happened, in order.
    pub fingerprint: u64,
    pub coverage: Coverage,
}

/// One run.
pub struct Run {
    world: World,
    random: Random,
    topics: Topics,
    clients: Vec<Box<dyn Client>>,
    shard_count: usize,
    hearing: Hearing,
    /// Whether operations fail and the disk fills up.
    has_trouble: bool,
    prints: bool,
}

/// How a life ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Clean,
    Crash(Crash),
}

impl Run {
    /// Draws the run of a seed; with `prints`, it tells what it does.
    pub fn new(seed: u64, prints: bool) -> Run {
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
        let hearing = Hearing::new(&world, prints);
        let has_trouble = random.once_in(2);
        let topics = Topics::default();
        Run { world, random, topics, clients, shard_count, hearing, has_trouble, prints }
    }

    /// Changes the disk, as a planted bug does.
    pub fn tamper(&mut self, change: fn(&mut Disk)) {
        change(&mut self.world.machine().disk);
    }

    /// All of the run's lives.
    pub fn go(mut self) -> Figures {
        let hearing = self.hearing.clone();
        tracing::subscriber::with_default(hearing, || {
            for _ in 0..self.random.between(2, 4) {
                let end = self.draw_end();
                let turns = self.random.between(100, 6000);
                self.live(turns, end, self.has_trouble);
            }
            self.live(300, End::Clean, false);
            self.live(0, End::Clean, false);
        });
        self.figures()
    }

    fn draw_end(&mut self) -> End {
        let end = self.random.pick(&[
            End::Crash(Crash::Power),
            End::Crash(Crash::Power),
            End::Crash(Crash::Process),
            End::Clean,
        ]);
        if let End::Crash(crash) = end
            && self.random.once_in(2)
        {
            // At a place of its own choice, perhaps during the start.
            let step = self.world.machine().disk_steps() + self.random.below(1500);
            self.world.machine().crash_at_step(step, crash);
        }
        end
    }

    fn tell(&self, what: impl FnOnce() -> String) {
        if self.prints {
            eprintln!("{:>12} {}", self.now().0, what());
        }
    }

    fn now(&self) -> Monotonic {
        self.world.machine().agenda.now().monotonic
    }

    fn has_crashed(&self, before: u64) -> bool {
        self.world.machine().crashes() > before
    }

    /// One process from its start to its end, and what that end means for its clients.
    fn live(&mut self, turns: u64, end: End, has_trouble: bool) {
        self.tell(|| format!("a life of {turns} turns, to end with {end:?}"));
        let before = self.world.machine().crashes();
        let mut trouble = Trouble::default();
        if has_trouble {
            trouble = Trouble::draw(&mut self.random, turns);
        }
        let end = self.live_through(turns, end, &mut trouble);
        if let End::Crash(crash) = end
            && !self.has_crashed(before)
        {
            self.world.crash(crash);
        } else if end == End::Clean {
            self.world.shut_down();
        }
        trouble.clear(&self.world, &mut self.topics.seen);
        self.settle(end);
    }

    /// Gives how it ended, or is to be ended.
    fn live_through(&mut self, turns: u64, end: End, trouble: &mut Trouble) -> End {
        let before = self.world.machine().crashes();
        let died = match end {
            End::Clean => End::Crash(Crash::Process),
            crash => crash,
        };
        let seed = self.random.bits();
        trouble.begin_start(&self.world, &mut self.random);
        let started = Node::start(&self.world, self.shard_count, seed);
        let mut node = match started {
            Ok(node) => node,
            Err(_) if self.has_crashed(before) => {
                self.topics.seen.note("a broker died in its start");
                return died;
            }
            Err(error) if trouble.has_struck(&self.world) => {
                self.tell(|| format!("no start: {error}"));
                self.topics.seen.note("a faulty disk kept a broker from starting");
                return End::Crash(Crash::Process);
            }
            Err(error) => panic!("the broker does not start: {error}"),
        };
        trouble.end_start(&self.world);
        if self.audit(&mut node) {
            trouble.begin_work(&self.world, &mut self.random);
            self.work(&mut node, turns, trouble);
        }
        node.count(&mut self.topics.seen);
        if self.has_crashed(before) {
            return died;
        }
        if end == End::Clean {
            self.shut_down(&mut node);
        }
        end
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
    fn work(&mut self, node: &mut Node, turns: u64, trouble: &mut Trouble) {
        let before = self.world.machine().crashes();
        for turn in 0..turns {
            trouble.take_turn(turn, &self.world, &mut self.random, &mut self.topics);
            if turn % 1000 == 999 {
                node.measure();
            }
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
            if !self.world.machine().network.is_listening() && !node.has_ended() {
                self.topics.seen.note("a broker listened no more before its end");
            }
        }
    }

    /// What a life's end means for what clients may expect.
    fn settle(&mut self, end: End) {
        self.topics.seen.note(match end {
            End::Clean => "a broker ended cleanly",
            End::Crash(Crash::Process) => "a process was killed",
            End::Crash(Crash::Power) => "the power failed",
        });
        self.tell(|| format!("it ended: {end:?}"));
        let End::Crash(crash) = end else { return };
        if self.topics.crash(crash) {
            self.clients.iter_mut().for_each(|client| client.forget_history());
        }
    }

    fn figures(mut self) -> Figures {
        for (message, count) in self.hearing.heard() {
            self.topics.seen.add(&format!("said: {message}"), count);
        }
        let machine = self.world.machine();
        let mut coverage = self.topics.seen.clone();
        machine.tally.iter().for_each(|(what, count)| coverage.add(what, *count));
        Figures {
            crashes: machine.crashes(),
            acknowledged: self.topics.acknowledged_count(),
            read: self.topics.read_count,
            nanos: machine.agenda.now().monotonic.0,
            fingerprint: machine.trace.fingerprint(),
            coverage,
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
