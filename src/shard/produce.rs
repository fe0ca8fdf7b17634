//! Produce: from the request to the log, and from the disk back to the client.
//!
//! The connection's shard checks each batch where it lies in the frame ([`on_request`]) and hands
//! it to the partition's owner ([`Shard::append`]), which assigns offsets and lets the reply wait.
//! Once the log's positions pass it ([`Shard::release_appends`]) the answer travels back
//! ([`on_answer`]), and when all partitions have answered the response is written.

use super::Shard;
use super::ask::{
    Acks, Answer, AppendedPart, EntryIndex, PartitionKey, Question, QuestionIndex, Refusal,
};
use super::batch_check::{Rejection, check_batch};
use super::connection::{Reply, RequestContext, RequestKey};
use super::named_topic::NamedTopic;
use super::routing::ReplyTo;
use super::slots::SlotId;
use super::wait_queue::WaitingAppend;
use super::work::Work;
use crate::base::Offset;
use crate::wire::api::produce::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch, PartitionProduceResponse, ProduceRequest,
    ProduceResponse, TopicProduceResponse,
};
use crate::wire::record_batch::BatchHeader;
use crate::wire::{Array, ErrorCode};
use bytes::Bytes;
use smallvec::SmallVec;
use std::sync::Arc;

/// The first version that names topics by id.
const TOPIC_ID_VERSION: i16 = 13;

/// A produce request whose partitions have not all answered.
#[derive(Debug)]
pub struct PendingProduce {
    context: RequestContext,
    topics: SmallVec<[NamedTopic; 1]>,
    entries: SmallVec<[Entry; 1]>,
    /// By question, the entry whose batch it is about.
    asked: SmallVec<[EntryIndex; 1]>,
    unanswered: usize,
}

/// One partition of the request.
#[derive(Debug)]
struct Entry {
    topic: u32,
    index: i32,
    result: Option<Result<AppendedPart, Refusal>>,
    /// Places in the refused batch of the records at fault; empty if it is not about records
    /// (KIP-467). A client may send the others again.
    bad_records: Vec<u32>,
}

/// Reads a produce request and sends each of its batches on its way.
pub(super) fn on_request(shard: &mut Shard, context: &RequestContext, body: &Bytes) {
    let Some(request) = shard.decode::<ProduceRequest>(context, body) else { return };
    let acks = acks_of(request.acks);
    let image = Arc::clone(&shard.image);
    let mut pending = PendingProduce {
        context: *context,
        topics: SmallVec::new(),
        entries: SmallVec::new(),
        asked: SmallVec::new(),
        unanswered: 0,
    };
    let mut asks: SmallVec<[(PartitionKey, BatchHeader, Bytes); 1]> = SmallVec::new();
    for data in &request.topic_data {
        let by_id = context.version >= TOPIC_ID_VERSION;
        let named = NamedTopic::find(&image, by_id, data.name, data.topic_id);
        for partition in &data.partition_data {
            let checked = acks
                .clone()
                .map_err(Rejection::from)
                .and_then(|_| check_batch(named.known(), partition, &request, context.version));
            let (result, bad_records) = match checked {
                Ok((key, header)) => {
                    let records = partition.records.unwrap_or_default();
                    asks.push((key, header, body.slice_ref(records)));
                    pending.asked.push(EntryIndex::after(pending.entries.len()));
                    (None, Vec::new())
                }
                Err(Rejection { refusal, bad_records }) => {
                    shard.note_refusal(&refusal, data.name, partition.index);
                    (Some(Err(refusal)), bad_records)
                }
            };
            let topic = pending.topics.len() as u32;
            pending.entries.push(Entry { topic, index: partition.index, result, bad_records });
        }
        pending.topics.push(named);
    }
    match acks {
        Ok(acks) => start(shard, pending, asks, acks),
        Err(_) => respond(shard, &pending),
    }
}

