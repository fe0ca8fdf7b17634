//! From a data directory to shards that are ready to serve.

use super::ask::PartitionKey;
use super::checkpoint::Checkpoints;
use super::closing::Closing;
use super::controller::Controller;
use super::last_end::{self, BootId};
use super::listener::Listener;
use super::memory::ReceiveMemory;
use super::partitions::{PartitionState, Partitions};
use super::requests::CONTROLLER;
use super::slots::Slots;
use super::stages::TurnStages;
use super::tick::{Progress, Timer};
use super::{Mail, Settings, Shard};
use crate::base::timers::Timers;
use crate::base::{Offset, ShardId};
use crate::io::{Io, IoError, Socket, Startup};
use crate::log::checkpoint::{LOG_START_NAME, RECOVERY_POINT_NAME, parse_partition_offsets};
use crate::log::sweep::sweep_deleted;
use crate::log::{LastEnd, Log, LogError, RecoveryHints};
use crate::metadata::{Image, MetadataLog, Opening, RecoveryReport, StartError};
use crate::metrics::ShardMetrics;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Why a shard cannot start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The metadata log or the directory's identity.
    #[error(transparent)]
    Metadata(#[from] StartError),
    /// A partition's log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A file of the data directory.
    #[error("{path}: {error}{}", .error.remedy(), path = .path.display())]
    Io {
        /// The file.
        path: std::path::PathBuf,
        /// What the kernel said.
        error: IoError,
    },
}

/// What the controller finds in the data directory before any shard serves.
#[derive(Debug)]
pub struct Opened {
    /// The image to start from; its version counts this start.
    pub image: Arc<Image>,
    /// How the last process on the directory ended.
    pub last_end: LastEnd,
    /// What the metadata log's recovery did.
    pub report: RecoveryReport,
    log: MetadataLog,
}

/// Opens the metadata, on shard 0 and before the others start. From here on the directory does
/// not count as cleanly shut down any more. `boot` is the machine's boot, if that is known.
///
/// # Errors
/// If the directory is another broker's, damaged, or cannot be read and written.
pub fn open_metadata<I: Io>(
    io: &mut I,
    opening: &Opening<'_>,
    boot: Option<&BootId>,
) -> Result<Opened, OpenError> {
    let mut startup = Startup::new(io);
    let (log, report) = crate::metadata::open(&mut startup, opening)?;
    let has_logs = log.committed().topic_count() > 0;
    let last_end = last_end::take(&mut startup, opening.data_directory, boot, has_logs)?;
    Ok(Opened { image: Arc::clone(log.committed()), last_end, report, log })
}

impl Shard {
    /// A shard with no partitions yet.
    pub fn new(id: ShardId, settings: Arc<Settings>, image: Arc<Image>, mail: Mail) -> Shard {
        let memory = ReceiveMemory::new(settings.receive_memory_bytes);
        Shard {
            id,
            settings,
            image,
            early_asks: Default::default(),
            now: Default::default(),
            closing: Closing::new(id, CONTROLLER, mail.shard_count()),
            mail,
            metrics: ShardMetrics::new(),
            notices: Default::default(),
            timers: Timers::default(),
            listener: Listener::default(),
            connections: Slots::default(),
            memory,
            memory_queue: Default::default(),
            gathers: Default::default(),
            partitions: Partitions::default(),
            unsettled_logs: 0,
            directories: Default::default(),
            fetches: Default::default(),
            lookups: Default::default(),
            controller: None,
            checkpoints: Checkpoints::default(),
            disk_space: Default::default(),
            disk_full: Default::default(),
            dirty_connections: Vec::new(),
            dirty_logs: Vec::new(),
            metadata_is_dirty: false,
            turn_stages: TurnStages::default(),
            ops: Vec::new(),
            completions: Vec::new(),
            log_out: Default::default(),
        }
    }

    /// Makes this shard the controller. `seed` is random.
    pub fn lead(&mut self, opened: Opened, seed: u64) {
        let (broker, shard_count) = (self.settings.broker_id, self.mail.shard_count());
        self.controller = Some(Controller::new(opened.log, broker, shard_count, seed));
        self.warn_of_default_compaction();
    }

    /// Begins to serve: accepts on `listener` and sets the recurring timers.
    pub fn serve<I: Io>(&mut self, io: &mut I, listener: Socket) {
        self.now = io.now();
        self.listener = Listener::new(listener);
        self.begin_accepting();
        let now = self.now.monotonic;
        if self.settings.connection_idle_max.is_some() {
            self.timers.set(now.after(Duration::from_secs(1)), Timer::IdleConnections);
        }
        self.timers.set(now.after(self.settings.checkpoint_interval), Timer::Checkpoint);
        self.ask_for_space();
        for slot in self.partitions.ids() {
            let out = self.take_log_out();
            self.drain_log_out(slot, out);
        }
        for (token, op) in self.ops.drain(..) {
            io.submit(token, op);
        }
    }
}

