//! Makes batches, for the command line's producer and for tests.

use super::compression::{CompressionError, compress};
use super::header::{LENGTH_PREFIX_SIZE, seal};
use super::{Attributes, BatchHeader, Compression, HEADER_SIZE};
use crate::wire::varint;

/// Collects records into one batch.
///
/// The records are encoded as they come, and compressed, if at all, when the batch is built.
#[derive(Debug, Clone)]
pub struct BatchBuilder {
    header: BatchHeader,
    is_transactional: bool,
    records: Vec<u8>,
    /// The record being encoded: its length stands before it and is known only after it.
    record: Vec<u8>,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl BatchBuilder {
    /// A batch without records, at offset 0, of no producer in particular.
    pub fn new() -> Self {
        let header = BatchHeader {
            base_offset: 0,
            batch_length: 0,
            partition_leader_epoch: -1,
            crc: 0,
            attributes: Attributes::default(),
            last_offset_delta: -1,
            base_timestamp: -1,
            max_timestamp: -1,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            records_count: 0,
        };
        Self { header, is_transactional: false, records: Vec::new(), record: Vec::new() }
    }

    /// Sets the offset of the first record.
    pub fn base_offset(mut self, base_offset: i64) -> Self {
        self.header.base_offset = base_offset;
        self
    }

    /// Sets the epoch of the leader that appends it.
    pub fn leader_epoch(mut self, leader_epoch: i32) -> Self {
        self.header.partition_leader_epoch = leader_epoch;
        self
    }

    /// Sets the idempotent producer, and the sequence number of the first record.
    pub fn producer(mut self, producer_id: i64, producer_epoch: i16, base_sequence: i32) -> Self {
        self.header.producer_id = producer_id;
        self.header.producer_epoch = producer_epoch;
        self.header.base_sequence = base_sequence;
        self
    }

    /// Makes it part of a transaction.
    pub fn transactional(mut self) -> Self {
        self.is_transactional = true;
        self
    }

    /// Adds a record. The timestamp is in milliseconds since 1970.
    pub fn append(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    ) {
        let header = &mut self.header;
        if header.records_count == 0 {
            header.base_timestamp = timestamp;
            header.max_timestamp = timestamp;
        }
        header.max_timestamp = header.max_timestamp.max(timestamp);
        header.last_offset_delta += 1;
        header.records_count += 1;

        let record = &mut self.record;
        record.clear();
        record.push(0);
        put_varint(record, timestamp.wrapping_sub(header.base_timestamp));
        put_varint(record, i64::from(header.last_offset_delta));
        put_nullable(record, key);
        put_nullable(record, value);
        put_varint(record, headers.len() as i64);
        for (key, value) in headers {
            put_nullable(record, Some(key.as_bytes()));
            put_nullable(record, *value);
        }
        put_varint(&mut self.records, self.record.len() as i64);
        self.records.extend_from_slice(&self.record);
    }

    /// How many records it has.
    pub fn len(&self) -> usize {
        self.header.records_count as usize
    }

    /// Whether it has no records yet.
    pub fn is_empty(&self) -> bool {
        self.header.records_count == 0
    }

    /// The size of the batch without compression, in bytes.
    pub fn size(&self) -> usize {
        HEADER_SIZE + self.records.len()
    }

    /// The bytes of the batch, not compressed.
    pub fn build(self) -> Vec<u8> {
        let records = self.records;
        Self::assemble(self.header, self.is_transactional, Compression::None, &records)
    }

    /// The bytes of the batch, compressed.
    pub fn build_compressed(self, compression: Compression) -> Result<Vec<u8>, CompressionError> {
        let records = compress(compression, &self.records)?;
        Ok(Self::assemble(self.header, self.is_transactional, compression, &records))
    }

    fn assemble(
        mut header: BatchHeader,
        is_transactional: bool,
        compression: Compression,
        records: &[u8],
    ) -> Vec<u8> {
        let length = HEADER_SIZE - LENGTH_PREFIX_SIZE + records.len();
        header.batch_length = i32::try_from(length).expect("a batch is less than 2 GiB");
        header.attributes = Attributes::new(compression, is_transactional);
        let mut header_bytes = header.to_bytes();
        seal(&mut header_bytes, records);
        [&header_bytes, records].concat()
    }
}

fn put_varint(bytes: &mut Vec<u8>, value: i64) {
    let (encoded, size) = varint::encode_i64(value);
    bytes.extend_from_slice(&encoded[..size]);
}

fn put_nullable(bytes: &mut Vec<u8>, value: Option<&[u8]>) {
    match value {
        Some(value) => {
            put_varint(bytes, value.len() as i64);
            bytes.extend_from_slice(value);
        }
        None => put_varint(bytes, -1),
    }
}
