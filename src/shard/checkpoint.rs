//! The checkpoints of the data directory: where recovery begins, and where each log begins.
//!
//! Every shard reports its partitions to the controller, which writes both files: written beside,
//! synced, renamed. A crash leaves the old or the new. With the last reports comes the marker of a
//! clean end, if every log was closed cleanly and both files were written.

use super::last_end::CLEAN_SHUTDOWN_NAME;
use super::partitions::PartitionState;
use super::requests::CONTROLLER;
use super::tick::Timer;
use super::token::Target;
use super::{Message, Shard};
use crate::base::{Offset, PartitionIndex, ShardId};
use crate::io::jobs::{Finished, Job, Lane, Turn, replace_file};
use crate::io::{IoError, Op, Output};
use crate::log::checkpoint::{LOG_START_NAME, RECOVERY_POINT_NAME, encode_partition_offsets};
use std::sync::Arc;
use std::time::Duration;

/// How soon a file that could not be written is tried again.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// One partition's line in the checkpoints.
#[derive(Debug, Clone)]
pub struct PartitionPositions {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub index: PartitionIndex,
    /// Everything below it is on the disk, indexes included.
    pub recovery_point: Offset,
    /// The first offset of the log.
    pub log_start: Offset,
}

/// One shard's part of the checkpoints.
#[derive(Debug)]
pub struct Report {
    /// All its partitions.
    pub positions: Vec<PartitionPositions>,
    /// When it is in the shard's life.
    pub kind: ReportKind,
}

/// When a report is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportKind {
    /// While the shard serves; others follow.
    Interim,
    /// When all logs are closed, with nothing left to recover.
    LastClean,
    /// When all logs are closed, and the next start has to look into some.
    LastUnclean,
}

/// The controller's state between reports and files.
#[derive(Debug, Default)]
pub struct Checkpoints {
    reports: Vec<Option<Report>>,
    /// Writes one file after the other; a job's kind is its file's name.
    lane: Lane<&'static str>,
    /// Whether the last file could not be written.
    is_failing: bool,
    /// Whether a timer is set to try again what failed.
    is_retry_set: bool,
}

impl Shard {
    /// Reports this shard's positions to the controller, and sets the time of the next report.
    ///
    /// On the way to the end only the last report counts: one that came after it would hide it.
    pub(super) fn report_positions(&mut self) {
        if self.closing.is_serving() {
            self.report(ReportKind::Interim);
            let next = self.now.monotonic.after(self.settings.checkpoint_interval);
            self.timers.set(next, Timer::Checkpoint);
        }
    }

    /// Reports this shard's positions for the last time: its logs are closed.
    pub(super) fn report_last_positions(&mut self) {
        let is_unclean = |(_, partition): (_, &super::partitions::Partition)| {
            partition.state == PartitionState::Closed && !partition.log.is_cleanly_closed()
        };
        let kind = match self.partitions.iter().any(is_unclean) {
            true => ReportKind::LastUnclean,
            false => ReportKind::LastClean,
        };
        self.report(kind);
    }

    fn report(&mut self, kind: ReportKind) {
        let positions = self.partitions.iter().map(|(_, partition)| PartitionPositions {
            topic: Arc::clone(&partition.topic.name),
            index: partition.key.index,
            recovery_point: partition.log.recovery_point(),
            log_start: partition.log.positions().log_start,
        });
        let report = Report { positions: positions.collect(), kind };
        if self.id == CONTROLLER {
            self.on_positions(self.id, report);
        } else {
            self.send(CONTROLLER, Message::Positions { shard: self.id, report });
        }
    }

    /// Takes a shard's report; with all of them in, the files are written.
    pub(super) fn on_positions(&mut self, shard: ShardId, report: Report) {
        let count = usize::from(self.mail.shard_count());
        let reports = &mut self.checkpoints.reports;
        reports.resize_with(count, || None);
        reports[usize::from(shard.0)] = Some(report);
        if reports.iter().any(Option::is_none) {
            return;
        }
        let is_last = |report: &Report| report.kind != ReportKind::Interim;
        let last_count = reports.iter().flatten().filter(|report| is_last(report)).count();
        if last_count == 0 || last_count == count {
            self.write_checkpoints();
        }
    }

