//! The handles by which shards and tests reach the world.

use super::station::StationId;
use super::{ConnectionId, Crash, End, Machine};
use pinion::base::{Monotonic, Now};
use pinion::io::{Completion, Io, Op, Startup, Token};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A simulated machine, shared by the shards that run on it and the test that drives it.
#[derive(Debug, Clone)]
pub struct World {
    machine: Arc<Mutex<Machine>>,
}

/// One shard's side of the seam. Dies with its process.
///
/// A wait lets the world go on until something completes. Shards that take turns are scheduled by
/// others: their waits are in two parts, and the world goes on between them.
#[derive(Debug)]
pub struct SimIo {
    world: World,
    station: StationId,
}

impl World {
    /// A machine with an empty disk, whose every run from here on depends on `seed` alone.
    pub fn new(seed: u64) -> World {
        World { machine: Arc::new(Mutex::new(Machine::new(seed))) }
    }

    /// A machine whose disk has an empty directory, durably.
    pub fn with_directory(seed: u64, path: &Path) -> World {
        let world = World::new(seed);
        let mut io = world.boot(1).pop().expect("one shard has one handle");
        let mut startup = Startup::new(&mut io);
        startup.make_directory(path).expect("the disk is sound");
        startup.sync_directory(Path::new("/")).expect("the disk is sound");
        world.shut_down();
        world
    }

    /// The machine, for a moment in which no shard runs.
    pub fn machine(&self) -> MutexGuard<'_, Machine> {
        // A shard that panics in the middle of a call has failed the run already.
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a process: one handle for each shard.
    pub fn boot(&self, shard_count: usize) -> Vec<SimIo> {
        let stations = self.machine().boot(shard_count);
        let handle = |station| SimIo { world: self.clone(), station };
        stations.into_iter().map(handle).collect()
    }

    /// A client connects; `None` if nobody listens.
    pub fn connect(&self) -> Option<ConnectionId> {
        let Machine { network, agenda, .. } = &mut *self.machine();
        network.connect(agenda)
    }

    /// A client sends bytes.
    pub fn client_send(&self, id: ConnectionId, bytes: &[u8]) {
        let Machine { network, agenda, .. } = &mut *self.machine();
        network.client_send(id, bytes, agenda);
    }

    /// Bytes that a client sent and the broker has not received.
    pub fn client_unsent(&self, id: ConnectionId) -> u64 {
        self.machine().network.connection(id).to_server.unread()
    }

    /// A client takes up to `count` bytes that have arrived.
    pub fn client_read(&self, id: ConnectionId, count: usize) -> Vec<u8> {
        let Machine { network, agenda, .. } = &mut *self.machine();
        network.client_read(id, count, agenda)
    }

    /// How the stream to a client ended, once it has read all of it.
    pub fn client_end(&self, id: ConnectionId) -> Option<End> {
        self.machine().network.connection(id).client_end()
    }

    /// A client sends no more.
    pub fn client_close(&self, id: ConnectionId) {
        let Machine { network, agenda, .. } = &mut *self.machine();
        network.client_end(id, End::Closed, agenda);
    }

    /// A client breaks the connection.
    pub fn client_reset(&self, id: ConnectionId) {
        let Machine { network, agenda, .. } = &mut *self.machine();
        network.client_end(id, End::Reset, agenda);
    }

    /// A client forgets a connection that both sides have left.
    pub fn client_forget(&self, id: ConnectionId) {
        self.machine().network.client_forget(id);
    }

    /// The process ends with nothing in flight, which nobody counts as a crash.
    ///
    /// # Panics
    /// If something is on its way to the disk.
    pub fn shut_down(&self) {
        self.machine().shut_down();
    }

    /// The process or the machine dies.
    pub fn crash(&self, crash: Crash) {
        self.machine().crash(crash);
    }
}

impl SimIo {
    /// Whether the process has died.
    pub fn is_dead(&self) -> bool {
        self.world.machine().stations.get(self.station).is_dead
    }

    /// Whether operations are in flight.
    pub fn has_in_flight(&self) -> bool {
        self.world.machine().stations.has_in_flight(self.station)
    }

    /// The shard's place among the stations.
    pub fn station(&self) -> StationId {
        self.station
    }

    /// The first part of a wait: hands operations to the kernel, and sleeps.
    pub fn begin_wait(&mut self, until: Option<Monotonic>) {
        self.world.machine().begin_wait(self.station, until);
    }

    /// The second part of a wait: wakes up to what has completed.
    pub fn end_wait(&mut self, completions: &mut Vec<Completion>) {
        self.world.machine().end_wait(self.station, completions);
    }
}

impl Io for SimIo {
    fn submit(&mut self, token: Token, op: Op) {
        let mut machine = self.world.machine();
        let station = machine.stations.get(self.station);
        if station.is_dead {
            station.fail(token);
        } else {
            station.queue.push_back((token, op));
        }
    }

    fn wait(&mut self, until: Option<Monotonic>, completions: &mut Vec<Completion>) {
        self.world.machine().wait(self.station, until, completions);
    }

    fn now(&mut self) -> Now {
        self.world.machine().agenda.now()
    }
}
