//! The threads of a broker: one for each shard, and the control thread.
//!
//! Shard 0 opens the metadata and hands its image to the others; each recovers its own logs. When
//! all are ready they serve together; when one cannot start, none does.

use super::directory::DataDirectory;
use crate::base::ShardId;
use crate::cli::error::CliError;
use crate::config::Config;
use crate::control::{ControlThread, LogOutput, MetricsListener, ShardHandle};
use crate::io::Socket;
use crate::io::uring::{
    Listeners, RingRegistry, SocketBuffers, StartError, Uring, UringOptions, Waker, listen,
};
use crate::log::LastEnd;
use crate::metadata::{Image, Opening};
use crate::metrics::Snapshot;
use crate::shard::{
    BootId, Mail, Mailbox, Message, Progress, Settings, Shard, note_recovered, open_metadata,
    open_partitions,
};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long the port may stay taken at the start.
const PORT_WAIT_MAX: Duration = Duration::from_secs(3);

/// How often a taken port is tried.
const PORT_RETRY_INTERVAL: Duration = Duration::from_millis(5);

/// What all shards share, by reference or by copy.
#[derive(Clone)]
struct Common {
    config: Arc<Config>,
    settings: Arc<Settings>,
    registry: Arc<RingRegistry>,
    boxes: Arc<[Mailbox]>,
    /// The machine's boot, if the kernel tells it.
    boot: Option<BootId>,
}

/// What one shard is made of.
struct Plan {
    id: ShardId,
    core: Option<usize>,
    listener: Socket,
    common: Common,
    /// Where the start image goes to (shard 0) or comes from (the others).
    images: Images,
    /// Takes what its opening has come to.
    ready: Sender<Result<Progress, CliError>>,
    go: Receiver<()>,
}

enum Images {
    Send(Vec<Sender<Start>>),
    Receive(Receiver<Start>),
}

/// What the others need of shard 0's opening.
#[derive(Clone)]
struct Start {
    image: Arc<Image>,
    last_end: LastEnd,
}

/// Runs a broker until it has been told to end and has ended.
///
/// # Errors
/// One line: what could not be started, and why.
pub fn run(
    config: Config,
    cores: &[Option<usize>],
    log_output: &Arc<LogOutput>,
) -> Result<(), CliError> {
    let config = Arc::new(config);
    let directory = DataDirectory::open(&config.data_directory)?;
    let metrics = config
        .metrics_listen
        .map(MetricsListener::bind)
        .transpose()
        .map_err(|error| CliError::failure(error.to_string()))?;
    let registry = RingRegistry::new(cores.len()).map_err(start_failure)?;
    let address = config.listen.resolve().map_err(|error| CliError::failure(error.to_string()))?;
    let buffers =
        SocketBuffers { send: config.send_buffer_bytes, receive: config.receive_buffer_bytes };
    let listeners = listen_patiently(address, cores.len(), buffers).map_err(start_failure)?;
    let bound = listeners.address;
    let common = Common {
        settings: Arc::new(settings(&config, directory.path.clone(), bound.port(), cores.len())),
        config,
        registry,
        boxes: (0..cores.len()).map(|_| Mailbox::default()).collect(),
        boot: boot_id(),
    };
    // Before the shards, so that a start that takes long can be told to end.
    let control = ControlThread::start(metrics, handles(&common), Arc::clone(log_output))
        .map_err(|error| CliError::failure(error.to_string()))?;
    let outcome = start_shards(&common, cores, listeners).and_then(|(shards, progress)| {
        match progress {
            Progress::Running => {
                control.note_serving();
                tracing::info!(
                    address = %bound,
                    data = %directory.path.display(),
                    shards = cores.len(),
                    "listening"
                );
            }
            Progress::Stopped => tracing::info!("told to end before all logs were open"),
        }
        join(shards)
    });
    control.stop();
    outcome
}

