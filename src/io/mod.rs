//! The one seam to the world.
//!
//! A shard submits operations and reaps completions; it reaches files, sockets, clocks and other
//! threads in no other way. Implementations: `uring` (the real one) and the simulator in
//! `tests/sim`. An operation owns the memory that the kernel may touch until its completion
//! gives it back, so that no borrow outlives a request.
//!
//! May import `base`. Must never know a Kafka message, a partition or a connection's state.

pub mod error;
pub mod gather;
pub mod jobs;
pub mod op;
pub mod startup;
pub mod uring;

pub use error::{IoError, remedy};
pub use gather::Gather;
pub use op::{
    Completion, DirectoryEntry, File, Op, OpenMode, Output, Portion, Residency, Socket, Token,
};
pub use startup::Startup;

use crate::base::{Monotonic, Now};

/// What a shard needs of the world. Owned by one thread; nothing here blocks but [`Io::wait`].
pub trait Io {
    /// Queues an operation. Its outcome, failure to submit included, comes as a completion that
    /// carries `token`.
    fn submit(&mut self, token: Token, op: Op);

    /// Hands the queued operations to the kernel and appends what has completed to `completions`.
    ///
    /// Sleeps until something completes or `until` has passed; forever if that is `None`. An
    /// `until` in the past makes this a poll.
    fn wait(&mut self, until: Option<Monotonic>, completions: &mut Vec<Completion>);

    /// Reads both clocks.
    fn now(&mut self) -> Now;

    /// What was done so far; zeros where nobody counts.
    fn counters(&self) -> IoCounters {
        IoCounters::default()
    }
}

/// What an [`Io`] has done since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IoCounters {
    /// Entries into the kernel.
    pub system_calls: u64,
    /// Bytes sent from files whose pages were in memory.
    pub hot_bytes: u64,
    /// Bytes sent from files by way of the disk.
    pub cold_bytes: u64,
    /// Time spent looking out for events instead of sleeping, in nanoseconds.
    pub looked_nanos: u64,
}
