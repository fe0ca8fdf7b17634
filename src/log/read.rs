//! Read plans: which bytes of which file answer a fetch.

use super::Log;
use super::error::ReadError;
use super::lookup::{Found, Lookup, Search, Wanted};
use super::segment::{BatchSpan, Segment, SegmentFile};
use crate::base::Offset;
use crate::io::Residency;
use std::sync::Arc;

/// A range of a segment that answers a read.
#[derive(Debug, Clone)]
pub struct ReadPlan {
    /// The file; held so that it stays open while the range is being sent.
    pub segment: Arc<SegmentFile>,
    /// Where the range begins: at a batch.
    pub position: u64,
    /// How many bytes, at least 1.
    pub length: u32,
    /// The size of the first batch, which may be more than `length`.
    pub first_batch_length: u32,
    /// The offset of the first record in the range, at most the one that was asked for.
    pub base_offset: Offset,
    /// Whether the range is likely in the page cache.
    pub residency: Residency,
}

/// The answer to a read, or a step towards it.
#[derive(Debug)]
pub enum ReadStep {
    /// There is nothing below the high watermark.
    Nothing,
    /// The answer.
    Ready(ReadPlan),
    /// Read this range and go on with [`Log::resume_read`].
    Lookup(Lookup),
}

/// What a read asks for.
#[derive(Debug, Clone, Copy)]
pub struct ReadQuery {
    /// The first offset wanted.
    pub offset: Offset,
    /// At most so many bytes.
    pub length_max: u32,
    /// Whether the first batch comes whole, even if it is larger.
    pub first_batch_whole: bool,
}

impl Log {
    /// Plans a read from the batch that holds `offset`, up to the high watermark, within one
    /// segment. The last batch may be cut.
    ///
    /// # Errors
    /// If the offset is out of range or its batch is damaged.
    pub fn read(
        &self,
        offset: Offset,
        length_max: u32,
        first_batch_whole: bool,
    ) -> Result<ReadStep, ReadError> {
        self.plan_read(ReadQuery { offset, length_max, first_batch_whole })
    }

    /// Goes on with a read after its lookup: `bytes` are those of [`Lookup::range`].
    ///
    /// # Errors
    /// As [`Log::read`].
    pub fn resume_read(&mut self, lookup: Lookup, bytes: &[u8]) -> Result<ReadStep, ReadError> {
        let Wanted::Read(query) = lookup.wanted else {
            unreachable!("a search by timestamp goes on with resume_offset");
        };
        if self.is_ending {
            return Err(ReadError::Closed);
        }
        match self.resume_search(lookup, bytes)? {
            Search::Found(found) => self.plan_from(query, &found),
            Search::Lookup(lookup) => Ok(ReadStep::Lookup(lookup)),
            Search::Nothing => Ok(ReadStep::Nothing),
            Search::Restart => self.plan_read(query),
        }
    }

    pub(super) fn plan_read(&self, query: ReadQuery) -> Result<ReadStep, ReadError> {
        if self.is_ending {
            return Err(ReadError::Closed);
        }
        let (log_start, log_end) = (self.log_start, self.log_end);
        let offset = query.offset;
        if offset < log_start || offset > log_end {
            return Err(ReadError::OffsetOutOfRange { offset, log_start, log_end });
        }
        if offset >= self.high_watermark.offset {
            return Ok(ReadStep::Nothing);
        }
        if let Some((segment, span)) = self.tail.find(offset) {
            return self.plan_from(query, &Found { segment, span });
        }
        let lookup = self.find_batch(offset, Wanted::Read(query))?;
        Ok(lookup.map_or(ReadStep::Nothing, ReadStep::Lookup))
    }

    /// Plans from a batch whose place is known, or asks for its bytes to be tested first.
    fn plan_from(&self, query: ReadQuery, found: &Found) -> Result<ReadStep, ReadError> {
        let Some(index) = self.segment_index(found.segment) else {
            // It was retired meanwhile.
            return self.plan_read(query);
        };
        let segment = &self.segments[index];
        let span = &found.span;
        let readable = self.readable_end(segment);
        let wanted = if query.first_batch_whole {
            query.length_max.max(span.size)
        } else {
            query.length_max
        };
        let end = readable.min(span.position + u64::from(wanted));
        let trusted = segment.trust.end_from(span.position);
        if trusted < span.end() {
            let lookup = self.test_range(segment, span, end, Wanted::Read(query))?;
            return Ok(ReadStep::Lookup(lookup));
        }
        let length = end.min(trusted) - span.position;
        Ok(ReadStep::Ready(ReadPlan {
            segment: Arc::clone(segment.file.as_ref().expect("it has records")),
            position: span.position,
            length: u32::try_from(length).unwrap_or(u32::MAX),
            first_batch_length: span.size,
            base_offset: span.base_offset,
            residency: self.residency(index, span),
        }))
    }

    /// Where the readable bytes of a segment end.
    pub(super) fn readable_end(&self, segment: &Segment) -> u64 {
        let mark = &self.high_watermark;
        match segment.base_offset.cmp(&mark.segment) {
            std::cmp::Ordering::Less => segment.size,
            std::cmp::Ordering::Equal => mark.position,
            std::cmp::Ordering::Greater => 0,
        }
    }

    /// The end of a log is in the page cache: this process wrote it, or has just tested it.
    fn residency(&self, index: usize, span: &BatchSpan) -> Residency {
        let window = self.config.resident_window_bytes;
        let mut distance = self.segments[index].size - span.position;
        for segment in self.segments.range(index + 1..) {
            if distance > window {
                break;
            }
            distance += segment.size;
        }
        if distance <= window { Residency::Resident } else { Residency::Unknown }
    }
}