/// Hands the batches to their owners. Their answers may come before this returns.
fn start(
    shard: &mut Shard,
    mut pending: PendingProduce,
    asks: SmallVec<[(PartitionKey, BatchHeader, Bytes); 1]>,
    acks: Acks,
) {
    let key = pending.context.key;
    pending.unanswered = pending.asked.len();
    if acks == Acks::None {
        return start_unacknowledged(shard, &pending, asks);
    }
    if pending.unanswered == 0 {
        return respond(shard, &pending);
    }
    shard.set_work(key, Work::Produce(pending));
    for (index, (partition, header, batch)) in QuestionIndex::all().zip(asks) {
        let owner = shard.owner_of(partition);
        shard.ask(owner, key, index, Question::Append { partition, header, batch, acks });
    }
}

/// Without acks there is no response; an error can only be told by closing the connection.
fn start_unacknowledged(
    shard: &mut Shard,
    pending: &PendingProduce,
    asks: SmallVec<[(PartitionKey, BatchHeader, Bytes); 1]>,
) {
    let key = pending.context.key;
    for (index, (partition, header, batch)) in QuestionIndex::all().zip(asks) {
        let owner = shard.owner_of(partition);
        let acks = Acks::None;
        shard.ask(owner, key, index, Question::Append { partition, header, batch, acks });
    }
    shard.reply(key, Reply::Silent);
    if pending.unanswered < pending.entries.len() {
        shard.refuse_silently(key);
    }
}

fn acks_of(acks: i16) -> Result<Acks, Refusal> {
    match acks {
        0 => Ok(Acks::None),
        1 => Ok(Acks::Leader),
        -1 => Ok(Acks::All),
        _ => Err(Refusal {
            code: ErrorCode::InvalidRequiredAcks,
            message: format!("acks is {acks}; 0, 1 and -1 (all) are allowed"),
        }),
    }
}

/// Takes the answer of one partition, and responds once it was the last.
pub(super) fn on_answer(
    shard: &mut Shard,
    key: RequestKey,
    question: QuestionIndex,
    answer: Answer,
) {
    let result = match answer {
        Answer::Appended(appended) => Ok(appended),
        Answer::Refused(refusal) => Err(refusal),
        other => unreachable!("an append was asked for, not {other:?}"),
    };
    let Some(Work::Produce(pending)) = shard.work(key) else { return };
    let entry = &mut pending.entries[pending.asked[question.place()].place()];
    assert!(entry.result.is_none(), "a partition answers once");
    entry.result = Some(result);
    pending.unanswered -= 1;
    if pending.unanswered == 0
        && let Some(Work::Produce(pending)) = shard.take_work(key)
    {
        note_written(shard, &pending);
        respond(shard, &pending);
    }
}

/// Notes when the last batch was written: what comes before is the request's append stage, what
/// comes after its sync stage.
fn note_written(shard: &mut Shard, pending: &PendingProduce) {
    let appended = pending.entries.iter().filter_map(|entry| entry.result.as_ref()?.as_ref().ok());
    let key = pending.context.key;
    if let Some(written) = appended.map(|part| part.written).max()
        && let Some(connection) = shard.connections.get_mut(key.connection)
    {
        connection.note_written(key.number, written);
    }
}

fn respond(shard: &mut Shard, pending: &PendingProduce) {
    let epoch = shard.image.leader_epoch().0;
    let leader = LeaderIdAndEpoch { leader_id: shard.settings.broker_id.0, leader_epoch: epoch };
    let mut responses: Array<TopicProduceResponse> = SmallVec::new();
    for topic in &pending.topics {
        let (name, topic_id) = (topic.name(), topic.id());
        responses.push(TopicProduceResponse { name, topic_id, ..Default::default() });
    }
    for entry in &pending.entries {
        let response = partition_response(entry, &leader);
        shard.metrics.error(pending.context.api.code(), response.error_code);
        responses[entry.topic as usize].partition_responses.push(response);
    }
    shard.respond(&pending.context, &ProduceResponse { responses, ..Default::default() });
}

