//! Where fields lie in the few messages that are sent a million times.
//!
//! The load generator and the bare servers read and write them at fixed places, so that neither
//! spends its core on a codec. The places are found by encoding a message with the codec.

use pinion::wire::api::fetch::{
    FetchPartition, FetchRequest, FetchResponse, FetchTopic, FetchableTopicResponse, PartitionData,
    Records,
};
use pinion::wire::api::produce::{PartitionProduceResponse, ProduceResponse, TopicProduceResponse};
use pinion::wire::frame::{write_request, write_response};
use pinion::wire::header::ResponseHeader;
use smallvec::smallvec;

/// The version of Produce that is sent.
pub const PRODUCE_VERSION: i16 = 11;

/// The version of Fetch that is sent.
pub const FETCH_VERSION: i16 = 12;

/// Where a frame has its correlation id if it is a response: behind the length.
pub const RESPONSE_CORRELATION_AT: usize = 4;

/// Where a frame has its correlation id if it is a request: behind length, API and version.
pub const REQUEST_CORRELATION_AT: usize = 8;

/// A number that no other field has by chance.
const MARK: i64 = 0x5a5a_1234_5678_5a5a;

/// The frame that acknowledges one batch.
#[derive(Debug, Clone)]
pub struct AckLayout {
    /// A whole frame without errors.
    pub frame: Vec<u8>,
    /// Where the error code is, two bytes.
    pub error_at: usize,
    /// Where the base offset is, eight bytes.
    pub base_offset_at: usize,
}

impl AckLayout {
    /// The acknowledgement for a batch of `topic`.
    pub fn new(topic: &str) -> AckLayout {
        let partition = PartitionProduceResponse {
            base_offset: MARK,
            log_start_offset: 0,
            ..Default::default()
        };
        let topic = TopicProduceResponse {
            name: topic,
            partition_responses: smallvec![partition],
            ..Default::default()
        };
        let body = ProduceResponse { responses: smallvec![topic], ..Default::default() };
        let mut frame = Vec::new();
        let header = ResponseHeader { correlation_id: 0 };
        write_response(&mut frame, &mut Vec::new(), PRODUCE_VERSION, header, &body)
            .expect("a short frame");
        let base_offset_at = position(&frame, &MARK.to_be_bytes());
        AckLayout { error_at: base_offset_at - 2, base_offset_at, frame }
    }
}

/// The frame that asks for records from one offset of partition 0.
#[derive(Debug, Clone)]
pub struct AskLayout {
    /// A whole frame, offset and correlation id to be filled in.
    pub frame: Vec<u8>,
    /// Where the offset is, eight bytes.
    pub offset_at: usize,
}

impl AskLayout {
    /// A fetch of at most `bytes_max`, that waits up to `wait_ms` for anything to come.
    pub fn new(topic: &str, bytes_max: usize, wait_ms: i32) -> AskLayout {
        let partition = FetchPartition {
            fetch_offset: MARK,
            partition_max_bytes: bytes_max as i32,
            ..Default::default()
        };
        let topic = FetchTopic { topic, partitions: smallvec![partition], ..Default::default() };
        let body = FetchRequest {
            max_wait_ms: wait_ms,
            min_bytes: 1,
            max_bytes: bytes_max as i32,
            topics: smallvec![topic],
            ..Default::default()
        };
        let mut frame = Vec::new();
        write_request(&mut frame, FETCH_VERSION, 0, Some("ceiling"), &body);
        AskLayout { offset_at: position(&frame, &MARK.to_be_bytes()), frame }
    }
}

/// The frame that brings records: `head`, the records, `tail`.
#[derive(Debug, Clone)]
pub struct FetchedLayout {
    /// Everything before the records.
    pub head: Vec<u8>,
    /// Everything after them.
    pub tail: Vec<u8>,
}

impl FetchedLayout {
    /// The response with `length` bytes of records of `topic`.
    pub fn new(topic: &str, length: u32) -> FetchedLayout {
        let partition = PartitionData {
            high_watermark: MARK,
            records: Records::Deferred { length },
            ..Default::default()
        };
        let topic = FetchableTopicResponse {
            topic,
            partitions: smallvec![partition],
            ..Default::default()
        };
        let body = FetchResponse { responses: smallvec![topic], ..Default::default() };
        let (mut head, mut cuts) = (Vec::new(), Vec::new());
        let header = ResponseHeader { correlation_id: 0 };
        write_response(&mut head, &mut cuts, FETCH_VERSION, header, &body).expect("a short frame");
        let tail = head.split_off(cuts.first().map_or(head.len(), |cut| cut.at));
        FetchedLayout { head, tail }
    }
}

fn position(frame: &[u8], wanted: &[u8]) -> usize {
    let found = frame.windows(wanted.len()).position(|window| window == wanted);
    found.expect("the frame holds what was put in")
}
