//! What a produced batch must pass before it goes to a log: all that needs no log to be known.

use super::ask::{PartitionKey, Refusal};
use crate::base::{PartitionIndex, Timestamp};
use crate::metadata::Topic;
use crate::wire::ErrorCode;
use crate::wire::api::produce::{PartitionProduceData, ProduceRequest};
use crate::wire::record_batch::compression::{CompressionError, decompress};
use crate::wire::record_batch::{
    BatchHeader, Compression, HEADER_SIZE, Produced, inspect_produced, places_without_key,
    summarize,
};
use std::borrow::Cow;
use std::sync::Arc;

/// The first version of Produce whose clients know zstd (KIP-110).
const ZSTD_VERSION: i16 = 7;

/// Bytes that the records of a batch for a compacted topic may decompress to.
const KEYED_RECORDS_BYTES_MAX: usize = 32 << 20;

/// Records at fault that an answer names, at most.
const BAD_RECORDS_MAX: usize = 1_000;

/// Why a batch goes to no log.
#[derive(Debug)]
pub struct Rejection {
    /// What the client is told.
    pub refusal: Refusal,
    /// Places in the batch of the records at fault; empty if it is not about records (KIP-467).
    pub bad_records: Vec<u32>,
}

impl<R: Into<Refusal>> From<R> for Rejection {
    fn from(refusal: R) -> Self {
        Rejection { refusal: refusal.into(), bad_records: Vec::new() }
    }
}

/// Checks the batch of one partition, and gives the partition's key with the header that the batch
/// shall have.
///
/// # Errors
/// What the client gets for this partition: there is none such, the batch is not whole or not
/// sound, or the topic takes no batch like it.
pub fn check_batch(
    topic: Result<&Arc<Topic>, ErrorCode>,
    data: &PartitionProduceData,
    request: &ProduceRequest,
    version: i16,
) -> Result<(PartitionKey, BatchHeader), Rejection> {
    let topic = topic?;
    if !(0..topic.partition_count).contains(&data.index) {
        let message = format!(
            "partition {} does not exist: topic {} has {} partitions",
            data.index, topic.name, topic.partition_count
        );
        return Err(Refusal { code: ErrorCode::UnknownTopicOrPartition, message }.into());
    }
    if request.transactional_id.is_some() {
        return Err(transactional());
    }
    let records = data.records.unwrap_or_default();
    let produced = inspect_produced(records)
        .map_err(|error| Refusal { code: error.error_code(), message: error.to_string() })?;
    if produced.header.is_transactional() {
        return Err(transactional());
    }
    if produced.header.compression() == Compression::Zstd && version < ZSTD_VERSION {
        let message = format!("zstd needs Produce version {ZSTD_VERSION}, not {version}");
        return Err(Refusal { code: ErrorCode::UnsupportedCompressionType, message }.into());
    }
    if topic.log_config.cleanup_policy.compact {
        check_keys(topic, &produced, records)?;
    }
    let index = PartitionIndex(data.index);
    Ok((PartitionKey { topic: topic.id, index }, repaired(&produced)))
}

/// The refusal of a part of a transaction.
fn transactional() -> Rejection {
    let message = "transactions are not supported by this broker".to_owned();
    Refusal { code: ErrorCode::TransactionalIdAuthorizationFailed, message }.into()
}

/// The header with the greatest timestamp of the records, whatever the producer wrote there: some
/// write −1. Compressed records are not looked into.
fn repaired(produced: &Produced) -> BatchHeader {
    let mut header = produced.header;
    if let Some(records) = produced.records {
        header.max_timestamp = records.max_timestamp.max(Timestamp::NONE.0);
    }
    header
}

/// Checks that every record has a key, as a compacted topic demands; here alone compressed records
/// are looked into.
fn check_keys(topic: &Topic, produced: &Produced, batch: &[u8]) -> Result<(), Rejection> {
    if produced.records.is_some_and(|records| records.has_keys()) {
        return Ok(());
    }
    let header = &produced.header;
    let records = plain_records(header, &batch[HEADER_SIZE..])?;
    if produced.records.is_none() {
        let summary = summarize(header, &records)
            .map_err(|error| Refusal { code: error.error_code(), message: error.to_string() })?;
        if summary.has_keys() {
            return Ok(());
        }
    }
    let bad_records = places_without_key(header, &records, BAD_RECORDS_MAX);
    let message = format!(
        "records of the batch have no key, record {} first, and topic {} is compacted",
        bad_records[0], topic.name
    );
    Err(Rejection { refusal: Refusal { code: ErrorCode::InvalidRecord, message }, bad_records })
}

fn plain_records<'b>(header: &BatchHeader, records: &'b [u8]) -> Result<Cow<'b, [u8]>, Refusal> {
    match header.compression() {
        Compression::None => Ok(records.into()),
        codec => {
            decompress(codec, records, KEYED_RECORDS_BYTES_MAX).map(Cow::from).map_err(|error| {
                let code = match error {
                    CompressionError::TooLarge { .. } => ErrorCode::MessageTooLarge,
                    CompressionError::Damaged { .. } => ErrorCode::CorruptMessage,
                };
                Refusal { code, message: error.to_string() }
            })
        }
    }
}
