//! NATS JetStream, through the crate `async-nats`. A topic is a stream, a partition a subject of
//! it.
//!
//! NATS has no batches, though its client gathers what is sent close together.

use super::asynchronous::{self, Confirmations, RoundTrip, runtime};
use super::{
    Broker, Consumer, ConsumerOptions, Durability, Outgoing, Producer, ProducerOptions, Start,
    Topic,
};
use crate::error::{Error, Result};
use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::push::{Ordered, OrderedConfig};
use async_nats::jetstream::context::{Context, ContextBuilder, PublishError};
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::stream::{Config, RetentionPolicy, StorageType};
use async_nats::{Client, Subject};
use std::future::IntoFuture;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::time::timeout;

/// The name in errors and results.
pub const CLIENT: &str = "async-nats";
/// Acknowledgements that the library waits for at a time: more than the harness ever has in flight.
const ACKS_MAX: usize = 1 << 40;
/// How long the library's queue may be full before the caller looks up.
const SEND_WAIT: Duration = Duration::from_millis(100);

/// A NATS server with JetStream.
#[derive(Debug)]
pub struct NatsBroker {
    address: String,
}

impl NatsBroker {
    /// The server at `HOST:PORT`.
    pub fn new(address: &str) -> NatsBroker {
        NatsBroker { address: format!("nats://{address}") }
    }

    /// Whether it lets a client connect; by then JetStream is up.
    pub fn answers(&self) -> bool {
        self.connect().is_ok()
    }

    fn connect(&self) -> Result<Link> {
        let runtime = runtime()?;
        let client = runtime.block_on(async_nats::connect(&self.address));
        let client = client.map_err(Error::client(CLIENT))?;
        // It starts a task.
        let entered = runtime.enter();
        // The harness bounds what is in flight. The library would wait for acknowledgements that
        // only this thread can take.
        let context = ContextBuilder::new().max_ack_inflight(ACKS_MAX).build(client.clone());
        drop(entered);
        Ok(Link { context, client, runtime })
    }
}

/// A connection, and what it runs on; dropped in this order.
struct Link {
    context: Context,
    client: Client,
    runtime: Runtime,
}

impl Broker for NatsBroker {
    fn create_topic(&self, topic: &Topic) -> Result<()> {
        let link = self.connect()?;
        let config = Config {
            name: topic.name.clone(),
            subjects: vec![format!("{}.*", topic.name)],
            retention: RetentionPolicy::Limits,
            storage: match topic.durability {
                Durability::Memory => StorageType::Memory,
                _ => StorageType::File,
            },
            ..Config::default()
        };
        let created = link.runtime.block_on(link.context.create_stream(config));
        created.map(drop).map_err(Error::client(CLIENT))
    }

    fn producer(&self, topic: &Topic, options: ProducerOptions) -> Result<Box<dyn Producer>> {
        let partitions = 0..topic.partitions;
        let subjects = partitions.map(|number| format!("{}.{number}", topic.name).into());
        Ok(Box::new(NatsProducer {
            round_trip: RoundTrip::default(),
            confirmations: Confirmations::default(),
            stream: topic.name.clone(),
            subjects: subjects.collect(),
            confirm: options.confirm,
            link: self.connect()?,
        }))
    }

    fn consumer(&self, topic: &Topic, options: ConsumerOptions) -> Result<Box<dyn Consumer>> {
        let link = self.connect()?;
        let deliveries = link.runtime.block_on(async {
            let stream =
                link.context.get_stream(&topic.name).await.map_err(Error::client(CLIENT))?;
            // In order and without acknowledgements: what reads a stream fastest.
            let config = OrderedConfig {
                deliver_subject: link.client.new_inbox(),
                deliver_policy: match options.start {
                    Start::First => DeliverPolicy::All,
                    Start::End => DeliverPolicy::New,
                },
                ..OrderedConfig::default()
            };
            let consumer = stream.create_consumer(config).await.map_err(Error::client(CLIENT))?;
            consumer.messages().await.map_err(Error::client(CLIENT))
        })?;
        Ok(Box::new(NatsConsumer { deliveries, link }))
    }

    fn delete_topic(&self, topic: &Topic) -> Result<()> {
        let link = self.connect()?;
        let deleted = link.runtime.block_on(link.context.delete_stream(&topic.name));
        deleted.map(drop).map_err(Error::client(CLIENT))
    }
}

type Acknowledgement =
    std::pin::Pin<Box<dyn Future<Output = std::result::Result<PublishAck, PublishError>> + Send>>;

struct NatsProducer {
    round_trip: RoundTrip,
    confirmations: Confirmations<Acknowledgement>,
    stream: String,
    subjects: Vec<Subject>,
    confirm: bool,
    link: Link,
}

impl Producer for NatsProducer {
    fn send(&mut self, record: Outgoing<'_>) -> Result<bool> {
        let Outgoing { partition, sequence, payload, .. } = record;
        let subject = self.subjects[partition as usize].clone();
        let payload = payload.to_vec().into();
        let Link { context, client, runtime } = &self.link;
        // Without its server, the library waits for another as soon as its queue is full.
        if !self.confirm {
            let publish = client.publish(subject, payload);
            let published = runtime.block_on(async { timeout(SEND_WAIT, publish).await });
            let Ok(published) = published else { return Ok(false) };
            return published.map(|()| true).map_err(Error::client(CLIENT));
        }
        let publish = context.publish(subject, payload).into_future();
        let published = runtime.block_on(async { timeout(SEND_WAIT, publish).await });
        let Ok(published) = published else { return Ok(false) };
        let acknowledgement = published.map_err(Error::client(CLIENT))?.into_future();
        self.confirmations.push(sequence, acknowledgement);
        Ok(true)
    }

    fn confirmed(&mut self, wait: Duration, sequences: &mut Vec<u64>) -> Result<()> {
        let check = |_: PublishAck| Ok(());
        self.confirmations.take(CLIENT, &self.link.runtime, wait, sequences, check)
    }

    fn flush(&mut self, wait: Duration) -> Result<bool> {
        if self.confirm {
            return Ok(true);
        }
        let Link { runtime, context, .. } = &self.link;
        let (context, stream) = (context.clone(), self.stream.clone());
        let question = async move {
            context.get_stream(stream).await.map(drop).map_err(Error::client(CLIENT))
        };
        self.round_trip.wait(CLIENT, runtime, wait, question)
    }
}

struct NatsConsumer {
    deliveries: Ordered,
    link: Link,
}

impl Consumer for NatsConsumer {
    fn receive(&mut self, wait: Duration, receive: &mut dyn FnMut(u32, &[u8])) -> Result<()> {
        let pass = |message: Message| receive(partition_of(&message.subject), &message.payload);
        asynchronous::receive(CLIENT, &self.link.runtime, &mut self.deliveries, wait, pass)
    }
}

/// The number that a subject ends in.
fn partition_of(subject: &Subject) -> u32 {
    let number = subject.rsplit('.').next().and_then(|text| text.parse().ok());
    number.unwrap_or(u32::MAX)
}
