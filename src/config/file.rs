//! The configuration file: TOML, flattened to Kafka's dotted names.

use super::{ConfigError, Origin};
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One line of the file that sets something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The key's whole name: `[log]` and `segment.bytes = 1` make `log.segment.bytes`.
    pub key: String,
    /// The value in words, as Kafka would read it; the entries of an array with commas between.
    pub value: String,
    /// Where it stands.
    pub origin: Origin,
}

/// A setting, or why a line is none.
pub type Found = Result<Setting, ConfigError>;

/// Reads the settings in a file's text, in the order of the text. One whose value is neither text,
/// number, flag nor a list of those is an error in its place.
///
/// # Errors
/// If it is not TOML.
pub fn parse(text: &str, path: &Path) -> Result<Vec<Found>, ConfigError> {
    let reader = Reader { text, path };
    let table = DeTable::parse(text).map_err(|error| reader.syntax_error(&error))?;
    let mut found = Vec::new();
    reader.flatten(table.get_ref(), "", &mut found);
    found.sort_by_key(|(start, _)| *start);
    Ok(found.into_iter().map(|(_, found)| found).collect())
}

struct Reader<'a> {
    text: &'a str,
    path: &'a Path,
}

impl Reader<'_> {
    fn origin(&self, start: usize) -> Origin {
        let line = 1 + self.text.bytes().take(start).filter(|byte| *byte == b'\n').count();
        Origin::Line(self.path.to_owned(), line)
    }

    /// The parser's words, and the line that it stumbled over.
    fn syntax_error(&self, error: &toml::de::Error) -> ConfigError {
        let start = error.span().map_or(0, |span| span.start);
        let origin = self.origin(start);
        let (before, after) = self.text.split_at_checked(start).unwrap_or((self.text, ""));
        let before = before.rsplit('\n').next().unwrap_or_default();
        let after = after.split('\n').next().unwrap_or_default();
        let line = [before, after].concat();
        let message = match line.trim() {
            "" => error.message().to_owned(),
            line => format!("{}: {line}", error.message()),
        };
        ConfigError::Syntax { origin, message }
    }

    fn flatten(&self, table: &DeTable<'_>, prefix: &str, found: &mut Vec<(usize, Found)>) {
        for (name, value) in table {
            let key = format!("{prefix}{}", name.get_ref());
            if let DeValue::Table(inner) = value.get_ref() {
                self.flatten(inner, &format!("{key}."), found);
                continue;
            }
            let start = name.span().start;
            let value = self.value(&key, value);
            let origin = self.origin(start);
            found.push((start, value.map(|value| Setting { key, value, origin })));
        }
    }

    fn value(&self, key: &str, value: &Spanned<DeValue<'_>>) -> Result<String, ConfigError> {
        let unsupported = |what: &str| ConfigError::Syntax {
            origin: self.origin(value.span().start),
            message: format!("{key} cannot be {what}"),
        };
        match value.get_ref() {
            DeValue::String(text) => Ok(text.to_string()),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map(|number| number.to_string())
                .map_err(|_| unsupported("a number of more than 64 bits")),
            DeValue::Float(number) => Ok(number.as_str().to_owned()),
            DeValue::Boolean(flag) => Ok(flag.to_string()),
            DeValue::Array(entries) => {
                let entries: Result<Vec<_>, _> =
                    entries.iter().map(|entry| self.value(key, entry)).collect();
                Ok(entries?.join(","))
            }
            DeValue::Datetime(_) => Err(unsupported("a date")),
            DeValue::Table(_) => Err(unsupported("a table")),
        }
    }
}
