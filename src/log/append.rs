//! Appending: what a batch must be like, and the offsets it gets.

use super::config::LogConfig;
use super::error::AppendError;
use super::producer_state::Verdict;
use super::write::Pending;
use super::{Log, State, producer_snapshot};
use crate::base::{Now, Offset, Timestamp};
use crate::wire::record_batch::{
    BatchHeader, Compression, HEADER_SIZE, TimestampType, stamp, stamp_timestamp, summarize,
};
use bytes::Bytes;

/// The offsets of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The offset of its first record.
    pub base_offset: Offset,
    /// The offset of its last record: the reply may go once the positions have passed it.
    pub last_offset: Offset,
    /// The time it was given, with `message.timestamp.type=LogAppendTime`; −1 otherwise.
    pub log_append_time: Timestamp,
    /// The first offset of the log.
    pub log_start: Offset,
    /// Whether the same producer had appended the same batch before: the offsets are those of
    /// then, and nothing was appended.
    pub duplicate: bool,
}

impl Log {
    /// Assigns offsets to a batch and queues it; nothing is written before the turn ends.
    ///
    /// `batch` is the whole batch as it came, and `header` its header, validated as far as the
    /// bytes alone allow. A caller that knows the greatest timestamp of the records better than
    /// the batch does may put it into `header`; it is then stamped into the stored batch.
    ///
    /// # Errors
    /// If the batch breaks a rule of the topic or of its producer's sequence, or if the log takes
    /// no appends.
    pub fn append(
        &mut self,
        header: &BatchHeader,
        batch: Bytes,
        now: Now,
    ) -> Result<Appended, AppendError> {
        assert_eq!(header.size(), batch.len(), "exactly one batch");
        self.check_open()?;
        check_size(batch.len(), &self.config)?;
        if header.has_producer_id()
            && let Verdict::Duplicate(known) = self.producers.check(header)?
        {
            return Ok(Appended {
                base_offset: known.base_offset(),
                last_offset: known.last_offset,
                log_append_time: self.log_append_time(known.timestamp),
                log_start: self.log_start,
                duplicate: true,
            });
        }
        let times = check_records(header, &batch, &self.config, now.wall)?;
        self.roll_if_due(header, times, batch.len() as u64, now);
        Ok(self.assign(header, batch, times, now))
    }

    fn check_open(&self) -> Result<(), AppendError> {
        match self.state {
            State::Creating | State::Open => Ok(()),
            State::Failed => Err(AppendError::Failed),
            State::Closing(_) | State::Closed | State::Deleting(_) | State::Deleted => {
                Err(AppendError::Closing)
            }
        }
    }

    fn log_append_time(&self, timestamp: Timestamp) -> Timestamp {
        match self.config.timestamp_type {
            TimestampType::CreateTime => Timestamp::NONE,
            TimestampType::LogAppendTime => timestamp,
        }
    }

    /// Gives the batch the next offsets. From here on it either gets written or is undone.
    fn assign(
        &mut self,
        header: &BatchHeader,
        batch: Bytes,
        max_timestamp: Timestamp,
        now: Now,
    ) -> Appended {
        let base_offset = self.log_end;
        let mut stamped = *header;
        stamped.max_timestamp = max_timestamp.0;
        let pending = Pending {
            header: self.stamp_header(&batch, max_timestamp),
            records: batch.slice(HEADER_SIZE..),
            base_offset,
            last_offset: base_offset.plus(i64::from(header.last_offset_delta)),
            max_timestamp,
            leader_epoch: self.leader_epoch,
            segment: self.active().base_offset,
        };
        let last_offset = pending.last_offset;
        if header.has_producer_id() {
            self.producers.append(&stamped, base_offset, now.wall);
            self.producers.limit(self.config.producer_ids_max);
        }
        let segment = self.active_mut();
        segment.assigned_size += pending.size();
        segment.assigned_count += 1;
        self.writes.queue.push_back(pending);
        self.log_end = last_offset.next();
        self.note_epoch(base_offset);
        Appended {
            base_offset,
            last_offset,
            log_append_time: self.log_append_time(max_timestamp),
            log_start: self.log_start,
            duplicate: false,
        }
    }

