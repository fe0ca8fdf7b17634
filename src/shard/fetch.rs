//! Fetch: the request is split by owner, each owner plans its reads, the plans are sent.
//!
//! [`on_request`] asks every owner once; each answers when it has enough, or at the deadline
//! ([`super::reads`]). The first answer with data hurries the others. [`on_answer`] writes the
//! response when all have answered; its ranges go from the page cache to the socket.
//!
//! There are no fetch sessions (KIP-227): every response says session 0, so clients name all
//! their partitions each time.

use super::Shard;
use super::ask::{
    Answer, EntryIndex, FetchPartition, FetchQuestion, FetchedPart, PartitionKey, Question,
    QuestionIndex,
};
use super::connection::{RequestContext, RequestKey};
use super::named_topic::NamedTopic;
use super::work::Work;
use crate::base::limits::{FETCH_RECORDS_MAX, FETCH_WAIT_MS_MAX};
use crate::base::{Offset, PartitionIndex, ShardId};
use crate::log::ReadPlan;
use crate::wire::api::fetch::{
    FetchRequest, FetchResponse, FetchTopic, FetchableTopicResponse, LeaderIdAndEpoch,
    PartitionData, Records,
};
use crate::wire::{Array, ErrorCode};
use bytes::Bytes;
use smallvec::SmallVec;
use std::sync::Arc;

/// The first version that names topics by id.
const TOPIC_ID_VERSION: i16 = 13;

/// `isolation_level` of a consumer that wants committed records only.
const READ_COMMITTED: i8 = 1;

/// A fetch whose owners have not all answered.
#[derive(Debug)]
pub struct PendingFetch {
    context: RequestContext,
    topics: SmallVec<[NamedTopic; 1]>,
    entries: SmallVec<[Entry; 1]>,
    /// By question, who is asked.
    asked: SmallVec<[Asked; 1]>,
    bytes_max: u32,
    bytes_min: u32,
    hurried: bool,
}

#[derive(Debug)]
struct Asked {
    owner: ShardId,
    answered: bool,
}

#[derive(Debug)]
struct Entry {
    topic: u32,
    index: i32,
    /// Absent until the owner answers; there from the start where there is no owner to ask.
    part: Option<FetchedPart>,
}

/// Reads a fetch request and asks the owners of its partitions.
pub(super) fn on_request(shard: &mut Shard, context: &RequestContext, body: &Bytes) {
    let Some(request) = shard.decode::<FetchRequest>(context, body) else { return };
    if request.session_id != 0 {
        // A session of another broker, or of this one before a restart: the client starts anew.
        let error_code = ErrorCode::FetchSessionIdNotFound.code();
        shard.metrics.error(context.api.code(), error_code);
        return shard.respond(context, &FetchResponse { error_code, ..Default::default() });
    }
    let mut pending = PendingFetch {
        context: *context,
        topics: SmallVec::new(),
        entries: SmallVec::new(),
        asked: SmallVec::new(),
        bytes_max: bounded(request.max_bytes)
            .min(shard.settings.fetch_bytes_max)
            .min(FETCH_RECORDS_MAX),
        bytes_min: bounded(request.min_bytes),
        hurried: false,
    };
    let image = Arc::clone(&shard.image);
    let mut groups: SmallVec<[(ShardId, Vec<FetchPartition>); 1]> = SmallVec::new();
    for data in &request.topics {
        let by_id = context.version >= TOPIC_ID_VERSION;
        let topic = NamedTopic::find(&image, by_id, data.topic, data.topic_id);
        add_topic(shard, &mut pending, &mut groups, topic, data);
    }
    let wanted = wanted_count(&groups);
    if wanted as i64 > image.partition_count() {
        let why = format!("a fetch of {wanted} partitions, more than there are");
        return shard.refuse(context.key, &why);
    }
    ask_owners(shard, pending, groups, &request);
}

fn wanted_count(groups: &[(ShardId, Vec<FetchPartition>)]) -> usize {
    groups.iter().map(|(_, partitions)| partitions.len()).sum()
}

fn bounded(bytes: i32) -> u32 {
    u32::try_from(bytes).unwrap_or(0)
}

fn add_topic(
    shard: &Shard,
    pending: &mut PendingFetch,
    groups: &mut SmallVec<[(ShardId, Vec<FetchPartition>); 1]>,
    topic: NamedTopic,
    data: &FetchTopic,
) {
    let number = pending.topics.len() as u32;
    for partition in &data.partitions {
        let entry = EntryIndex::after(pending.entries.len());
        let index = partition.partition;
        let exists =
            topic.known().and_then(|topic| match (0..topic.partition_count).contains(&index) {
                true => Ok(PartitionKey { topic: topic.id, index: PartitionIndex(index) }),
                false => Err(ErrorCode::UnknownTopicOrPartition),
            });
        let part = exists.err().map(|error| FetchedPart::failed(entry, error));
        pending.entries.push(Entry { topic: number, index, part });
        let Ok(key) = exists else { continue };
        let owner = shard.owner_of(key);
        let wanted = FetchPartition {
            partition: key,
            entry,
            offset: Offset(partition.fetch_offset),
            bytes_max: bounded(partition.partition_max_bytes),
            current_leader_epoch: partition.current_leader_epoch,
        };
        match groups.iter_mut().find(|(shard, _)| *shard == owner) {
            Some((_, partitions)) => partitions.push(wanted),
            None => groups.push((owner, vec![wanted])),
        }
    }
    pending.topics.push(topic);
}

