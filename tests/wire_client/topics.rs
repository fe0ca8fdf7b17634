//! Topics, and what the broker tells about them; ids of idempotent producers.

use super::WireClient;
use pinion::wire::ErrorCode;
use pinion::wire::api::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use pinion::wire::api::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use pinion::wire::api::init_producer_id::InitProducerIdRequest;
use smallvec::smallvec;

impl WireClient {
    /// Creates a topic.
    ///
    /// # Panics
    /// If the broker refuses.
    pub fn create_topic(&mut self, name: &str, partitions: i32, configs: &[(&str, &str)]) {
        let created = self.try_create_topic(name, partitions, configs);
        assert_eq!(created, ErrorCode::None, "creation of {name}");
    }

    /// Creates a topic, unless the broker refuses.
    pub fn try_create_topic(
        &mut self,
        name: &str,
        num_partitions: i32,
        configs: &[(&str, &str)],
    ) -> ErrorCode {
        let config = |&(name, value): &(_, _)| CreatableTopicConfig { name, value: Some(value) };
        let topic = CreatableTopic {
            name,
            num_partitions,
            replication_factor: -1,
            configs: configs.iter().map(config).collect(),
            ..Default::default()
        };
        let request = CreateTopicsRequest { topics: smallvec![topic], ..Default::default() };
        self.call(7, &request).topics[0].error_code.into()
    }

    /// Deletes a topic by its name.
    pub fn delete_topic(&mut self, name: &str) -> ErrorCode {
        let topic = DeleteTopicState { name: Some(name), ..Default::default() };
        let request = DeleteTopicsRequest {
            topics: smallvec![topic],
            timeout_ms: 30_000,
            ..Default::default()
        };
        self.call(6, &request).responses[0].error_code.into()
    }

    /// A new producer id and its epoch.
    ///
    /// # Panics
    /// If the broker refuses.
    pub fn init_producer_id(&mut self) -> (i64, i16) {
        let request =
            InitProducerIdRequest { transaction_timeout_ms: i32::MAX, ..Default::default() };
        let response = self.call(4, &request);
        assert_eq!(response.error_code, 0);
        (response.producer_id, response.producer_epoch)
    }
}
