//! The topics that a command is about: behind it, or as Kafka's own tools take them.

use clap::Args;

/// One topic.
#[derive(Debug, Clone, Args)]
pub struct TopicName {
    /// Name of the topic
    #[arg(value_name = "TOPIC", required_unless_present = "topic_option")]
    topic: Option<String>,

    /// The same, as Kafka's tools take it
    #[arg(long = "topic", value_name = "TOPIC", conflicts_with = "topic")]
    topic_option: Option<String>,
}

/// One topic or several.
#[derive(Debug, Clone, Args)]
pub struct TopicNames {
    /// Names of the topics
    #[arg(value_name = "TOPIC", required_unless_present = "topic_options")]
    topics: Vec<String>,

    /// The same, as Kafka's tools take it; may be given again
    #[arg(long = "topic", value_name = "TOPIC")]
    topic_options: Vec<String>,
}

impl TopicName {
    /// The name.
    pub fn name(&self) -> &str {
        self.topic.as_deref().or(self.topic_option.as_deref()).unwrap_or_default()
    }
}

impl TopicNames {
    /// The names, in the order given.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.topics.iter().chain(&self.topic_options).map(String::as_str)
    }
}
