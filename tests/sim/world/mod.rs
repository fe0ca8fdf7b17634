//! A simulated machine: one clock, one disk, one network, and the ring of each shard.
//!
//! Everything is decided by the seed. The world knows the seam (`pinion::io`) and nothing of
//! logs, topics or Kafka; it panics when a shard breaks the seam's contract.

pub mod agenda;
pub mod disk;
pub mod handle;
pub mod network;
pub mod station;
pub mod trace;
pub mod turns;

#[cfg(test)]
mod tests;

pub use agenda::Delay;
pub use disk::{Disk, Fault};
pub use handle::{SimIo, World};
pub use network::{ConnectionId, End, Network, Weather};

pub use crate::crash::Crash;
use crate::random::Random;
use agenda::{Agenda, Event};
use disk::Started;
use pinion::base::{Monotonic, ShardId};
use pinion::io::{Completion, Op, OpenMode, Output, Socket, Token};
use station::{Rest, StationId, Stations, Ticket};
use std::collections::BTreeMap;
use trace::Trace;

/// How fast the disk is in one run.
#[derive(Debug, Clone, Copy)]
pub struct DiskSpeed {
    /// A write, read or open.
    pub operation: Delay,
    /// A sync of a file or directory.
    pub sync: Delay,
}

impl Default for DiskSpeed {
    fn default() -> Self {
        let operation = Delay { outlier_one_in: 200, ..Delay::micros(5, 150) };
        let sync = Delay { outlier_one_in: 100, ..Delay::micros(50, 2000) };
        DiskSpeed { operation, sync }
    }
}

/// The state behind [`World`].
#[derive(Debug)]
pub struct Machine {
    pub agenda: Agenda,
    pub disk: Disk,
    pub network: Network,
    pub stations: Stations,
    pub trace: Trace,
    pub speed: DiskSpeed,
    /// How often some things happened, by a sentence that says what.
    pub tally: BTreeMap<String, u64>,
    on_disk: BTreeMap<u64, (Ticket, Started)>,
    disk_started_count: u64,
    disk_step_count: u64,
    armed: Option<(u64, Crash)>,
    crash_count: u64,
    power_loss_count: u64,
}

impl Machine {
    fn new(seed: u64) -> Machine {
        let mut random = Random::new(seed);
        Machine {
            agenda: Agenda::new(random.fork()),
            disk: Disk::default(),
            network: Network::new(Weather::default()),
            stations: Stations::default(),
            trace: Trace::default(),
            speed: DiskSpeed::default(),
            tally: BTreeMap::new(),
            on_disk: BTreeMap::new(),
            disk_started_count: 0,
            disk_step_count: 0,
            armed: None,
            crash_count: 0,
            power_loss_count: 0,
        }
    }

    /// Operations on the disk that took effect: the crash points passed so far.
    pub fn disk_steps(&self) -> u64 {
        self.disk_step_count
    }

    /// How often the process or the machine has died.
    pub fn crashes(&self) -> u64 {
        self.crash_count
    }

    /// How often the machine has booted.
    pub fn boots(&self) -> u64 {
        self.power_loss_count + 1
    }

    /// Dies just before the disk's step `step`, counted from the start of the world.
    pub fn crash_at_step(&mut self, step: u64, crash: Crash) {
        self.armed = Some((step, crash));
    }

    /// Hands a shard's queued operations to the kernel.
    fn hand_over(&mut self, id: StationId) {
        while let Some((token, op)) = self.stations.get(id).queue.pop_front() {
            let ticket = Ticket { station: id, token, operation: disk::name(&op) };
            self.trace.started(self.agenda.now(), ticket, &op);
            if let Some(what) = notable(&op) {
                self.note(what);
            }
            self.stations.take(ticket);
            self.start(ticket, op);
        }
    }

    fn note(&mut self, what: &str) {
        *self.tally.entry(what.to_owned()).or_default() += 1;
    }

