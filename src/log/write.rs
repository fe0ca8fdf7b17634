//! The one write in flight, and what follows from its end.

use super::error::AppendError;
use super::files::{SegmentPart, segment_path};
use super::operations::Purpose;
use super::segment::BatchSpan;
use super::{Log, LogFact, LogOut, State};
use crate::base::limits::GATHER_PIECES_MAX;
use crate::base::{LeaderEpoch, Now, Offset, Timestamp};
use crate::io::{Gather, IoError, Op, Output};
use crate::wire::record_batch::HEADER_SIZE;
use bytes::Bytes;
use std::collections::VecDeque;

/// A write takes no more than this; what is left makes the next one.
///
/// Beyond it a write gains nothing, holds up the answers to its first batches, and has the page
/// cache look for 2 MiB of contiguous memory, which costs more than the copy.
const WRITE_SIZE_MAX: u64 = 1 << 20;

/// Room for so many batches is kept between writes.
const BATCHES_KEPT: usize = 64;

/// A batch that has offsets and waits to be written.
#[derive(Debug)]
pub struct Pending {
    /// The header to write in front of `records`.
    pub header: [u8; HEADER_SIZE],
    /// The records as they came, shared with the request they came in.
    pub records: Bytes,
    /// The offset of its first record.
    pub base_offset: Offset,
    /// The offset of its last record.
    pub last_offset: Offset,
    /// Its greatest timestamp.
    pub max_timestamp: Timestamp,
    /// The leader epoch it is stamped with.
    pub leader_epoch: LeaderEpoch,
    /// The base offset of the segment it goes to.
    pub segment: Offset,
}

/// Batches on their way to the page cache.
#[derive(Debug, Default)]
pub struct Writes {
    /// Batches with offsets, in order, not yet in a write.
    pub queue: VecDeque<Pending>,
    /// The batches of the write in flight.
    in_flight: Vec<BatchSpan>,
    /// Memory of the last write, to be used again.
    gather: Gather,
    /// What a failed write has left in the file.
    pub tear: Tear,
    /// Whether the last write failed for want of room.
    pub lacks_space: bool,
}

/// What a failed write leaves behind the last whole one, and how far its repair has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tear {
    /// Nothing.
    #[default]
    None,
    /// The file may have bytes that belong to no batch, or whole batches that were taken back.
    Open,
    /// They are cut off in the page cache, and may still be on the disk: a power loss would bring
    /// them back in front of whatever is written to the next segment.
    Cut,
}

impl Pending {
    /// The batch's size in bytes.
    pub fn size(&self) -> u64 {
        (HEADER_SIZE + self.records.len()) as u64
    }

    fn span_at(&self, position: u64) -> BatchSpan {
        BatchSpan {
            base_offset: self.base_offset,
            last_offset: self.last_offset,
            position,
            size: self.size() as u32,
            max_timestamp: self.max_timestamp,
            leader_epoch: self.leader_epoch,
        }
    }
}

impl Writes {
    /// Whether nothing waits and nothing is in flight.
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.in_flight.is_empty()
    }

    /// Keeps the memory of a completed write for the next one, unless it was unusually much.
    fn keep(&mut self, mut gather: Gather) {
        if gather.piece_count() <= 2 * BATCHES_KEPT {
            gather.clear();
            self.gather = gather;
        }
    }

    /// Gives memory back after a burst: thousands of logs would hold on to it.
    fn shrink(&mut self) {
        if self.in_flight.capacity() > BATCHES_KEPT {
            self.in_flight.shrink_to(BATCHES_KEPT / 4);
        }
        if self.queue.is_empty() && self.queue.capacity() > BATCHES_KEPT {
            self.queue.shrink_to(BATCHES_KEPT / 4);
        }
    }

    /// Moves batches of one segment from the queue into a gather, as many as one write takes.
    fn collect(&mut self, segment: Offset, mut position: u64) -> Gather {
        let mut gather = std::mem::take(&mut self.gather);
        let start = position;
        let fits = |pending: &Pending, gather: &Gather, end: u64| {
            pending.segment == segment
                && gather.piece_count() + 2 <= GATHER_PIECES_MAX
                && (end == start || end + pending.size() - start <= WRITE_SIZE_MAX)
        };
        while self.queue.front().is_some_and(|pending| fits(pending, &gather, position)) {
            let Some(pending) = self.queue.pop_front() else { break };
            let span = pending.span_at(position);
            position = span.end();
            self.in_flight.push(span);
            gather.push_copied(&pending.header);
            gather.push_shared(pending.records);
        }
        gather
    }
}

impl Log {
    /// Begins a write of what is queued, unless one is in flight or its segment has no file yet.
    pub(super) fn start_write(&mut self, now: Now, out: &mut LogOut) {
        let is_busy = self.operations.is_under_way(Purpose::Write)
            || self.operations.is_under_way(Purpose::Repair);
        if is_busy || !matches!(self.state, State::Open | State::Closing(_)) {
            return;
        }
        let Some(index) = self.segment_to_write() else { return };
        if self.writes.tear != Tear::None {
            // Before another segment begins: the one that was written to last has the fault.
            return self.start_repair(out);
        }
        if self.segments[index].file.is_none() && !self.open_next_segment(index, now, out) {
            return;
        }
        if self.writes.queue.is_empty() {
            return;
        }
        let segment = &self.segments[index];
        let file = segment.file.as_ref().expect("the segment was opened").file;
        let position = segment.size;
        let data = self.writes.collect(segment.base_offset, position);
        let op = Op::Write { file, position, data };
        self.operations.submit(Purpose::Write, op, &mut out.ops);
    }

