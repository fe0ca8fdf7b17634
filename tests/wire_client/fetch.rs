//! Fetch: any number of partitions, each from an offset.

use super::{BROKE, WireClient, values_of};
use pinion::wire::ErrorCode;
use pinion::wire::api::fetch::{
    FetchPartition, FetchRequest, FetchResponse, FetchTopic, PartitionData, Records,
};
use smallvec::SmallVec;
use std::io;

/// The version that the calls here use: the newest with topic names.
pub const VERSION: i16 = 12;

/// A fetch of some partitions of one topic. Waits for nothing unless told to.
#[derive(Debug, Clone)]
pub struct Fetch<'a> {
    topic: &'a str,
    /// Partition and offset of each.
    partitions: Vec<(i32, i64)>,
    pub max_bytes: i32,
    pub partition_max_bytes: i32,
    pub min_bytes: i32,
    pub max_wait_ms: i32,
}

/// What a fetch found in one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    pub partition: i32,
    pub error: ErrorCode,
    pub high_watermark: i64,
    pub last_stable_offset: i64,
    pub log_start: i64,
    pub records: Vec<u8>,
}

impl<'a> Fetch<'a> {
    /// A fetch of one partition from this offset on.
    pub fn from(topic: &'a str, partition: i32, offset: i64) -> Self {
        Fetch {
            topic,
            partitions: vec![(partition, offset)],
            max_bytes: 64 << 20,
            partition_max_bytes: 16 << 20,
            min_bytes: 0,
            max_wait_ms: 0,
        }
    }

    /// One more partition.
    #[must_use]
    pub fn and(mut self, partition: i32, offset: i64) -> Self {
        self.partitions.push((partition, offset));
        self
    }

    /// Waits so long for so many bytes.
    #[must_use]
    pub fn waiting(mut self, max_wait_ms: i32, min_bytes: i32) -> Self {
        (self.max_wait_ms, self.min_bytes) = (max_wait_ms, min_bytes);
        self
    }

    /// Takes at most so many bytes of each partition.
    #[must_use]
    pub fn partition_max_bytes(mut self, partition_max_bytes: i32) -> Self {
        self.partition_max_bytes = partition_max_bytes;
        self
    }

    /// Takes at most so many bytes in all.
    #[must_use]
    pub fn max_bytes(mut self, max_bytes: i32) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// The request.
    pub fn request(&self) -> FetchRequest<'a> {
        let partition = |&(partition, fetch_offset): &(i32, i64)| FetchPartition {
            partition,
            fetch_offset,
            partition_max_bytes: self.partition_max_bytes,
            ..Default::default()
        };
        let partitions = self.partitions.iter().map(partition).collect();
        let topic = FetchTopic { topic: self.topic, partitions, ..Default::default() };
        FetchRequest {
            max_wait_ms: self.max_wait_ms,
            min_bytes: self.min_bytes,
            max_bytes: self.max_bytes,
            topics: SmallVec::from_iter([topic]),
            ..Default::default()
        }
    }
}

impl WireClient {
    /// Fetches, in the order of the answer.
    pub fn fetch_all(&mut self, fetch: &Fetch<'_>) -> Vec<Fetched> {
        self.try_fetch_all(fetch).expect(BROKE)
    }

    /// Fetches, unless the connection breaks.
    pub fn try_fetch_all(&mut self, fetch: &Fetch<'_>) -> io::Result<Vec<Fetched>> {
        let correlation_id = self.send(VERSION, &fetch.request())?;
        self.end_fetch(correlation_id)
    }

    /// Reads the answer to a fetch that was sent.
    pub fn end_fetch(&mut self, correlation_id: i32) -> io::Result<Vec<Fetched>> {
        let response = self.receive(VERSION, correlation_id)?;
        Ok(Fetched::all(&response))
    }

    /// Fetches one partition.
    ///
    /// # Panics
    /// If the answer has another number of partitions.
    pub fn fetch(&mut self, fetch: &Fetch<'_>) -> Fetched {
        let mut all = self.fetch_all(fetch);
        assert_eq!(all.len(), 1, "one partition");
        all.remove(0)
    }

    /// Offset and value of every record from an offset up to the high watermark.
    ///
    /// # Panics
    /// If there is an error, a batch fails its checksum, or offsets go back.
    pub fn read_from(
        &mut self,
        (topic, partition): (&str, i32),
        offset: i64,
    ) -> Vec<(i64, String)> {
        let (mut values, mut next) = (Vec::new(), offset);
        loop {
            let fetched = self.fetch(&Fetch::from(topic, partition, next));
            assert_eq!(fetched.error, ErrorCode::None, "{topic}-{partition} at {next}");
            if next >= fetched.high_watermark {
                return values;
            }
            let page = fetched.values();
            let last = page.last().expect("there are records below the high watermark").0;
            assert!(last >= next, "offset {last} after {next}");
            values.extend(page.into_iter().filter(|(at, _)| *at >= next));
            next = last + 1;
        }
    }
}

impl Fetched {
    /// Offset and value of each record.
    ///
    /// # Panics
    /// If a batch fails its checksum or does not add up.
    pub fn values(&self) -> Vec<(i64, String)> {
        values_of(&self.records)
    }

    fn all(response: &FetchResponse<'_>) -> Vec<Fetched> {
        assert_eq!(response.error_code, 0, "{:?}", ErrorCode::from(response.error_code));
        let partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
        partitions.map(Fetched::of).collect()
    }

    fn of(partition: &PartitionData<'_>) -> Fetched {
        let Records::Inline(records) = partition.records else {
            panic!("decoded records are inline");
        };
        Fetched {
            partition: partition.partition_index,
            error: partition.error_code.into(),
            high_watermark: partition.high_watermark,
            last_stable_offset: partition.last_stable_offset,
            log_start: partition.log_start_offset,
            records: records.to_vec(),
        }
    }
}
