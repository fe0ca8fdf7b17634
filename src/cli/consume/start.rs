//! Where to start reading.

use super::super::client::{
    ClientError, Cluster, EARLIEST, FoundOffset, LATEST, TopicMetadata, list_offsets,
};
use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::UNIX_EPOCH;

/// A place in every partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The first record that is still there.
    Start,
    /// After the last record.
    End,
    /// An offset.
    Offset(i64),
    /// So many records before the end.
    Last(i64),
    /// The first record as late as this, in milliseconds since 1970.
    Time(i64),
}

impl FromStr for Start {
    type Err = String;

    fn from_str(text: &str) -> Result<Start, String> {
        match text {
            "start" => return Ok(Start::Start),
            "end" => return Ok(Start::End),
            _ => {}
        }
        if let Some(millis) = text.strip_prefix('@').and_then(|text| text.parse().ok()) {
            return Ok(Start::Time(millis));
        }
        if let Ok(number) = text.parse::<i64>() {
            return Ok(match number {
                number if number < 0 => Start::Last(number.saturating_neg()),
                number => Start::Offset(number),
            });
        }
        let time = humantime::parse_rfc3339_weak(text).map_err(|_| {
            "expected start, end, an offset, -N, @MILLISECONDS or a time like 2026-01-31T12:00:00Z"
        })?;
        let since = time.duration_since(UNIX_EPOCH).map_err(|error| error.to_string())?;
        Ok(Start::Time(since.as_millis().try_into().unwrap_or(i64::MAX)))
    }
}

impl Start {
    /// The offset to read first in each partition of `topic`.
    pub fn resolve(
        self,
        cluster: &mut Cluster,
        topic: &TopicMetadata,
    ) -> Result<BTreeMap<i32, i64>, ClientError> {
        let mut at = |timestamp: i64| {
            let wanted = topic.partitions.iter().map(|p| (p.index, timestamp)).collect();
            list_offsets(cluster, topic, &wanted)
        };
        let offsets = |found: BTreeMap<i32, FoundOffset>| {
            found.into_iter().map(|(partition, found)| (partition, found.offset)).collect()
        };
        match self {
            Start::Start => at(EARLIEST).map(offsets),
            Start::End => at(LATEST).map(offsets),
            Start::Offset(offset) => {
                Ok(topic.partitions.iter().map(|p| (p.index, offset)).collect())
            }
            Start::Last(count) => {
                let (first, mut last): (_, BTreeMap<i32, i64>) =
                    (at(EARLIEST)?, at(LATEST).map(offsets)?);
                for (partition, offset) in &mut last {
                    let first = first.get(partition).map_or(0, |first| first.offset);
                    *offset = offset.saturating_sub(count).max(first);
                }
                Ok(last)
            }
            Start::Time(millis) => {
                let ends: BTreeMap<i32, i64> = at(LATEST).map(offsets)?;
                let mut found: BTreeMap<i32, i64> = at(millis.max(0)).map(offsets)?;
                // Nothing is as late as that: what comes next is.
                found.retain(|_, offset| *offset >= 0);
                Ok(ends.into_iter().chain(found).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_from_text() {
        for (text, place) in [
            ("start", Start::Start),
            ("end", Start::End),
            ("17", Start::Offset(17)),
            ("-10", Start::Last(10)),
            ("@1769860800123", Start::Time(1_769_860_800_123)),
            ("2026-01-31T12:00:00Z", Start::Time(1_769_860_800_000)),
            ("2026-01-31 12:00:00", Start::Time(1_769_860_800_000)),
        ] {
            assert_eq!(text.parse(), Ok(place), "{text}");
        }
        for text in ["", "begin", "@", "1.5", "2026-13-31T12:00:00Z"] {
            assert!(text.parse::<Start>().is_err(), "{text}");
        }
    }
}
