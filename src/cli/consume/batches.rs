//! Takes the batches that were fetched apart.

use super::position::Position;
use super::{CliError, place_of};
use crate::wire::record_batch::compression::decompress;
use crate::wire::record_batch::{Batch, Batches, Record, Records, TimestampType};

/// The most that a batch may decompress to.
const BATCH_SIZE_MAX: usize = 512 << 20;

/// Sees a record: its partition, the meaning of its timestamp, and itself.
pub type Visit<'v> = dyn FnMut(i32, TimestampType, &Record<'_>) -> Result<(), CliError> + 'v;

/// Visits the records that are due, and moves the position behind them. Gives what is damaged, if
/// anything is: the position then stays at the batch.
///
/// # Errors
/// Those of the visits.
pub fn visit_batches(
    topic: &str,
    position: &mut Position,
    bytes: &[u8],
    visit: &mut Visit<'_>,
) -> Result<Option<String>, CliError> {
    for batch in Batches::new(bytes) {
        let damaged = |offset: i64, reason: &dyn std::fmt::Display| {
            let place = place_of(topic, position.partition, offset);
            Ok(Some(format!("{place}: the batch that came is damaged: {reason}")))
        };
        let batch = match batch {
            Ok(batch) => batch,
            Err(error) => return damaged(position.next, &error),
        };
        if let Err(error) = batch.verify_crc() {
            return damaged(batch.header.base_offset, &error);
        }
        if !batch.header.is_control()
            && let Some(reason) = visit_records(&batch, position, visit)?
        {
            return damaged(batch.header.base_offset, &reason);
        }
        position.next = position.next.max(batch.header.next_offset());
    }
    Ok(None)
}

/// Visits those records of a batch that are due: a batch may begin before the position, and go on
/// beyond the end. Gives what is damaged.
fn visit_records(
    batch: &Batch<'_>,
    position: &Position,
    visit: &mut Visit<'_>,
) -> Result<Option<String>, CliError> {
    let records = match decompress(batch.header.compression(), batch.body(), BATCH_SIZE_MAX) {
        Ok(records) => records,
        Err(error) => return Ok(Some(error.to_string())),
    };
    for record in Records::new(&batch.header, &records) {
        let record = match record {
            Ok(record) => record,
            Err(error) => return Ok(Some(error.to_string())),
        };
        if record.offset >= position.next && position.end.is_none_or(|end| record.offset < end) {
            visit(position.partition, batch.header.timestamp_type(), &record)?;
        }
    }
    Ok(None)
}
