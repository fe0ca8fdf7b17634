//! Where to start reading.

use super::super::client::{
    ClientError, Cluster, EARLIEST, FoundOffset, LATEST, TopicMetadata, list_offsets,
};
use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::UNIX_EPOCH;

/// A place in every partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
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

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Place, String> {
        match text {
            "start" => return Ok(Place::Start),
            "end" => return Ok(Place::End),
            _ => {}
        }
        if let Some(millis) = text.strip_prefix('@').and_then(|text| text.parse().ok()) {
            return Ok(Place::Time(millis));
        }
        if let Ok(number) = text.parse::<i64>() {
            return Ok(match number {
                number if number < 0 => Place::Last(number.saturating_neg()),
                number => Place::Offset(number),
            });
        }
        let time = humantime::parse_rfc3339_weak(text).map_err(|_| {
            "expected start, end, an offset, -N, @MILLISECONDS or a time like 2026-01-31T12:00:00Z"
        })?;
        let since = time.duration_since(UNIX_EPOCH).map_err(|error| error.to_string())?;
        Ok(Place::Time(since.as_millis().try_into().unwrap_or(i64::MAX)))
    }
}

impl Place {
    /// The offset to read first in each partition of `topic`. For an offset that a partition has
    /// not, that is its nearest, with a note on standard error.
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
            Place::Start => at(EARLIEST).map(offsets),
            Place::End => at(LATEST).map(offsets),
            Place::Offset(offset) => {
                let (first, mut next): (_, BTreeMap<i32, i64>) =
                    (at(EARLIEST)?, at(LATEST).map(offsets)?);
                for (partition, next) in &mut next {
                    let first = first.get(partition).map_or(0, |first| first.offset);
                    *next = nearest(offset, *partition, first, *next);
                }
                Ok(next)
            }
            Place::Last(count) => {
                let (first, mut last): (_, BTreeMap<i32, i64>) =
                    (at(EARLIEST)?, at(LATEST).map(offsets)?);
                for (partition, offset) in &mut last {
                    let first = first.get(partition).map_or(0, |first| first.offset);
                    *offset = offset.saturating_sub(count).max(first);
                }
                Ok(last)
            }
            Place::Time(millis) => {
                let ends: BTreeMap<i32, i64> = at(LATEST).map(offsets)?;
                let mut found: BTreeMap<i32, i64> = at(millis.max(0)).map(offsets)?;
                // Nothing is as late as that: what comes next is.
                found.retain(|_, offset| *offset >= 0);
                Ok(ends.into_iter().chain(found).collect())
            }
        }
    }
}

/// The offset of a log, which goes from `first` to below `next`, that is nearest to `offset`.
fn nearest(offset: i64, partition: i32, first: i64, next: i64) -> i64 {
    let nearest = offset.min(next).max(first);
    if nearest != offset {
        eprintln!(
            "pinion: partition {partition}: there is no offset {offset}, the log goes from {first} \
             to {next}: reading from {nearest}"
        );
    }
    nearest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_from_text() {
        for (text, place) in [
            ("start", Place::Start),
            ("end", Place::End),
            ("17", Place::Offset(17)),
            ("-10", Place::Last(10)),
            ("@1769860800123", Place::Time(1_769_860_800_123)),
            ("2026-01-31T12:00:00Z", Place::Time(1_769_860_800_000)),
            ("2026-01-31 12:00:00", Place::Time(1_769_860_800_000)),
        ] {
            assert_eq!(text.parse(), Ok(place), "{text}");
        }
        for text in ["", "begin", "@", "1.5", "2026-13-31T12:00:00Z"] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }
}
