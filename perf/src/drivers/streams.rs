//! RabbitMQ's streams by their own protocol, through the crate `rabbitmq-stream-client`. A
//! partition is a stream.
//!
//! The broker confirms every record, whether or not anybody asked.

use super::asynchronous::{self, runtime};
use super::{Broker, Consumer, ConsumerOptions, Outgoing, Producer, ProducerOptions, Start, Topic};
use crate::error::{Error, Result};
use futures_util::StreamExt;
use futures_util::stream::{BoxStream, SelectAll, select_all};
use rabbitmq_stream_client::error::ConsumerDeliveryError;
use rabbitmq_stream_client::types::{Delivery, Message, OffsetSpecification};
use rabbitmq_stream_client::{Environment, NoDedup};
use std::future::ready;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;
use tokio::runtime::Runtime;

/// The name in errors and results.
pub const CLIENT: &str = "rabbitmq-stream-client";

/// A broker that speaks the stream protocol.
#[derive(Debug)]
pub struct StreamBroker {
    host: String,
    port: u16,
}

impl StreamBroker {
    /// The broker at `HOST:PORT`, with RabbitMQ's own first user.
    ///
    /// # Errors
    /// If that is no address.
    pub fn new(address: &str) -> Result<StreamBroker> {
        let parts = address.rsplit_once(':');
        let parts = parts.and_then(|(host, port)| Some((host.to_owned(), port.parse().ok()?)));
        let (host, port) = parts.ok_or_else(|| {
            Error::Input(format!("{address} is no address: HOST:PORT is expected"))
        })?;
        Ok(StreamBroker { host, port })
    }

    /// Whether it lets a client connect.
    pub fn answers(&self) -> bool {
        self.connect().is_ok()
    }

    fn connect(&self) -> Result<Link> {
        let runtime = runtime()?;
        let builder = Environment::builder().host(&self.host).port(self.port);
        let environment = runtime.block_on(builder.build()).map_err(Error::client(CLIENT))?;
        Ok(Link { environment, runtime })
    }
}

/// A way to connect, and what connections run on; dropped in this order.
struct Link {
    environment: Environment,
    runtime: Runtime,
}

impl Broker for StreamBroker {
    fn create_topic(&self, topic: &Topic) -> Result<()> {
        let link = self.connect()?;
        for stream in streams(topic) {
            let created = link.environment.stream_creator().create(&stream);
            link.runtime.block_on(created).map_err(Error::client(CLIENT))?;
        }
        Ok(())
    }

    fn producer(&self, topic: &Topic, options: ProducerOptions) -> Result<Box<dyn Producer>> {
        let link = self.connect()?;
        let mut producers = Vec::new();
        for stream in streams(topic) {
            let mut builder = link.environment.producer();
            if let Some(batch) = options.batch {
                builder = builder.batch_size(batch as usize);
            }
            let producer = link.runtime.block_on(builder.build(&stream));
            producers.push(producer.map_err(Error::client(CLIENT))?);
        }
        let (confirm, confirmations) = mpsc::channel();
        let asked = options.confirm;
        Ok(Box::new(StreamProducer {
            producers,
            confirm,
            confirmations,
            unconfirmed: 0,
            asked,
            link,
        }))
    }

    fn consumer(&self, topic: &Topic, options: ConsumerOptions) -> Result<Box<dyn Consumer>> {
        let link = self.connect()?;
        let start = || match options.start {
            Start::First => OffsetSpecification::First,
            Start::End => OffsetSpecification::Next,
        };
        let mut deliveries = Vec::new();
        for (partition, stream) in (0..).zip(streams(topic)) {
            let builder = link.environment.consumer().offset(start());
            let consumer = link.runtime.block_on(builder.build(&stream));
            let consumer = consumer.map_err(Error::client(CLIENT))?;
            let named =
                consumer.map(move |delivery| delivery.map(|delivery| (partition, delivery)));
            deliveries.push(named.boxed());
        }
        Ok(Box::new(StreamConsumer { deliveries: select_all(deliveries), link }))
    }

    fn delete_topic(&self, topic: &Topic) -> Result<()> {
        let link = self.connect()?;
        for stream in streams(topic) {
            let deleted = link.runtime.block_on(link.environment.delete_stream(&stream));
            deleted.map_err(Error::client(CLIENT))?;
        }
        Ok(())
    }
}

fn streams(topic: &Topic) -> impl Iterator<Item = String> + use<'_> {
    (0..topic.partitions).map(|partition| format!("{}-{partition}", topic.name))
}

/// A sequence that was confirmed, or why it was not.
type Outcome = std::result::Result<u64, String>;

struct StreamProducer {
    producers: Vec<rabbitmq_stream_client::Producer<NoDedup>>,
    confirm: Sender<Outcome>,
    confirmations: Receiver<Outcome>,
    unconfirmed: u64,
    /// Whether the harness wants to hear of confirmations.
    asked: bool,
    link: Link,
}

impl StreamProducer {
    /// Takes the confirmations that are there; waits for the first, but not longer than `wait`.
    fn collect(&mut self, wait: Duration, mut note: impl FnMut(u64)) -> Result<()> {
        let first = match self.confirmations.recv_timeout(wait) {
            Ok(first) => first,
            Err(RecvTimeoutError::Timeout) => return Ok(()),
            Err(RecvTimeoutError::Disconnected) => unreachable!("this end holds a sender"),
        };
        for outcome in std::iter::once(first).chain(self.confirmations.try_iter()) {
            note(outcome.map_err(Error::client(CLIENT))?);
            self.unconfirmed -= 1;
        }
        Ok(())
    }
}

impl Producer for StreamProducer {
    fn send(&mut self, record: Outgoing<'_>) -> Result<bool> {
        let Outgoing { partition, sequence, payload, .. } = record;
        let message = Message::builder().body(payload).build();
        let confirm = self.confirm.clone();
        let producer = &self.producers[partition as usize];
        let sent = producer.send(message, move |result| {
            let outcome = match result {
                Ok(status) if status.confirmed() => Ok(sequence),
                Ok(status) => Err(format!("record {sequence}: {:?}", status.status())),
                Err(error) => Err(error.to_string()),
            };
            // The receiver is gone once the run has ended.
            let _ = confirm.send(outcome);
            ready(())
        });
        self.link.runtime.block_on(sent).map_err(Error::client(CLIENT))?;
        self.unconfirmed += 1;
        Ok(true)
    }

    fn confirmed(&mut self, wait: Duration, sequences: &mut Vec<u64>) -> Result<()> {
        let asked = self.asked;
        self.collect(wait, |sequence| {
            if asked {
                sequences.push(sequence);
            }
        })
    }

    fn flush(&mut self, wait: Duration) -> Result<bool> {
        if self.asked {
            return Ok(true);
        }
        self.collect(wait, drop)?;
        Ok(self.unconfirmed == 0)
    }
}

type Deliveries = BoxStream<'static, std::result::Result<(u32, Delivery), ConsumerDeliveryError>>;

struct StreamConsumer {
    deliveries: SelectAll<Deliveries>,
    link: Link,
}

impl Consumer for StreamConsumer {
    fn receive(&mut self, wait: Duration, receive: &mut dyn FnMut(u32, &[u8])) -> Result<()> {
        let pass = |(partition, delivery): (u32, Delivery)| {
            receive(partition, delivery.message().data().unwrap_or_default());
        };
        asynchronous::receive(CLIENT, &self.link.runtime, &mut self.deliveries, wait, pass)
    }
}