/// Listens, and gives a broker that was killed a moment ago the time to leave the port: the kernel
/// closes the sockets of a ring some time after the process has gone.
fn listen_patiently(
    address: SocketAddr,
    count: usize,
    buffers: SocketBuffers,
) -> Result<Listeners, StartError> {
    let deadline = Instant::now() + PORT_WAIT_MAX;
    loop {
        match listen(address, count, buffers) {
            Err(StartError::PortInUse { .. }) if Instant::now() < deadline => {
                thread::sleep(PORT_RETRY_INTERVAL);
            }
            outcome => return outcome,
        }
    }
}

fn start_failure(error: StartError) -> CliError {
    CliError::failure(error.to_string())
}

fn settings(config: &Config, data_directory: PathBuf, port: u16, shard_count: usize) -> Settings {
    let advertised = config.advertised(port);
    Settings {
        broker_id: config.node_id,
        rack: config.rack.clone(),
        advertised_host: advertised.host,
        advertised_port: advertised.port,
        data_directory_shown: data_directory.display().to_string(),
        data_directory,
        request_bytes_max: config.request_bytes_max as usize,
        requests_in_flight_max: config.connection_requests_max,
        request_bytes_in_flight_max: config.connection_request_bytes_max,
        receive_memory_bytes: usize::try_from(config.shard_receive_bytes_max).unwrap_or(usize::MAX),
        receive_stall_max: config.receive_stall_max,
        connection_count_max: config.connections_max.div_ceil(shard_count),
        connection_idle_max: config.idle_max,
        fetch_bytes_max: config.fetch_bytes_max,
        checkpoint_interval: config.recovery_point_checkpoint_interval,
        shutdown_grace: config.shutdown_grace,
    }
}

type ShardThread = JoinHandle<Result<(), CliError>>;

fn start_shards(
    common: &Common,
    cores: &[Option<usize>],
    listeners: Listeners,
) -> Result<(Vec<ShardThread>, Progress), CliError> {
    let (ready, readiness) = channel();
    let (image_senders, mut image_receivers): (Vec<_>, Vec<_>) =
        (1..cores.len()).map(|_| channel()).unzip();
    let mut image_senders = Some(image_senders);
    image_receivers.reverse();
    let (mut threads, mut starters) = (Vec::new(), Vec::new());
    for ((number, core), listener) in cores.iter().enumerate().zip(listeners.sockets) {
        let (go_sender, go) = channel();
        let images = match image_senders.take() {
            Some(senders) => Images::Send(senders),
            None => Images::Receive(image_receivers.pop().expect("one for each but the first")),
        };
        let plan = Plan {
            id: ShardId(number as u16),
            core: *core,
            listener,
            common: common.clone(),
            images,
            ready: ready.clone(),
            go,
        };
        let thread = thread::Builder::new()
            .name(format!("shard-{number}"))
            .spawn(move || run_shard(plan))
            .map_err(|error| CliError::failure(format!("cannot start a thread: {error}")))?;
        threads.push(thread);
        starters.push(go_sender);
    }
    drop(ready);
    for outcome in readiness.iter().take(cores.len()) {
        // Dropping the starters ends the shards that wait.
        if outcome? == Progress::Stopped {
            return Ok((threads, Progress::Stopped));
        }
    }
    starters.iter().for_each(|starter| {
        // A shard that has died since is found when it is joined.
        let _ = starter.send(());
    });
    Ok((threads, Progress::Running))
}

