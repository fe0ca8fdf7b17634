//! The records of an uncompressed batch, or of one whose records were decompressed.

use super::{BatchError, BatchHeader, TimestampType};
use crate::wire::{DecodeError, varint};

/// A record, borrowed from its batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its offset in the log.
    pub offset: i64,
    /// Its offset, less the base offset of the batch.
    pub offset_delta: i32,
    /// When it was made or appended, in milliseconds since 1970: see [`TimestampType`].
    pub timestamp: i64,
    /// What compaction and partitioning go by.
    pub key: Option<&'a [u8]>,
    /// The payload; `None` deletes the key in a compacted topic.
    pub value: Option<&'a [u8]>,
    /// The headers, in the producer's order. A key may appear more than once.
    pub headers: RecordHeaders<'a>,
}

/// A header of a record. Its key should be UTF-8, but brokers do not check that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordHeader<'a> {
    /// The name.
    pub key: &'a [u8],
    /// The value.
    pub value: Option<&'a [u8]>,
}

/// The headers of a record, whose bytes are known to add up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordHeaders<'a> {
    bytes: &'a [u8],
    left: usize,
}

impl<'a> Iterator for RecordHeaders<'a> {
    type Item = RecordHeader<'a>;

    fn next(&mut self) -> Option<RecordHeader<'a>> {
        self.left = self.left.checked_sub(1)?;
        let mut cursor = Cursor { bytes: self.bytes };
        let header = cursor.header().ok()?;
        self.bytes = cursor.bytes;
        Some(header)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for RecordHeaders<'_> {}

/// Iterates over the records of a batch; ends after the first error.
///
/// Bytes beyond the last record are an error. Offset deltas are not checked: compaction leaves
/// gaps.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    cursor: Cursor<'a>,
    base_offset: i64,
    base_timestamp: i64,
    /// The timestamp of all records, under LogAppendTime.
    append_timestamp: Option<i64>,
    index: u32,
    count: u32,
}

impl<'a> Records<'a> {
    /// Iterates over `records`, the uncompressed bytes after the header of a batch.
    pub fn new(header: &BatchHeader, records: &'a [u8]) -> Self {
        let append_timestamp = match header.timestamp_type() {
            TimestampType::CreateTime => None,
            TimestampType::LogAppendTime => Some(header.max_timestamp),
        };
        Self {
            cursor: Cursor { bytes: records },
            base_offset: header.base_offset,
            base_timestamp: header.base_timestamp,
            append_timestamp,
            index: 0,
            count: header.records_count.max(0) as u32,
        }
    }

    fn parse(&mut self) -> Result<Record<'a>, &'static str> {
        let size = self.cursor.size()?;
        let mut record = Cursor { bytes: self.cursor.take(size)? };
        // The attributes of a record are not used.
        record.take(1)?;
        let timestamp_delta = record.varlong()?;
        let offset_delta = record.varint()?;
        let key = record.nullable()?;
        let value = record.nullable()?;
        let headers = record.headers()?;
        if !record.bytes.is_empty() {
            return Err("is longer than its fields");
        }
        let create_timestamp = self.base_timestamp.wrapping_add(timestamp_delta);
        Ok(Record {
            offset: self.base_offset.wrapping_add(i64::from(offset_delta)),
            offset_delta,
            timestamp: self.append_timestamp.unwrap_or(create_timestamp),
            key,
            value,
            headers,
        })
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        let result = if self.index < self.count {
            self.parse()
        } else if self.cursor.bytes.is_empty() {
            return None;
        } else {
            Err("is beyond the count of records")
        };
        let index = self.index;
        self.index += 1;
        Some(result.map_err(|reason| {
            self.cursor.bytes = &[];
            self.count = 0;
            BatchError::Record { index, reason }
        }))
    }
}

/// What a broker wants to know of the records of a produced batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordsSummary {
    /// The greatest timestamp, in milliseconds since 1970.
    pub max_timestamp: i64,
    /// The least timestamp, in milliseconds since 1970.
    pub min_timestamp: i64,
    /// The place of the first record without a key, which a compacted topic must refuse.
    pub first_without_key: Option<u32>,
}

