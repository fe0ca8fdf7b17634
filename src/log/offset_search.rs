//! The search for the first record at or above a timestamp, and for the newest timestamp.
//!
//! A segment that reaches the timestamp is found in memory; its time index gives a batch below
//! which no timestamp is as great; from there headers are walked to the first batch that reaches
//! it, and the records of that batch have the answer.

use super::error::ReadError;
use super::lookup::{BATCH_SIZE_MAX, Found, Lookup, Search, Stage, Walk, Wanted};
use super::segment::{BatchSpan, Indexes, Segment};
use super::time_index::TimeEntry;
use super::{Log, time_index};
use crate::base::{LeaderEpoch, Offset, Timestamp};
use crate::io::File;
use crate::wire::record_batch::compression::decompress;
use crate::wire::record_batch::{
    BatchHeader, Compression, HEADER_SIZE, Records, TimestampType, verify_crc,
};

/// Records of a compressed batch are looked through as far as this many bytes.
const DECOMPRESSED_SIZE_MAX: usize = 64 << 20;

/// What to search for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampQuery {
    /// The first record whose timestamp is this, in milliseconds, or later.
    At(i64),
    /// The first record that has the greatest timestamp of all (KIP-734).
    Max,
}

/// The answer to a search, or a step towards it.
#[derive(Debug)]
pub enum OffsetStep {
    /// The record's offset, timestamp and leader epoch; `None` if there is no such record.
    Done(Option<(Offset, Timestamp, LeaderEpoch)>),
    /// Read this range and go on with [`Log::resume_offset`].
    Lookup(OffsetLookup),
}

/// A read of a file that a search by timestamp waits for.
#[derive(Debug)]
pub struct OffsetLookup(Lookup);

/// The state of a search by timestamp.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeSearch {
    /// The timestamp to reach.
    target: Timestamp,
    /// Only this segment is searched, if set.
    only: Option<Offset>,
    /// The entry of the time index to verify before it is believed.
    entry: Option<(Timestamp, Offset)>,
    /// Records below this offset are gone.
    log_start: Offset,
}

impl OffsetLookup {
    /// The range to read: a file, a position and a length in bytes.
    pub fn range(&self) -> (File, u64, usize) {
        self.0.range()
    }
}

impl TimeSearch {
    /// The entry of the time index to begin at lies below the target: the batch of an entry at
    /// the target need not be the first with that timestamp, if the entry is damaged.
    fn below(&self) -> Timestamp {
        Timestamp(self.target.0.saturating_sub(1))
    }

    /// Whether a walk over headers ends at this batch.
    pub fn matches(&self, span: &BatchSpan) -> bool {
        match self.entry {
            Some((_, offset)) => span.last_offset >= offset,
            None => span.max_timestamp >= self.target && span.last_offset >= self.log_start,
        }
    }
}

impl Log {
    /// Searches the readable records by timestamp.
    pub fn offset_for_timestamp(&self, query: TimestampQuery) -> OffsetStep {
        if self.is_ending {
            return OffsetStep::Done(None);
        }
        let log_start = self.log_start;
        let search = |target, only| TimeSearch { target, only, entry: None, log_start };
        match query {
            TimestampQuery::At(at) => self.search_from(0, search(Timestamp(at), None)),
            TimestampQuery::Max => {
                let maxima = self.segments.iter().enumerate().filter_map(|(index, segment)| {
                    Some((self.readable_max(segment)?, std::cmp::Reverse(index)))
                });
                let Some((target, std::cmp::Reverse(index))) = maxima.max() else {
                    return OffsetStep::Done(None);
                };
                let only = Some(self.segments[index].base_offset);
                self.search_from(index, search(target, only))
            }
        }
    }

    /// Goes on with a search after its lookup: `bytes` are those of [`OffsetLookup::range`].
    ///
    /// # Errors
    /// If what was read is damaged.
    pub fn resume_offset(
        &mut self,
        lookup: OffsetLookup,
        bytes: &[u8],
    ) -> Result<OffsetStep, ReadError> {
        let lookup = lookup.0;
        let Wanted::Time(search) = lookup.wanted else {
            unreachable!("a read goes on with resume_read");
        };
        if self.is_ending {
            return Err(ReadError::Closed);
        }
        let Some(index) = self.segment_index(lookup.segment) else {
            // It was retired meanwhile.
            return Ok(self.search_from(0, TimeSearch { entry: None, ..search }));
        };
        match lookup.stage {
            Stage::TimeIndex => Ok(self.use_time_index(index, search, bytes)),
            Stage::Records(span) => self.use_records(index, search, span, bytes),
            _ => match self.resume_search(lookup, bytes)? {
                Search::Lookup(lookup) => Ok(OffsetStep::Lookup(OffsetLookup(lookup))),
                Search::Found(found) => self.use_batch(search, &found),
                Search::Nothing => Ok(self.search_from(index + 1, search)),
                Search::Restart => Ok(self.search_from(0, search)),
            },
        }
    }

    /// The greatest timestamp of a segment's readable records.
    fn readable_max(&self, segment: &Segment) -> Option<Timestamp> {
        let mark = &self.high_watermark;
        let max = match segment.base_offset.cmp(&mark.segment) {
            std::cmp::Ordering::Less => segment.max_timestamp,
            std::cmp::Ordering::Equal => mark.max_timestamp,
            std::cmp::Ordering::Greater => None,
        };
        max.filter(|_| segment.next_offset > self.log_start).map(|(timestamp, _)| timestamp)
    }

