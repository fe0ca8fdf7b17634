//! One partition's log, as a state machine over the seam.
//!
//! A [`Log`] is owned by one shard. Events go in (an append, the end of a turn, a completion, a
//! timer), operations and facts come out by [`LogOut`]; nothing here waits, reads a clock or
//! touches a file. Reads are answered with plans: which file, from where, how far.
//!
//! | file | what it knows |
//! |---|---|
//! | `append` | what a batch must be like, the offsets it gets |
//! | `write` | the one write in flight, what follows from its end |
//! | `flush` | when to sync, and the watermarks that follow |
//! | `roll` | the next segment, made ahead |
//! | `seal` | index files and snapshots of segments that no longer change |
//! | `read`, `lookup`, `offset_search` | read plans, and the steps to find one |
//! | `retention`, `retire` | what is old, and how its files go |
//! | `saved_start` | how DeleteRecords survives a crash |
//! | `recovery`, `scan` | what a start finds; how a stored batch is tested |
//! | `lifecycle`, `sweep` | create, close, delete |
//! | `producer_state`, `epochs`, `offset_index`, `time_index`, … | state and file formats |
//!
//! `docs/FORMAT.md` has the layout of the files and what a crash leaves of them.
//!
//! May import `base`, `wire` and `io`'s types. Never here: a connection, a request, another log,
//! a clock, a file system call.

mod append;
pub mod checkpoint;
pub mod config;
pub mod epochs;
pub mod error;
pub mod files;
mod flush;
mod index_file;
mod lifecycle;
mod lookup;
mod offset_index;
mod offset_search;
mod operations;
pub mod partition_metadata;
mod positions;
mod producer_snapshot;
mod producer_state;
mod read;
mod recovery;
mod retention;
mod retire;
mod roll;
pub mod saved_start;
mod scan;
mod seal;
mod segment;
pub mod sweep;
mod tail;
mod time_index;
mod trust;
mod write;

#[cfg(test)]
mod tests;

pub use append::Appended;
pub use config::{CleanupPolicy, FlushPolicy, LogConfig};
pub use error::{AppendError, LogError, LogFailure, ReadError};
pub use lookup::Lookup;
pub use offset_search::{OffsetLookup, OffsetStep, TimestampQuery};
pub use operations::LogToken;
pub use positions::Positions;
pub use producer_state::ActiveProducer;
pub use read::{ReadPlan, ReadStep};
pub use recovery::{DamageReport, LastEnd, RecoveryHints, RecoveryReport};
pub use segment::SegmentFile;

use crate::base::{LeaderEpoch, Monotonic, Now, Offset, PartitionIndex, TopicId};
use crate::io::jobs::Lane;
use crate::io::{IoError, Op, Output};
use epochs::Epochs;
use operations::{Operations, Purpose};
use positions::Mark;
use producer_state::Producers;
use segment::Segment;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use tail::Tail;

/// Which partition a log belongs to, and where it lies.
#[derive(Debug, Clone)]
pub struct LogIdentity {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The topic's id.
    pub topic_id: TopicId,
    /// The partition.
    pub partition: PartitionIndex,
    /// Its directory, `<data>/<topic>-<partition>`.
    pub directory: PathBuf,
}

/// What a log wants done, and what it has to tell. The shard drains both after every call.
#[derive(Debug, Default)]
pub struct LogOut {
    /// Operations to submit; their completions go to [`Log::on_completion`].
    pub ops: Vec<(LogToken, Op)>,
    /// News.
    pub facts: Vec<LogFact>,
}

/// News of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogFact {
    /// A created log is on the disk.
    Opened,
    /// A created log cannot be made for now, as on a full disk. It is tried again; until `Opened`,
    /// appends fail.
    Postponed(IoError),
    /// The positions moved: whoever waits should look.
    Advanced,
    /// The appends at and above `from` were undone, or will never be durable: their replies fail.
    AppendsFailed {
        /// The first offset that was taken back.
        from: Offset,
        /// Why.
        error: AppendError,
    },
    /// Records below this offset are gone.
    LogStartMoved(Offset),
    /// Whatever happens, records below this offset do not come back.
    LogStartSaved(Offset),
    /// The log start that DeleteRecords asked for is in effect, and may be lost in a crash. It is
    /// tried again.
    LogStartUnsaved(IoError),
    /// The log takes nothing more until the next start; what is durable can still be read.
    Failed(LogFailure),
    /// The directory is gone, and nothing is under way: the log can be dropped.
    Deleted,
    /// Everything is durable, and nothing is under way: the log can be dropped.
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Its directory is being made. Appends wait.
    Creating,
    Open,
    /// A sync failed. Reads go on.
    Failed,
    Closing(lifecycle::ClosingStage),
    Closed,
    Deleting(lifecycle::DeletingStage),
    Deleted,
}

/// One partition's log. Owned by one shard; lives from [`Log::create`] or [`Log::recover`] to the
/// fact `Deleted` or `Closed`.
///
/// Invariants: the order of [`Positions`]; at most one write and one sync in flight; bytes below
/// the high watermark never change; where readers wait for the disk, a segment is first written
/// when the one before it is durable, so that a crash tears only the end of the log.
#[derive(Debug)]
pub struct Log {
    identity: LogIdentity,
    config: Arc<LogConfig>,
    leader_epoch: LeaderEpoch,
    state: State,
    /// By base offset; the last takes the appends.
    segments: VecDeque<Segment>,
    /// The size of all segments, in bytes.
    size_bytes: u64,
    log_start: Offset,
    saved_start: saved_start::SavedStart,
    log_end: Offset,
    written: Mark,
    durable: Mark,
    high_watermark: Mark,
    recovery_point: Offset,
    writes: write::Writes,
    flush: flush::Flush,
    roll: roll::Roll,
    upkeep: Lane<seal::Upkeep>,
    sealing: seal::Sealing,
    retirement: retire::Retirement,
    retention_due: Monotonic,
    tail: Tail,
    producers: Producers,
    epochs: Epochs,
    operations: Operations,
    /// What the last `Advanced` told: the high watermark, and what is acknowledged.
    announced: (Offset, Offset),
    /// Whether the log is being closed or deleted.
    is_ending: bool,
    /// Whether everything that a close writes is on the disk.
    is_cleanly_closed: bool,
}

