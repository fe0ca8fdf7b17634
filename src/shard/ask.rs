//! What a connection's shard asks of a partition's owner, and what it gets back.
//!
//! The same two enums serve a local partition, without the mailbox in between.

use super::connection::{RequestContext, RequestKey};
use crate::base::{LeaderEpoch, Monotonic, Offset, PartitionIndex, ShardId, Timestamp, TopicId};
use crate::log::{ActiveProducer, ReadPlan};
use crate::metadata::Topic;
use crate::wire::ErrorCode;
use crate::wire::frame::FrameTooLong;
use crate::wire::record_batch::BatchHeader;
use bytes::Bytes;
use std::sync::Arc;

/// A question to one shard.
#[derive(Debug)]
pub struct Ask {
    /// Who asks.
    pub from: ShardId,
    /// For which request.
    pub key: RequestKey,
    /// Which of the request's questions it is.
    pub index: QuestionIndex,
    /// The version of the image that the asker went by.
    pub image_version: u64,
    /// What is asked.
    pub question: Question,
}

/// The number of a question among those that its request asks, from 0. The answer names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct QuestionIndex(u32);

impl QuestionIndex {
    /// The only question of a request.
    pub const ONLY: QuestionIndex = QuestionIndex(0);

    /// The questions of a request, in the order of asking.
    pub fn all() -> impl Iterator<Item = QuestionIndex> {
        (0..).map(QuestionIndex)
    }

    /// Where it stands in a list that has an element for each question.
    pub fn place(self) -> usize {
        self.0 as usize
    }
}

/// The number of a partition among all that its request names, from 0; not the partition's own
/// number in its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EntryIndex(u32);

impl EntryIndex {
    /// The entry that has `count` others before it.
    ///
    /// # Panics
    /// Past 2³² entries, which no frame has room for.
    pub fn after(count: usize) -> EntryIndex {
        EntryIndex(u32::try_from(count).expect("a frame bounds its entries"))
    }

    /// Where it stands in the list of a request's entries.
    pub fn place(self) -> usize {
        self.0 as usize
    }
}

/// A partition by the names that never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PartitionKey {
    /// The topic.
    pub topic: TopicId,
    /// The partition in it.
    pub index: PartitionIndex,
}

/// What a shard may be asked for.
#[derive(Debug)]
pub enum Question {
    /// Append a validated batch, and answer once the acks hold.
    Append { partition: PartitionKey, header: BatchHeader, batch: Bytes, acks: Acks },
    /// Plan reads, and answer once there is enough.
    Fetch(FetchQuestion),
    /// Find the offset of a timestamp.
    ListOffset { partition: PartitionKey, timestamp: i64, leader_epoch: i32, committed: bool },
    /// Find where an epoch ends.
    EpochEnd { partition: PartitionKey, leader_epoch: i32, current_leader_epoch: i32 },
    /// Move the log's start.
    DeleteRecords { partition: PartitionKey, before: i64 },
    /// List the idempotent producers.
    DescribeProducers { partition: PartitionKey },
    /// Sizes of all partitions of the shard.
    DescribeLogs,
    /// A request that the controller answers as a whole.
    Control { context: RequestContext, body: Bytes },
    /// Topics that a Metadata request named and that should exist.
    CreateMissing { names: Vec<String> },
    /// Answer the fetch of the same request now, with what there is.
    Hurry,
}

impl Question {
    /// The partition that it is about, if it is about one.
    pub fn partition(&self) -> Option<PartitionKey> {
        match self {
            Question::Append { partition, .. }
            | Question::ListOffset { partition, .. }
            | Question::EpochEnd { partition, .. }
            | Question::DeleteRecords { partition, .. }
            | Question::DescribeProducers { partition } => Some(*partition),
            Question::Fetch(_)
            | Question::DescribeLogs
            | Question::Control { .. }
            | Question::CreateMissing { .. }
            | Question::Hurry => None,
        }
    }
}

/// When a produce is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acks {
    /// Never.
    None,
    /// Once the leader's durability mode holds.
    Leader,
    /// Once all in-sync replicas have it: below the high watermark.
    All,
}