fn partition_response<'e>(
    entry: &'e Entry,
    leader: &LeaderIdAndEpoch,
) -> PartitionProduceResponse<'e> {
    let index = entry.index;
    match entry.result.as_ref().expect("every partition has answered") {
        Ok(appended) => PartitionProduceResponse {
            index,
            base_offset: appended.base_offset.0,
            log_append_time_ms: appended.log_append_time.0,
            log_start_offset: appended.log_start.0,
            ..Default::default()
        },
        Err(refusal) => PartitionProduceResponse {
            index,
            error_code: refusal.code.code(),
            base_offset: -1,
            record_errors: entry.bad_records.iter().map(bad_record).collect(),
            error_message: Some(refusal.message.as_str()).filter(|text| !text.is_empty()),
            current_leader: match refusal.code {
                ErrorCode::NotLeaderOrFollower => leader.clone(),
                _ => LeaderIdAndEpoch::default(),
            },
            ..Default::default()
        },
    }
}

fn bad_record<'a>(place: &u32) -> BatchIndexAndErrorMessage<'a> {
    let batch_index = i32::try_from(*place).expect("a batch counts its records in 31 bits");
    BatchIndexAndErrorMessage {
        batch_index,
        batch_index_error_message: Some("a record of a compacted topic needs a key"),
    }
}

impl Shard {
    /// Appends a batch to a log of this shard and lets its answer wait for the disk.
    pub(super) fn append(
        &mut self,
        to: ReplyTo,
        partition: PartitionKey,
        header: &BatchHeader,
        batch: Bytes,
        acks: Acks,
    ) {
        let size = batch.len() as u64;
        let now = self.now;
        let slot = match self.partitions.find_appendable(partition) {
            Ok(slot) => slot,
            Err(code) => return self.answer_append(to, acks, Err(code.into())),
        };
        let owned = self.partitions.get_mut(slot);
        let appended = match owned.log.append(header, batch, now) {
            Ok(appended) => appended,
            Err(error) => {
                let refusal = Refusal { code: error.code(), message: error.to_string() };
                let topic = Arc::clone(&owned.topic);
                self.note_refusal(&refusal, &topic.name, partition.index.0);
                return self.answer_append(to, acks, Err(refusal));
            }
        };
        let waiting = WaitingAppend {
            last_offset: appended.last_offset,
            part: AppendedPart {
                base_offset: appended.base_offset,
                log_append_time: appended.log_append_time,
                log_start: appended.log_start,
                written: now.monotonic,
            },
            to,
        };
        owned.append_waiters.push(acks, waiting);
        let counters = &mut self.metrics.counters;
        if appended.duplicate {
            counters.batches_duplicate += 1;
            // There may be nothing left to write whose end would release it.
            return self.release_appends(slot);
        }
        counters.batches_in += 1;
        counters.records_in += u64::try_from(header.records_count).unwrap_or(0);
        counters.produced_bytes += size;
        self.mark_log(slot);
    }

    fn answer_append(&mut self, to: ReplyTo, acks: Acks, result: Result<AppendedPart, Refusal>) {
        match result {
            Err(_) if acks == Acks::None => self.give(to, Answer::RefusedSilently),
            Ok(_) if acks == Acks::None => {}
            result => self.give(to, Answer::of(result, Answer::Appended)),
        }
    }

    /// Answers the appends that the log's positions have passed.
    pub(super) fn release_appends(&mut self, slot: SlotId) {
        let now = self.now.monotonic;
        loop {
            let owned = self.partitions.get_mut(slot);
            let acknowledged = owned.log.acknowledged();
            let high_watermark = owned.log.positions().high_watermark;
            let released = owned.append_waiters.pop_released(acknowledged, high_watermark);
            let Some((mut waiting, written)) = released else { return };
            waiting.part.written = written.unwrap_or(now);
            self.give(waiting.to, Answer::Appended(waiting.part));
        }
    }

    /// Fails the appends at and above `from`: the log has taken them back.
    pub(super) fn fail_appends(&mut self, slot: SlotId, from: Offset, refusal: &Refusal) {
        let owned = self.partitions.get_mut(slot);
        for waiting in owned.append_waiters.take_from(from) {
            self.give(waiting.to, Answer::Refused(refusal.clone()));
        }
    }

    /// Counts a refused batch; the client gets the words, the log a line at debug level.
    fn note_refusal(&mut self, refusal: &Refusal, topic: &str, partition: i32) {
        self.metrics.counters.batches_refused += 1;
        let Refusal { code, message } = refusal;
        tracing::debug!(topic, partition, ?code, "refused a batch: {message}");
    }
}
