//! Records on their way into batches, one for each partition.

use super::input::LineFormat;
use super::partitioner::Partitioner;
use super::sender::Producer;
use super::{CliError, ProduceArgs};
use crate::base::Sequence;
use crate::wire::record_batch::{BatchBuilder, Compression};
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

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
