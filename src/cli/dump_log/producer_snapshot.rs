//! `.snapshot`: the idempotent producers that a log knew at the offset of the file's name.

use super::report::Report;
use super::{CliError, read};
use bytes::{Buf, TryGetError};
use std::path::Path;

/// Version and checksum, which the checksum does not cover.
const HEAD_SIZE: usize = 6;
const VERSION: i16 = 1;

/// Prints the producers, and checks the checksum.
pub fn dump(path: &Path, report: &mut Report) -> Result<(), CliError> {
    let bytes = read(path)?;
    let Some((mut head, body)) = bytes.split_at_checked(HEAD_SIZE) else {
        return report.fault("shorter than its head");
    };
    let (version, stored) = (head.get_i16(), head.get_u32());
    if version != VERSION {
        return report.fault(format_args!("version {version} is not known"));
    }
    let computed = crc32c::crc32c(body);
    if stored != computed {
        let detail = format!("CRC-32C {stored:#010x}, its bytes have {computed:#010x}");
        return report.fault(detail);
    }
    let mut body = body;
    let Ok(count) = body.try_get_i32() else { return report.fault("without a count") };
    for _ in 0..count {
        match producer(&mut body) {
            Ok(line) => report.line(line)?,
            Err(_) => return report.fault(format_args!("too short for {count} producers")),
        }
    }
    Ok(())
}

/// One producer in the words of Kafka's dump tool.
fn producer(body: &mut &[u8]) -> Result<String, TryGetError> {
    let (id, epoch) = (body.try_get_i64()?, body.try_get_i16()?);
    let (last_sequence, last_offset) = (body.try_get_i32()?, body.try_get_i64()?);
    let (offset_delta, timestamp) = (body.try_get_i32()?, body.try_get_i64()?);
    let (coordinator_epoch, transaction_start) = (body.try_get_i32()?, body.try_get_i64()?);
    Ok(format!(
        "producerId: {id} producerEpoch: {epoch} coordinatorEpoch: {coordinator_epoch} \
         currentTxnFirstOffset: {transaction_start} lastTimestamp: {timestamp} \
         lastSequence: {last_sequence} lastOffset: {last_offset} offsetDelta: {offset_delta}"
    ))
}
