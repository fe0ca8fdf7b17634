//! What each request is answered with.

use super::store::{Partition, Retention, Store};
use crate::error::{Error, Result};
use bytes::{Bytes, BytesMut};
use pinion::wire::api::api_versions::{ApiVersion, ApiVersionsResponse};
use pinion::wire::api::create_topics::{
    CreatableTopic, CreatableTopicConfig, CreatableTopicResult, CreateTopicsRequest,
    CreateTopicsResponse,
};
use pinion::wire::api::delete_topics::{
    DeletableTopicResult, DeleteTopicsRequest, DeleteTopicsResponse,
};
use pinion::wire::api::fetch::{
    FetchRequest, FetchResponse, FetchableTopicResponse, PartitionData, Records,
};
use pinion::wire::api::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopicResponse,
};
use pinion::wire::api::metadata::{
    MetadataRequest, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
    MetadataResponseTopic,
};
use pinion::wire::api::produce::{
    PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceResponse,
};
use pinion::wire::frame::write_response;
use pinion::wire::header::{RequestHeader, ResponseHeader};
use pinion::wire::{ApiKey, Array, Cut, ErrorCode, Message, Reader};
use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

/// The greatest version of each API that is spoken: those that name topics by their names.
const SPOKEN: [(ApiKey, i16); 7] = [
    (ApiKey::ApiVersions, 4),
    (ApiKey::Metadata, 9),
    (ApiKey::CreateTopics, 6),
    (ApiKey::DeleteTopics, 5),
    (ApiKey::Produce, 12),
    (ApiKey::Fetch, 12),
    (ApiKey::ListOffsets, 6),
];
const NODE: i32 = 0;
const CLUSTER: &str = "ceiling";
/// ListOffsets' name for the end of a log.
const LATEST: i64 = -1;
/// Between two looks for records that a fetch waits for.
const FETCH_POLL: Duration = Duration::from_micros(200);

/// A response.
#[derive(Debug, Default)]
pub struct Answer {
    /// All of it but records of logs.
    pub frame: Vec<u8>,
    /// Those, and before which byte of the frame they belong.
    pub records: Vec<(usize, Vec<Bytes>)>,
}

/// Answers a request, unless none is wanted.
///
/// # Errors
/// If it makes no sense, or is not spoken here.
pub fn answer(store: &Store, frame: BytesMut) -> Result<Option<Answer>> {
    let mut reader = Reader::new(&frame);
    let header = RequestHeader::decode(&mut reader).map_err(Error::client("a client"))?;
    let header = Header {
        version: header.api_version,
        response: ResponseHeader { correlation_id: header.correlation_id },
        api: header.api(),
    };
    let body = frame.len() - reader.remaining().len();
    match header.api {
        Some(ApiKey::ApiVersions) => header.answer(&versions(header.version)).map(Some),
        Some(ApiKey::Metadata) => metadata(store, header, &frame[body..]).map(Some),
        Some(ApiKey::CreateTopics) => create_topics(store, header, &frame[body..]).map(Some),
        Some(ApiKey::DeleteTopics) => delete_topics(store, header, &frame[body..]).map(Some),
        Some(ApiKey::Produce) => produce(store, header, frame, body),
        Some(ApiKey::Fetch) => fetch(store, header, &frame[body..]).map(Some),
        Some(ApiKey::ListOffsets) => list_offsets(store, header, &frame[body..]).map(Some),
        _ => Err(Error::client("a client")(format!("{:?} is not spoken here", header.api))),
    }
}

/// What is needed of a request's header.
#[derive(Debug, Clone, Copy)]
struct Header {
    api: Option<ApiKey>,
    version: i16,
    response: ResponseHeader,
}

impl Header {
    fn decode<'f, M: Message<'f>>(&self, body: &'f [u8]) -> Result<M> {
        M::decode(&mut Reader::new(body), self.version).map_err(Error::client("a client"))
    }

    fn answer<'a, M: Message<'a>>(&self, body: &M) -> Result<Answer> {
        self.answer_with(body).map(|(frame, _)| Answer { frame, records: Vec::new() })
    }

    fn answer_with<'a, M: Message<'a>>(&self, body: &M) -> Result<(Vec<u8>, Vec<Cut>)> {
        let (mut frame, mut cuts) = (Vec::new(), Vec::new());
        let version = match (self.api, self.version) {
            // What is asked in a version of the future is answered in the first one.
            (Some(ApiKey::ApiVersions), version) if version > SPOKEN[0].1 => 0,
            (_, version) => version,
        };
        let written = write_response(&mut frame, &mut cuts, version, self.response, body);
        written.map_err(Error::client("a client"))?;
        Ok((frame, cuts))
    }
}