fn join(threads: Vec<ShardThread>) -> Result<(), CliError> {
    let mut outcome = Ok(());
    for thread in threads {
        match thread.join() {
            Ok(result) => outcome = outcome.and(result),
            // A shard that panicked has broken an invariant: the process must not go on.
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
    outcome
}

/// A shard's thread: starts, reports, and serves until the end.
fn run_shard(plan: Plan) -> Result<(), CliError> {
    let Plan { id, core, listener, common, images, ready, go } = plan;
    if let Some(core) = core
        && !core_affinity::set_for_current(core_affinity::CoreId { id: core })
    {
        tracing::warn!(shard = id.0, core, "cannot pin the shard; it runs unpinned");
    }
    let started = start_shard(id, core, &common, images);
    let (mut shard, mut io) = match started {
        Ok(Some((_, _, Progress::Stopped))) => {
            // Nobody listens if another shard was told first.
            let _ = ready.send(Ok(Progress::Stopped));
            return Ok(());
        }
        Ok(Some((shard, io, Progress::Running))) => (shard, io),
        // What kept shard 0 from starting is the news, and it tells that itself.
        Ok(None) => return Ok(()),
        Err(error) => {
            // The main thread prints the first error; there is nobody else to tell.
            let _ = ready.send(Err(error));
            return Ok(());
        }
    };
    if ready.send(Ok(Progress::Running)).is_err() || go.recv().is_err() {
        return Ok(());
    }
    drop(ready);
    if id == ShardId(0) {
        note_recovered(&mut io, &common.settings.data_directory, common.boot.as_ref());
    }
    shard.serve(&mut io, listener);
    while shard.tick(&mut io) == Progress::Running {}
    Ok(())
}

/// Opens what a shard serves; `None` if shard 0 failed to open what all need.
fn start_shard(
    id: ShardId,
    core: Option<usize>,
    common: &Common,
    images: Images,
) -> Result<Option<(Shard, Uring, Progress)>, CliError> {
    let options = UringOptions {
        core,
        cold_reads_max: common.config.cold_reads_max,
        ..UringOptions::new(id, Arc::clone(&common.registry))
    };
    let mut io = Uring::new(options).map_err(start_failure)?;
    if id == ShardId(0) {
        tracing::info!(features = %io.features(), "io_uring");
    }
    let fail = |error: crate::shard::OpenError| CliError::failure(error.to_string());
    let (start, opened) = match images {
        Images::Send(others) => {
            let opening = Opening {
                data_directory: &common.settings.data_directory,
                node_id: common.config.node_id,
                static_config: Arc::clone(&common.config.static_config),
                random: [random()?, random()?, random()?, random()?],
            };
            let opened = open_metadata(&mut io, &opening, common.boot.as_ref()).map_err(fail)?;
            let start = Start { image: Arc::clone(&opened.image), last_end: opened.last_end };
            for other in others {
                // A shard that failed to start has reported it.
                let _ = other.send(start.clone());
            }
            (start, Some(opened))
        }
        Images::Receive(images) => match images.recv() {
            Ok(start) => (start, None),
            Err(_) => return Ok(None),
        },
    };
    let mail = Mail::new(id, Arc::clone(&common.boxes));
    let mut shard = Shard::new(id, Arc::clone(&common.settings), start.image, mail);
    if let Some(opened) = opened {
        shard.lead(opened, random()?);
    }
    let progress = open_partitions(&mut shard, &mut io, start.last_end).map_err(fail)?;
    Ok(Some((shard, io, progress)))
}

/// The id of the machine's boot, which containers share with their host.
fn boot_id() -> Option<BootId> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    text.ok().and_then(|text| BootId::parse(&text))
}

fn random() -> Result<u64, CliError> {
    getrandom::u64()
        .map_err(|error| CliError::failure(format!("cannot read random bytes: {error}")))
}

fn handles(common: &Common) -> Vec<Box<dyn ShardHandle>> {
    let shards = (0..common.boxes.len()).map(|number| {
        let waker = common.registry.waker(ShardId(number as u16));
        Box::new(Handle { number, boxes: Arc::clone(&common.boxes), waker }) as Box<dyn ShardHandle>
    });
    shards.collect()
}

/// How the control thread reaches a shard.
struct Handle {
    number: usize,
    boxes: Arc<[Mailbox]>,
    waker: Waker,
}

impl Handle {
    fn post(&self, message: Message) -> bool {
        let posted = self.boxes[self.number].post(message).is_ok();
        self.waker.wake();
        posted
    }
}

impl ShardHandle for Handle {
    fn request_snapshot(&self, reply: Sender<Snapshot>) {
        // With a full mailbox the reply is dropped, which tells the asker.
        self.post(Message::Snapshot(reply));
    }

    fn begin_shutdown(&self) {
        while !self.post(Message::Shutdown) {
            thread::sleep(Duration::from_millis(1));
        }
    }
}