    fn start(&mut self, ticket: Ticket, op: Op) {
        match op {
            Op::Accept { .. }
            | Op::Receive { .. }
            | Op::ReceiveInto { .. }
            | Op::Send { .. }
            | Op::SendFile { .. }
            | Op::EndSending { .. }
            | Op::Shutdown { .. }
            | Op::CloseSocket { .. } => {
                self.network.start(ticket, op, &mut self.agenda, &mut self.disk);
            }
            Op::Cancel { target } => {
                // What is on the disk already runs to its end.
                let target = Ticket { token: target, ..ticket };
                self.network.cancel(target, &mut self.agenda, &mut self.disk);
                self.complete_soon(ticket, Ok(Output::Done));
            }
            Op::Wake { shard } => {
                self.wake(shard);
                self.complete_soon(ticket, Ok(Output::Done));
            }
            on_disk => {
                let is_sync = matches!(on_disk, Op::Sync { .. } | Op::SyncDirectory { .. });
                let delay = if is_sync { self.speed.sync } else { self.speed.operation };
                let number = self.disk_started_count;
                self.disk_started_count += 1;
                self.on_disk.insert(number, (ticket, self.disk.start(on_disk)));
                self.agenda.after(delay, Event::Disk(number));
            }
        }
    }

    fn complete_soon(&mut self, ticket: Ticket, result: Result<Output, i32>) {
        let completion = ticket.completion(result, false);
        self.agenda.after(Delay::micros(1, 20), Event::Complete(ticket.station, completion));
    }

    /// Moves the clock to the next event and lets it happen. False if there is none.
    pub fn step(&mut self) -> bool {
        let Some(event) = self.agenda.pop() else { return false };
        self.trace.happened(self.agenda.now(), &event);
        match event {
            Event::Disk(number) => self.finish_on_disk(number),
            Event::Complete(station, completion) => self.deliver(station, completion),
            Event::Wake(station) => {
                let result = Ok(Output::Woken);
                self.deliver(station, Completion { token: Token::WOKEN, result, more: true });
            }
            Event::Arrive(id, side) => {
                let disk = &self.disk;
                let read_pages = |inode, position, length| disk.read_pages(inode, position, length);
                self.network.on_arrive(id, side, read_pages, &mut self.agenda);
            }
            Event::Receive(id) => {
                self.network.on_receive(id, &mut self.agenda, &mut self.stations);
            }
            Event::Send(id) => {
                let Machine { network, agenda, disk, stations, .. } = self;
                network.on_send(id, agenda, disk, stations);
            }
            Event::Accept(socket) => {
                self.network.on_accept(socket, &mut self.agenda, &mut self.stations);
            }
        }
        true
    }

    fn deliver(&mut self, id: StationId, completion: Completion) {
        self.trace.completed(self.agenda.now(), id, &completion);
        self.stations.deliver(id, completion);
    }

    fn finish_on_disk(&mut self, number: u64) {
        if let Some((_, crash)) = self.armed.take_if(|(step, _)| *step == self.disk_step_count) {
            self.crash(crash);
            return;
        }
        self.disk_step_count += 1;
        let (ticket, started) = self.on_disk.remove(&number).expect("it was in flight");
        let result = self.disk.finish(started, &mut self.agenda.random);
        self.deliver(ticket.station, Completion { token: ticket.token, result, more: false });
    }

    /// The process ends; files that it left open are closed, its sockets are by then. What changes
    /// nothing on the disk may still be under way.
    fn shut_down(&mut self) {
        let in_flight = self.on_disk.values().map(|(ticket, _)| ticket.operation);
        let matters = |operation: &&str| !matches!(*operation, "close file" | "space");
        let unfinished: Vec<&str> = in_flight.filter(matters).collect();
        assert!(unfinished.is_empty(), "in flight at the end: {unfinished:?}");
        self.network.check_closed();
        self.crash(Crash::Process);
        self.crash_count -= 1;
    }

