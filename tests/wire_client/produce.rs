//! Produce: one batch to one partition.

use super::{BROKE, WireClient};
use pinion::wire::ErrorCode;
use pinion::wire::api::produce::{
    PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData,
};
use smallvec::smallvec;
use std::io;

/// The version that the calls here use: the newest with topic names but KIP-890's.
const VERSION: i16 = 11;

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Produced {
    pub error: ErrorCode,
    /// The broker's words for the error.
    pub message: Option<String>,
    /// Places in the batch of the records at fault.
    pub bad_records: Vec<i32>,
    /// −1 after an error.
    pub base_offset: i64,
    pub log_append_time: i64,
    pub log_start: i64,
}

/// A Produce request whose answer was not read yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unanswered {
    correlation_id: i32,
}

/// A request for one batch.
pub fn request<'a>(
    acks: i16,
    (topic, index): (&'a str, i32),
    batch: Option<&'a [u8]>,
) -> ProduceRequest<'a> {
    let partition = PartitionProduceData { index, records: batch };
    let topic_data = TopicProduceData {
        name: topic,
        partition_data: smallvec![partition],
        ..Default::default()
    };
    ProduceRequest {
        acks,
        timeout_ms: 30_000,
        topic_data: smallvec![topic_data],
        ..Default::default()
    }
}

impl WireClient {
    /// Appends a batch with acks=all.
    pub fn produce(&mut self, to: (&str, i32), batch: &[u8]) -> Produced {
        self.try_produce(to, batch, -1).expect(BROKE)
    }

    /// Appends a batch that the broker must take, and gives its base offset.
    ///
    /// # Panics
    /// If the broker refuses it.
    pub fn append(&mut self, to: (&str, i32), batch: &[u8]) -> i64 {
        let produced = self.produce(to, batch);
        assert_eq!(produced.error, ErrorCode::None, "{produced:?}");
        produced.base_offset
    }

    /// Appends a batch, unless the connection breaks.
    pub fn try_produce(
        &mut self,
        to: (&str, i32),
        batch: &[u8],
        acks: i16,
    ) -> io::Result<Produced> {
        let unanswered = self.begin_produce(to, batch, acks)?;
        self.end_produce(unanswered)
    }

    /// Sends a batch without reading the answer.
    pub fn begin_produce(
        &mut self,
        to: (&str, i32),
        batch: &[u8],
        acks: i16,
    ) -> io::Result<Unanswered> {
        let correlation_id = self.send(VERSION, &request(acks, to, Some(batch)))?;
        Ok(Unanswered { correlation_id })
    }

    /// Reads the answer to a batch that was sent; answers come in the order of requests.
    pub fn end_produce(&mut self, unanswered: Unanswered) -> io::Result<Produced> {
        let response = self.receive(VERSION, unanswered.correlation_id)?;
        Ok(Produced::of(&response))
    }
}

impl Produced {
    /// The answer's one partition.
    ///
    /// # Panics
    /// If there is none, or more than one.
    pub fn of(response: &ProduceResponse<'_>) -> Self {
        let [topic] = &response.responses[..] else { panic!("one topic: {response:?}") };
        let [partition] = &topic.partition_responses[..] else {
            panic!("one partition: {response:?}")
        };
        Produced {
            error: partition.error_code.into(),
            message: partition.error_message.map(str::to_owned),
            bad_records: partition.record_errors.iter().map(|bad| bad.batch_index).collect(),
            base_offset: partition.base_offset,
            log_append_time: partition.log_append_time_ms,
            log_start: partition.log_start_offset,
        }
    }
}