fn versions(version: i16) -> ApiVersionsResponse<'static> {
    let spoken = |(key, max): &(ApiKey, i16)| ApiVersion {
        api_key: key.code(),
        min_version: *key.versions().start(),
        max_version: *max,
    };
    let is_known = version <= SPOKEN[0].1;
    let error = if is_known { ErrorCode::None } else { ErrorCode::UnsupportedVersion };
    ApiVersionsResponse {
        error_code: error.code(),
        api_keys: SPOKEN.iter().map(spoken).collect(),
        ..Default::default()
    }
}

fn metadata(store: &Store, header: Header, body: &[u8]) -> Result<Answer> {
    let request: MetadataRequest<'_> = header.decode(body)?;
    let all = store.names();
    let names: Vec<&str> = match &request.topics {
        Some(topics) => topics.iter().filter_map(|topic| topic.name).collect(),
        None => all.iter().map(String::as_str).collect(),
    };
    let partition = |partition_index| MetadataResponsePartition {
        partition_index,
        leader_id: NODE,
        replica_nodes: Array::from_iter([NODE]),
        isr_nodes: Array::from_iter([NODE]),
        ..Default::default()
    };
    let topic = |name| match store.topic(name) {
        Some(topic) => MetadataResponseTopic {
            name: Some(name),
            partitions: (0..).take(topic.len()).map(partition).collect(),
            ..Default::default()
        },
        None => MetadataResponseTopic {
            name: Some(name),
            error_code: ErrorCode::UnknownTopicOrPartition.code(),
            ..Default::default()
        },
    };
    let host = store.address.ip().to_string();
    let port = i32::from(store.address.port());
    let broker = MetadataResponseBroker { node_id: NODE, host: &host, port, rack: None };
    header.answer(&MetadataResponse {
        brokers: Array::from_iter([broker]),
        cluster_id: Some(CLUSTER),
        controller_id: NODE,
        topics: names.into_iter().map(topic).collect(),
        ..Default::default()
    })
}

fn create_topics(store: &Store, header: Header, body: &[u8]) -> Result<Answer> {
    let request: CreateTopicsRequest<'_> = header.decode(body)?;
    let create = |topic: &CreatableTopic<'_>| {
        let is_none = |config: &CreatableTopicConfig<'_>| {
            config.name == "retention.bytes" && config.value == Some("0")
        };
        let keeps_nothing = topic.configs.iter().any(is_none);
        let retention = if keeps_nothing { Retention::Nothing } else { Retention::All };
        let partitions = usize::try_from(topic.num_partitions).unwrap_or(1);
        store.create(topic.name, partitions, retention);
    };
    request.topics.iter().for_each(create);
    let topics = request.topics.iter();
    let topics =
        topics.map(|topic| CreatableTopicResult { name: topic.name, ..Default::default() });
    header.answer(&CreateTopicsResponse { topics: topics.collect(), ..Default::default() })
}

fn delete_topics(store: &Store, header: Header, body: &[u8]) -> Result<Answer> {
    let request: DeleteTopicsRequest<'_> = header.decode(body)?;
    let names = request.topic_names.iter();
    names.clone().for_each(|name| store.delete(name));
    let deleted = names.map(|name| DeletableTopicResult { name: Some(name), ..Default::default() });
    let responses = deleted.collect();
    header.answer(&DeleteTopicsResponse { responses, ..Default::default() })
}

/// A batch of a produce request.
struct Incoming {
    topic: String,
    partition: i32,
    /// Where it is in the request.
    bytes: Range<usize>,
}

/// Appends each batch, which stays in the memory that it was read to.
fn produce(
    store: &Store,
    header: Header,
    mut frame: BytesMut,
    body: usize,
) -> Result<Option<Answer>> {
    let (acks, incoming) = batches_in(header, &frame, body)?;
    // From the last to the first, since each takes what follows it away from the frame.
    for Incoming { topic, partition, bytes } in incoming.iter().rev() {
        let mut batch = frame.split_off(bytes.start);
        batch.truncate(bytes.len());
        let log = store.topic(topic);
        let log = log.as_ref().and_then(|log| log.get(usize::try_from(*partition).ok()?));
        let appended = log.and_then(|log| log.append(batch));
        appended.ok_or_else(|| Error::client("a client")(format!("no log {topic}-{partition}")))?;
    }
    if acks == 0 { Ok(None) } else { appended(header, &incoming).map(Some) }
}

