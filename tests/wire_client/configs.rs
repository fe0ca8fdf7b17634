//! Configs of topics: described and altered.

use super::WireClient;
use pinion::wire::ErrorCode;
use pinion::wire::api::describe_configs::{DescribeConfigsRequest, DescribeConfigsResource};
use pinion::wire::api::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use smallvec::smallvec;

/// The resource type of topics.
pub const TOPIC: i8 = 2;

impl WireClient {
    /// Value and source of one config of a topic.
    ///
    /// # Panics
    /// If the broker has no such topic or config.
    pub fn topic_config(&mut self, topic: &str, key: &str) -> (String, i8) {
        let resource = DescribeConfigsResource {
            resource_type: TOPIC,
            resource_name: topic,
            configuration_keys: Some(smallvec![key]),
        };
        let request =
            DescribeConfigsRequest { resources: smallvec![resource], ..Default::default() };
        let response = self.call(4, &request);
        let result = &response.results[0];
        assert_eq!(result.error_code, 0, "{result:?}");
        let config = &result.configs[0];
        assert_eq!(config.name, key);
        (config.value.expect("a topic's config is no secret").to_owned(), config.config_source)
    }

    /// Sets one config of a topic, and nothing else.
    pub fn set_topic_config(&mut self, topic: &str, key: &str, value: &str) -> ErrorCode {
        let config = AlterableConfig { name: key, config_operation: 0, value: Some(value) };
        let resource = AlterConfigsResource {
            resource_type: TOPIC,
            resource_name: topic,
            configs: smallvec![config],
        };
        let request =
            IncrementalAlterConfigsRequest { resources: smallvec![resource], ..Default::default() };
        self.call(1, &request).responses[0].error_code.into()
    }
}
