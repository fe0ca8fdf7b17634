//! The checkpoints of the data directory: where recovery begins, and where each log begins.
//!
//! Every shard reports its partitions to the controller, which writes both files: written beside,
//! synced, renamed. A crash leaves the old or the new.

use super::opening::CLEAN_SHUTDOWN_NAME;
use super::requests::CONTROLLER;
use super::shutdown::Stage;
use super::tick::Timer;
use super::token::Target;
use super::{Message, Shard};
use crate::base::{Offset, PartitionIndex, ShardId};
use crate::io::jobs::{Finished, Job, Lane, Turn, replace_file};
use crate::io::{IoError, Op, Output};
use crate::log::checkpoint::{LOG_START_NAME, RECOVERY_POINT_NAME, encode_partition_offsets};
use std::sync::Arc;

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

/// The controller's state between reports and files.
#[derive(Debug, Default)]
pub struct Checkpoints {
    reports: Vec<Option<Report>>,
    /// Writes one file after the other; a job's kind is its file's name.
    lane: Lane<&'static str>,
}

#[derive(Debug)]
struct Report {
    positions: Vec<PartitionPositions>,
    is_last: bool,
}

impl Shard {
    /// Reports this shard's positions to the controller, and sets the time of the next report.
    ///
    /// On the way to the end only the last report counts: one that came after it would hide it.
    pub(super) fn report_positions(&mut self, is_last: bool) {
        if !is_last && self.stage != Stage::Serving {
            return;
        }
        let positions = self
            .partitions
            .iter()
            .map(|(_, partition)| PartitionPositions {
                topic: Arc::clone(&partition.topic.name),
                index: partition.key.index,
                recovery_point: partition.log.recovery_point(),
                log_start: partition.log.positions().log_start,
            })
            .collect();
        if self.id == CONTROLLER {
            self.on_positions(self.id, positions, is_last);
        } else {
            self.send(CONTROLLER, Message::Positions { shard: self.id, positions, is_last });
            if is_last {
                self.stage = Stage::Stopped;
            }
        }
        if !is_last {
            let next = self.now.monotonic.after(self.settings.checkpoint_interval);
            self.timers.set(next, Timer::Checkpoint);
        }
    }

    /// Takes a shard's report; with all of them in, the files are written.
    pub(super) fn on_positions(
        &mut self,
        shard: ShardId,
        positions: Vec<PartitionPositions>,
        is_last: bool,
    ) {
        let count = usize::from(self.mail.shard_count());
        let reports = &mut self.checkpoints.reports;
        reports.resize_with(count, || None);
        reports[usize::from(shard.0)] = Some(Report { positions, is_last });
        if reports.iter().any(Option::is_none) {
            return;
        }
        let all_last = reports.iter().flatten().all(|report| report.is_last);
        let any_last = reports.iter().flatten().any(|report| report.is_last);
        if any_last && !all_last {
            return;
        }
        let all = reports.iter().flatten().flat_map(|report| &report.positions);
        let all: Vec<&PartitionPositions> = all.collect();
        let recovery_points = all.iter().map(|p| (&*p.topic, p.index, p.recovery_point));
        let log_starts = all.iter().map(|p| (&*p.topic, p.index, p.log_start));
        let files = [
            (RECOVERY_POINT_NAME, encode_partition_offsets(recovery_points)),
            (LOG_START_NAME, encode_partition_offsets(log_starts)),
        ];
        for (name, content) in files {
            self.replace_file(name, content.into_bytes());
        }
        if all_last {
            self.replace_file(CLEAN_SHUTDOWN_NAME, br#"{"version":0}"#.to_vec());
        }
        let turn = self.checkpoints.lane.start();
        self.take_checkpoint_turn(turn);
    }

    fn replace_file(&mut self, name: &'static str, content: Vec<u8>) {
        let path = self.settings.data_directory.join(name);
        self.checkpoints.lane.push(Job::new(name, replace_file(path, content)));
    }

    /// Takes the next step in replacing a file. A failure leaves the old file, and is logged.
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
            _ if self.stage == Stage::Checkpointing && self.checkpoints.are_last() => {
                self.stage = Stage::Stopped;
            }
            _ => {}
        }
    }

    fn note_replaced(&mut self, finished: Finished<&'static str>) {
        let name = finished.job.kind;
        if let Err(error) = finished.result {
            tracing::error!(name, %error, "cannot write a checkpoint; the old one stays");
        }
        for file in finished.job.files {
            self.ops.push((Target::Ignored.token(), Op::CloseFile { file }));
        }
    }
}

impl Checkpoints {
    /// Whether every shard has closed its logs, and the files are written.
    fn are_last(&self) -> bool {
        self.lane.is_idle() && self.reports.iter().flatten().all(|report| report.is_last)
    }
}