impl RecordsSummary {
    /// Whether every record has a key, as a compacted topic demands.
    pub fn has_keys(&self) -> bool {
        self.first_without_key.is_none()
    }
}

/// Walks over the uncompressed records of a produced batch: the bytes of each must add up, and the
/// offset deltas must count from 0.
pub fn summarize(header: &BatchHeader, records: &[u8]) -> Result<RecordsSummary, BatchError> {
    let mut summary = RecordsSummary {
        max_timestamp: i64::MIN,
        min_timestamp: i64::MAX,
        first_without_key: None,
    };
    for (index, record) in (0..).zip(Records::new(header, records)) {
        let record = record?;
        if record.offset_delta != index {
            let reason = "has an offset delta out of order";
            return Err(BatchError::Record { index: index as u32, reason });
        }
        summary.max_timestamp = summary.max_timestamp.max(record.timestamp);
        summary.min_timestamp = summary.min_timestamp.min(record.timestamp);
        if record.key.is_none() && summary.first_without_key.is_none() {
            summary.first_without_key = Some(index as u32);
        }
    }
    Ok(summary)
}

/// The places of the records without a key in uncompressed records that were summarized before: at
/// most `count_max` of them, in order.
pub fn places_without_key(header: &BatchHeader, records: &[u8], count_max: usize) -> Vec<u32> {
    let records = (0..).zip(Records::new(header, records).map_while(Result::ok));
    let keyless = records.filter(|(_, record)| record.key.is_none());
    keyless.map(|(place, _)| place).take(count_max).collect()
}

/// Reads what records are made of. An error says what is wrong with the record.
#[derive(Debug, Clone)]
struct Cursor<'a> {
    bytes: &'a [u8],
}

impl<'a> Cursor<'a> {
    #[inline]
    fn take(&mut self, size: usize) -> Result<&'a [u8], &'static str> {
        let (taken, rest) = self.bytes.split_at_checked(size).ok_or(CUT_SHORT)?;
        self.bytes = rest;
        Ok(taken)
    }

    #[inline]
    fn varint(&mut self) -> Result<i32, &'static str> {
        let (value, size) = varint::read_i32(self.bytes).map_err(varint_reason)?;
        self.bytes = &self.bytes[size..];
        Ok(value)
    }

    #[inline]
    fn varlong(&mut self) -> Result<i64, &'static str> {
        let (value, size) = varint::read_i64(self.bytes).map_err(varint_reason)?;
        self.bytes = &self.bytes[size..];
        Ok(value)
    }

    #[inline]
    fn size(&mut self) -> Result<usize, &'static str> {
        usize::try_from(self.varint()?).map_err(|_| NEGATIVE)
    }

    #[inline]
    fn nullable(&mut self) -> Result<Option<&'a [u8]>, &'static str> {
        match self.varint()? {
            -1 => Ok(None),
            size => self.take(usize::try_from(size).map_err(|_| NEGATIVE)?).map(Some),
        }
    }

    fn header(&mut self) -> Result<RecordHeader<'a>, &'static str> {
        let key_size = self.size()?;
        let key = self.take(key_size)?;
        let value = self.nullable()?;
        Ok(RecordHeader { key, value })
    }

    #[inline]
    fn headers(&mut self) -> Result<RecordHeaders<'a>, &'static str> {
        let count = self.size()?;
        // Each header takes at least the two bytes of its lengths.
        if count > self.bytes.len() / 2 {
            return Err("has more headers than bytes for them");
        }
        let headers = RecordHeaders { bytes: self.bytes, left: count };
        for _ in 0..count {
            self.header()?;
        }
        Ok(headers)
    }
}

const CUT_SHORT: &str = "is cut short";
const NEGATIVE: &str = "has a negative length";

fn varint_reason(error: DecodeError) -> &'static str {
    match error {
        DecodeError::VarintOverflow { .. } => "has a varint that is too long",
        _ => CUT_SHORT,
    }
}
