//! What a shard is told at its start and cannot change.

use crate::base::BrokerId;
use std::path::PathBuf;
use std::time::Duration;

/// The broker's settings, shared by its shards. Limits name the Kafka config that they come from.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `node.id`.
    pub broker_id: BrokerId,
    /// `broker.rack`.
    pub rack: Option<String>,
    /// The host that clients are told to connect to.
    pub advertised_host: String,
    /// The port that clients are told to connect to.
    pub advertised_port: u16,
    /// Where the logs lie.
    pub data_directory: PathBuf,
    /// The data directory as clients see it.
    pub data_directory_shown: String,
    /// `socket.request.max.bytes`: the longest frame.
    pub request_bytes_max: usize,
    /// Requests that one connection may have unanswered.
    pub requests_in_flight_max: usize,
    /// Bytes of requests that one connection may have unanswered, checked before the next one.
    pub request_bytes_in_flight_max: usize,
    /// Receive memory of one shard for frames that do not fit the ring's buffers.
    pub receive_memory_bytes: usize,
    /// `pinion.shard.receive.stall.ms`: how long a client may hold receive memory without getting
    /// on while others wait for it.
    pub receive_stall_max: Duration,
    /// `max.connections`, for one shard.
    pub connection_count_max: usize,
    /// `connections.max.idle.ms`; `None` keeps idle connections.
    pub connection_idle_max: Option<Duration>,
    /// `fetch.max.bytes`: the largest fetch response, but for a first batch that is larger.
    pub fetch_bytes_max: u32,
    /// `log.flush.offset.checkpoint.interval.ms`.
    pub checkpoint_interval: Duration,
    /// How long a clean end may take before connections are cut.
    pub shutdown_grace: Duration,
}
