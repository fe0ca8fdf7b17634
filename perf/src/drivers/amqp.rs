//! RabbitMQ's classic queues by AMQP 0.9.1, through the crate `lapin`. A partition is a queue.
//!
//! AMQP has no batches: every record is a message of its own. Reading removes.

use super::asynchronous::{self, Confirmations, RoundTrip, runtime};
use super::{
    Broker, Consumer, ConsumerOptions, Durability, Outgoing, Producer, ProducerOptions, Topic,
};
use crate::error::{Error, Result};
use futures_util::StreamExt;
use futures_util::stream::{SelectAll, select_all};
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions,
    QueueDeleteOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, PublisherConfirm,
};
use std::time::Duration;
use tokio::runtime::Runtime;

/// The name in errors and results.
pub const CLIENT: &str = "lapin";
const TRANSIENT: u8 = 1;
const PERSISTENT: u8 = 2;

/// A broker that speaks AMQP 0.9.1.
#[derive(Debug)]
pub struct AmqpBroker {
    uri: String,
}

impl AmqpBroker {
    /// The broker at `HOST:PORT`, with RabbitMQ's own first user.
    pub fn new(address: &str) -> AmqpBroker {
        AmqpBroker { uri: format!("amqp://guest:guest@{address}/%2f") }
    }

    /// Whether it lets a client connect.
    pub fn answers(&self) -> bool {
        self.connect().is_ok()
    }

    fn connect(&self) -> Result<Link> {
        let runtime = runtime()?;
        let (connection, channel) = runtime.block_on(async {
            let properties = ConnectionProperties::default();
            let connection =
                Connection::connect(&self.uri, properties).await.map_err(Error::client(CLIENT))?;
            let channel = connection.create_channel().await.map_err(Error::client(CLIENT))?;
            Ok::<_, Error>((connection, channel))
        })?;
        Ok(Link { channel, _connection: connection, runtime })
    }
}

/// A connection with one channel, and what it runs on; dropped in this order.
struct Link {
    channel: Channel,
    _connection: Connection,
    runtime: Runtime,
}

impl Broker for AmqpBroker {
    fn create_topic(&self, topic: &Topic) -> Result<()> {
        let link = self.connect()?;
        let options = match topic.durability {
            Durability::Memory => QueueDeclareOptions::default(),
            _ => QueueDeclareOptions::durable(),
        };
        for queue in queues(topic) {
            let declared = link.channel.queue_declare(queue, options, FieldTable::default());
            link.runtime.block_on(declared).map_err(Error::client(CLIENT))?;
        }
        Ok(())
    }

    fn producer(&self, topic: &Topic, options: ProducerOptions) -> Result<Box<dyn Producer>> {
        let link = self.connect()?;
        if options.confirm {
            let selected = link.channel.confirm_select(ConfirmSelectOptions::default());
            link.runtime.block_on(selected).map_err(Error::client(CLIENT))?;
        }
        let mode = if topic.durability == Durability::Memory { TRANSIENT } else { PERSISTENT };
        Ok(Box::new(AmqpProducer {
            link,
            queues: queues(topic).collect(),
            properties: BasicProperties::default().with_delivery_mode(mode),
            confirm: options.confirm,
            confirmations: Confirmations::default(),
            round_trip: RoundTrip::default(),
        }))
    }

    fn consumer(&self, topic: &Topic, _: ConsumerOptions) -> Result<Box<dyn Consumer>> {
        let link = self.connect()?;
        // Acknowledged automatically, as in the paper: the broker then pushes without a limit,
        // and a prefetch has no meaning.
        let options = BasicConsumeOptions { no_ack: true, ..Default::default() };
        let mut streams = Vec::new();
        for (partition, queue) in (0..).zip(queues(topic)) {
            let consumer = link.channel.basic_consume(
                queue,
                ShortString::default(),
                options,
                FieldTable::default(),
            );
            let consumer = link.runtime.block_on(consumer).map_err(Error::client(CLIENT))?;
            let named =
                consumer.map(move |delivery| delivery.map(|delivery| (partition, delivery.data)));
            streams.push(named.boxed());
        }
        Ok(Box::new(AmqpConsumer { deliveries: select_all(streams), link }))
    }

    fn delete_topic(&self, topic: &Topic) -> Result<()> {
        let link = self.connect()?;
        for queue in queues(topic) {
            let deleted = link.channel.queue_delete(queue, QueueDeleteOptions::default());
            link.runtime.block_on(deleted).map_err(Error::client(CLIENT))?;
        }
        Ok(())
    }
}

fn queues(topic: &Topic) -> impl Iterator<Item = ShortString> + use<'_> {
    (0..topic.partitions).map(|partition| format!("{}-{partition}", topic.name).into())
}

struct AmqpProducer {
    confirmations: Confirmations<PublisherConfirm>,
    round_trip: RoundTrip,
    queues: Vec<ShortString>,
    properties: BasicProperties,
    confirm: bool,
    link: Link,
}

impl Producer for AmqpProducer {
    fn send(&mut self, record: Outgoing<'_>) -> Result<bool> {
        let Outgoing { partition, sequence, payload, .. } = record;
        let publish = self.link.channel.basic_publish(
            ShortString::default(),
            self.queues[partition as usize].clone(),
            BasicPublishOptions::default(),
            payload,
            self.properties.clone(),
        );
        let confirm = self.link.runtime.block_on(publish).map_err(Error::client(CLIENT))?;
        if self.confirm {
            self.confirmations.push(sequence, confirm);
        }
        Ok(true)
    }

    fn confirmed(&mut self, wait: Duration, sequences: &mut Vec<u64>) -> Result<()> {
        let check = |confirmation| match confirmation {
            Confirmation::Ack(_) => Ok(()),
            other => Err(Error::client(CLIENT)(format!("{other:?}"))),
        };
        self.confirmations.take(CLIENT, &self.link.runtime, wait, sequences, check)
    }

    fn flush(&mut self, wait: Duration) -> Result<bool> {
        if self.confirm {
            return Ok(true);
        }
        let Link { runtime, channel, .. } = &self.link;
        let (queue, channel) = (self.queues[0].clone(), channel.clone());
        let question = async move {
            let options = QueueDeclareOptions { passive: true, ..Default::default() };
            let declared = channel.queue_declare(queue, options, FieldTable::default()).await;
            declared.map(drop).map_err(Error::client(CLIENT))
        };
        self.round_trip.wait(CLIENT, runtime, wait, question)
    }
}

type Stream = futures_util::stream::BoxStream<'static, lapin::Result<(u32, Vec<u8>)>>;

struct AmqpConsumer {
    deliveries: SelectAll<Stream>,
    link: Link,
}

impl Consumer for AmqpConsumer {
    fn receive(&mut self, wait: Duration, receive: &mut dyn FnMut(u32, &[u8])) -> Result<()> {
        let pass = |(partition, payload): (u32, Vec<u8>)| receive(partition, &payload);
        asynchronous::receive(CLIENT, &self.link.runtime, &mut self.deliveries, wait, pass)
    }
}