    /// Cuts off what a failed write has left behind the last whole one, and makes that durable;
    /// one step at a time.
    pub(super) fn start_repair(&mut self, out: &mut LogOut) {
        if self.operations.is_under_way(Purpose::Repair) {
            return;
        }
        let base_offset = self.writing_segment();
        let index = self.segment_index(base_offset).expect("the segment is there");
        let segment = &self.segments[index];
        let file = segment.file.as_ref().expect("it was written to").file;
        let op = match self.writes.tear {
            Tear::None => return,
            Tear::Open => Op::Truncate { file, length: segment.size },
            Tear::Cut => Op::Sync { file },
        };
        self.operations.submit(Purpose::Repair, op, &mut out.ops);
    }

    /// The segment of the next write; or the last one, if it still needs its file.
    fn segment_to_write(&self) -> Option<usize> {
        match self.writes.queue.front() {
            Some(pending) => {
                Some(self.segment_index(pending.segment).expect("a queued batch has a segment"))
            }
            None if self.active().file.is_none() && !self.is_ending => {
                Some(self.segments.len() - 1)
            }
            None => None,
        }
    }

    pub(super) fn on_written(
        &mut self,
        result: Result<Output, IoError>,
        now: Now,
        out: &mut LogOut,
    ) {
        match result {
            Ok(Output::Written(gather)) => {
                self.writes.lacks_space = false;
                self.writes.keep(gather);
            }
            Ok(other) => unreachable!("write gave {other:?}"),
            Err(error) => {
                self.writes.tear = Tear::Open;
                self.writes.lacks_space = error.is_no_space();
                return self.undo_appends(AppendError::of_io(error), out);
            }
        }
        if self.state == State::Failed {
            // Their replies have failed already; nothing may pass the failed sync.
            return self.writes.in_flight.clear();
        }
        self.note_written(now);
        self.update_high_watermark(out);
        self.start_sync(now, out);
        self.prepare_segment_if_near(now);
        self.start_rolling(now, out);
        self.note_checkpoint_if_due();
    }

    /// Takes the batches of the completed write into the indexes and positions.
    fn note_written(&mut self, now: Now) {
        let spans = std::mem::take(&mut self.writes.in_flight);
        let base_offset = self.writing_segment();
        let index = self.segment_index(base_offset).expect("the write's segment is there");
        let index_interval = self.config.index_interval_bytes;
        let segment = &mut self.segments[index];
        for span in &spans {
            segment.note_batch(span, index_interval);
            self.size_bytes += u64::from(span.size);
            self.tail.push(base_offset, *span);
            self.flush.unsynced_count += span.last_offset.0 - span.base_offset.0 + 1;
        }
        segment.assigned_count -= spans.len() as u32;
        let mark = segment.end_mark();
        self.flush.unsynced_since.get_or_insert(now.monotonic);
        self.written.advance(mark);
        self.producers.settle(mark.offset);
        self.writes.in_flight = spans;
        self.writes.in_flight.clear();
        self.writes.shrink();
    }

    /// The segment of the write in flight: the last one that has a file.
    fn writing_segment(&self) -> Offset {
        let opened = self.segments.iter().rev().find(|segment| segment.file.is_some());
        opened.expect("a write has a file").base_offset
    }

    pub(super) fn on_repaired(&mut self, result: Result<Output, IoError>, out: &mut LogOut) {
        match (self.writes.tear, result) {
            (Tear::Open, Ok(_)) => {
                self.writes.tear = Tear::Cut;
                self.start_repair(out);
            }
            (_, Ok(_)) => self.writes.tear = Tear::None,
            (Tear::Cut, Err(error)) => {
                let directory = &self.identity.directory;
                let path = segment_path(directory, self.writing_segment(), SegmentPart::Log);
                self.fail(path, error, out);
            }
            (_, Err(error)) => {
                self.undo_appends(AppendError::of_io(error), out);
                self.give_up_closing();
            }
        }
    }

    /// Takes back every append that is not written: their offsets, their producers' sequences and
    /// the segments they would have begun.
    ///
    /// # Panics
    /// If a write is in flight.
    pub(super) fn undo_appends(&mut self, error: AppendError, out: &mut LogOut) {
        assert!(!self.operations.is_under_way(Purpose::Write), "its outcome is not known");
        let from = self.written.offset;
        if self.log_end == from {
            return;
        }
        self.writes.queue.clear();
        self.writes.in_flight.clear();
        self.log_end = from;
        self.producers.undo(from);
        self.producers.limit(self.config.producer_ids_max);
        while self.segments.len() > 1 && self.active().file.is_none() {
            self.segments.pop_back();
        }
        let segment = self.active_mut();
        segment.assigned_size = segment.size;
        segment.assigned_count = 0;
        self.undo_epochs(from);
        out.facts.push(LogFact::AppendsFailed { from, error });
    }
}