/// The part of a fetch that one shard serves.
#[derive(Debug)]
pub struct FetchQuestion {
    /// The partitions, in the order of the request.
    pub partitions: Vec<FetchPartition>,
    /// Answer at once when so many bytes are there.
    pub bytes_min: u32,
    /// Plan no more than this, but for a first batch that is larger.
    pub bytes_max: u32,
    /// Answer after this many milliseconds with what there is.
    pub wait_ms: u32,
    /// Whether to stop at the last stable offset.
    pub committed: bool,
}

/// What a fetch wants of one partition.
#[derive(Debug, Clone, Copy)]
pub struct FetchPartition {
    /// The partition.
    pub partition: PartitionKey,
    /// Which of the request's entries it is.
    pub entry: EntryIndex,
    /// The first offset wanted.
    pub offset: Offset,
    /// At most so many bytes.
    pub bytes_max: u32,
    /// The leader epoch that the client knows; −1 for none (KIP-320).
    pub current_leader_epoch: i32,
}

/// An error of one partition, with words for the client where the protocol has room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Kafka's code.
    pub code: ErrorCode,
    /// What happened, what was seen, and what to do; empty if the code says it all.
    pub message: String,
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Refusal { code, message: String::new() }
    }
}

/// What an owner answers.
#[derive(Debug)]
pub enum Answer {
    /// To any question about one partition: no, and why.
    Refused(Refusal),
    /// To [`Question::Append`].
    Appended(AppendedPart),
    /// To [`Question::Append`] with acks=0: refused, which only a closed connection can tell.
    RefusedSilently,
    /// To [`Question::Fetch`]: one entry for each of its partitions.
    Fetched(Vec<FetchedPart>),
    /// To [`Question::ListOffset`].
    Offset(FoundOffset),
    /// To [`Question::EpochEnd`]: the epoch and its end; −1 for none.
    EpochEnd(LeaderEpoch, Offset),
    /// To [`Question::DeleteRecords`]: the new start.
    LogStart(Offset),
    /// To [`Question::DescribeProducers`].
    Producers(Vec<ActiveProducer>),
    /// To [`Question::DescribeLogs`].
    Logs(Vec<LogDescription>),
    /// To [`Question::Control`]: the whole reply.
    Encoded(Vec<u8>),
    /// To [`Question::Control`]: the reply cannot be sent.
    TooLong(FrameTooLong),
    /// To [`Question::Control`]: the request cannot be read.
    Malformed,
    /// To [`Question::CreateMissing`]: the topics exist, or cannot.
    Created,
}

/// A batch's place in its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppendedPart {
    /// The offset of its first record.
    pub base_offset: Offset,
    /// The time it was given, with `message.timestamp.type=LogAppendTime`.
    pub log_append_time: Timestamp,
    /// The first offset of the log.
    pub log_start: Offset,
    /// When it was written, by the clock that all shards share.
    pub written: Monotonic,
}

/// One partition's part of a fetch response.
#[derive(Debug)]
pub struct FetchedPart {
    /// Which of the request's entries it is.
    pub entry: EntryIndex,
    /// The error, if any.
    pub error: ErrorCode,
    /// Records below it are readable.
    pub high_watermark: Offset,
    /// Records below it are decided by transactions.
    pub last_stable_offset: Offset,
    /// The first offset of the log.
    pub log_start: Offset,
    /// What to send, if there is anything.
    pub plan: Option<ReadPlan>,
}

impl FetchedPart {
    /// An entry with an error and no records.
    pub fn failed(entry: EntryIndex, error: ErrorCode) -> Self {
        FetchedPart {
            entry,
            error,
            high_watermark: Offset(-1),
            last_stable_offset: Offset(-1),
            log_start: Offset(-1),
            plan: None,
        }
    }

    /// Whether a client should hear of it at once.
    pub fn is_news(&self) -> bool {
        self.error != ErrorCode::None || self.plan.as_ref().is_some_and(|plan| plan.length > 0)
    }
}

/// What a timestamp search found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundOffset {
    /// The offset, −1 if there is none.
    pub offset: i64,
    /// Its record's timestamp, −1 if the question was for an end of the log.
    pub timestamp: i64,
    /// Its leader epoch, −1 if unknown.
    pub leader_epoch: i32,
}

/// One partition for DescribeLogDirs.
#[derive(Debug, Clone)]
pub struct LogDescription {
    /// The topic.
    pub topic: Arc<Topic>,
    /// The partition.
    pub index: PartitionIndex,
    /// Bytes of its segments.
    pub size: u64,
}
