//! Topics, and what the broker tells about them; ids of idempotent producers.

use super::{BROKE, WireClient};
use pinion::wire::ErrorCode;
use pinion::wire::api::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use pinion::wire::api::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use pinion::wire::api::init_producer_id::InitProducerIdRequest;
use pinion::wire::api::metadata::MetadataRequest;
use smallvec::smallvec;
use std::io;

impl WireClient {
    /// Creates a topic.
    ///
    /// # Panics
    /// If the broker refuses.
    pub fn create_topic(&mut self, name: &str, partitions: i32, configs: &[(&str, &str)]) {
        let created = self.create_with(name, partitions, configs).expect(BROKE);
        assert_eq!(created, ErrorCode::None, "creation of {name}");
    }

    /// Creates a topic with default configs, unless the connection breaks.
    pub fn try_create(&mut self, name: &str, partitions: i32) -> io::Result<ErrorCode> {
        self.create_with(name, partitions, &[])
    }

    fn create_with(
        &mut self,
        name: &str,
        num_partitions: i32,
        configs: &[(&str, &str)],
    ) -> io::Result<ErrorCode> {
        let config = |&(name, value): &(_, _)| CreatableTopicConfig { name, value: Some(value) };
        let topic = CreatableTopic {
            name,
            num_partitions,
            replication_factor: -1,
            configs: configs.iter().map(config).collect(),
            ..Default::default()
        };
        let request = CreateTopicsRequest { topics: smallvec![topic], ..Default::default() };
        Ok(self.try_call(7, &request)?.topics[0].error_code.into())
    }

    /// Deletes a topic by its name.
    pub fn delete_topic(&mut self, name: &str) -> ErrorCode {
        self.try_delete(name).expect(BROKE)
    }

    /// Deletes a topic by its name, unless the connection breaks.
    pub fn try_delete(&mut self, name: &str) -> io::Result<ErrorCode> {
        let topic = DeleteTopicState { name: Some(name), ..Default::default() };
        let request = DeleteTopicsRequest {
            topics: smallvec![topic],
            timeout_ms: 30_000,
            ..Default::default()
        };
        Ok(self.try_call(6, &request)?.responses[0].error_code.into())
    }

    /// The names of all topics, in their order.
    pub fn topic_names(&mut self) -> Vec<String> {
        let request = MetadataRequest { topics: None, ..Default::default() };
        let response = self.call(9, &request);
        response.topics.iter().map(|topic| topic.name.unwrap_or_default().to_owned()).collect()
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
