//! Lines of input as records.

/// A line's record, before it has a partition.
#[derive(Debug, PartialEq, Eq)]
pub struct InputRecord<'a> {
    /// What comes before the separator; `None` without one, or for the null marker.
    pub key: Option<&'a [u8]>,
    /// The rest; `None`, a tombstone, for the null marker.
    pub value: Option<&'a [u8]>,
}

/// How a line is taken apart.
#[derive(Debug, Default, Clone)]
pub struct LineFormat {
    /// What stands between key and value, if lines have keys.
    pub key_separator: Option<String>,
    /// The text that stands for null.
    pub null_marker: Option<String>,
}

impl LineFormat {
    /// Takes a line apart. Without a separator in it, the whole line is the value.
    pub fn parse<'a>(&self, line: &'a [u8]) -> InputRecord<'a> {
        let separator = self.key_separator.as_deref().map(str::as_bytes);
        match separator.and_then(|separator| split_once(line, separator)) {
            Some((key, value)) => {
                InputRecord { key: self.unless_null(key), value: self.unless_null(value) }
            }
            None => InputRecord { key: None, value: self.unless_null(line) },
        }
    }

    fn unless_null<'a>(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        let is_null = self.null_marker.as_ref().is_some_and(|marker| marker.as_bytes() == text);
        (!is_null).then_some(text)
    }
}

fn split_once<'a>(line: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = line.windows(separator.len()).position(|window| window == separator)?;
    Some((&line[..at], &line[at + separator.len()..]))
}

/// A header `NAME=VALUE`, or `NAME` alone for a null value.
pub fn parse_header(text: &str) -> Result<(String, Option<Vec<u8>>), String> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.as_bytes().to_vec())),
        None => (text, None),
    };
    if name.is_empty() {
        return Err("a header needs a name, as in NAME=VALUE".to_owned());
    }
    Ok((name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_keys_and_values() {
        let plain = LineFormat::default();
        assert_eq!(plain.parse(b"a:b"), InputRecord { key: None, value: Some(b"a:b") });
        let keyed = LineFormat {
            key_separator: Some("::".to_owned()),
            null_marker: Some("NULL".to_owned()),
        };
        assert_eq!(keyed.parse(b"a::b::c"), InputRecord { key: Some(b"a"), value: Some(b"b::c") });
        assert_eq!(keyed.parse(b"::"), InputRecord { key: Some(b""), value: Some(b"") });
        assert_eq!(keyed.parse(b"a::NULL"), InputRecord { key: Some(b"a"), value: None });
        assert_eq!(keyed.parse(b"NULL::v"), InputRecord { key: None, value: Some(b"v") });
        assert_eq!(keyed.parse(b"a:b"), InputRecord { key: None, value: Some(b"a:b") });
    }

    #[test]
    fn headers_have_names() {
        assert_eq!(parse_header("a=b=c"), Ok(("a".to_owned(), Some(b"b=c".to_vec()))));
        assert_eq!(parse_header("a"), Ok(("a".to_owned(), None)));
        assert!(parse_header("=b").is_err());
    }
}