impl Log {
    /// Takes the outcome of an operation.
    ///
    /// # Panics
    /// If `token` names none under way.
    pub fn on_completion(
        &mut self,
        token: LogToken,
        result: Result<Output, IoError>,
        now: Now,
        out: &mut LogOut,
    ) {
        match self.operations.complete(token) {
            Purpose::Write => self.on_written(result, now, out),
            Purpose::Sync => self.on_synced(result, now, out),
            Purpose::Repair => self.on_repaired(result, out),
            Purpose::Rolling => {
                let turn = self.roll.lane.advance(result);
                self.take_roll_turn(turn, now, out);
            }
            Purpose::Upkeep => {
                let turn = self.upkeep.advance(result);
                self.take_upkeep_turn(turn, now, out);
            }
        }
        self.advance_lifecycle(now, out);
        self.positions().check();
    }

    /// Begins what this turn's appends and completions have made due: one write at most, a sync,
    /// background work. To be called at the end of each turn in which the log was touched.
    pub fn end_of_tick(&mut self, now: Now, out: &mut LogOut) {
        self.start_write(now, out);
        self.start_sync(now, out);
        self.start_upkeep(now, out);
        self.advance_lifecycle(now, out);
    }

    /// Does what the time has made due.
    pub fn on_timer(&mut self, now: Now, out: &mut LogOut) {
        if self.has_ended() {
            return;
        }
        if self.state == State::Open {
            self.check_retention(now, out);
        }
        self.purge_retired(now, out);
        self.retry_creation(now, out);
        self.end_of_tick(now, out);
    }

    /// When [`Log::on_timer`] has something to do.
    pub fn next_deadline(&self) -> Option<Monotonic> {
        if self.has_ended() {
            return None;
        }
        let retention = (self.state == State::Open).then_some(self.retention_due);
        let due = [
            retention,
            self.flush_deadline(),
            self.retirement.next_deadline(),
            self.roll.retry_at,
            self.sealing.retry_at,
        ];
        due.into_iter().flatten().min()
    }

    /// Whether nothing is done any more: what is left, as retired files, is for the next start.
    fn has_ended(&self) -> bool {
        matches!(self.state, State::Closed | State::Deleted)
    }

    /// Takes new settings.
    pub fn set_config(&mut self, config: Arc<LogConfig>, now: Now, out: &mut LogOut) {
        self.config = config;
        self.retention_due = now.monotonic;
        self.update_high_watermark(out);
        self.end_of_tick(now, out);
    }

    /// How far the log has come.
    pub fn positions(&self) -> Positions {
        let high_watermark = self.high_watermark.offset;
        let undecided = self.producers.first_open_transaction();
        let last_stable_offset = undecided.map_or(high_watermark, |at| at.min(high_watermark));
        Positions {
            log_start: self.log_start,
            high_watermark,
            last_stable_offset: last_stable_offset.max(self.log_start),
            durable: self.durable.offset,
            written: self.written.offset,
            log_end: self.log_end,
        }
    }

    /// Replies to appends below this offset may go.
    pub fn acknowledged(&self) -> Offset {
        match self.config.flush_policy() {
            FlushPolicy::Always => self.durable.offset,
            FlushPolicy::Sometimes | FlushPolicy::Never => self.written.offset,
        }
    }

    /// Whether a fault has taken the log out of service until the next start.
    pub fn has_failed(&self) -> bool {
        self.state == State::Failed
    }

    /// The partition's leader epoch.
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.leader_epoch
    }

    /// The largest epoch at or below the wanted one, and the offset after its last record.
    pub fn end_offset_for_epoch(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        let end = self.high_watermark.offset;
        self.epochs.end_offset_for(epoch, self.leader_epoch, self.log_start, end)
    }

    /// Which partition this is.
    pub fn identity(&self) -> &LogIdentity {
        &self.identity
    }

    /// Where the segment that begins at `base_offset` lies.
    pub fn segment_path(&self, base_offset: Offset) -> PathBuf {
        files::segment_path(&self.identity.directory, base_offset, files::SegmentPart::Log)
    }

    /// The size of all segments, in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The number of segments.
    pub fn segment_count(&self) -> usize {
        self.segments.len()
    }

    /// The idempotent producers that the log remembers.
    pub fn active_producers(&self) -> impl Iterator<Item = ActiveProducer> + '_ {
        self.producers.active()
    }

    /// Below this offset, records and indexes are on the disk: recovery need not look at them.
    pub fn recovery_point(&self) -> Offset {
        self.recovery_point
    }

    /// Whether the next start finds the log as this one leaves it, and need not scan it. To be
    /// asked after the fact `Closed`.
    pub fn is_cleanly_closed(&self) -> bool {
        self.is_cleanly_closed
    }

    fn active(&self) -> &Segment {
        self.segments.back().expect("a log has a segment")
    }

    fn active_mut(&mut self) -> &mut Segment {
        self.segments.back_mut().expect("a log has a segment")
    }

    /// The index of the segment with this base offset.
    fn segment_index(&self, base_offset: Offset) -> Option<usize> {
        self.segments.binary_search_by_key(&base_offset, |segment| segment.base_offset).ok()
    }
}