    /// Searches the segments from the one at `index` on.
    fn search_from(&self, index: usize, search: TimeSearch) -> OffsetStep {
        let from = index.min(self.segments.len());
        let reaches = |segment: &&Segment| {
            search.only.is_none_or(|only| segment.base_offset == only)
                && self.readable_max(segment).is_some_and(|max| max >= search.target)
        };
        match self.segments.range(from..).find(reaches) {
            Some(segment) => self.search_segment(segment, search),
            None => OffsetStep::Done(None),
        }
    }

    fn search_segment(&self, segment: &Segment, search: TimeSearch) -> OffsetStep {
        let below = search.below();
        match &segment.indexes {
            Indexes::Memory { times, .. } => {
                let entry = time_index::floor(times.entries(), below);
                self.search_from_entry(segment, search, entry)
            }
            Indexes::Files { times, .. } => match times.range_of(below) {
                Some(range) => OffsetStep::Lookup(OffsetLookup(Lookup::new(
                    times.file(),
                    (range.position, range.length),
                    segment.base_offset,
                    Stage::TimeIndex,
                    Wanted::Time(search),
                ))),
                None => self.search_from_entry(segment, search, None),
            },
        }
    }

    fn use_time_index(&self, index: usize, search: TimeSearch, bytes: &[u8]) -> OffsetStep {
        let segment = &self.segments[index];
        let entry = match &segment.indexes {
            Indexes::Files { times, .. } => times.floor_in(bytes, search.below()),
            Indexes::Memory { .. } => None,
        };
        self.search_from_entry(segment, search, entry)
    }

    /// Goes to the batch that an entry of the time index names, or to the segment's start.
    fn search_from_entry(
        &self,
        segment: &Segment,
        search: TimeSearch,
        entry: Option<TimeEntry>,
    ) -> OffsetStep {
        let entry = entry.map(|entry| (entry.timestamp, entry.offset(segment.base_offset)));
        let wanted = Wanted::Time(TimeSearch { entry, ..search });
        let lookup = match entry {
            Some((_, offset)) => self.look_up_offset(segment, offset, wanted),
            None => self.walk_from(segment, Walk::from_start(segment), wanted),
        };
        OffsetStep::Lookup(OffsetLookup(lookup))
    }

    /// Goes on from a batch that a walk over headers ended at.
    fn use_batch(&self, search: TimeSearch, found: &Found) -> Result<OffsetStep, ReadError> {
        let index = self.segment_index(found.segment).expect("it was searched just now");
        let segment = &self.segments[index];
        let span = &found.span;
        let plain = TimeSearch { entry: None, ..search };
        if let Some((timestamp, offset)) = search.entry {
            if (span.max_timestamp, span.last_offset) != (timestamp, offset) {
                // The time index is wrong: walk the whole segment.
                return Ok(self.search_from_entry(segment, plain, None));
            }
            if !plain.matches(span) {
                return Ok(self.walk_on(segment, span.end(), span.last_offset.next(), plain));
            }
        }
        if u64::from(span.size) > BATCH_SIZE_MAX {
            let (segment, position) = (segment.base_offset, span.position);
            return Err(ReadError::Corrupt { segment, position });
        }
        let wanted = Wanted::Time(plain);
        let stage = Stage::Records(*span);
        let length = span.size as usize;
        let lookup = self.read_segment(segment, span.position, length, stage, wanted);
        Ok(OffsetStep::Lookup(OffsetLookup(lookup)))
    }

    fn walk_on(
        &self,
        segment: &Segment,
        position: u64,
        next_offset: Offset,
        search: TimeSearch,
    ) -> OffsetStep {
        let walk = Walk { position, expected_last: None, next_offset };
        OffsetStep::Lookup(OffsetLookup(self.walk_from(segment, walk, Wanted::Time(search))))
    }

    fn use_records(
        &self,
        index: usize,
        search: TimeSearch,
        span: BatchSpan,
        bytes: &[u8],
    ) -> Result<OffsetStep, ReadError> {
        let segment = &self.segments[index];
        let corrupt =
            || ReadError::Corrupt { segment: segment.base_offset, position: span.position };
        let header = BatchHeader::parse(bytes).map_err(|_| corrupt())?;
        let is_same = BatchSpan::of(&header, span.position) == span;
        if !is_same || bytes.len() != header.size() || verify_crc(bytes).is_err() {
            return Err(corrupt());
        }
        match first_record(&header, &bytes[HEADER_SIZE..], &search) {
            Some((offset, timestamp)) => {
                Ok(OffsetStep::Done(Some((offset, timestamp, span.leader_epoch))))
            }
            None => Ok(self.walk_on(segment, span.end(), span.last_offset.next(), search)),
        }
    }
}

/// The first record of a batch that reaches the timestamp.
///
/// Compressed records are stored as they came: where they cannot be read, the answer is the
/// batch's first record, so that no record that reaches the timestamp is left out.
fn first_record(
    header: &BatchHeader,
    body: &[u8],
    search: &TimeSearch,
) -> Option<(Offset, Timestamp)> {
    let first = Offset(header.base_offset).max(search.log_start);
    let whole = Some((first, Timestamp(header.max_timestamp)));
    if header.timestamp_type() == TimestampType::LogAppendTime {
        return whole;
    }
    let decompressed;
    let records = match header.compression() {
        Compression::None => body,
        codec => match decompress(codec, body, DECOMPRESSED_SIZE_MAX) {
            Ok(records) => {
                decompressed = records;
                &decompressed[..]
            }
            Err(_) => return whole,
        },
    };
    for record in Records::new(header, records) {
        let Ok(record) = record else { return whole };
        if record.timestamp >= search.target.0 && record.offset >= search.log_start.0 {
            return Some((Offset(record.offset), Timestamp(record.timestamp)));
        }
    }
    None
}
