//! The few requests that the generator sends, and what it wants to know of their responses.

use super::CLIENT;
use crate::error::{Error, Result};
use pinion::wire::api::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic, Records};
use pinion::wire::api::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic,
};
use pinion::wire::api::produce::{
    PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData,
};
use pinion::wire::frame::write_request;
use pinion::wire::header::ResponseHeader;
use pinion::wire::{Array, ErrorCode, Message, Reader};

const PRODUCE_VERSION: i16 = 9;
const FETCH_VERSION: i16 = 12;
const LIST_OFFSETS_VERSION: i16 = 6;

/// How long a broker may wait for records before it answers a fetch, in milliseconds.
const FETCH_WAIT_MS: i32 = 500;
/// How long a broker may wait for replicas, in milliseconds.
const PRODUCE_TIMEOUT_MS: i32 = 30_000;
/// ListOffsets' name for the end of a log.
const LATEST: i64 = -1;

/// Appends a request to append `batch`.
pub fn put_produce(
    buffer: &mut Vec<u8>,
    correlation: i32,
    topic: &str,
    partition: u32,
    acks: i16,
    batch: &[u8],
) {
    let partition = PartitionProduceData { index: index(partition), records: Some(batch) };
    let topic = TopicProduceData {
        name: topic,
        partition_data: Array::from_iter([partition]),
        ..Default::default()
    };
    let request = ProduceRequest {
        transactional_id: None,
        acks,
        timeout_ms: PRODUCE_TIMEOUT_MS,
        topic_data: Array::from_iter([topic]),
    };
    write_request(buffer, PRODUCE_VERSION, correlation, Some(CLIENT), &request);
}

/// Checks that every batch was appended; the correlation id.
///
/// # Errors
/// If one was not, or the response makes no sense.
pub fn check_produced(frame: &[u8]) -> Result<i32> {
    let (correlation, response) = decode::<ProduceResponse<'_>>(frame, PRODUCE_VERSION)?;
    for partition in response.responses.iter().flat_map(|topic| &topic.partition_responses) {
        check("Produce", partition.error_code)?;
    }
    Ok(correlation)
}

/// Appends a request for records of all partitions, from these offsets on.
pub fn put_fetch(
    buffer: &mut Vec<u8>,
    correlation: i32,
    topic: &str,
    offsets: &[i64],
    partition_max_bytes: u32,
) {
    let partition_max_bytes = i32::try_from(partition_max_bytes).unwrap_or(i32::MAX);
    let partitions = (0..).zip(offsets).map(|(partition, &fetch_offset)| FetchPartition {
        partition,
        fetch_offset,
        partition_max_bytes,
        ..Default::default()
    });
    let topic = FetchTopic { topic, partitions: partitions.collect(), ..Default::default() };
    let request = FetchRequest {
        max_wait_ms: FETCH_WAIT_MS,
        min_bytes: 1,
        topics: Array::from_iter([topic]),
        ..Default::default()
    };
    write_request(buffer, FETCH_VERSION, correlation, Some(CLIENT), &request);
}

/// The records of each partition in a response to [`put_fetch`].
///
/// # Errors
/// If a partition could not be read, or the response makes no sense.
pub fn fetched(frame: &[u8]) -> Result<Vec<(u32, &[u8])>> {
    let (_, response) = decode::<FetchResponse<'_>>(frame, FETCH_VERSION)?;
    check("Fetch", response.error_code)?;
    let partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
    partitions
        .map(|data| {
            check("Fetch", data.error_code)?;
            let partition = u32::try_from(data.partition_index).map_err(Error::client(CLIENT))?;
            match data.records {
                Records::Inline(bytes) => Ok((partition, bytes)),
                Records::Deferred { .. } => unreachable!("a decoded response has its records"),
            }
        })
        .collect()
}

/// Appends a request for the ends of all partitions.
pub fn put_list_ends(buffer: &mut Vec<u8>, correlation: i32, topic: &str, partitions: u32) {
    let partitions = (0..partitions).map(|partition| ListOffsetsPartition {
        partition_index: index(partition),
        timestamp: LATEST,
        ..Default::default()
    });
    let topic = ListOffsetsTopic { name: topic, partitions: partitions.collect() };
    let request = ListOffsetsRequest {
        replica_id: -1,
        topics: Array::from_iter([topic]),
        ..Default::default()
    };
    write_request(buffer, LIST_OFFSETS_VERSION, correlation, Some(CLIENT), &request);
}

/// The end of each partition, by its number, in a response to [`put_list_ends`].
///
/// # Errors
/// If one is not known, or the response makes no sense.
pub fn listed_ends(frame: &[u8]) -> Result<Vec<i64>> {
    let (_, response) = decode::<ListOffsetsResponse<'_>>(frame, LIST_OFFSETS_VERSION)?;
    let mut ends = Vec::new();
    for partition in response.topics.iter().flat_map(|topic| &topic.partitions) {
        check("ListOffsets", partition.error_code)?;
        ends.push((partition.partition_index, partition.offset));
    }
    ends.sort_unstable();
    Ok(ends.into_iter().map(|(_, end)| end).collect())
}

fn decode<'f, M: Message<'f>>(frame: &'f [u8], version: i16) -> Result<(i32, M)> {
    let mut reader = Reader::new(frame);
    let header = ResponseHeader::decode(&mut reader, M::KEY, version);
    let header = header.map_err(Error::client(CLIENT))?;
    let body = M::decode(&mut reader, version).map_err(Error::client(CLIENT))?;
    Ok((header.correlation_id, body))
}

fn check(api: &str, code: i16) -> Result<()> {
    if code == ErrorCode::None.code() {
        return Ok(());
    }
    let name = ErrorCode::from_code(code).map_or_else(|| code.to_string(), |c| c.name().to_owned());
    Err(Error::client(CLIENT)(format!("{api}: {name}")))
}

/// A partition as the protocol has it.
fn index(partition: u32) -> i32 {
    i32::try_from(partition).unwrap_or(i32::MAX)
}
