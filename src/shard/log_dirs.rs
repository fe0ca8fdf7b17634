//! DescribeLogDirs: the sizes of all partitions (KIP-113), and the disk's (KIP-827).

use super::Shard;
use super::ask::{Answer, LogDescription, Question};
use super::collect::{self, Answers};
use super::connection::RequestContext;
use super::partitions::PartitionState;
use super::token::Target;
use crate::base::ShardId;
use crate::io::{IoError, Op, Output};
use crate::wire::api::describe_log_dirs::{
    DescribableLogDirTopic, DescribeLogDirsPartition, DescribeLogDirsRequest,
    DescribeLogDirsResponse, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use bytes::Bytes;
use smallvec::smallvec;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// Asks every shard.
pub(super) fn on_request(shard: &mut Shard, context: &RequestContext, body: &Bytes) {
    if shard.decode::<DescribeLogDirsRequest>(context, body).is_none() {
        return;
    }
    let shards = (0..shard.mail.shard_count()).map(ShardId);
    let questions = shards.map(|shard| Ok((shard, Question::DescribeLogs))).collect();
    collect::start(shard, context, body, questions, finish);
}

fn finish(shard: &mut Shard, context: &RequestContext, body: &Bytes, answers: Answers) {
    let Some(request) = shard.decode::<DescribeLogDirsRequest>(context, body) else { return };
    let wanted = wanted_logs(&request);
    let mut logs: Vec<LogDescription> = answers
        .flat_map(|answer| match answer {
            Answer::Logs(logs) => logs,
            other => unreachable!("logs were asked for, not {other:?}"),
        })
        .filter(|log| {
            wanted.as_ref().is_none_or(|wanted| wanted.contains(&(&*log.topic.name, log.index.0)))
        })
        .collect();
    logs.sort_by(|a, b| (&a.topic.name, a.index).cmp(&(&b.topic.name, b.index)));
    let mut topics: BTreeMap<&str, DescribeLogDirsTopic> = BTreeMap::new();
    for log in &logs {
        let name = &*log.topic.name;
        let topic = topics
            .entry(name)
            .or_insert_with(|| DescribeLogDirsTopic { name, ..Default::default() });
        topic.partitions.push(DescribeLogDirsPartition {
            partition_index: log.index.0,
            partition_size: i64::try_from(log.size).unwrap_or(i64::MAX),
            ..Default::default()
        });
    }
    let settings = Arc::clone(&shard.settings);
    let response = DescribeLogDirsResponse {
        results: smallvec![DescribeLogDirsResult {
            log_dir: &settings.data_directory_shown,
            topics: topics.into_values().collect(),
            total_bytes: shard.disk_space.total,
            usable_bytes: shard.disk_space.usable,
            ..Default::default()
        }],
        ..Default::default()
    };
    shard.respond(context, &response);
}

/// The logs that a request names; `None` for all.
fn wanted_logs<'a>(request: &DescribeLogDirsRequest<'a>) -> Option<HashSet<(&'a str, i32)>> {
    let topics = request.topics.as_ref()?;
    let logs_of = |topic: &DescribableLogDirTopic<'a>| {
        let name = topic.topic;
        topic.partitions.iter().map(move |index| (name, *index)).collect::<Vec<_>>()
    };
    Some(topics.iter().flat_map(logs_of).collect())
}

/// The size of the data directory's file system, as of the last answer.
#[derive(Debug)]
pub struct DiskSpace {
    /// Bytes in all; −1 if unknown.
    total: i64,
    /// Bytes that are free; −1 if unknown.
    usable: i64,
    /// Whether an answer is on its way.
    is_asked: bool,
}

impl Default for DiskSpace {
    fn default() -> Self {
        DiskSpace { total: -1, usable: -1, is_asked: false }
    }
}

impl DiskSpace {
    /// Whether an answer is on its way: a shard does not end before it has come.
    pub fn is_asked(&self) -> bool {
        self.is_asked
    }
}

impl Shard {
    /// Asks for the size of the data directory's file system, while there is somebody to tell.
    pub(super) fn ask_for_space(&mut self) {
        if self.closing.is_serving() && !self.disk_space.is_asked {
            self.disk_space.is_asked = true;
            let path = self.settings.data_directory.clone();
            self.ops.push((Target::Space.token(), Op::Space { path }));
        }
    }

    pub(super) fn on_space(&mut self, result: Result<Output, IoError>) {
        self.disk_space = match result {
            Ok(Output::Space { total, available }) => {
                let shown = |bytes| i64::try_from(bytes).unwrap_or(i64::MAX);
                DiskSpace { total: shown(total), usable: shown(available), is_asked: false }
            }
            Ok(other) => unreachable!("space gave {other:?}"),
            Err(_) => DiskSpace::default(),
        };
    }

    /// The sizes of this shard's partitions.
    pub(super) fn describe_logs(&self) -> Vec<LogDescription> {
        let open = self.partitions.iter().map(|(_, partition)| partition);
        open.filter(|partition| partition.state == PartitionState::Open)
            .map(|partition| LogDescription {
                topic: Arc::clone(&partition.topic),
                index: partition.key.index,
                size: partition.log.size_bytes(),
            })
            .collect()
    }
}
