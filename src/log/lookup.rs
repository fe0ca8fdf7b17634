//! The steps from an offset to the place of its batch.
//!
//! What memory does not know is read: a piece of the offset index, then headers of batches from
//! the entry on, then, for bytes of an earlier process, the batches themselves to test them. Each
//! step is one [`Lookup`]; nothing that was read is believed unless it fits what is known.

use super::error::ReadError;
use super::index_file::IndexEntry;
use super::offset_index::OffsetEntry;
use super::offset_search::TimeSearch;
use super::read::ReadQuery;
use super::scan::{SoundRange, Surroundings, test_batches};
use super::segment::{BatchSpan, Indexes, Segment, SegmentFile};
use super::{Log, offset_index};
use crate::base::Offset;
use crate::io::File;
use crate::wire::record_batch::{BatchHeader, HEADER_SIZE};
use std::sync::Arc;

/// Bytes read at once in search of a header. Index entries lie about this far apart.
const HEADERS_LENGTH: usize = 8 * 1024;

/// Up to this, one longer read costs less than a second one.
const HEADERS_REACH_MAX: usize = 32 * 1024;

/// Bytes tested at once, unless a batch is larger.
const TEST_LENGTH: u64 = 1 << 20;

/// A batch above this size is damage: no request is as large.
pub(super) const BATCH_SIZE_MAX: u64 = 128 << 20;

/// A read of a file that a search waits for.
#[derive(Debug)]
pub struct Lookup {
    file: Arc<SegmentFile>,
    position: u64,
    length: usize,
    /// The base offset of the segment that is searched.
    pub(super) segment: Offset,
    pub(super) stage: Stage,
    pub(super) wanted: Wanted,
}

/// What the bytes of a lookup are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stage {
    /// Entries of the offset index, around this offset.
    OffsetIndex(Offset),
    /// Entries of the time index.
    TimeIndex,
    /// Headers of batches.
    Headers(Walk),
    /// Whole batches from this one on, to be tested.
    Test(BatchSpan),
    /// One whole batch, whose records have the answer.
    Records(BatchSpan),
}

/// A walk over the headers of a segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Walk {
    /// Where the next header is.
    pub position: u64,
    /// The last offset that the next batch must have, because the index says so.
    pub expected_last: Option<Offset>,
    /// The next batch begins here or above.
    pub next_offset: Offset,
}

/// What a search is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wanted {
    /// A read plan.
    Read(ReadQuery),
    /// The offset of a timestamp.
    Time(TimeSearch),
}

/// A batch whose place is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    /// The base offset of its segment.
    pub segment: Offset,
    /// Its place.
    pub span: BatchSpan,
}

/// How far a search has come.
#[derive(Debug)]
pub(super) enum Search {
    Found(Found),
    Lookup(Lookup),
    /// There is no such batch.
    Nothing,
    /// What is known has changed: begin anew.
    Restart,
}

/// The outcome of a walk over the headers in a piece of a segment.
enum Walked {
    Found(BatchSpan),
    /// The piece ended before the next header did.
    More(Walk),
    /// The segment ended.
    End,
    /// Something there is no header of a batch, or not the one that the index names.
    Broken(u64),
}

impl Lookup {
    /// A read of this range, given as position and length, of a file.
    pub(super) fn new(
        file: &Arc<SegmentFile>,
        (position, length): (u64, usize),
        segment: Offset,
        stage: Stage,
        wanted: Wanted,
    ) -> Lookup {
        Lookup { file: Arc::clone(file), position, length, segment, stage, wanted }
    }

    /// The range to read: a file, a position and a length in bytes. Fewer bytes are fine at the
    /// end of the file.
    pub fn range(&self) -> (File, u64, usize) {
        (self.file.file, self.position, self.length)
    }
}

impl Log {
    /// The segment to search for `offset`: the one that holds it or the next record.
    pub(super) fn segment_for(&self, offset: Offset) -> Option<usize> {
        let after = self.segments.partition_point(|segment| segment.base_offset <= offset);
        let index = after.saturating_sub(1);
        let holds = |index: &usize| self.segments[*index].next_offset > offset;
        let is_open = |index: &usize| self.segments[*index].file.is_some();
        (index..self.segments.len()).find(holds).filter(is_open)
    }

    /// Begins the search for the batch that holds `offset`.
    ///
    /// # Errors
    /// If the batch is known to be damaged.
    pub(super) fn find_batch(
        &self,
        offset: Offset,
        wanted: Wanted,
    ) -> Result<Option<Lookup>, ReadError> {
        let after = self.segments.partition_point(|segment| segment.base_offset <= offset);
        let named = &self.segments[after.saturating_sub(1)];
        if let Some(damage) = named.trust.damage_at(offset) {
            let (segment, position) = (named.base_offset, damage.position);
            return Err(ReadError::Corrupt { segment, position });
        }
        let Some(index) = self.segment_for(offset) else { return Ok(None) };
        let segment = &self.segments[index];
        Ok(Some(self.look_up_offset(segment, offset, wanted)))
    }