/// The acknowledgement wanted, and where in the frame each batch is.
fn batches_in(header: Header, frame: &[u8], body: usize) -> Result<(i16, Vec<Incoming>)> {
    let request: ProduceRequest<'_> = header.decode(&frame[body..])?;
    let mut incoming = Vec::new();
    for topic in &request.topic_data {
        for partition in &topic.partition_data {
            let bytes = partition.records.unwrap_or_default();
            let start = bytes.as_ptr().addr() - frame.as_ptr().addr();
            let bytes = start..start + bytes.len();
            let topic = topic.name.to_owned();
            incoming.push(Incoming { topic, partition: partition.index, bytes });
        }
    }
    Ok((request.acks, incoming))
}

fn appended(header: Header, incoming: &[Incoming]) -> Result<Answer> {
    let topics = incoming.iter().map(|incoming| {
        let index = incoming.partition;
        TopicProduceResponse {
            name: &incoming.topic,
            partition_responses: Array::from_iter([PartitionProduceResponse {
                index,
                ..Default::default()
            }]),
            ..Default::default()
        }
    });
    header.answer(&ProduceResponse { responses: topics.collect(), ..Default::default() })
}

/// Waits until there is something, as far as the request does.
fn fetch(store: &Store, header: Header, body: &[u8]) -> Result<Answer> {
    let request: FetchRequest<'_> = header.decode(body)?;
    let wait = Duration::from_millis(u64::from(request.max_wait_ms.unsigned_abs()));
    let deadline = Instant::now() + wait;
    loop {
        let (response, records) = read(store, &request);
        if !records.is_empty() || Instant::now() >= deadline {
            let (frame, cuts) = header.answer_with(&response)?;
            let places = cuts.iter().map(|cut| cut.at);
            return Ok(Answer { frame, records: places.zip(records).collect() });
        }
        thread::sleep(FETCH_POLL);
    }
}

/// What is there of what is asked for: the response, and the batches of each partition that has
/// some.
fn read<'r>(store: &Store, request: &FetchRequest<'r>) -> (FetchResponse<'r>, Vec<Vec<Bytes>>) {
    let mut found = Vec::new();
    let mut responses = Array::new();
    for topic in &request.topics {
        let logs = store.topic(topic.topic);
        let mut partitions = Array::new();
        for wanted in &topic.partitions {
            let index = usize::try_from(wanted.partition).ok();
            let log = logs.as_ref().zip(index).and_then(|(logs, index)| logs.get(index));
            let size = usize::try_from(wanted.partition_max_bytes).unwrap_or(0);
            let (batches, end) =
                log.map_or_else(Default::default, |log| log.read(wanted.fetch_offset, size));
            let length: usize = batches.iter().map(Bytes::len).sum();
            partitions.push(PartitionData {
                partition_index: wanted.partition,
                high_watermark: end,
                last_stable_offset: end,
                log_start_offset: 0,
                records: Records::Deferred { length: u32::try_from(length).unwrap_or(u32::MAX) },
                ..Default::default()
            });
            if !batches.is_empty() {
                found.push(batches);
            }
        }
        let topic = topic.topic;
        responses.push(FetchableTopicResponse { topic, partitions, ..Default::default() });
    }
    (FetchResponse { responses, ..Default::default() }, found)
}

fn list_offsets(store: &Store, header: Header, body: &[u8]) -> Result<Answer> {
    let request: ListOffsetsRequest<'_> = header.decode(body)?;
    let topics = request.topics.iter().map(|topic| {
        let logs = store.topic(topic.name);
        let partition = |wanted: &ListOffsetsPartition| {
            let index = usize::try_from(wanted.partition_index).ok();
            let log = logs.as_ref().zip(index).and_then(|(logs, index)| logs.get(index));
            let end = log.map(Partition::end);
            let error =
                if end.is_some() { ErrorCode::None } else { ErrorCode::UnknownTopicOrPartition };
            ListOffsetsPartitionResponse {
                partition_index: wanted.partition_index,
                error_code: error.code(),
                offset: if wanted.timestamp == LATEST { end.unwrap_or(-1) } else { 0 },
                ..Default::default()
            }
        };
        let partitions = topic.partitions.iter().map(partition).collect();
        ListOffsetsTopicResponse { name: topic.name, partitions }
    });
    header.answer(&ListOffsetsResponse { topics: topics.collect(), ..Default::default() })
}
