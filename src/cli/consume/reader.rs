//! Fetches, leader by leader, and takes the batches apart.

use super::super::client::{ClientError, Cluster, EARLIEST, TopicMetadata, list_offsets};
use super::CliError;
use crate::wire::ErrorCode;
use crate::wire::api::fetch::{FetchPartition, FetchRequest, FetchTopic, PartitionData, Records};
use crate::wire::record_batch::compression::decompress;
use crate::wire::record_batch::{Batch, Batches, Record, Records as RecordIterator, TimestampType};
use smallvec::smallvec;
use std::collections::BTreeMap;
use std::time::Duration;

/// The newest Fetch that names topics; later ones know ids only.
const FETCH_VERSION_MAX: i16 = 12;

/// How long the leaders may hold back an empty answer, all together.
const WAIT_MAX: Duration = Duration::from_millis(500);

const RESPONSE_BYTES_MAX: i32 = 16 << 20;
const PARTITION_BYTES_MAX: i32 = 1 << 20;

/// The most that a batch may decompress to.
const BATCH_SIZE_MAX: usize = 512 << 20;

/// Where reading is in a partition.
#[derive(Debug)]
pub struct Position {
    /// The partition.
    pub partition: i32,
    /// The offset to read next.
    pub next: i64,
    /// Where to stop, if anywhere.
    pub end: Option<i64>,
    /// Whether anything was read: then `next` was once a legal offset.
    pub has_read: bool,
}

impl Position {
    fn is_done(&self) -> bool {
        self.end.is_some_and(|end| self.next >= end)
    }
}

/// Reads the partitions of one topic, each in order.
pub struct Reader {
    cluster: Cluster,
    topic: TopicMetadata,
    is_stale: bool,
    positions: Vec<Position>,
}

/// What came of one partition: its number, and the bytes of its batches.
type Fetched = (i32, Vec<u8>);

impl Reader {
    /// A reader that starts at `positions`.
    pub fn new(cluster: Cluster, topic: TopicMetadata, positions: Vec<Position>) -> Reader {
        Reader { cluster, topic, is_stale: false, positions }
    }

    /// Whether every partition has reached its end.
    pub fn is_done(&self) -> bool {
        self.positions.iter().all(Position::is_done)
    }