    /// The first step towards the batch that holds `offset` in a segment.
    pub(super) fn look_up_offset(
        &self,
        segment: &Segment,
        offset: Offset,
        wanted: Wanted,
    ) -> Lookup {
        let relative = segment.relative(offset);
        match &segment.indexes {
            Indexes::Memory { offsets, .. } => {
                let (entry, next) = offset_index::around(offsets.entries(), relative);
                let walk = Walk::from_entry(segment, entry);
                let length = headers_length(&walk, next);
                self.read_segment(segment, walk.position, length, Stage::Headers(walk), wanted)
            }
            Indexes::Files { offsets, .. } => match offsets.range_of(relative) {
                Some(range) => Lookup::new(
                    offsets.file(),
                    (range.position, range.length),
                    segment.base_offset,
                    Stage::OffsetIndex(offset),
                    wanted,
                ),
                None => self.walk_from(segment, Walk::from_start(segment), wanted),
            },
        }
    }

    pub(super) fn walk_from(&self, segment: &Segment, walk: Walk, wanted: Wanted) -> Lookup {
        self.read_segment(segment, walk.position, HEADERS_LENGTH, Stage::Headers(walk), wanted)
    }

    /// A lookup of a segment's own bytes.
    pub(super) fn read_segment(
        &self,
        segment: &Segment,
        position: u64,
        length: usize,
        stage: Stage,
        wanted: Wanted,
    ) -> Lookup {
        let file = segment.file.as_ref().expect("it has records");
        Lookup::new(file, (position, length), segment.base_offset, stage, wanted)
    }

    /// Has the bytes from a batch on tested, as far as `end` if that is not too much at once.
    pub(super) fn test_range(
        &self,
        segment: &Segment,
        span: &BatchSpan,
        end: u64,
        wanted: Wanted,
    ) -> Result<Lookup, ReadError> {
        let damage = segment.trust.damage_after(span.position);
        if damage.is_some_and(|damage| damage.position < span.end()) {
            let (segment, position) = (segment.base_offset, span.position);
            return Err(ReadError::Corrupt { segment, position });
        }
        if u64::from(span.size) > BATCH_SIZE_MAX {
            let (segment, position) = (segment.base_offset, span.position);
            return Err(ReadError::Corrupt { segment, position });
        }
        let end = end.min(span.position + TEST_LENGTH).max(span.end());
        // The header of the next batch tells whether this one's offsets are right.
        let length = (end - span.position) as usize + HEADER_SIZE;
        let stage = Stage::Test(*span);
        Ok(self.read_segment(segment, span.position, length, stage, wanted))
    }

    /// Goes on with a search after its lookup.
    ///
    /// # Errors
    /// If what was read is damaged.
    pub(super) fn resume_search(
        &mut self,
        lookup: Lookup,
        bytes: &[u8],
    ) -> Result<Search, ReadError> {
        let Some(index) = self.segment_index(lookup.segment) else { return Ok(Search::Restart) };
        match lookup.stage {
            Stage::OffsetIndex(offset) => {
                Ok(Search::Lookup(self.use_offset_index(index, offset, lookup.wanted, bytes)))
            }
            Stage::Headers(walk) => self.use_headers(index, walk, lookup.wanted, bytes),
            Stage::Test(span) => self.use_test(index, span, bytes),
            Stage::TimeIndex | Stage::Records(_) => {
                unreachable!("a search by timestamp takes these itself")
            }
        }
    }

    fn use_offset_index(
        &self,
        index: usize,
        offset: Offset,
        wanted: Wanted,
        bytes: &[u8],
    ) -> Lookup {
        let segment = &self.segments[index];
        let relative = segment.relative(offset);
        let entry = match &segment.indexes {
            // The sample in memory serves where the file has changed since it was opened.
            Indexes::Files { offsets, .. } => {
                offsets.floor_in(bytes, relative).or_else(|| offsets.sample_floor(relative))
            }
            Indexes::Memory { offsets, .. } => offset_index::floor(offsets.entries(), relative),
        };
        self.walk_from(segment, Walk::from_entry(segment, entry), wanted)
    }

    fn use_headers(
        &self,
        index: usize,
        walk: Walk,
        wanted: Wanted,
        bytes: &[u8],
    ) -> Result<Search, ReadError> {
        let segment = &self.segments[index];
        let end = self.readable_end(segment);
        let base_offset = segment.base_offset;
        match walk_headers(segment, walk, end, bytes, |span| wanted.matches(span)) {
            Walked::Found(span) => Ok(Search::Found(Found { segment: base_offset, span })),
            Walked::More(next) => Ok(Search::Lookup(self.walk_from(segment, next, wanted))),
            Walked::End => Ok(self.search_next_segment(index, wanted)),
            Walked::Broken(position) if walk.names(position).is_some() => {
                let last = walk.names(position).unwrap_or(base_offset);
                // The index may be to blame: come from its entry before this one.
                let offset = Offset(last.0 - 1);
                Ok(Search::Lookup(self.look_up_offset(segment, offset, wanted)))
            }
            Walked::Broken(position) => Err(ReadError::Corrupt { segment: base_offset, position }),
        }
    }