fn ask_owners(
    shard: &mut Shard,
    mut pending: PendingFetch,
    mut groups: SmallVec<[(ShardId, Vec<FetchPartition>); 1]>,
    request: &FetchRequest,
) {
    let key = pending.context.key;
    // This shard answers at once, and may then hurry the others: they must have been asked.
    groups.sort_by_key(|(owner, _)| *owner == shard.id);
    // An error is news: it does not wait.
    let is_urgent = wanted_count(&groups) < pending.entries.len();
    let wait_ms =
        if is_urgent { 0 } else { request.max_wait_ms.clamp(0, FETCH_WAIT_MS_MAX) as u32 };
    pending.asked =
        groups.iter().map(|(owner, _)| Asked { owner: *owner, answered: false }).collect();
    // Whenever all of them together have enough, one of them has its share.
    let bytes_min = pending.bytes_min.div_ceil(groups.len().max(1) as u32);
    let bytes_max = pending.bytes_max;
    if groups.is_empty() {
        // A fetch of nothing is answered at once.
        return respond(shard, pending);
    }
    shard.set_work(key, Work::Fetch(pending));
    let committed = request.isolation_level == READ_COMMITTED;
    for ((owner, partitions), index) in groups.into_iter().zip(QuestionIndex::all()) {
        let question = FetchQuestion { partitions, bytes_min, bytes_max, wait_ms, committed };
        shard.ask(owner, key, index, Question::Fetch(question));
    }
}

/// Takes the answer of one owner, hurries the others if it is worth sending, and responds once
/// it was the last.
pub(super) fn on_answer(
    shard: &mut Shard,
    key: RequestKey,
    question: QuestionIndex,
    answer: Answer,
) {
    let Answer::Fetched(parts) = answer else {
        unreachable!("a fetch is answered by plans");
    };
    let Some(Work::Fetch(pending)) = shard.work(key) else { return };
    let is_worth_sending = parts.iter().any(FetchedPart::is_news);
    for part in parts {
        let entry = part.entry.place();
        pending.entries[entry].part = Some(part);
    }
    pending.asked[question.place()].answered = true;
    if pending.asked.iter().all(|asked| asked.answered) {
        if let Some(Work::Fetch(pending)) = shard.take_work(key) {
            respond(shard, pending);
        }
    } else if is_worth_sending && !pending.hurried {
        pending.hurried = true;
        hurry_others(shard, key);
    }
}

fn hurry_others(shard: &mut Shard, key: RequestKey) {
    let Some(Work::Fetch(pending)) = shard.work(key) else { return };
    let others: SmallVec<[(ShardId, QuestionIndex); 8]> = pending
        .asked
        .iter()
        .zip(QuestionIndex::all())
        .filter(|(asked, _)| !asked.answered)
        .map(|(asked, index)| (asked.owner, index))
        .collect();
    for (owner, index) in others {
        shard.ask(owner, key, index, Question::Hurry);
    }
}

fn respond(shard: &mut Shard, mut pending: PendingFetch) {
    trim(&mut pending);
    let leader = LeaderIdAndEpoch {
        leader_id: shard.settings.broker_id.0,
        leader_epoch: shard.image.leader_epoch().0,
    };
    let mut plans: Vec<ReadPlan> = Vec::new();
    let mut responses: Array<FetchableTopicResponse> = SmallVec::new();
    for topic in &pending.topics {
        let (topic, topic_id) = (topic.name(), topic.id());
        responses.push(FetchableTopicResponse { topic, topic_id, ..Default::default() });
    }
    for entry in &mut pending.entries {
        let part = entry.part.take().expect("every owner has answered for its partitions");
        shard.metrics.error(pending.context.api.code(), part.error.code());
        let data = partition_data(entry.index, &part, &leader);
        responses[entry.topic as usize].partitions.push(data);
        plans.extend(part.plan);
    }
    let response = FetchResponse { responses, ..Default::default() };
    shard.respond_spliced(&pending.context, &response, plans);
}

/// Owners each kept within the response's limit; together they must, too.
fn trim(pending: &mut PendingFetch) {
    let mut left = pending.bytes_max;
    let mut is_first = true;
    for entry in &mut pending.entries {
        let Some(part) = &mut entry.part else { continue };
        let Some(plan) = &mut part.plan else { continue };
        if plan.length > left {
            // The very first batch goes whole, so that a consumer always gets ahead (KIP-74).
            let first = if is_first { plan.first_batch_length } else { 0 };
            plan.length = plan.length.min(left.max(first));
        }
        if plan.length < plan.first_batch_length {
            part.plan = None;
            continue;
        }
        left = left.saturating_sub(plan.length);
        is_first = false;
    }
}

fn partition_data<'a>(
    partition_index: i32,
    part: &FetchedPart,
    leader: &LeaderIdAndEpoch,
) -> PartitionData<'a> {
    let length = part.plan.as_ref().map_or(0, |plan| plan.length);
    let is_stale_epoch =
        matches!(part.error, ErrorCode::FencedLeaderEpoch | ErrorCode::NotLeaderOrFollower);
    PartitionData {
        partition_index,
        error_code: part.error.code(),
        high_watermark: part.high_watermark.0,
        last_stable_offset: part.last_stable_offset.0,
        log_start_offset: part.log_start.0,
        records: Records::Deferred { length },
        current_leader: if is_stale_epoch { leader.clone() } else { LeaderIdAndEpoch::default() },
        ..Default::default()
    }
}