    /// The process or the machine dies. Handles in use fail every operation from now on.
    pub fn crash(&mut self, crash: Crash) {
        self.crash_count += 1;
        self.armed = None;
        let in_flight = std::mem::take(&mut self.on_disk);
        self.stations.kill();
        let mut effects = Vec::new();
        for (ticket, started) in in_flight.into_values() {
            self.note(&format!("a crash interrupted: {}", ticket.operation));
            self.stations.get(ticket.station).fail(ticket.token);
            effects.push(started);
        }
        self.network.lose_process();
        self.agenda.clear();
        let random = &mut self.agenda.random;
        match crash {
            Crash::Process => self.disk.lose_process(effects, random),
            Crash::Power => {
                self.power_loss_count += 1;
                self.disk.lose_power(effects, random);
            }
        }
        self.trace.crashed(self.agenda.now(), crash);
    }

    /// Waits in the name of a shard, and lets the world go on meanwhile.
    ///
    /// # Panics
    /// If it would wait forever.
    fn wait(&mut self, id: StationId, until: Option<Monotonic>, completions: &mut Vec<Completion>) {
        self.begin_wait(id, until);
        while self.stations.get(id).ready.is_empty() {
            let next = self.agenda.next_at();
            match (next, until) {
                (Some(next), until) if until.is_none_or(|until| next <= until) => {
                    self.step();
                }
                (_, Some(until)) => {
                    self.agenda.pass_until(until);
                    break;
                }
                _ if self.stations.get(id).is_dead => break,
                (_, None) => panic!("shard {:?} waits forever", self.stations.get(id).shard),
            }
        }
        self.end_wait(id, completions);
    }

    /// Hands a shard's operations to the kernel and lets it sleep.
    fn begin_wait(&mut self, id: StationId, until: Option<Monotonic>) {
        self.hand_over(id);
        self.stations.get(id).rest = match until {
            None => Rest::Asleep,
            Some(until) => Rest::AsleepUntil(until),
        };
    }

    /// Wakes a shard with what has completed.
    fn end_wait(&mut self, id: StationId, completions: &mut Vec<Completion>) {
        let count = self.stations.get(id).ready.len();
        // A ring gives what is there at the moment; the rest comes with the next call.
        let is_cut = count > 1 && self.agenda.random.once_in(4);
        let taken = if is_cut { 1 + self.agenda.random.index(count) } else { count };
        let station = self.stations.get(id);
        completions.extend(station.ready.drain(..taken));
        station.rest = Rest::Running;
    }

    /// Lets everything happen that is due until `instant`, unless the process dies on the way.
    pub fn run_until(&mut self, instant: Monotonic) {
        let crashes = self.crash_count;
        while self.agenda.next_at().is_some_and(|at| at <= instant) {
            self.step();
            if self.crash_count > crashes {
                return;
            }
        }
        self.agenda.pass_until(instant);
    }

    /// Wakes a shard, as another thread of the process does.
    pub fn wake(&mut self, shard: ShardId) {
        let woken = self.stations.of(shard);
        self.agenda.after(Delay::micros(1, 50), Event::Wake(woken));
    }

    /// Starts a process with so many shards on what the disk holds.
    fn boot(&mut self, shard_count: usize) -> Vec<StationId> {
        assert!(self.stations.current().is_empty(), "the last process has not ended");
        self.stations.boot(shard_count)
    }

    /// Opens a listener of a shard, as the process does before it starts the shard.
    pub fn listen(&mut self, shard: ShardId) -> Socket {
        let station = self.stations.of(shard);
        self.network.listen(station)
    }
}

/// What an operation's path says of its purpose.
fn notable(op: &Op) -> Option<&'static str> {
    let ends = |path: &std::path::Path, end: &str| path.to_string_lossy().ends_with(end);
    match op {
        Op::Rename { to, .. } if ends(to, ".log") => Some("a segment was rolled"),
        Op::Rename { to, .. } if ends(to, ".log.deleted") => Some("a segment was retired"),
        Op::Open { path, mode: OpenMode::Read } if ends(path, ".snapshot") => {
            Some("a producer snapshot was read")
        }
        _ => None,
    }
}