    /// Asks every leader once, and visits the records that come: partition, meaning of the
    /// timestamp, record.
    pub fn poll(
        &mut self,
        mut visit: impl FnMut(i32, TimestampType, &Record<'_>) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        let leaders = self.by_leader();
        // A wait that is as long as the client's patience would look like a dead broker.
        let wait_max = WAIT_MAX.min(self.cluster.wait_max() / 2) / leaders.len().max(1) as u32;
        let wait_ms = i32::try_from(wait_max.as_millis()).unwrap_or(i32::MAX);
        for (leader, partitions) in leaders {
            for (partition, bytes) in self.fetch(leader, &partitions, wait_ms)? {
                self.take_apart(partition, &bytes, &mut visit)?;
            }
        }
        Ok(())
    }

    fn by_leader(&self) -> BTreeMap<i32, Vec<i32>> {
        let mut leaders: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
        for position in self.positions.iter().filter(|position| !position.is_done()) {
            leaders.entry(self.leader_of(position.partition)).or_default().push(position.partition);
        }
        leaders
    }

    fn leader_of(&self, partition: i32) -> i32 {
        let partition = self.topic.partitions.iter().find(|p| p.index == partition);
        partition.map_or(-1, |partition| partition.leader)
    }

    /// Fetches from one leader; finds the leaders anew, for the next round, where that fails.
    fn fetch(
        &mut self,
        leader: i32,
        partitions: &[i32],
        wait_ms: i32,
    ) -> Result<Vec<Fetched>, CliError> {
        let Reader { cluster, topic, is_stale, positions } = self;
        let result = cluster.retry(|cluster| {
            if *is_stale {
                *topic = cluster.topic(&topic.name, false)?;
                *is_stale = false;
                return Ok(Vec::new());
            }
            let fetched = fetch_once(cluster, leader, &topic.name, positions, partitions, wait_ms);
            *is_stale = fetched.is_err();
            fetched
        });
        match result {
            Err(error) if error.is_code(ErrorCode::OffsetOutOfRange) => {
                self.is_stale = false;
                self.skip_deleted(partitions, error)
            }
            result => Ok(result?),
        }
    }

    /// Goes on at the start of a log whose start has moved past us; fails if it is for another
    /// reason that an offset does not exist.
    fn skip_deleted(
        &mut self,
        partitions: &[i32],
        error: ClientError,
    ) -> Result<Vec<Fetched>, CliError> {
        let wanted = partitions.iter().map(|partition| (*partition, EARLIEST)).collect();
        let starts = list_offsets(&mut self.cluster, &self.topic, &wanted)?;
        let mut has_moved = false;
        for position in self.positions.iter_mut().filter(|position| position.has_read) {
            let start = starts.get(&position.partition).map_or(0, |start| start.offset);
            if start > position.next {
                let Position { partition, next, .. } = position;
                eprintln!("pinion: partition {partition}: {next} to {start} were deleted unread");
                position.next = start;
                has_moved = true;
            }
        }
        if has_moved { Ok(Vec::new()) } else { Err(error.into()) }
    }

    fn take_apart(
        &mut self,
        partition: i32,
        bytes: &[u8],
        visit: &mut impl FnMut(i32, TimestampType, &Record<'_>) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        let name = self.topic.name.as_str();
        let position = self.positions.iter_mut().find(|position| position.partition == partition);
        let Some(position) = position else { return Ok(()) };
        for batch in Batches::new(bytes) {
            let damaged = |offset: i64, reason: String| {
                let place = format!("partition {partition} of topic \"{name}\"");
                CliError::failure(format!("{place}: damaged batch at offset {offset}: {reason}"))
            };
            let batch = batch.map_err(|error| damaged(position.next, error.to_string()))?;
            let damaged = |reason: String| damaged(batch.header.base_offset, reason);
            batch.verify_crc().map_err(|error| damaged(error.to_string()))?;
            if !batch.header.is_control() {
                visit_records(&batch, position, damaged, visit)?;
            }
            position.next = position.next.max(batch.header.next_offset());
            position.has_read = true;
        }
        Ok(())
    }
}

/// Visits those records of a batch that are due: a batch may begin before the position, and go on
/// beyond the end.
fn visit_records(
    batch: &Batch<'_>,
    position: &Position,
    damaged: impl Fn(String) -> CliError,
    visit: &mut impl FnMut(i32, TimestampType, &Record<'_>) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let records = decompress(batch.header.compression(), batch.body(), BATCH_SIZE_MAX);
    let records = records.map_err(|error| damaged(error.to_string()))?;
    for record in RecordIterator::new(&batch.header, &records) {
        let record = record.map_err(|error| damaged(error.to_string()))?;
        if record.offset >= position.next && position.end.is_none_or(|end| record.offset < end) {
            visit(position.partition, batch.header.timestamp_type(), &record)?;
        }
    }
    Ok(())
}

fn fetch_once(
    cluster: &mut Cluster,
    leader: i32,
    topic: &str,
    positions: &[Position],
    partitions: &[i32],
    max_wait_ms: i32,
) -> Result<Vec<Fetched>, ClientError> {
    let wanted = positions.iter().filter(|position| partitions.contains(&position.partition));
    let wanted = wanted.map(|position| FetchPartition {
        partition: position.partition,
        fetch_offset: position.next,
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
    answers.map(|answer| fetched(topic, answer)).collect()
}

fn fetched(topic: &str, answer: &PartitionData<'_>) -> Result<Fetched, ClientError> {
    let subject = format!("partition {} of topic \"{topic}\"", answer.partition_index);
    ClientError::check(&subject, answer.error_code, None)?;
    let bytes = match answer.records {
        Records::Inline(bytes) => bytes.to_vec(),
        Records::Deferred { .. } => Vec::new(),
    };
    Ok((answer.partition_index, bytes))
}
