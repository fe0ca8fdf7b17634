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
        Batches {
            format: LineFormat {
                key_separator: args.key_separator.clone(),
                null_marker: args.null_marker.clone(),
            },
            headers: headers.map(|(name, value)| (name.as_str(), value.as_deref())).collect(),
            partitioner,
            compression: args.compression,
            size_max: args.batch_size as usize,
            builders: BTreeMap::new(),
            sequences: BTreeMap::new(),
            is_full: false,
        }
    }

    /// Whether the line's record surely fits into its batch as long as that is to have at most
    /// `size_max` bytes before compression. An empty batch has room for any.
    pub fn has_room_for(&self, line: &[u8], size_max: usize) -> bool {
        let record = self.format.parse(line);
        let headers = self
            .headers
            .iter()
            .map(|(name, value)| name.len() + value.map_or(0, <[u8]>::len) + 2 * VARINT_SIZE_MAX);
        let headers: usize = headers.sum();
        let size = line.len() + headers + RECORD_FRAME_SIZE_MAX;
        let batch = self.builders.get(&self.partitioner.partition(record.key));
        batch.is_none_or(|batch| batch.is_empty() || batch.size() + size <= size_max)
    }

    /// Adds the record of a line.
    pub fn append(&mut self, line: &[u8], producer: Option<Producer>) {
        let record = self.format.parse(line);
        let partition = self.partitioner.partition(record.key);
        let sequence = self.sequences.entry(partition).or_default();
        let builder = self.builders.entry(partition).or_insert_with(|| match producer {
            Some(Producer { id, epoch }) => BatchBuilder::new().producer(id, epoch, sequence.0),
            None => BatchBuilder::new(),
        });
        builder.append(now_ms(), record.key, record.value, &self.headers);
        *sequence = sequence.plus(1);
        self.is_full |= builder.size() >= self.size_max;
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
