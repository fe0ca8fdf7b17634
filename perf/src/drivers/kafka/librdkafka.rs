//! Pinion and Kafka by librdkafka, through the crate `rdkafka`: what most of their users run
//! outside the JVM. Both get the same settings.

use crate::drivers::{
    Consumer, ConsumerOptions, Outgoing, Producer, ProducerOptions, Start, Topic,
};
use crate::error::{Error, Result};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, ClientContext, Offset, TopicPartitionList};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The name in errors and results.
pub const CLIENT: &str = "librdkafka";
/// Longer than a broker takes to answer a question, however busy it is.
const ASK_LIMIT: Duration = Duration::from_secs(10);
const FLUSH_POLL: Duration = Duration::from_millis(1);

/// Connects a producer.
///
/// # Errors
/// If the library refuses the settings.
pub fn producer(
    mut config: ClientConfig,
    topic: &Topic,
    options: ProducerOptions,
) -> Result<KafkaProducer> {
    config.set("acks", if options.confirm { "all" } else { "0" });
    if options.sends_again {
        config.set("enable.idempotence", "true");
        // The defaults are up to ten seconds and one, which would hide how long the broker took.
        config.set("reconnect.backoff.max.ms", "100");
        config.set("retry.backoff.max.ms", "100");
    }
    if let Some(batch) = options.batch {
        config.set("batch.num.messages", batch.to_string());
    }
    if options.batch == Some(1) {
        config.set("linger.ms", "0");
    }
    let deliveries = Deliveries::default();
    let producer = config.create_with_context(deliveries).map_err(Error::client(CLIENT))?;
    Ok(KafkaProducer { producer, topic: topic.name.clone() })
}

/// Connects a consumer.
///
/// # Errors
/// If the library refuses the settings, or the ends of the log are not known.
pub fn consumer(
    mut config: ClientConfig,
    topic: &Topic,
    options: ConsumerOptions,
) -> Result<KafkaConsumer> {
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
    Ok(KafkaConsumer { consumer })
}

/// What the library said of the records handed to it, since somebody asked.
#[derive(Default)]
pub struct Deliveries {
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

/// A producer.
pub struct KafkaProducer {
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

/// A consumer.
pub struct KafkaConsumer {
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
