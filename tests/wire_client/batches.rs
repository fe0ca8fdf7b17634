//! Record batches: made of values, and taken apart again with every check.

use pinion::wire::record_batch::{Batch, BatchBuilder, Batches};
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// The timestamp of the first record of every batch made here: when the tests began, since
/// retention deletes what is old.
pub static TIMESTAMP: LazyLock<i64> = LazyLock::new(|| {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    i64::try_from(now.as_millis()).expect("a clock before the year 292 million")
});

/// A batch of these values, without keys, a millisecond apart from [`TIMESTAMP`] on.
pub fn batch_of<V: AsRef<[u8]>>(values: &[V]) -> Vec<u8> {
    build(BatchBuilder::new(), values)
}

/// A batch of `count` records whose values begin with `name` and differ.
pub fn batch(name: &str, count: usize) -> Vec<u8> {
    let values: Vec<String> = (0..count).map(|index| format!("{name}-{index}")).collect();
    batch_of(&values)
}

/// A batch of an idempotent producer.
pub fn idempotent_batch<V: AsRef<[u8]>>(
    (producer_id, epoch): (i64, i16),
    sequence: i32,
    values: &[V],
) -> Vec<u8> {
    build(BatchBuilder::new().producer(producer_id, epoch, sequence), values)
}

fn build<V: AsRef<[u8]>>(mut builder: BatchBuilder, values: &[V]) -> Vec<u8> {
    for (value, delta) in values.iter().zip(0..) {
        builder.append(*TIMESTAMP + delta, None, Some(value.as_ref()), &[]);
    }
    builder.build()
}

/// The whole batches among fetched records.
///
/// # Panics
/// If one is not a batch or fails its checksum.
pub fn verified_batches(records: &[u8]) -> Vec<Batch<'_>> {
    Batches::new(records)
        .map(|batch| verified(batch.expect("fetched records are batches")))
        .collect()
}

fn verified(batch: Batch<'_>) -> Batch<'_> {
    let base_offset = batch.header.base_offset;
    batch
        .verify_crc()
        .unwrap_or_else(|error| panic!("the batch at offset {base_offset} was served: {error}"));
    batch
}

/// Offset and value of each record among fetched batches.
///
/// # Panics
/// If one is not a batch, fails its checksum, or has a record that does not add up.
pub fn values_of(records: &[u8]) -> Vec<(i64, String)> {
    let mut values = Vec::new();
    for batch in verified_batches(records) {
        for record in batch.records() {
            let record = record.expect("a record adds up");
            let value = record.value.unwrap_or_default();
            values.push((record.offset, String::from_utf8_lossy(value).into_owned()));
        }
    }
    values
}
