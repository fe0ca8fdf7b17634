//! `.index`, `.timeindex`, `.txnindex`: where to find what in the `.log` beside them.

use super::batch_file::{BatchFile, Found};
use super::report::Report;
use super::{CliError, base_offset, read};
use std::path::Path;

const OFFSET_ENTRY_SIZE: usize = 8;
const TIME_ENTRY_SIZE: usize = 12;
const TRANSACTION_ENTRY_SIZE: usize = 34;

/// What an index can say about a batch.
#[derive(Debug, Clone, Copy)]
struct Place {
    position: u64,
    base_offset: i64,
    last_offset: i64,
    max_timestamp: i64,
}

/// Each entry names the last offset of a batch and where the batch begins.
pub fn dump_offset_index(path: &Path, report: &mut Report) -> Result<(), CliError> {
    let bytes = read(path)?;
    let places = places(path)?;
    let base = base_offset(path);
    let mut previous: Option<(i64, u64)> = None;
    for entry in entries::<OFFSET_ENTRY_SIZE>(&bytes, report)? {
        let offset = base.saturating_add(i64::from(be_u32(entry, 0)));
        let position = u64::from(be_u32(entry, 4));
        report.line(format_args!("offset: {offset} position: {position}"))?;
        if previous.is_some_and(|(o, p)| offset <= o || position <= p) {
            report.fault(format_args!("entries do not ascend at offset {offset}"))?;
        }
        previous = Some((offset, position));
        let Some(places) = &places else { continue };
        match places.binary_search_by_key(&position, |place| place.position) {
            Ok(index) if places[index].last_offset == offset => {}
            Ok(index) => {
                let last = places[index].last_offset;
                report.fault(format_args!("offset {offset}: its batch ends at {last}"))?;
            }
            Err(_) => report.fault(format_args!("offset {offset}: no batch at {position}"))?,
        }
    }
    Ok(())
}

/// Each entry names the greatest timestamp so far, and an offset in the batch that has it.
pub fn dump_time_index(path: &Path, report: &mut Report) -> Result<(), CliError> {
    let bytes = read(path)?;
    let places = places(path)?;
    let base = base_offset(path);
    let mut previous: Option<(i64, i64)> = None;
    for entry in entries::<TIME_ENTRY_SIZE>(&bytes, report)? {
        let timestamp = be_i64(entry, 0);
        let offset = base.saturating_add(i64::from(be_u32(entry, 8)));
        report.line(format_args!("timestamp: {timestamp} offset: {offset}"))?;
        if previous.is_some_and(|(t, o)| timestamp <= t || offset < o) {
            report.fault(format_args!("entries do not ascend at timestamp {timestamp}"))?;
        }
        previous = Some((timestamp, offset));
        let Some(places) = &places else { continue };
        let index = places.partition_point(|place| place.last_offset < offset);
        match places.get(index).filter(|place| place.base_offset <= offset) {
            Some(place) if place.max_timestamp == timestamp => {}
            Some(place) => {
                let found = place.max_timestamp;
                report.fault(format_args!("offset {offset}: its batch has timestamp {found}"))?;
            }
            None => report.fault(format_args!("timestamp {timestamp}: no batch has {offset}"))?,
        }
    }
    Ok(())
}

/// Each entry is an aborted transaction.
pub fn dump_transaction_index(path: &Path, report: &mut Report) -> Result<(), CliError> {
    let bytes = read(path)?;
    for entry in entries::<TRANSACTION_ENTRY_SIZE>(&bytes, report)? {
        let version = be_u32(entry, 0) >> 16;
        let [producer, first, last, stable] = [2, 10, 18, 26].map(|at| be_i64(entry, at));
        report.line(format_args!(
            "version: {version} producerId: {producer} firstOffset: {first} lastOffset: {last} \
             lastStableOffset: {stable}"
        ))?;
        if first > last {
            report
                .fault(format_args!("transaction of producer {producer} ends before it begins"))?;
        }
    }
    Ok(())
}

/// The entries of an index up to the zeros that an index of an open segment ends in.
fn entries<'a, const SIZE: usize>(
    bytes: &'a [u8],
    report: &mut Report,
) -> Result<Vec<&'a [u8; SIZE]>, CliError> {
    let (entries, rest) = bytes.as_chunks::<SIZE>();
    if !rest.is_empty() {
        report.fault(format_args!("{} bytes are no multiple of {SIZE}", bytes.len()))?;
    }
    let is_used = |entry: &[u8; SIZE]| entry.iter().any(|byte| *byte != 0);
    let used = entries.iter().rposition(is_used).map_or(0, |last| last + 1);
    Ok(entries[..used].iter().collect())
}

/// The batches of the `.log` beside an index, as far as they can be told apart; `None` without
/// such a file.
fn places(index: &Path) -> Result<Option<Vec<Place>>, CliError> {
    let path = index.with_extension("log");
    if !path.exists() {
        return Ok(None);
    }
    let mut file = BatchFile::open(&path)?;
    let mut places = Vec::new();
    loop {
        let position = file.position();
        let Found::Batch(header) = file.next()? else { return Ok(Some(places)) };
        file.skip(&header);
        places.push(Place {
            position,
            base_offset: header.base_offset,
            last_offset: header.last_offset(),
            max_timestamp: header.max_timestamp,
        });
    }
}

fn be_u32(entry: &[u8], at: usize) -> u32 {
    let bytes = entry[at..].first_chunk().expect("the caller stays within the entry");
    u32::from_be_bytes(*bytes)
}

fn be_i64(entry: &[u8], at: usize) -> i64 {
    let bytes = entry[at..].first_chunk().expect("the caller stays within the entry");
    i64::from_be_bytes(*bytes)
}
