//! `partition.metadata`: which topic a directory belongs to (KIP-516).

use crate::base::TopicId;
use uuid::Uuid;

/// The file's content.
pub fn encode(topic_id: TopicId) -> String {
    format!("version: 0\ntopic_id: {topic_id}")
}

/// Reads the file; `None` if it is not as Kafka writes it.
pub fn parse(bytes: &[u8]) -> Option<TopicId> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut lines = text.lines();
    let version = lines.next()?.strip_prefix("version:")?.trim();
    let id = lines.next()?.strip_prefix("topic_id:")?.trim();
    if version != "0" || lines.any(|line| !line.trim().is_empty()) {
        return None;
    }
    parse_topic_id(id)
}

/// Reads a topic id in Kafka's form: 22 characters of URL-safe base64.
fn parse_topic_id(text: &str) -> Option<TopicId> {
    let digit = |byte: u8| -> Option<u128> {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        Some(u128::from(value))
    };
    let (last, first) = text.as_bytes().split_last()?;
    if first.len() != 21 {
        return None;
    }
    let high = first.iter().try_fold(0u128, |bits, byte| Some(bits << 6 | digit(*byte)?))?;
    // The last digit carries two bits of the id and four of padding, which are zero.
    let low = digit(*last)?;
    (low & 15 == 0).then_some(TopicId(Uuid::from_u128(high << 2 | low >> 4)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: ids go both ways, in Kafka's text.
    #[test]
    fn round_trips() {
        for bits in [1u128, 0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f, u128::MAX] {
            let id = TopicId(Uuid::from_u128(bits));
            assert_eq!(parse(encode(id).as_bytes()), Some(id));
        }
        let text = "version: 0\ntopic_id: AAECAwQFBgcICQoLDA0ODw";
        assert_eq!(encode(parse(text.as_bytes()).unwrap()), text);
        assert!(parse(format!("{text}\n").as_bytes()).is_some());
    }

    /// Goal: anything else is refused.
    #[test]
    fn damage_is_refused() {
        for bad in [
            "",
            "version: 1\ntopic_id: AAECAwQFBgcICQoLDA0ODw",
            "version: 0\ntopic_id: AAECAwQFBgcICQoLDA0OD",
            "version: 0\ntopic_id: AAECAwQFBgcICQoLDA0ODx",
            "version: 0\ntopic_id: AAECAwQFBgcICQoLDA0O+w",
            "version: 0\ntopic_id: AAECAwQFBgcICQoLDA0ODw\nmore",
        ] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
