//! Kafka's text checkpoints: a version, a count, and one line for each entry.
//!
//! `recovery-point-offset-checkpoint` and `log-start-offset-checkpoint` lie in a data directory
//! and have an offset for each partition; `leader-epoch-checkpoint` lies in a partition's
//! directory and has a start offset for each epoch.

use crate::base::{LeaderEpoch, Offset, PartitionIndex};
use std::fmt::Write;
use thiserror::Error;

/// The name of the checkpoint of what survives a power loss.
pub const RECOVERY_POINT_NAME: &str = "recovery-point-offset-checkpoint";

/// The name of the checkpoint of where logs begin.
pub const LOG_START_NAME: &str = "log-start-offset-checkpoint";

const VERSION: &str = "0";

/// What is wrong with a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CheckpointError {
    /// Not text, or not of the version that this broker writes.
    #[error("line 1 is not version {VERSION}")]
    Version,
    /// The count is no number, or not that of the lines after it.
    #[error("line 2 does not give the number of entries")]
    Count,
    /// A line that does not read as an entry.
    #[error("line {0} is not an entry")]
    Entry(usize),
}

/// An offset of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionOffset {
    /// The topic's name.
    pub topic: String,
    /// The partition.
    pub partition: PartitionIndex,
    /// The offset.
    pub offset: Offset,
}

/// Where an epoch begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochStart {
    /// The leader epoch.
    pub epoch: LeaderEpoch,
    /// The offset of its first record.
    pub start: Offset,
}

/// The content of a data directory's checkpoint.
pub fn encode_partition_offsets<'a>(
    entries: impl ExactSizeIterator<Item = (&'a str, PartitionIndex, Offset)>,
) -> String {
    let mut text = format!("{VERSION}\n{}\n", entries.len());
    for (topic, partition, offset) in entries {
        writeln!(text, "{topic} {partition} {offset}").expect("a string takes everything");
    }
    text
}

/// Reads a data directory's checkpoint.
///
/// # Errors
/// If it is not as Kafka writes it, to the last entry.
pub fn parse_partition_offsets(bytes: &[u8]) -> Result<Vec<PartitionOffset>, CheckpointError> {
    parse(bytes, |line| {
        let mut words = line.split(' ');
        let topic = words.next()?.to_owned();
        let partition = PartitionIndex(number(words.next()?)?.try_into().ok()?);
        let offset = Offset(number(words.next()?)?);
        words.next().is_none().then_some(PartitionOffset { topic, partition, offset })
    })
}

/// The content of a partition's epoch checkpoint.
pub fn encode_epochs(entries: &[EpochStart]) -> String {
    let mut text = format!("{VERSION}\n{}\n", entries.len());
    for EpochStart { epoch, start } in entries {
        writeln!(text, "{epoch} {start}").expect("a string takes everything");
    }
    text
}

/// Reads a partition's epoch checkpoint.
///
/// # Errors
/// If it is not as Kafka writes it, or its epochs or offsets do not ascend.
pub fn parse_epochs(bytes: &[u8]) -> Result<Vec<EpochStart>, CheckpointError> {
    let entries = parse(bytes, |line| {
        let (epoch, start) = line.split_once(' ')?;
        let epoch = LeaderEpoch(number(epoch)?.try_into().ok()?);
        Some(EpochStart { epoch, start: Offset(number(start)?) })
    })?;
    let ascends =
        |pair: &[EpochStart]| pair[0].epoch < pair[1].epoch && pair[0].start < pair[1].start;
    match entries.windows(2).position(|pair| !ascends(pair)) {
        Some(index) => Err(CheckpointError::Entry(index + 4)),
        None => Ok(entries),
    }
}

fn parse<T>(bytes: &[u8], entry: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, CheckpointError> {
    let text = std::str::from_utf8(bytes).map_err(|_| CheckpointError::Version)?;
    let mut lines = text.lines();
    if lines.next() != Some(VERSION) {
        return Err(CheckpointError::Version);
    }
    let count = lines.next().and_then(number).ok_or(CheckpointError::Count)?;
    let mut entries = Vec::new();
    for (index, line) in lines.enumerate() {
        entries.push(entry(line).ok_or(CheckpointError::Entry(index + 3))?);
    }
    let complete = text.ends_with('\n') && entries.len() as i64 == count;
    if complete { Ok(entries) } else { Err(CheckpointError::Count) }
}

/// A number without a sign; offsets and epochs that stand for "none" are not written.
fn number(word: &str) -> Option<i64> {
    let plain = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| word.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: the text is Kafka's and comes back as it went.
    #[test]
    fn partition_offsets_round_trip() {
        let entries = [("a.b", PartitionIndex(0), Offset(5)), ("c", PartitionIndex(12), Offset(0))];
        let text = encode_partition_offsets(entries.into_iter());
        assert_eq!(text, "0\n2\na.b 0 5\nc 12 0\n");
        let parsed = parse_partition_offsets(text.as_bytes()).unwrap();
        assert_eq!(parsed.len(), 2);
        assert_eq!((parsed[1].topic.as_str(), parsed[1].offset), ("c", Offset(0)));
    }

    /// Goal: what is cut, garbled or contradicts itself is refused.
    #[test]
    fn damage_is_refused() {
        assert_eq!(parse_partition_offsets(b"1\n0\n"), Err(CheckpointError::Version));
        assert_eq!(parse_partition_offsets(b""), Err(CheckpointError::Version));
        assert_eq!(parse_partition_offsets(b"0\n"), Err(CheckpointError::Count));
        assert_eq!(parse_partition_offsets(b"0\n2\na 0 1\n"), Err(CheckpointError::Count));
        assert_eq!(parse_partition_offsets(b"0\n1\na 0 1"), Err(CheckpointError::Count));
        assert_eq!(parse_partition_offsets(b"0\n1\na 0\n"), Err(CheckpointError::Entry(3)));
        assert_eq!(parse_partition_offsets(b"0\n1\na 0 1 2\n"), Err(CheckpointError::Entry(3)));
        assert_eq!(parse_partition_offsets(b"0\n1\na x 1\n"), Err(CheckpointError::Entry(3)));
        assert_eq!(parse_partition_offsets(b"0\n1\na 0 \xff\n"), Err(CheckpointError::Version));
    }

    /// Goal: epochs ascend with their offsets.
    #[test]
    fn epochs_round_trip_and_ascend() {
        let start = |epoch, start| EpochStart { epoch: LeaderEpoch(epoch), start: Offset(start) };
        let entries = [start(0, 0), start(4, 1000)];
        let text = encode_epochs(&entries);
        assert_eq!(text, "0\n2\n0 0\n4 1000\n");
        assert_eq!(parse_epochs(text.as_bytes()).unwrap(), entries);
        assert_eq!(parse_epochs(b"0\n2\n4 0\n3 10\n"), Err(CheckpointError::Entry(4)));
        assert_eq!(parse_epochs(b"0\n2\n3 10\n4 10\n"), Err(CheckpointError::Entry(4)));
    }
}