/// Recovers the logs of this shard's partitions, one after the other.
///
/// Stops between two logs if the shard is told to end. What was opened by then is left as after a
/// crash: the next start recovers it again.
///
/// # Errors
/// If a log cannot be read. Damage inside a log is no error: it is reported, and not served.
pub fn open_partitions<I: Io>(
    shard: &mut Shard,
    io: &mut I,
    last_end: LastEnd,
) -> Result<Progress, OpenError> {
    let mut startup = Startup::new(io);
    let directory = shard.settings.data_directory.clone();
    if shard.id == ShardId(0) {
        let is_live = |name: &str| is_live_directory(&shard.image, name);
        for path in sweep_deleted(&mut startup, &directory, is_live)? {
            tracing::info!(path = %path.display(), "removed what was left of a deleted partition");
        }
    }
    let recovery_points = read_checkpoint(&mut startup, &directory.join(RECOVERY_POINT_NAME))?;
    let log_starts = read_checkpoint(&mut startup, &directory.join(LOG_START_NAME))?;
    let image = Arc::clone(&shard.image);
    for topic in image.topics() {
        for key in shard.owned_of(topic) {
            let place = (topic.name.to_string(), key.index.0);
            let hints = RecoveryHints {
                last_end,
                recovery_point: recovery_points.get(&place).copied(),
                log_start: log_starts.get(&place).copied(),
            };
            open_partition(shard, &mut startup, key, topic, hints)?;
            shard.read_mail();
            if !shard.closing.is_serving() {
                return Ok(Progress::Stopped);
            }
        }
    }
    Ok(Progress::Running)
}

/// Whether a directory, by its name `<topic>-<partition>`, is one that recovery opens.
fn is_live_directory(image: &Image, name: &str) -> bool {
    let Some((topic, index)) = name.rsplit_once('-') else { return false };
    let topic = image.topic(topic).zip(index.parse::<i32>().ok());
    topic.is_some_and(|(topic, index)| index < topic.partition_count)
}

fn open_partition<I: Io>(
    shard: &mut Shard,
    startup: &mut Startup<'_, I>,
    key: PartitionKey,
    topic: &Arc<crate::metadata::Topic>,
    hints: RecoveryHints,
) -> Result<(), OpenError> {
    let identity = shard.identity(key, topic);
    let config = Arc::clone(&topic.log_config);
    let epoch = shard.image.leader_epoch();
    let recovered = Log::recover(startup, identity, Arc::clone(&config), epoch, hints);
    let (log, report) = match recovered {
        Ok(recovered) => recovered,
        Err(error @ LogError::NoRoomToMake { .. }) => {
            tracing::warn!("{error}; the partition takes records once there is room");
            shard.make_log_later(key, topic, startup.now());
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    tell(&topic.name, key.index.0, &report);
    shard.partitions.insert(key, Arc::clone(topic), log, PartitionState::Open);
    Ok(())
}

/// Logs what the recovery of a partition's log has found and done.
fn tell(topic: &str, partition: i32, report: &crate::log::RecoveryReport) {
    if report.is_disk_full {
        tracing::warn!(
            topic,
            partition,
            "the disk is full: indexes and epochs are kept in memory until there is room"
        );
    }
    for damage in &report.damage {
        tracing::error!(topic, partition, "damaged log: {damage}");
    }
    for path in &report.rebuilt {
        tracing::warn!(
            topic,
            partition,
            path = %path.display(),
            "missing or damaged: made again"
        );
    }
    if report.rewritten_bytes > 0 {
        tracing::warn!(
            topic,
            partition,
            bytes = report.rewritten_bytes,
            "wrote a log once more, since a sync of it had failed"
        );
    }
    if report.cut_bytes > 0 {
        tracing::warn!(topic, partition, bytes = report.cut_bytes, "cut a torn tail");
    }
}

fn read_checkpoint<I: Io>(
    startup: &mut Startup<'_, I>,
    path: &Path,
) -> Result<HashMap<(String, i32), Offset>, OpenError> {
    let bytes =
        startup.read_file(path).map_err(|error| OpenError::Io { path: path.to_owned(), error })?;
    let Some(bytes) = bytes else { return Ok(HashMap::new()) };
    match parse_partition_offsets(&bytes) {
        Ok(entries) => Ok(entries
            .into_iter()
            .map(|entry| ((entry.topic, entry.partition.0), entry.offset))
            .collect()),
        Err(error) => {
            // Without it recovery reads more, and that is all.
            tracing::warn!(path = %path.display(), %error, "ignoring a damaged checkpoint");
            Ok(HashMap::new())
        }
    }
}
