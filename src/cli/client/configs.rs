//! A topic's configs, as the broker tells them.

use super::{ClientError, Cluster};
use crate::wire::api::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
};
use smallvec::smallvec;

/// The resource type of topics.
pub const RESOURCE_TOPIC: i8 = 2;

/// The config source of a value that was set on the topic itself.
const SOURCE_TOPIC: i8 = 1;

/// One config of a topic.
#[derive(Debug)]
pub struct TopicConfig {
    /// Kafka's name.
    pub name: String,
    /// The value in effect; `None` where the broker keeps it secret.
    pub value: Option<String>,
    /// Whether it was set on the topic, rather than inherited.
    pub is_own: bool,
}

/// All configs of a topic, by name.
pub fn describe_topic_configs(
    cluster: &mut Cluster,
    topic: &str,
) -> Result<Vec<TopicConfig>, ClientError> {
    let request = DescribeConfigsRequest {
        resources: smallvec![DescribeConfigsResource {
            resource_type: RESOURCE_TOPIC,
            resource_name: topic,
            configuration_keys: None,
        }],
        ..Default::default()
    };
    let response = cluster.any()?.call(&request)?;
    let subject = format!("topic \"{topic}\"");
    let Some(result) = response.results.first() else {
        return Err(ClientError::missing(&subject));
    };
    ClientError::check(&subject, result.error_code, result.error_message)?;
    let mut configs: Vec<TopicConfig> = result.configs.iter().map(config).collect();
    configs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(configs)
}

fn config(config: &DescribeConfigsResourceResult<'_>) -> TopicConfig {
    TopicConfig {
        name: config.name.to_owned(),
        value: config.value.map(str::to_owned),
        is_own: config.config_source == SOURCE_TOPIC,
    }
}
