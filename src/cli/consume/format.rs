//! A record as text.

use super::super::output::Output;
use super::CliError;
use crate::wire::record_batch::{Record, TimestampType};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::str::FromStr;

/// How to print records.
pub struct Format {
    /// The topic's name.
    pub topic: String,
    /// The layout; JSON if there is none.
    pub layout: Option<Layout>,
    /// What stands for null.
    pub null_marker: String,
}

/// A layout after kcat's `-f`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(Vec<u8>),
    Field(Field),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Value,
    ValueSize,
    Key,
    KeySize,
    Topic,
    Partition,
    Offset,
    Timestamp,
    Headers,
}

impl FromStr for Layout {
    type Err = String;

    fn from_str(text: &str) -> Result<Layout, String> {
        let mut parts = Vec::new();
        let mut literal = Vec::new();
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            match c {
                '\\' => literal.push(escaped(&mut rest)?),
                '%' => match field(rest.next())? {
                    None => literal.push(b'%'),
                    Some(field) => {
                        parts.push(Part::Literal(std::mem::take(&mut literal)));
                        parts.push(Part::Field(field));
                    }
                },
                c => literal.extend(c.encode_utf8(&mut [0; 4]).bytes()),
            }
        }
        parts.push(Part::Literal(literal));
        Ok(Layout(parts))
    }
}

/// The field of a letter after `%`; none for a second `%`.
fn field(letter: Option<char>) -> Result<Option<Field>, String> {
    Ok(Some(match letter {
        Some('s') => Field::Value,
        Some('S') => Field::ValueSize,
        Some('k') => Field::Key,
        Some('K') => Field::KeySize,
        Some('t') => Field::Topic,
        Some('p') => Field::Partition,
        Some('o') => Field::Offset,
        Some('T') => Field::Timestamp,
        Some('h') => Field::Headers,
        Some('%') => return Ok(None),
        Some(other) => return Err(format!("there is no field %{other}")),
        None => return Err("a % at the end names no field".to_owned()),
    }))
}

/// The byte that a backslash and what follows it stand for.
fn escaped(rest: &mut std::str::Chars<'_>) -> Result<u8, String> {
    Ok(match rest.next() {
        Some('n') => b'\n',
        Some('r') => b'\r',
        Some('t') => b'\t',
        Some('\\') => b'\\',
        Some('x') => {
            let digits: String = rest.by_ref().take(2).collect();
            let byte = u8::from_str_radix(&digits, 16).ok();
            byte.filter(|_| digits.len() == 2 && !digits.starts_with('+'))
                .ok_or("\\x needs two hex digits")?
        }
        other => return Err(format!("there is no escape \\{}", other.unwrap_or(' '))),
    })
}

impl Format {
    /// Prints one record.
    pub fn print(
        &self,
        partition: i32,
        kind: TimestampType,
        record: &Record<'_>,
        output: &mut Output,
    ) -> Result<(), CliError> {
        let Some(Layout(parts)) = &self.layout else {
            return output.line(self.to_json(partition, kind, record));
        };
        parts.iter().try_for_each(|part| match part {
            Part::Literal(bytes) => output.bytes(bytes),
            Part::Field(field) => output.bytes(&self.field(*field, partition, record)),
        })
    }

    fn field<'a>(&'a self, field: Field, partition: i32, record: &Record<'a>) -> Cow<'a, [u8]> {
        let text = |number: i64| Cow::Owned(number.to_string().into_bytes());
        let null = self.null_marker.as_bytes();
        let or_null = |bytes: Option<&'a [u8]>| Cow::Borrowed(bytes.unwrap_or(null));
        let size = |bytes: Option<&[u8]>| text(bytes.map_or(-1, |bytes| bytes.len() as i64));
        match field {
            Field::Value => or_null(record.value),
            Field::ValueSize => size(record.value),
            Field::Key => or_null(record.key),
            Field::KeySize => size(record.key),
            Field::Topic => Cow::Borrowed(self.topic.as_bytes()),
            Field::Partition => text(i64::from(partition)),
            Field::Offset => text(record.offset),
            Field::Timestamp => text(record.timestamp),
            Field::Headers => {
                let headers = record.headers.clone();
                let headers = headers.map(|h| [h.key, b"=", h.value.unwrap_or(null)].concat());
                Cow::Owned(headers.collect::<Vec<_>>().join(&b","[..]))
            }
        }
    }

    fn to_json(&self, partition: i32, kind: TimestampType, record: &Record<'_>) -> Value {
        let headers = record.headers.clone();
        let headers = headers.flat_map(|header| [lossy(Some(header.key)), lossy(header.value)]);
        json!({
            "topic": self.topic,
            "partition": partition,
            "offset": record.offset,
            "tstype": match kind {
                TimestampType::CreateTime => "create",
                TimestampType::LogAppendTime => "logappend",
            },
            "ts": record.timestamp,
            "headers": headers.collect::<Vec<_>>(),
            "key": lossy(record.key),
            "payload": lossy(record.value),
        })
    }
}

fn lossy(bytes: Option<&[u8]>) -> Value {
    bytes.map_or(Value::Null, |bytes| Value::String(String::from_utf8_lossy(bytes).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::record_batch::{BatchBuilder, Batches};

    fn formatted(layout: &str) -> String {
        let mut builder = BatchBuilder::new().base_offset(7);
        builder.append(1_000, Some(b"key"), None, &[("a", Some(b"1")), ("b", None)]);
        let batch = builder.build();
        let batch = Batches::new(&batch).next().unwrap().unwrap();
        let record = batch.records().next().unwrap().unwrap();
        let layout: Layout = layout.parse().unwrap();
        let format =
            Format { topic: "t".into(), layout: Some(layout.clone()), null_marker: "NULL".into() };
        let parts = layout.0.iter().map(|part| match part {
            Part::Literal(bytes) => bytes.clone(),
            Part::Field(field) => format.field(*field, 3, &record).into_owned(),
        });
        String::from_utf8(parts.collect::<Vec<_>>().concat()).unwrap()
    }

    #[test]
    fn every_field_has_its_letter() {
        assert_eq!(formatted("%t/%p@%o %k(%K)=%s(%S) %T"), "t/3@7 key(3)=NULL(-1) 1000");
        assert_eq!(formatted("%h%%\\t\\x41\\\\ä"), "a=1,b=NULL%\tA\\ä");
    }

    #[test]
    fn unknown_fields_and_escapes_are_refused() {
        for layout in ["%", "%q", "\\q", "\\", "\\x4"] {
            assert!(layout.parse::<Layout>().is_err(), "{layout}");
        }
    }
}
