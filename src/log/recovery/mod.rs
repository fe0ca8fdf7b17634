//! What a start finds: segments are opened, what a crash may have torn is scanned, a torn tail is
//! cut, damage elsewhere is reported and fenced off.
//!
//! | file | what it knows |
//! |---|---|
//! | `hints` | what is known beforehand |
//! | `directory`, `listing` | the directory and its files, interrupted work on them |
//! | `checkpoints` | leader epochs, producers, the log's start |
//! | `segments` | which segments the log has, and where it ends |
//! | `indexed` | a segment opened by its indexes |
//! | `segment_scan`, `window`, `resync` | a segment read batch by batch |
//! | `verdict` | torn, or damaged? |
//! | `epoch_check` | whether the epoch checkpoint agrees with the batches |
//! | `unproven` | what is done after a failed sync |
//! | `report` | what there is to tell |
//!
//! Runs before the log serves, one operation after the other. May import what the log may; never
//! here: what happens to a log that is open.

mod checkpoints;
mod directory;
mod epoch_check;
mod hints;
mod indexed;
mod listing;
mod report;
mod resync;
mod segment_scan;
mod segments;
mod unproven;
mod verdict;
mod window;

pub use hints::{LastEnd, RecoveryHints};
pub use report::{DamageReport, RecoveryReport};

use super::epochs::Epochs;
use super::error::LogError;
use super::files::{SegmentPart, segment_path};
use super::lifecycle::first_check;
use super::positions::Mark;
use super::producer_state::Producers;
use super::saved_start::SavedStart;
use super::seal::Sealing;
use super::segment::Segment;
use super::tail::Tail;
use super::{Log, LogConfig, LogIdentity, State};
use crate::base::{LeaderEpoch, Now, Offset};
use crate::io::{Io, Startup};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

/// The state of a recovery.
struct Recovery<'a, 'io, I: Io> {
    startup: &'a mut Startup<'io, I>,
    directory: PathBuf,
    config: Arc<LogConfig>,
    hints: RecoveryHints,
    now: Now,
    leader_epoch: LeaderEpoch,
    report: RecoveryReport,
    producers: Producers,
    /// Everything below this offset was durable.
    durable: Offset,
    /// Whether a sync has failed on these files, so that the page cache may have what the disk has
    /// not, and a sync that succeeds proves nothing.
    is_unproven: bool,
    /// Whether a checkpoint was damaged, so that its content has to be found again.
    scans_all: bool,
    /// Batches below this offset are in `producers` already.
    producers_as_of: Offset,
    epochs: Epochs,
    /// The epochs as the checkpoint had them.
    epochs_before: Epochs,
    /// Whether there was no room for the epoch checkpoint.
    lacks_epochs: bool,
    /// Where the first epoch began, as the checkpoint said.
    epochs_start: Option<Offset>,
    /// Where the log began when records were last deleted.
    saved_start: Option<Offset>,
}

impl Log {
    /// Opens a log at start-up, and repairs what a crash has left.
    ///
    /// # Errors
    /// If files cannot be read or written, or are not of a kind that this broker can serve.
    /// Damage inside a segment is no error: it is reported, and never served.
    pub fn recover<I: Io>(
        startup: &mut Startup<'_, I>,
        identity: LogIdentity,
        config: Arc<LogConfig>,
        leader_epoch: LeaderEpoch,
        hints: RecoveryHints,
    ) -> Result<(Log, RecoveryReport), LogError> {
        let now = startup.now();
        let mut recovery = Recovery {
            startup,
            directory: identity.directory.clone(),
            config: Arc::clone(&config),
            hints,
            now,
            leader_epoch,
            report: RecoveryReport::default(),
            producers: Producers::default(),
            producers_as_of: Offset::ZERO,
            durable: Offset::ZERO,
            is_unproven: false,
            scans_all: false,
            epochs: Epochs::default(),
            epochs_before: Epochs::default(),
            lacks_epochs: false,
            epochs_start: None,
            saved_start: None,
        };
        recovery.ensure_directory(&identity)?;
        recovery.sync_names()?;
        let listed = recovery.list()?;
        recovery.load_epochs(&listed)?;
        let is_start_damaged = recovery.load_saved_start()?;
        let scan_from = recovery.load_producers(&listed)?;
        let segments = recovery.open_checked(&listed, scan_from)?;
        recovery.write_epochs(&segments)?;
        if is_start_damaged {
            recovery.write_saved_start(&segments)?;
        }
        recovery.remove_stray_snapshots(&listed, &segments)?;
        recovery.end_unproven()?;
        Ok(recovery.finish(identity, segments))
    }
}

impl<I: Io> Recovery<'_, '_, I> {
    pub fn path(&self, base_offset: Offset, part: SegmentPart) -> PathBuf {
        segment_path(&self.directory, base_offset, part)
    }

    /// The log, from what was found.
    fn finish(self, identity: LogIdentity, segments: VecDeque<Segment>) -> (Log, RecoveryReport) {
        let end = segments.back().expect("recovery makes a segment").end_mark();
        let newest_epoch = self.epochs.starts().last().map_or(LeaderEpoch(-1), |last| last.epoch);
        // A snapshot within the active segment goes with the next checkpoint.
        let is_base = segments.iter().any(|segment| segment.base_offset == self.producers_as_of);
        let checkpoint = Mark {
            offset: self.producers_as_of,
            ..Mark::start_of(segments[segments.len() - 1].base_offset)
        };
        let mut log = Log {
            identity,
            // An epoch never goes back, whoever was the leader before.
            leader_epoch: self.leader_epoch.max(newest_epoch),
            state: State::Open,
            log_start: self.log_start(&segments),
            saved_start: SavedStart::new(self.saved_start.unwrap_or_default()),
            size_bytes: segments.iter().map(|segment| segment.size).sum(),
            segments,
            log_end: end.offset,
            written: end,
            durable: end,
            high_watermark: end,
            // Where indexes or epochs could not be written, there is nothing to build on.
            recovery_point: if self.report.is_disk_full { Offset::ZERO } else { end.offset },
            writes: Default::default(),
            flush: Default::default(),
            roll: Default::default(),
            upkeep: Default::default(),
            sealing: Sealing { checkpoint: (!is_base).then_some(checkpoint), ..Sealing::default() },
            retirement: Default::default(),
            retention_due: first_check(&self.config, self.now),
            tail: Tail::default(),
            producers: self.producers,
            epochs: self.epochs,
            operations: Default::default(),
            announced: (end.offset, end.offset),
            is_ending: false,
            is_cleanly_closed: false,
            config: self.config,
        };
        log.positions().check();
        if self.report.is_disk_full {
            log.write_later(self.lacks_epochs, self.now);
        }
        let mut report = self.report;
        report.damage.retain(|damage| damage.next_offset > log.log_start);
        (log, report)
    }
}
