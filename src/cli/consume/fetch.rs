//! One question to one leader, and its answers by partition.

use super::super::client::{ClientError, Cluster};
use super::place_of;
use crate::wire::api::fetch::{FetchPartition, FetchRequest, FetchTopic, PartitionData, Records};
use smallvec::smallvec;
use std::collections::BTreeMap;

/// The newest Fetch that names topics; later ones know ids only.
const FETCH_VERSION_MAX: i16 = 12;

const RESPONSE_BYTES_MAX: i32 = 16 << 20;
const PARTITION_BYTES_MAX: i32 = 1 << 20;

/// What a leader said of a partition: the bytes of batches, or why there are none.
pub type Answer = Result<Vec<u8>, ClientError>;

/// Asks `leader` for the records of partitions, each from an offset; an empty answer may take
/// `max_wait_ms`.
///
/// # Errors
/// What concerns all of them. The error of one partition stands in its answer.
pub fn fetch(
    cluster: &mut Cluster,
    leader: i32,
    topic: &str,
    offsets: &BTreeMap<i32, i64>,
    max_wait_ms: i32,
) -> Result<Vec<(i32, Answer)>, ClientError> {
    let wanted = offsets.iter().map(|(partition, offset)| FetchPartition {
        partition: *partition,
        fetch_offset: *offset,
        partition_max_bytes: PARTITION_BYTES_MAX,
        ..Default::default()
    });
    let request = FetchRequest {
        max_wait_ms,
        min_bytes: 1,
        max_bytes: RESPONSE_BYTES_MAX,
        topics: smallvec![FetchTopic { topic, partitions: wanted.collect(), ..Default::default() }],
        ..Default::default()
    };
    let response = cluster.broker(leader)?.call_up_to(&request, FETCH_VERSION_MAX)?;
    ClientError::check("fetch", response.error_code, None)?;
    let answers = response.responses.iter().flat_map(|topic| &topic.partitions);
    let answer = |data: &PartitionData<'_>| {
        let offset = offsets.get(&data.partition_index)?;
        Some((data.partition_index, answer(topic, *offset, data)))
    };
    Ok(answers.filter_map(answer).collect())
}

fn answer(topic: &str, offset: i64, data: &PartitionData<'_>) -> Answer {
    ClientError::check(&place_of(topic, data.partition_index, offset), data.error_code, None)?;
    Ok(match data.records {
        Records::Inline(bytes) => bytes.to_vec(),
        Records::Deferred { .. } => Vec::new(),
    })
}
