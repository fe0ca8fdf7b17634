//! Brokers that speak Kafka's protocol: topics by librdkafka's administrator, records by either of
//! two clients.

mod librdkafka;
mod native;

use super::{Broker, Consumer, ConsumerOptions, Durability, Producer, ProducerOptions, Topic};
use crate::error::{Error, Result};
use native::{NativeConsumer, NativeProducer};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication, TopicResult};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// `flush.messages` of a topic whose acks do not wait for the disk: Kafka's default.
const NEVER: &str = "9223372036854775807";

/// Which client carries records to and from brokers that speak Kafka's protocol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum KafkaClient {
    /// The generator of this program, which is not the limit.
    #[default]
    Native,
    /// What most users run outside the JVM.
    Librdkafka,
}

impl KafkaClient {
    /// The name in results.
    pub fn name(self) -> &'static str {
        match self {
            KafkaClient::Native => native::CLIENT,
            KafkaClient::Librdkafka => librdkafka::CLIENT,
        }
    }
}

/// A broker that speaks Kafka's protocol.
#[derive(Debug)]
pub struct KafkaBroker {
    bootstrap: String,
}

impl KafkaBroker {
    /// The broker at `HOST:PORT`.
    pub fn new(bootstrap: String) -> KafkaBroker {
        KafkaBroker { bootstrap }
    }

    /// Whether it answers a request for metadata.
    pub fn answers(&self) -> bool {
        let client: Result<BaseConsumer> =
            self.config().create().map_err(Error::client(librdkafka::CLIENT));
        client.is_ok_and(|client| client.fetch_metadata(None, Duration::from_secs(2)).is_ok())
    }

    fn admin(&self) -> Result<AdminClient<DefaultClientContext>> {
        self.config().create().map_err(Error::client(librdkafka::CLIENT))
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.bootstrap);
        config.set("log_level", "3");
        config
    }
}

/// Waits for what an administrator asked for; every topic must have succeeded.
fn block_on(
    asked: impl Future<Output = std::result::Result<Vec<TopicResult>, KafkaError>>,
) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(Error::io("tokio"))?;
    for result in runtime.block_on(asked).map_err(Error::client(librdkafka::CLIENT))? {
        result
            .map_err(|(name, code)| Error::client(librdkafka::CLIENT)(format!("{name}: {code}")))?;
    }
    Ok(())
}

impl Broker for KafkaBroker {
    fn create_topic(&self, topic: &Topic) -> Result<()> {
        let admin = self.admin()?;
        let flush = if topic.durability == Durability::Fsync { "1" } else { NEVER };
        let partitions = i32::try_from(topic.partitions).unwrap_or(i32::MAX);
        let wanted = NewTopic::new(&topic.name, partitions, TopicReplication::Fixed(1))
            .set("flush.messages", flush);
        let wanted = if topic.is_kept { wanted } else { wanted.set("retention.bytes", "0") };
        block_on(admin.create_topics([&wanted], &AdminOptions::new()))
    }

    fn producer(&self, topic: &Topic, options: ProducerOptions) -> Result<Box<dyn Producer>> {
        Ok(match options.kafka_client {
            KafkaClient::Native => Box::new(NativeProducer::open(&self.bootstrap, topic, options)?),
            KafkaClient::Librdkafka => {
                Box::new(librdkafka::producer(self.config(), topic, options)?)
            }
        })
    }

    fn consumer(&self, topic: &Topic, options: ConsumerOptions) -> Result<Box<dyn Consumer>> {
        Ok(match options.kafka_client {
            KafkaClient::Native => Box::new(NativeConsumer::open(&self.bootstrap, topic, options)?),
            KafkaClient::Librdkafka => {
                Box::new(librdkafka::consumer(self.config(), topic, options)?)
            }
        })
    }

    fn delete_topic(&self, topic: &Topic) -> Result<()> {
        let admin = self.admin()?;
        block_on(admin.delete_topics(&[&topic.name], &AdminOptions::new()))
    }
}
