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

/// Reads the settings in a file's text, in the order of the text.
///
/// # Errors
/// If it is not TOML, or a value is neither text, number, flag nor a list of those.
pub fn parse(text: &str, path: &Path) -> Result<Vec<Setting>, ConfigError> {
    let reader = Reader { text, path };
    let table = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
        origin: reader.origin(error.span().map_or(0, |span| span.start)),
        message: error.message().to_owned(),
    })?;
    let mut found = Vec::new();
    reader.flatten(table.get_ref(), "", &mut found)?;
    found.sort_by_key(|(start, _)| *start);
    Ok(found.into_iter().map(|(_, setting)| setting).collect())
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

    fn flatten(
        &self,
        table: &DeTable<'_>,
        prefix: &str,
        found: &mut Vec<(usize, Setting)>,
    ) -> Result<(), ConfigError> {
        for (name, value) in table {
            let key = format!("{prefix}{}", name.get_ref());
            if let DeValue::Table(inner) = value.get_ref() {
                self.flatten(inner, &format!("{key}."), found)?;
                continue;
            }
            let start = name.span().start;
            let value = self.value(&key, value)?;
            found.push((start, Setting { key, value, origin: self.origin(start) }));
        }
        Ok(())
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