    /// Goes on in the next segment: compaction may have left nothing at the end of this one.
    fn search_next_segment(&self, index: usize, wanted: Wanted) -> Search {
        match (wanted, self.segments.get(index + 1)) {
            (Wanted::Read(_), Some(next)) if self.readable_end(next) > 0 => {
                Search::Lookup(self.walk_from(next, Walk::from_start(next), wanted))
            }
            _ => Search::Nothing,
        }
    }

    fn use_test(
        &mut self,
        index: usize,
        span: BatchSpan,
        bytes: &[u8],
    ) -> Result<Search, ReadError> {
        let segment = &mut self.segments[index];
        let base_offset = segment.base_offset;
        let surroundings = Surroundings {
            size: segment.size,
            next_offset: segment.next_offset,
            epochs: &self.epochs,
        };
        let SoundRange { sound_end, .. } =
            test_batches(bytes, span.position, span.base_offset, surroundings);
        segment.trust.note_tested(span.position, sound_end);
        if sound_end < span.end() {
            let (segment, position) = (base_offset, span.position);
            return Err(ReadError::Corrupt { segment, position });
        }
        Ok(Search::Found(Found { segment: base_offset, span }))
    }
}

impl Wanted {
    /// Whether a walk over headers ends at this batch.
    fn matches(&self, span: &BatchSpan) -> bool {
        match self {
            Wanted::Read(query) => span.last_offset >= query.offset,
            Wanted::Time(search) => search.matches(span),
        }
    }
}

impl Walk {
    /// The last offset of the batch at `position`, if the walk began there at an index entry.
    fn names(&self, position: u64) -> Option<Offset> {
        self.expected_last.filter(|_| position == self.position)
    }

    pub(super) fn from_start(segment: &Segment) -> Walk {
        Walk { position: 0, expected_last: None, next_offset: segment.base_offset }
    }

    pub(super) fn from_entry(segment: &Segment, entry: Option<OffsetEntry>) -> Walk {
        let Some(entry) = entry else { return Walk::from_start(segment) };
        Walk {
            position: u64::from(entry.position),
            expected_last: Some(entry.offset(segment.base_offset)),
            next_offset: segment.base_offset,
        }
    }
}

/// How much to read from an entry's batch on. The batch that is wanted is that of the next entry,
/// or lies before it: where it is not far, one read has its header as well.
fn headers_length(walk: &Walk, next: Option<OffsetEntry>) -> usize {
    let reach = next.map_or(0, |next| u64::from(next.position) - walk.position);
    let with_header = reach as usize + HEADER_SIZE;
    match with_header <= HEADERS_REACH_MAX {
        true => with_header.max(HEADERS_LENGTH),
        false => HEADERS_LENGTH,
    }
}

/// Walks over the headers in `bytes`, which lie at `walk.position`, to the first batch that
/// `matches`.
fn walk_headers(
    segment: &Segment,
    mut walk: Walk,
    end: u64,
    bytes: &[u8],
    matches: impl Fn(&BatchSpan) -> bool,
) -> Walked {
    let start = walk.position;
    loop {
        let damage = segment.trust.damage_after(walk.position);
        if let Some(damage) = damage.filter(|damage| damage.position <= walk.position) {
            walk.position = damage.end;
            walk.next_offset = damage.next_offset;
            walk.expected_last = None;
        }
        let position = walk.position;
        if position >= end {
            return Walked::End;
        }
        let rest = bytes.get((position - start) as usize..).unwrap_or_default();
        if rest.len() < HEADER_SIZE && position > start {
            return Walked::More(walk);
        }
        let Ok(header) = BatchHeader::parse(rest) else { return Walked::Broken(position) };
        let span = BatchSpan::of(&header, position);
        let fits = header.last_offset_delta >= 0
            && span.base_offset >= walk.next_offset
            && span.last_offset < segment.next_offset
            && span.end() <= end
            && walk.expected_last.is_none_or(|last| last == span.last_offset);
        if !fits {
            return Walked::Broken(position);
        }
        if matches(&span) {
            return Walked::Found(span);
        }
        walk = Walk {
            position: span.end(),
            expected_last: None,
            next_offset: span.last_offset.next(),
        };
    }
}

const _: () = assert!(OffsetEntry::SIZE == <OffsetEntry as IndexEntry>::SIZE);
