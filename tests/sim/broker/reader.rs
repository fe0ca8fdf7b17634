//! A simulated consumer, which believes nothing.

use super::client::{Client, Pace, is_retriable};
use super::line::{Line, Response};
use super::topics::{Place, Topics};
use crate::payload;
use crate::world::World;
use pinion::base::Monotonic;
use pinion::log::FlushPolicy;
use pinion::wire::ApiKey;
use pinion::wire::ErrorCode;
use pinion::wire::api::fetch::{
    FetchPartition, FetchRequest, FetchResponse, FetchTopic, PartitionData, Records,
};
use pinion::wire::api::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// Reads a few partitions, one request after the other.
pub struct Reader {
    line: Line,
    pace: Pace,
    offsets: BTreeMap<Place, i64>,
    /// A partition whose start it has to ask for.
    lost: Option<Place>,
    /// When it last asked for records, and whether it had all that there were.
    asked: (Monotonic, bool),
    /// Whether the last response had everything below the high watermarks.
    has_all: bool,
}

impl Reader {
    /// A reader of partitions of its own choice.
    pub fn new(world: &World, think_max: Duration) -> Reader {
        let pace = Pace::new(world, think_max);
        Reader {
            line: Line::new(world),
            pace,
            offsets: BTreeMap::new(),
            lost: None,
            asked: (Monotonic(0), false),
            has_all: false,
        }
    }

    fn ask_for_records(&mut self, now: Monotonic, topics: &mut Topics) {
        self.asked = (now, std::mem::take(&mut self.has_all));
        if let Some(place) = self.lost.clone() {
            let version = self.pace.random.between(1, 6) as i16;
            self.line.ask(version, &offset_question(&place, EARLIEST));
            return;
        }
        self.offsets.retain(|(name, _), _| topics.is_live(name));
        if (self.offsets.len() < 3 || self.pace.random.once_in(20))
            && let Some(place) = topics.draw_place(&mut self.pace.random)
        {
            self.offsets.insert(place, 0);
        }
        if self.offsets.is_empty() {
            return;
        }
        let lengths = [(); 4].map(|()| self.pace.random.between(1, 20_000) as i32);
        let entries = self.offsets.iter().zip(lengths.into_iter().cycle());
        let entries = entries.map(|((place, offset), max)| topic_of(place, *offset, max)).collect();
        let random = &mut self.pace.random;
        let request = FetchRequest {
            max_wait_ms: random.pick(&[0, 5, 500]),
            min_bytes: random.pick(&[0, 1, 3000]),
            max_bytes: random.between(1, 50_000) as i32,
            topics: entries,
            ..Default::default()
        };
        let version = random.between(4, 12) as i16;
        self.line.ask(version, &request);
    }

    fn on_start(&mut self, response: &Response, now: Monotonic) {
        let Some(place) = self.lost.take() else { unreachable!("it asked for one") };
        match offset_answer(response) {
            Ok(start) => drop(self.offsets.insert(place, start)),
            Err(code) => {
                assert!(is_retriable(code), "{place:?}: {code:?}");
                self.pace.back_off(now);
            }
        }
    }

    fn on_partition(
        &mut self,
        place: Place,
        data: &PartitionData<'_>,
        now: Monotonic,
        topics: &mut Topics,
    ) {
        match ErrorCode::from(data.error_code) {
            ErrorCode::None => {}
            ErrorCode::OffsetOutOfRange => {
                // Records were deleted, or lost with leave: begin where the log does.
                self.lost = Some(place);
                return;
            }
            code => {
                assert!(is_retriable(code), "{place:?}: {code:?}");
                return self.pace.back_off(now);
            }
        }
        let wanted = self.offsets[&place];
        let next = take_records(&place, wanted, data, topics);
        self.has_all &= next == data.high_watermark;
        self.offsets.insert(place, next);
    }
}

