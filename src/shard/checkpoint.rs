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
use crate::io::{File, Gather, IoError, Op, OpenMode, Output};
use crate::log::checkpoint::{LOG_START_NAME, RECOVERY_POINT_NAME, encode_partition_offsets};
use std::collections::VecDeque;
use std::path::PathBuf;
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
    queue: VecDeque<Replacement>,
    writing: Option<Replacement>,
    step: Step,
}

#[derive(Debug)]
struct Report {
    positions: Vec<PartitionPositions>,
    is_last: bool,
}

/// A file to be replaced.
#[derive(Debug)]
struct Replacement {
    name: &'static str,
    content: Vec<u8>,
}

/// What the replacement of a file waits for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Step {
    #[default]
    Idle,
    Open,
    Write(File),
    Sync(File),
    Close,
    Rename,
    SyncDirectory,
}

impl Shard {
    /// Reports this shard's positions to the controller, and sets the time of the next report.
    pub(super) fn report_positions(&mut self, is_last: bool) {
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
        if !is_last && self.stage == Stage::Serving {
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
            let content = content.into_bytes();
            self.checkpoints.queue.push_back(Replacement { name, content });
        }
        if all_last {
            let content = br#"{"version":0}"#.to_vec();
            let marker = Replacement { name: CLEAN_SHUTDOWN_NAME, content };
            self.checkpoints.queue.push_back(marker);
        }
        self.next_replacement();
    }

    fn next_replacement(&mut self) {
        if self.checkpoints.step != Step::Idle {
            return;
        }
        match self.checkpoints.queue.pop_front() {
            Some(replacement) => {
                self.checkpoints.step = Step::Open;
                let path = self.temporary_path(replacement.name);
                self.checkpoints.writing = Some(replacement);
                self.submit_checkpoint(Op::Open { path, mode: OpenMode::CreateEmpty });
            }
            None if self.stage == Stage::Checkpointing && self.all_shards_are_done() => {
                self.stage = Stage::Stopped;
            }
            None => {}
        }
    }

    fn all_shards_are_done(&self) -> bool {
        self.checkpoints.reports.iter().flatten().all(|report| report.is_last)
    }

    fn submit_checkpoint(&mut self, op: Op) {
        self.ops.push((Target::Checkpoint.token(), op));
    }

    fn temporary_path(&self, name: &str) -> PathBuf {
        self.settings.data_directory.join(format!("{name}.tmp"))
    }

    /// Takes the next step in replacing a file. A failure leaves the old file, and is logged.
    pub(super) fn on_checkpoint(&mut self, result: Result<Output, IoError>) {
        let Some(writing) = &mut self.checkpoints.writing else {
            unreachable!("a checkpoint operation belongs to a file");
        };
        let name = writing.name;
        let output = match result {
            Ok(output) => output,
            Err(error) => {
                tracing::error!(name, %error, "cannot write a checkpoint; the old one stays");
                return self.end_replacement();
            }
        };
        let (step, op) = match (self.checkpoints.step, output) {
            (Step::Open, Output::Opened(file)) => {
                let mut data = Gather::default();
                data.push_copied(&writing.content);
                (Step::Write(file), Op::Write { file, position: 0, data })
            }
            (Step::Write(file), _) => (Step::Sync(file), Op::Sync { file }),
            (Step::Sync(file), _) => (Step::Close, Op::CloseFile { file }),
            (Step::Close, _) => {
                let from = self.temporary_path(name);
                let to = self.settings.data_directory.join(name);
                (Step::Rename, Op::Rename { from, to })
            }
            (Step::Rename, _) => {
                let path = self.settings.data_directory.clone();
                (Step::SyncDirectory, Op::SyncDirectory { path })
            }
            (Step::SyncDirectory, _) => return self.end_replacement(),
            (step, output) => unreachable!("{output:?} in step {step:?}"),
        };
        self.checkpoints.step = step;
        self.submit_checkpoint(op);
    }

    fn end_replacement(&mut self) {
        self.checkpoints.step = Step::Idle;
        self.checkpoints.writing = None;
        self.next_replacement();
    }
}
