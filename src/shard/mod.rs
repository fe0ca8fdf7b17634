//! One core of the broker: connections and the partitions that this core owns.
//!
//! A [`Shard`] runs to completion: [`Shard::tick`] takes what has happened, does everything that
//! follows from it, and submits operations. Nothing waits on a stack: an unanswered request is
//! [`work::Work`] in its connection, an unwritten append waits in its partition's queue.
//!
//! Every request has two sides. The *connection's* shard reads it, splits it by partition and asks
//! the *owners* ([`ask`]); their answers come back and become the response. A flow's file has both
//! sides, in the order in which a request passes them: [`produce`], [`fetch`] with [`reads`],
//! [`list_offsets`], and so on. Requests that change topics or configs go to the controller,
//! shard 0.
//!
//! Imports everything below it. Never here: a file, a socket or a clock other than through
//! [`crate::io::Io`], a lock, or another shard's state.

pub mod ask;
pub mod connection;
pub mod memory;
pub mod slots;
pub mod work;
mod api_versions;
mod append_waiters;
mod batch_check;
mod checkpoint;
mod closing;
mod compaction;
mod cluster;
mod collect;
mod configs;
mod controller;
mod directories;
mod disk_full;
mod draft;
mod ending;
mod epochs;
mod fetch;
mod fetch_waiters;
mod fetches;
mod frame_body;
mod images;
mod init_producer_id;
mod last_end;
mod list_offsets;
mod listener;
mod log_dirs;
mod log_events;
mod lookups;
mod mailbox;
mod memory_queue;
mod metadata;
mod named_topic;
mod notices;
mod opening;
mod operations;
mod partitions;
mod produce;
mod producers;
mod reads;
mod receive;
mod records;
mod replies;
mod requests;
mod routing;
mod settings;
mod shutdown;
mod sockets;
mod stages;
mod tick;
mod token;
mod topic_partitions;
mod topics;
mod wait_queue;
mod write_times;

pub use last_end::{BootId, note_recovered};
pub use mailbox::{Mail, Mailbox, Message};
pub use opening::{OpenError, Opened, open_metadata, open_partitions};
pub use settings::Settings;
pub use tick::Progress;

use crate::base::timers::Timers;
use crate::base::{Now, ShardId};
use crate::io::{Completion, Op, Token};
use crate::log::LogOut;
use crate::metadata::Image;
use crate::metrics::{ShardMetrics, Snapshot};
use ask::Ask;
use checkpoint::Checkpoints;
use closing::Closing;
use connection::{Connection, RequestKey};
use controller::Controller;
use directories::Directories;
use disk_full::DiskFull;
use fetches::Fetches;
use listener::Listener;
use log_dirs::DiskSpace;
use lookups::Lookups;
use memory::ReceiveMemory;
use memory_queue::MemoryQueue;
use notices::Notices;
use partitions::Partitions;
use replies::SpareGathers;
use slots::{SlotId, Slots};
use stages::TurnStages;
use std::collections::VecDeque;
use std::sync::Arc;
use tick::Timer;
use work::Work;

/// One core's share of the broker. Lives on one thread from start to stop.
///
/// Invariants: replies of a connection leave in the order of its requests; what is read or
/// acknowledged never passes a log's high watermark; a slot is freed only when nothing is in
/// flight under its number.
pub struct Shard {
    id: ShardId,
    settings: Arc<Settings>,
    /// The image in effect.
    image: Arc<Image>,
    /// Questions of shards that have a newer image already, in the order of their coming; bounded
    /// by the requests that clients may have in flight.
    early_asks: VecDeque<Ask>,
    /// The clocks, as of this turn.
    now: Now,
    closing: Closing,
    mail: Mail,
    metrics: ShardMetrics,
    notices: Notices,
    timers: Timers<Timer>,

    listener: Listener,
    connections: Slots<Connection>,
    memory: ReceiveMemory,
    /// Connections that wait for receive memory.
    memory_queue: MemoryQueue,
    gathers: SpareGathers,

    partitions: Partitions,
    /// Logs that are being made or deleted.
    unsettled_logs: usize,
    directories: Directories,
    fetches: Fetches,
    lookups: Lookups,

    controller: Option<Controller>,
    checkpoints: Checkpoints,
    disk_space: DiskSpace,
    disk_full: DiskFull,

    dirty_connections: Vec<SlotId>,
    dirty_logs: Vec<SlotId>,
    metadata_is_dirty: bool,
    turn_stages: TurnStages,
    ops: Vec<(Token, Op)>,
    completions: Vec<Completion>,
    log_out: LogOut,
}

impl Shard {
    /// What an unanswered request waits for.
    fn work(&mut self, key: RequestKey) -> Option<&mut Work> {
        self.connections.get_mut(key.connection)?.work(key.number)
    }

    fn take_work(&mut self, key: RequestKey) -> Option<Work> {
        self.connections.get_mut(key.connection)?.take_work(key.number)
    }

    fn set_work(&mut self, key: RequestKey, work: Work) {
        if let Some(place) = self.work(key) {
            *place = work;
        }
    }

    /// What the shard has measured.
    fn snapshot(&mut self) -> Snapshot {
        let counters = &mut self.metrics.counters;
        counters.connections_open = self.connections.len() as u64;
        counters.receive_buffer_bytes = self.memory.used() as u64;
        counters.messages_delayed = self.mail.delayed_count();
        let totals = self.partitions.totals();
        counters.partitions = totals.partitions;
        counters.partitions_failed = totals.failed;
        counters.segments = totals.segments;
        counters.log_bytes = totals.log_bytes;
        self.metrics.snapshot()
    }
}
