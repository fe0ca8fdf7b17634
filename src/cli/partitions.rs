//! Partitions among the arguments and in messages.

use clap::builder::RangedI64ValueParser;

/// The number of a partition: they count from 0.
pub fn partition_index() -> RangedI64ValueParser<i32> {
    RangedI64ValueParser::new().range(0..=i64::from(i32::MAX))
}

/// How many partitions a topic has: at least one.
pub fn partition_count() -> RangedI64ValueParser<i32> {
    RangedI64ValueParser::new().range(1..=i64::from(i32::MAX))
}

/// A number of partitions in words.
pub fn partitions_in_words(count: usize) -> String {
    match count {
        1 => "1 partition".to_owned(),
        count => format!("{count} partitions"),
    }
}
