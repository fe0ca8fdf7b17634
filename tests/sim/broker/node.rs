//! A broker process on the simulated machine: its shards, and who runs when.

use super::coverage::Coverage;
use crate::random::Random;
use crate::world::World;
use crate::world::turns::{ShardTask, TurnIo};
use pinion::base::{BrokerId, Monotonic, ShardId};
use pinion::io::IoError;
use pinion::metadata::{Opening, StaticConfig, config_keys};
use pinion::metrics::Snapshot;
use pinion::shard::{
    BootId, Mail, Mailbox, Message, OpenError, Progress, Settings, Shard, note_recovered,
    open_metadata, open_partitions,
};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// A running broker.
pub struct Node {
    world: World,
    shards: Vec<ShardTask>,
    boxes: Arc<[Mailbox]>,
    /// What each shard measured at last.
    measured: Vec<Option<Snapshot>>,
    measures: Vec<Receiver<Snapshot>>,
}

/// Where everything lies.
pub const DATA: &str = "/data";

fn settings(random: &mut Random) -> Settings {
    Settings {
        broker_id: BrokerId(1),
        rack: None,
        advertised_host: "simulated".into(),
        advertised_port: 9092,
        data_directory: PathBuf::from(DATA),
        data_directory_shown: DATA.into(),
        request_bytes_max: 1 << 20,
        requests_in_flight_max: random.pick(&[2, 5, 20]),
        request_bytes_in_flight_max: random.pick(&[2000, 100_000]),
        receive_memory_bytes: 4 << 20,
        connection_count_max: 100,
        connection_idle_max: random.pick(&[None, Some(Duration::from_secs(30))]),
        fetch_bytes_max: random.pick(&[5000, 1 << 20]),
        checkpoint_interval: random.pick(&[Duration::from_millis(40), Duration::from_secs(5)]),
        receive_stall_max: Duration::from_secs(1),
        shutdown_grace: Duration::from_secs(5),
    }
}

fn static_config() -> StaticConfig {
    let mut config = StaticConfig::default();
    let key = config_keys::broker_key("log.retention.check.interval.ms").expect("a broker's key");
    config.set(key, "50").expect("a value of its kind");
    config
}

impl Node {
    /// Starts the process: recovers what the disk holds, and serves.
    ///
    /// # Errors
    /// What keeps it from starting; anything if it dies on the way.
    pub fn start(world: &World, shard_count: usize, seed: u64) -> Result<Node, OpenError> {
        let mut random = Random::new(seed);
        let settings = Arc::new(settings(&mut random));
        let boxes: Arc<[Mailbox]> = (0..shard_count).map(|_| Mailbox::default()).collect();
        let mut handles = world.boot(shard_count);
        let opening = Opening {
            data_directory: &settings.data_directory,
            node_id: settings.broker_id,
            static_config: Arc::new(static_config()),
            random: [(); 4].map(|()| random.bits()),
        };
        let boot = format!("boot {}", world.machine().boots());
        let boot = BootId::parse(&boot).expect("it has one");
        let opened = open_metadata(&mut handles[0], &opening, Some(&boot))?;
        let (image, last_end) = (Arc::clone(&opened.image), opened.last_end);
        let mut opened = Some(opened);
        let mut ready = Vec::new();
        for (number, mut io) in (0..).zip(handles) {
            let mail = Mail::new(ShardId(number), Arc::clone(&boxes));
            let (settings, image) = (Arc::clone(&settings), Arc::clone(&image));
            let mut shard = Shard::new(ShardId(number), settings, image, mail);
            if let Some(opened) = opened.take() {
                shard.lead(opened, random.bits());
            }
            open_partitions(&mut shard, &mut io, last_end)?;
            ready.push((shard, io));
        }
        note_recovered(&mut ready[0].1, &settings.data_directory, Some(&boot));
        if ready[0].1.is_dead() {
            let error = IoError { operation: "start", errno: libc::EIO };
            return Err(OpenError::Io { path: DATA.into(), error });
        }
        let shards = (0..).zip(ready).map(|(number, (mut shard, io))| {
            let listener = world.machine().listen(ShardId(number));
            ShardTask::new(io, move |io: &mut TurnIo<'_>| {
                shard.serve(io, listener);
                while shard.tick(io) == Progress::Running {}
            })
        });
        let measured = (0..shard_count).map(|_| None).collect();
        let measures = Vec::new();
        Ok(Node { world: world.clone(), shards: shards.collect(), boxes, measured, measures })
    }

    /// Lets one shard have a turn, or time pass until something happens, `until` at the latest.
    pub fn advance(&mut self, until: Monotonic) {
        let mut machine = self.world.machine();
        let now = machine.agenda.now().monotonic;
        let running = self.shards.iter_mut().filter(|shard| !shard.has_ended());
        let (mut awake, asleep): (Vec<_>, Vec<_>) =
            running.partition(|shard| machine.stations.get(shard.station()).is_awake(now));
        if awake.is_empty() {
            let wakes_at =
                |shard: &&mut ShardTask| machine.stations.get(shard.station()).wakes_at();
            let next = asleep.iter().filter_map(wakes_at).min();
            let next = [next, machine.agenda.next_at()].into_iter().flatten().min();
            machine.run_until(next.map_or(until, |next| next.min(until)).max(now));
            return;
        }
        let chosen = machine.agenda.random.index(awake.len());
        let busy = Duration::from_nanos(machine.agenda.random.between(500, 40_000));
        drop(machine);
        awake[chosen].turn();
        self.world.machine().run_until(now.after(busy));
    }

    /// Asks the shards for their metrics, as the control thread does; the answers come later.
    pub fn measure(&mut self) {
        self.take_measures();
        self.measures.clear();
        for (number, mailbox) in (0..).zip(self.boxes.iter()) {
            let (reply, measure) = channel();
            assert!(mailbox.post(Message::Snapshot(reply)).is_ok(), "the mailbox is full");
            self.world.machine().wake(ShardId(number));
            self.measures.push(measure);
        }
    }

    fn take_measures(&mut self) {
        for (measured, measure) in self.measured.iter_mut().zip(&self.measures) {
            *measured = measure.try_recv().ok().or(measured.take());
        }
    }

    /// Counts what the shards have measured in their lives.
    pub fn count(&mut self, seen: &mut Coverage) {
        self.take_measures();
        for snapshot in self.measured.iter().flatten() {
            snapshot.counters.for_each(|description, value| {
                seen.add(&format!("counted: {}", description.name), value);
            });
        }
    }

    /// Asks for a clean end, as SIGTERM does.
    pub fn begin_shutdown(&self) {
        for (number, mailbox) in (0..).zip(self.boxes.iter()) {
            assert!(mailbox.post(Message::Shutdown).is_ok(), "the mailbox is full");
            self.world.machine().wake(ShardId(number));
        }
    }

    /// Whether all shards have come to their end.
    pub fn has_ended(&self) -> bool {
        self.shards.iter().all(ShardTask::has_ended)
    }
}