    fn stamp_header(&self, batch: &Bytes, max_timestamp: Timestamp) -> [u8; HEADER_SIZE] {
        let (header, records) = batch.split_first_chunk().expect("a batch has a header");
        let stamped = stamp(header, self.log_end.0, self.leader_epoch.0);
        let timestamp_type = self.config.timestamp_type;
        let keeps = timestamp_type == TimestampType::CreateTime;
        let sent = BatchHeader::parse(batch).map(|sent| sent.max_timestamp);
        if keeps && sent == Ok(max_timestamp.0) {
            return stamped;
        }
        stamp_timestamp(&stamped, records, timestamp_type, max_timestamp.0)
    }

    /// Begins another segment if the batch does not belong into the active one (Kafka's rules).
    fn roll_if_due(&mut self, header: &BatchHeader, max_timestamp: Timestamp, size: u64, now: Now) {
        let last = self.log_end.plus(i64::from(header.last_offset_delta));
        if self.must_roll(last, max_timestamp, size, now.wall) {
            self.roll(now.wall);
        }
    }

    /// Begins another segment at the log's end. Its file is made, or taken, at its first write.
    pub(super) fn roll(&mut self, now: Timestamp) {
        let mut segment = super::segment::Segment::new(self.log_end, now);
        segment.snapshot = Some(producer_snapshot::encode(&self.producers));
        self.segments.push_back(segment);
    }
}

fn check_size(size: usize, config: &LogConfig) -> Result<(), AppendError> {
    let max = config.max_message_bytes;
    if size > max as usize {
        return Err(AppendError::TooLarge { size, max });
    }
    let max = config.segment_bytes;
    if size as u64 > max {
        return Err(AppendError::LargerThanSegment { size, max });
    }
    Ok(())
}

/// Checks timestamps, and gives the greatest timestamp that the batch shall have.
///
/// Compressed records are not looked into; their batch's header speaks for them.
fn check_records(
    header: &BatchHeader,
    batch: &[u8],
    config: &LogConfig,
    now: Timestamp,
) -> Result<Timestamp, AppendError> {
    let stamps = config.timestamp_type == TimestampType::LogAppendTime;
    let sent = header.max_timestamp;
    let bounded = config.timestamp_before_max_ms != i64::MAX;
    let looks = !stamps && (sent < 0 || bounded);
    let mut min = header.base_timestamp;
    let mut max = sent;
    if looks && header.compression() == Compression::None {
        // Records that do not add up were refused before they came here.
        if let Ok(summary) = summarize(header, &batch[HEADER_SIZE..]) {
            min = summary.min_timestamp;
            max = summary.max_timestamp;
        }
    }
    if stamps {
        return Ok(now);
    }
    if header.timestamp_type() == TimestampType::LogAppendTime {
        return Err(AppendError::TimestampTypeSet);
    }
    check_timestamps(Timestamp(min), Timestamp(max), config, now)?;
    // What the producer said stands, unless it left it open.
    Ok(Timestamp(if sent < 0 { max } else { sent }))
}

fn check_timestamps(
    min: Timestamp,
    max: Timestamp,
    config: &LogConfig,
    now: Timestamp,
) -> Result<(), AppendError> {
    let earliest = Timestamp(now.0.saturating_sub(config.timestamp_before_max_ms));
    let latest = Timestamp(now.0.saturating_add(config.timestamp_after_max_ms));
    let fault = if max > latest {
        Some(max)
    } else if min >= Timestamp(0) && min < earliest {
        Some(min)
    } else {
        None
    };
    match fault {
        Some(timestamp) => Err(AppendError::TimestampOutOfRange { timestamp, earliest, latest }),
        None => Ok(()),
    }
}
