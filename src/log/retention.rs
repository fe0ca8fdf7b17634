//! Which segments are old, and where the log begins.

use super::error::ReadError;
use super::roll::Rolling;
use super::segment::Segment;
use super::{Log, LogFact, LogOut, State};
use crate::base::{Now, Offset, Timestamp};
use std::time::Duration;

/// How soon to look again when a segment could not go yet.
const POSTPONED: Duration = Duration::from_secs(1);

impl Log {
    /// Retires what `retention.ms` and `retention.bytes` do not keep, and forgets producers.
    pub(super) fn check_retention(&mut self, now: Now, out: &mut LogOut) {
        if self.retention_due > now.monotonic {
            return;
        }
        let interval = Duration::from_millis(self.config.retention_check_interval_ms.max(1));
        self.retention_due = now.monotonic.after(interval);
        self.producers.expire(now.wall, self.config.producer_id_expiration_ms);
        let mut count = self.below_log_start();
        if self.config.cleanup_policy.delete {
            count = count.max(self.older_than_retention(now.wall));
            count = count.max(self.above_retention_size());
        }
        if count == self.segments.len() {
            self.roll_expired(now);
        }
        self.retire_up_to(count, now, out);
    }

    /// Moves the log's start to `before`, and retires the segments wholly below it. The new start
    /// is in effect at once, and survives a crash once [`Log::saved_log_start`] has reached it:
    /// the facts `LogStartSaved` and `LogStartUnsaved` tell how that goes.
    ///
    /// # Errors
    /// If `before` is above the high watermark.
    pub fn delete_records(
        &mut self,
        before: Offset,
        now: Now,
        out: &mut LogOut,
    ) -> Result<Offset, ReadError> {
        if !matches!(self.state, State::Open) {
            return Err(ReadError::Closed);
        }
        let (log_start, log_end) = (self.log_start, self.high_watermark.offset);
        if before.0 < 0 || before > log_end {
            return Err(ReadError::OffsetOutOfRange { offset: before, log_start, log_end });
        }
        self.save_log_start(before.max(log_start));
        self.move_log_start(before, out);
        let count = self.below_log_start();
        if count == self.segments.len() {
            self.roll_expired(now);
        }
        self.retire_up_to(count, now, out);
        self.start_upkeep(now, out);
        self.positions().check();
        Ok(self.log_start)
    }

    fn move_log_start(&mut self, to: Offset, out: &mut LogOut) {
        if to <= self.log_start {
            return;
        }
        self.log_start = to;
        if self.epochs.truncate_start(to) {
            self.push_epochs();
        }
        out.facts.push(LogFact::LogStartMoved(to));
    }

    /// The number of segments, the active one included, with nothing at or above the log's start.
    fn below_log_start(&self) -> usize {
        let count = self.segments.partition_point(|segment| segment.next_offset <= self.log_start);
        if self.active().size == 0 { count.min(self.segments.len() - 1) } else { count }
    }

    fn older_than_retention(&self, now: Timestamp) -> usize {
        let retention_ms = self.config.retention_ms;
        if retention_ms < 0 {
            return 0;
        }
        let is_old = |segment: &&Segment| {
            let newest = match segment.max_timestamp {
                Some((timestamp, _)) if timestamp >= Timestamp(0) => timestamp,
                _ => segment.created_at,
            };
            segment.size > 0 && now.0.saturating_sub(newest.0) > retention_ms
        };
        self.segments.iter().take_while(is_old).count()
    }

    fn above_retention_size(&self) -> usize {
        let Ok(retention_bytes) = u64::try_from(self.config.retention_bytes) else { return 0 };
        let mut surplus = self.size_bytes().saturating_sub(retention_bytes);
        let is_surplus = |segment: &&Segment| {
            let fits = segment.size > 0 && surplus >= segment.size;
            surplus = surplus.saturating_sub(segment.size);
            fits
        };
        self.segments.iter().take_while(is_surplus).count()
    }

    /// Begins another segment, so that the active one may go once the new one is on the disk.
    fn roll_expired(&mut self, now: Now) {
        let segment = self.active();
        if segment.size > 0 && segment.assigned_size == segment.size && segment.file.is_some() {
            self.roll(now.wall);
        }
    }

    /// Retires the oldest segments, at most `count`, as far as readers and crashes allow.
    fn retire_up_to(&mut self, count: usize, now: Now, out: &mut LogOut) {
        if count == 0 {
            return;
        }
        let possible = (0..count).take_while(|index| self.may_retire(*index)).count();
        if possible < count {
            self.retention_due = self.retention_due.min(now.monotonic.after(POSTPONED));
        }
        if possible == 0 {
            return;
        }
        let start = self.segments[possible].base_offset.max(self.log_start);
        self.retire_segments(possible, now);
        self.move_log_start(start, out);
    }

    /// A segment may go if everything in it is durable and readable, no job needs it, and the
    /// next one has its name on the disk: the log's end is known from that.
    fn may_retire(&self, index: usize) -> bool {
        let segment = &self.segments[index];
        let Some(next) = self.segments.get(index + 1) else { return false };
        let settled = self.durable.offset.min(self.high_watermark.offset);
        let is_renaming = |kind: &Rolling| *kind == Rolling::Rename(next.base_offset);
        segment.next_offset <= settled
            && self.retirement.is_possible()
            && next.file.is_some()
            && !self.is_sealing(segment.base_offset)
            && !self.roll.lane.kinds().any(is_renaming)
    }
}
