//! The rules for topic names, which are directory names too.

/// The longest legal topic name, in bytes.
pub const TOPIC_NAME_LENGTH_MAX: usize = 249;

/// The topics in which coordinators keep their state.
const INTERNAL_TOPICS: [&str; 2] = ["__consumer_offsets", "__transaction_state"];

/// Whether brokers keep a topic of that name for their own use.
pub fn is_internal_topic(name: &str) -> bool {
    INTERNAL_TOPICS.contains(&name)
}

/// Says what is wrong with a topic name, if anything, in words for the client.
pub fn topic_name_fault(name: &str) -> Option<String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() {
        return Some("the topic name is empty".into());
    }
    if name == "." || name == ".." {
        return Some(format!("the topic name may not be \"{name}\""));
    }
    if name.len() > TOPIC_NAME_LENGTH_MAX {
        return Some(format!(
            "the topic name has {} characters; at most {TOPIC_NAME_LENGTH_MAX} are allowed",
            name.len()
        ));
    }
    let bad = name.chars().find(|c| !legal(*c))?;
    Some(format!(
        "the topic name contains {bad:?}; only ASCII letters, digits, '.', '_' and '-' are allowed"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: Kafka's rules, and nothing that could leave the data directory.
    #[test]
    fn accepts_and_refuses_as_kafka() {
        for good in ["a", "A.b_c-9", "...", &"x".repeat(TOPIC_NAME_LENGTH_MAX)] {
            assert_eq!(topic_name_fault(good), None, "{good}");
        }
        for bad in ["", ".", "..", "a/b", "a b", "ä", "a\0", &"x".repeat(250)] {
            assert!(topic_name_fault(bad).is_some(), "{bad:?}");
        }
    }
}