    /// Tries again what failed.
    pub(super) fn retry_checkpoints(&mut self) {
        self.checkpoints.is_retry_set = false;
        if self.closing.is_serving() {
            self.write_checkpoints();
        }
    }

    /// Writes the files anew from the newest reports.
    fn write_checkpoints(&mut self) {
        let reports = &self.checkpoints.reports;
        let kinds = || reports.iter().flatten().map(|report| report.kind);
        let is_clean = kinds().all(|kind| kind == ReportKind::LastClean);
        let is_unclean = kinds().any(|kind| kind == ReportKind::LastUnclean);
        let all = reports.iter().flatten().flat_map(|report| &report.positions);
        let all: Vec<&PartitionPositions> = all.collect();
        let recovery_points = all.iter().map(|p| (&*p.topic, p.index, p.recovery_point));
        let log_starts = all.iter().map(|p| (&*p.topic, p.index, p.log_start));
        let files = [
            (RECOVERY_POINT_NAME, encode_partition_offsets(recovery_points)),
            (LOG_START_NAME, encode_partition_offsets(log_starts)),
        ];
        // What waits to be written is older.
        self.checkpoints.lane.retain_waiting(|_| false);
        for (name, content) in files {
            self.replace_file(name, content.into_bytes());
        }
        if is_clean {
            self.replace_file(CLEAN_SHUTDOWN_NAME, br#"{"version":0}"#.to_vec());
        } else if is_unclean {
            tracing::warn!("a log was not closed cleanly; the next start recovers all of them");
        }
        let turn = self.checkpoints.lane.start();
        self.take_checkpoint_turn(turn);
    }

    fn replace_file(&mut self, name: &'static str, content: Vec<u8>) {
        let path = self.settings.data_directory.join(name);
        self.checkpoints.lane.push(Job::new(name, replace_file(path, content)));
    }

    /// Takes the next step in replacing a file. A failure leaves the old file, and is tried again.
    pub(super) fn on_checkpoint(&mut self, result: Result<Output, IoError>) {
        let turn = self.checkpoints.lane.advance(result);
        self.take_checkpoint_turn(turn);
    }

    fn take_checkpoint_turn(&mut self, mut turn: Turn<&'static str>) {
        while let Turn::Finished(finished) = turn {
            self.note_replaced(finished);
            turn = self.checkpoints.lane.start();
        }
        match turn {
            Turn::Submit(op) => self.ops.push((Target::Checkpoint.token(), op)),
            Turn::Finished(_) | Turn::Idle => {}
        }
    }

    fn note_replaced(&mut self, finished: Finished<&'static str>) {
        let name = finished.job.kind;
        if let Err(error) = &finished.result {
            if !self.checkpoints.is_failing {
                let remedy = error.remedy();
                tracing::error!(
                    name,
                    %error,
                    "cannot write the checkpoints; trying again, the old ones stay{remedy}"
                );
            }
            self.checkpoints.is_failing = true;
            // Old checkpoints are good for recovery, and for nothing else.
            self.checkpoints.lane.retain_waiting(|name| *name != CLEAN_SHUTDOWN_NAME);
            if !std::mem::replace(&mut self.checkpoints.is_retry_set, true) {
                self.timers.set(self.now.monotonic.after(RETRY_DELAY), Timer::CheckpointRetry);
            }
        }
        if finished.result.is_ok() && name == CLEAN_SHUTDOWN_NAME {
            tracing::info!("the clean end is complete: the next start scans no log");
        }
        if finished.result.is_ok() && std::mem::take(&mut self.checkpoints.is_failing) {
            tracing::info!(name, "the checkpoints are written again");
        }
        for file in finished.job.files {
            self.ops.push((Target::Ignored.token(), Op::CloseFile { file }));
        }
    }
}

impl Checkpoints {
    /// Whether every shard has closed its logs, and the files are written.
    pub(super) fn are_last(&self) -> bool {
        let is_last = |report: &Report| report.kind != ReportKind::Interim;
        self.lane.is_idle()
            && self.reports.iter().all(|report| report.as_ref().is_some_and(is_last))
    }
}