/// Asks for the records of one partition.
pub fn topic_of((topic, index): &Place, fetch_offset: i64, bytes_max: i32) -> FetchTopic<'_> {
    let partition = FetchPartition {
        partition: *index,
        fetch_offset,
        partition_max_bytes: bytes_max,
        ..Default::default()
    };
    let partitions = [partition].into_iter().collect();
    FetchTopic { topic, partitions, ..Default::default() }
}

/// The first offset of a log, as ListOffsets calls it.
pub const EARLIEST: i64 = -2;
/// The high watermark, as ListOffsets calls it.
pub const LATEST: i64 = -1;

/// Asks for one offset of one partition.
pub fn offset_question<'a>((name, index): &'a Place, timestamp: i64) -> ListOffsetsRequest<'a> {
    let partition =
        ListOffsetsPartition { partition_index: *index, timestamp, ..Default::default() };
    let topic = ListOffsetsTopic { name, partitions: [partition].into_iter().collect() };
    ListOffsetsRequest {
        replica_id: -1,
        topics: [topic].into_iter().collect(),
        ..Default::default()
    }
}

/// The answer to [`offset_question`].
pub fn offset_answer(response: &Response) -> Result<i64, ErrorCode> {
    let response: ListOffsetsResponse<'_> = response.decode();
    let partition = &response.topics[0].partitions[0];
    match ErrorCode::from(partition.error_code) {
        ErrorCode::None => Ok(partition.offset),
        code => Err(code),
    }
}

/// Checks the records of one partition from `wanted` on; gives the offset after them.
pub fn take_records(
    place: &Place,
    wanted: i64,
    data: &PartitionData<'_>,
    topics: &mut Topics,
) -> i64 {
    let Records::Inline(bytes) = data.records else { unreachable!("a client gets bytes") };
    let (reads, _) = payload::read_batches(bytes);
    let survives = topics.get(&place.0).policy != FlushPolicy::Never;
    let mut next = wanted;
    for read in reads.iter().filter(|read| read.offset >= wanted) {
        assert_eq!(read.offset, next, "{place:?}: a gap is served");
        assert!(read.offset < data.high_watermark, "{place:?}: {read:?} is not readable yet");
        topics.ledger(place).observe(*read, survives);
        topics.read_count += 1;
        next += 1;
    }
    next
}

impl Client for Reader {
    fn line(&mut self) -> &mut Line {
        &mut self.line
    }

    fn on_response(&mut self, response: &Response, now: Monotonic, topics: &mut Topics) {
        if response.question.api == ApiKey::ListOffsets {
            return self.on_start(response, now);
        }
        let response: FetchResponse<'_> = response.decode();
        assert_eq!(response.error_code, 0, "a whole fetch fails");
        let count_before = topics.read_count;
        self.has_all = true;
        for topic in &response.responses {
            for partition in &topic.partitions {
                let place = (topic.topic.to_owned(), partition.partition_index);
                if topics.is_live(&place.0) && self.offsets.contains_key(&place) {
                    self.on_partition(place, partition, now, topics);
                }
            }
        }
        let (since, had_all) = self.asked;
        if had_all
            && topics.read_count > count_before
            && now > since.after(Duration::from_millis(2))
        {
            topics.seen.note("a waiting fetch was released");
        }
    }

    fn on_broken(&mut self, now: Monotonic) {
        self.pace.back_off(now);
    }

    fn ask(&mut self, now: Monotonic, topics: &mut Topics) {
        if !self.pace.lets_ask(&mut self.line, now) {
            return;
        }
        if self.line.unanswered() == 0 {
            self.ask_for_records(now, topics);
        }
        if self.pace.random.once_in(300) {
            self.line.hang_up();
        }
        self.pace.think(now);
    }

    fn next_deadline(&self) -> Option<Monotonic> {
        Some(self.pace.next)
    }

    fn forget_history(&mut self) {
        self.line.hang_up();
        self.offsets.clear();
        self.lost = None;
    }
}
