//! Sweeps: a scenario that is run with several values of one field.

use serde::{Deserialize, Serialize};

/// Which value of which field this is, of a scenario that varies it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sweep {
    /// The scenario that varies the field.
    pub name: String,
    /// Its line for people, without the value.
    pub title: String,
    /// What is varied.
    pub field: Field,
    /// The value here.
    pub value: f64,
}

/// A field that can take several values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Field {
    /// Records per second of all producers together.
    Rate,
    /// Partitions of the topic.
    Partitions,
    /// Producers, each with a connection.
    Producers,
    /// Bytes of a record's payload.
    RecordBytes,
}

impl Field {
    /// The word in names and in scenario files.
    pub fn name(self) -> &'static str {
        match self {
            Field::Rate => "rate",
            Field::Partitions => "partitions",
            Field::Producers => "producers",
            Field::RecordBytes => "record-bytes",
        }
    }
}
