//! `.log`: record batches.

use super::CliError;
use super::batch_file::{BatchFile, Found};
use super::report::Report;
use crate::wire::record_batch::compression::decompress;
use crate::wire::record_batch::{BatchHeader, HEADER_SIZE, Records, TimestampType, verify_crc};
use std::path::Path;

/// The most that a batch may decompress to.
const BATCH_SIZE_MAX: usize = 1 << 30;

/// Prints and checks every batch: checksum, ascending offsets, records that add up.
pub fn dump(path: &Path, report: &mut Report) -> Result<(), CliError> {
    let mut file = BatchFile::open(path)?;
    let mut next_offset = super::base_offset(path);
    report.line(format_args!("Log starting offset: {next_offset}"))?;
    loop {
        let position = file.position();
        let header = match file.next()? {
            Found::Batch(header) => header,
            Found::End => return Ok(()),
            Found::Zeros(count) => {
                return report.line(format_args!("{count} zero bytes at {position} to the end"));
            }
            Found::Fault(fault) => return report.fault(format_args!("at {position}: {fault}")),
        };
        let bytes = file.read(&header)?;
        let crc = verify_crc(&bytes);
        report.line(describe(&header, position, crc.is_ok()))?;
        if header.base_offset < next_offset {
            report.fault(format_args!(
                "at {position}: base offset {} is below {next_offset}, which comes next",
                header.base_offset
            ))?;
        }
        next_offset = next_offset.max(header.next_offset());
        match crc {
            Err(error) => report.fault(format_args!("at {position}: {error}"))?,
            Ok(()) => dump_records(&header, &bytes[HEADER_SIZE..], position, report)?,
        }
    }
}

/// A batch in the words of Kafka's dump tool.
fn describe(header: &BatchHeader, position: u64, is_valid: bool) -> String {
    let horizon = if header.attributes.has_delete_horizon() {
        format!("OptionalLong[{}]", header.base_timestamp)
    } else {
        "OptionalLong.empty".to_owned()
    };
    format!(
        "baseOffset: {} lastOffset: {} count: {} baseSequence: {} lastSequence: {} \
         producerId: {} producerEpoch: {} partitionLeaderEpoch: {} isTransactional: {} \
         isControl: {} deleteHorizonMs: {horizon} position: {position} {}: {} size: {} magic: 2 \
         compresscodec: {} crc: {} isvalid: {is_valid}",
        header.base_offset,
        header.last_offset(),
        header.records_count,
        header.base_sequence,
        header.last_sequence(),
        header.producer_id,
        header.producer_epoch,
        header.partition_leader_epoch,
        header.is_transactional(),
        header.is_control(),
        timestamp_name(header),
        header.max_timestamp,
        header.size(),
        header.compression().name(),
        header.crc,
    )
}

fn timestamp_name(header: &BatchHeader) -> &'static str {
    match header.timestamp_type() {
        TimestampType::CreateTime => "CreateTime",
        TimestampType::LogAppendTime => "LogAppendTime",
    }
}

/// Checks the records, and prints them if they are wanted.
fn dump_records(
    header: &BatchHeader,
    body: &[u8],
    position: u64,
    report: &mut Report,
) -> Result<(), CliError> {
    let records = match decompress(header.compression(), body, BATCH_SIZE_MAX) {
        Ok(records) => records,
        Err(error) => return report.fault(format_args!("at {position}: {error}")),
    };
    for record in Records::new(header, &records) {
        let record = match record {
            Ok(record) => record,
            Err(error) => return report.fault(format_args!("at {position}: {error}")),
        };
        if !report.with_records() {
            continue;
        }
        let size = |bytes: Option<&[u8]>| bytes.map_or(-1, |bytes| bytes.len() as i64);
        let sequence = match header.base_sequence {
            -1 => -1,
            base => crate::base::Sequence(base).plus(record.offset_delta).0,
        };
        let headers: Vec<_> = record.headers.clone().map(|h| text(h.key)).collect();
        let named = |name: &str, bytes: Option<&[u8]>| {
            bytes.map_or_else(String::new, |bytes| format!(" {name}: {}", text(bytes)))
        };
        report.line(format_args!(
            "| offset: {} {}: {} keySize: {} valueSize: {} sequence: {sequence} \
             headerKeys: [{}]{}{}",
            record.offset,
            timestamp_name(header),
            record.timestamp,
            size(record.key),
            size(record.value),
            headers.join(","),
            named("key", record.key),
            named("payload", record.value),
        ))?;
    }
    Ok(())
}

/// Bytes as text, with escapes for what a terminal should not get.
fn text(bytes: &[u8]) -> String {
    let mut text = String::new();
    for c in String::from_utf8_lossy(bytes).chars() {
        if c.is_control() { text.extend(c.escape_default()) } else { text.push(c) }
    }
    text
}
