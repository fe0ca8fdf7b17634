//! Records on their way into batches, one for each partition.

use super::input::LineFormat;
use super::partitioner::Partitioner;
use super::sender::Producer;
use super::{CliError, ProduceArgs};
use crate::base::Sequence;
use crate::wire::record_batch::{BatchBuilder, Compression};
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

const VARINT_SIZE_MAX: usize = 10;

/// Around the key, value and headers of a record: its length, timestamp and offset deltas, three
/// lengths or counts, and its attributes.
const RECORD_FRAME_SIZE_MAX: usize = 6 * VARINT_SIZE_MAX + 1;

/// The batches that are being filled.
pub struct Batches<'a> {
    format: LineFormat,
    headers: Vec<(&'a str, Option<&'a [u8]>)>,
    /// What they take in a record, at most.
    headers_size_max: usize,
    partitioner: Partitioner,
    compression: Compression,
    size_max: usize,
    builders: BTreeMap<i32, BatchBuilder>,
    /// The sequence number of the next record of each partition.
    sequences: BTreeMap<i32, Sequence>,
    is_full: bool,
}

/// A batch's partition, and its bytes.
pub type EncodedBatch = (i32, Vec<u8>);

impl<'a> Batches<'a> {
    /// No records yet.
    pub fn new(args: &'a ProduceArgs, partitioner: Partitioner) -> Batches<'a> {
        let headers = args.headers.iter();
        let headers: Vec<(&str, Option<&[u8]>)> =
            headers.map(|(name, value)| (name.as_str(), value.as_deref())).collect();
        let size_max = |(name, value): &(&str, Option<&[u8]>)| {
            name.len() + value.map_or(0, <[u8]>::len) + 2 * VARINT_SIZE_MAX
        };
        Batches {
            headers_size_max: headers.iter().map(size_max).sum(),
            format: LineFormat {
                key_separator: args.key_separator.clone(),
                null_marker: args.null_marker.clone(),
            },
            headers,
            partitioner,
            compression: args.compression,
            size_max: args.batch_size as usize,
            builders: BTreeMap::new(),
            sequences: BTreeMap::new(),
            is_full: false,
        }
    }

    /// Adds the record of a line; `false` if it might make its batch larger than `size_max` bytes
    /// before compression, and was not added. An empty batch takes any.
    pub fn append(&mut self, line: &[u8], producer: Option<Producer>, size_max: usize) -> bool {
        let record = self.format.parse(line);
        let partition = self.partitioner.partition(record.key);
        let size = line.len() + self.headers_size_max + RECORD_FRAME_SIZE_MAX;
        let has_room = |batch: &BatchBuilder| batch.is_empty() || batch.size() + size <= size_max;
        if !self.builders.get(&partition).is_none_or(has_room) {
            return false;
        }
        let sequence = self.sequences.entry(partition).or_default();
        let builder = self.builders.entry(partition).or_insert_with(|| match producer {
            Some(Producer { id, epoch }) => BatchBuilder::new().producer(id, epoch, sequence.0),
            None => BatchBuilder::new(),
        });
        builder.append(now_ms(), record.key, record.value, &self.headers);
        *sequence = sequence.plus(1);
        self.is_full |= builder.size() >= self.size_max;
        true
    }

    /// Whether a batch has reached its size.
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// Takes all batches, encoded and compressed.
    pub fn take(&mut self) -> Result<Vec<EncodedBatch>, CliError> {
        self.is_full = false;
        self.partitioner.next_batch();
        let builders = std::mem::take(&mut self.builders).into_iter();
        let encode = |(partition, builder): (i32, BatchBuilder)| {
            let bytes = builder.build_compressed(self.compression);
            Ok((partition, bytes.map_err(|error| CliError::failure(error.to_string()))?))
        };
        builders.map(encode).collect()
    }
}

/// Milliseconds since 1970.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
