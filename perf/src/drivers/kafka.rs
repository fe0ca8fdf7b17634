//! Pinion and Kafka by librdkafka, through the crate `rdkafka`: what most of their users run
//! outside the JVM. Both get the same settings.

use super::{
    Broker, Consumer, ConsumerOptions, Durability, Outgoing, Producer, ProducerOptions, Start,
    Topic,
};
use crate::error::{Error, Result};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication, TopicResult};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, ClientContext, Offset, TopicPartitionList};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const CLIENT: &str = "librdkafka";
/// Longer than a broker takes to answer a question, however busy it is.
const ASK_LIMIT: Duration = Duration::from_secs(10);
const FLUSH_POLL: Duration = Duration::from_millis(1);
/// `flush.messages` of a topic whose acks do not wait for the disk: Kafka's default.
const NEVER: &str = "9223372036854775807";

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
        let client: Result<BaseConsumer> = self.config().create().map_err(Error::client(CLIENT));
        client.is_ok_and(|client| client.fetch_metadata(None, Duration::from_secs(2)).is_ok())
    }

    fn admin(&self) -> Result<AdminClient<DefaultClientContext>> {
        self.config().create().map_err(Error::client(CLIENT))
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
    for result in runtime.block_on(asked).map_err(Error::client(CLIENT))? {
        result.map_err(|(name, code)| Error::client(CLIENT)(format!("{name}: {code}")))?;
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
        block_on(admin.create_topics([&wanted], &AdminOptions::new()))
    }

    fn producer(&self, topic: &Topic, options: ProducerOptions) -> Result<Box<dyn Producer>> {
        let mut config = self.config();
        config.set("acks", if options.confirm { "all" } else { "0" });
        if options.outlasts_restart {
            config.set("enable.idempotence", "true");
            // The default is up to ten seconds, which would hide how long the broker took.
            config.set("reconnect.backoff.max.ms", "100");
        }
        if let Some(batch) = options.batch {
            config.set("batch.num.messages", batch.to_string());
        }
        if options.batch == Some(1) {
            config.set("linger.ms", "0");
        }
        let deliveries = Deliveries::default();
        let producer = config.create_with_context(deliveries).map_err(Error::client(CLIENT))?;
        Ok(Box::new(KafkaProducer { producer, topic: topic.name.clone() }))
    }

    fn consumer(&self, topic: &Topic, options: ConsumerOptions) -> Result<Box<dyn Consumer>> {
        let mut config = self.config();
        // The library asks for the name of a group, though none is joined.
        config.set("group.id", "pinion-perf");
        config.set("enable.auto.commit", "false");
        config.set("queued.min.messages", options.prefetch_records.to_string());
        config.set("max.partition.fetch.bytes", options.prefetch_bytes.to_string());
        // The default is to sit a second out whenever the prefetched records suffice.
        config.set("fetch.queue.backoff.ms", "0");
        let consumer: BaseConsumer = config.create().map_err(Error::client(CLIENT))?;
        let mut partitions = TopicPartitionList::new();
        for partition in 0..i32::try_from(topic.partitions).unwrap_or(i32::MAX) {
            let start = match options.start {
                Start::First => Offset::Beginning,
                // By its number: the library would look for the end later, behind new records.
                Start::End => {
                    let offsets = consumer.fetch_watermarks(&topic.name, partition, ASK_LIMIT);
                    Offset::Offset(offsets.map_err(Error::client(CLIENT))?.1)
                }
            };
            partitions
                .add_partition_offset(&topic.name, partition, start)
                .map_err(Error::client(CLIENT))?;
        }
        consumer.assign(&partitions).map_err(Error::client(CLIENT))?;
        Ok(Box::new(KafkaConsumer { consumer }))
    }

    fn delete_topic(&self, topic: &Topic) -> Result<()> {
        let admin = self.admin()?;
        block_on(admin.delete_topics(&[&topic.name], &AdminOptions::new()))
    }
}

/// What the library said of the records handed to it, since somebody asked.
#[derive(Default)]
struct Deliveries {
    outcomes: Mutex<Outcomes>,
}

#[derive(Default)]
struct Outcomes {
    delivered: Vec<u64>,
    failed: Option<KafkaError>,
}

impl Deliveries {
    fn with<T>(&self, look: impl FnOnce(&mut Outcomes) -> T) -> T {
        look(&mut self.outcomes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, sequence: usize) {
        self.with(|outcomes| match result {
            Ok(_) => outcomes.delivered.push(sequence as u64),
            Err((error, _)) => outcomes.failed = Some(error.clone()),
        });
    }
}

struct KafkaProducer {
    producer: BaseProducer<Deliveries>,
    topic: String,
}

impl KafkaProducer {
    fn check(&self) -> Result<()> {
        let failed = self.producer.context().with(|outcomes| outcomes.failed.take());
        failed.map_or(Ok(()), |error| Err(Error::client(CLIENT)(error)))
    }
}

impl Producer for KafkaProducer {
    fn send(&mut self, record: Outgoing<'_>) -> Result<bool> {
        let Outgoing { partition, key, sequence, payload } = record;
        let partition = i32::try_from(partition).unwrap_or(i32::MAX);
        let opaque = usize::try_from(sequence).map_err(Error::client(CLIENT))?;
        let mut record: BaseRecord<'_, [u8], [u8], usize> =
            BaseRecord::with_opaque_to(&self.topic, opaque).partition(partition).payload(payload);
        record.key = key;
        match self.producer.send(record) {
            Ok(()) => Ok(true),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => Ok(false),
            Err((error, _)) => Err(Error::client(CLIENT)(error)),
        }
    }

    fn confirmed(&mut self, wait: Duration, sequences: &mut Vec<u64>) -> Result<()> {
        self.producer.poll(wait);
        self.check()?;
        self.producer.context().with(|outcomes| sequences.append(&mut outcomes.delivered));
        Ok(())
    }

    fn flush(&mut self, wait: Duration) -> Result<bool> {
        let deadline = Instant::now() + wait;
        while self.producer.in_flight_count() > 0 && Instant::now() < deadline {
            self.producer.poll(FLUSH_POLL);
            self.check()?;
        }
        Ok(self.producer.in_flight_count() == 0)
    }
}

struct KafkaConsumer {
    consumer: BaseConsumer,
}

impl Consumer for KafkaConsumer {
    fn receive(&mut self, wait: Duration, receive: &mut dyn FnMut(u32, &[u8])) -> Result<()> {
        let mut wait = wait;
        // Whatever is there already is taken along, up to a bound that lets the caller look up.
        for _ in 0..1024 {
            let Some(message) = self.consumer.poll(wait) else { break };
            let message = message.map_err(Error::client(CLIENT))?;
            let partition = u32::try_from(message.partition()).unwrap_or(u32::MAX);
            receive(partition, message.payload().unwrap_or_default());
            wait = Duration::ZERO;
        }
        Ok(())
    }
}
