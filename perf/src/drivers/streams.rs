//! RabbitMQ's streams by their own protocol, through the crate `rabbitmq-stream-client`. A
//! partition is a stream, with a connection of its own.
//!
//! The crate's own producers and consumers are left aside: its producer keeps a batch that is not
//! full for up to 100 ms, and its consumer lets the broker send one chunk at a time, which is one
//! record where records are written one by one. So batches and credits are kept here, on the
//! crate's connection.
//!
//! The broker confirms every record, whether or not anybody asked.

use super::asynchronous::runtime;
use super::{Broker, Consumer, ConsumerOptions, Outgoing, Producer, ProducerOptions, Start, Topic};
use crate::error::{Error, Result};
use rabbitmq_stream_client::error::ClientError;
use rabbitmq_stream_client::types::{
    Message, MessageResult, OffsetSpecification, ResponseCode, ResponseKind,
};
use rabbitmq_stream_client::{Client, ClientOptions};
use std::collections::{BTreeMap, HashMap};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::time::Duration;
use tokio::runtime::Runtime;

/// The name in errors and results.
pub const CLIENT: &str = "rabbitmq-stream-client";
/// The only publisher, or the only subscription, of a connection.
const ONLY: u8 = 1;
/// Records in a batch at most, where the scenario leaves it to the client: the crate's default.
const BATCH_MAX: usize = 100;
/// Chunks under way to a reader, as RabbitMQ's own Java client has it.
const CREDIT: u16 = 10;
/// Chunks after which the broker is told that there is room again.
const CREDIT_STEP: u16 = CREDIT / 2;
/// Records that one call takes, so that the caller can look up in between.
const RECEIVE_MAX: usize = 1024;

/// A broker that speaks the stream protocol.
#[derive(Debug)]
pub struct StreamBroker {
    options: ClientOptions,
}

impl StreamBroker {
    /// The broker at `HOST:PORT`, with RabbitMQ's own first user.
    ///
    /// # Errors
    /// If that is no address.
    pub fn new(address: &str) -> Result<StreamBroker> {
        let parts = address.rsplit_once(':');
        let parts = parts.and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let (host, port) = parts.ok_or_else(|| {
            Error::Input(format!("{address} is no address: HOST:PORT is expected"))
        })?;
        Ok(StreamBroker { options: ClientOptions::builder().host(host).port(port).build() })
    }

    /// Whether it lets a client connect.
    pub fn answers(&self) -> bool {
        runtime().is_ok_and(|runtime| self.connect(&runtime).is_ok())
    }

    fn connect(&self, runtime: &Runtime) -> Result<Client> {
        let connection = Client::connect(self.options.clone());
        runtime.block_on(connection).map_err(Error::client(CLIENT))
    }

    /// A connection for each stream of a topic, which passes on what the broker sends by itself.
    fn lanes<E: Send + 'static>(
        &self,
        topic: &Topic,
        runtime: &Runtime,
        events: &Sender<E>,
        event_of: impl Fn(u32, MessageResult) -> Option<E> + Copy + Send + Sync + 'static,
    ) -> Result<Vec<(String, Client)>> {
        let lane = |(partition, stream)| {
            let client = self.connect(runtime)?;
            let events = events.clone();
            runtime.block_on(client.set_handler(move |message: MessageResult| async move {
                if let Some(event) = event_of(partition, message) {
                    // The receiver is gone once the run has ended.
                    let _ = events.send(event);
                }
                Ok::<(), ClientError>(())
            }));
            Ok((stream, client))
        };
        (0..).zip(streams(topic)).map(lane).collect()
    }
}

impl Broker for StreamBroker {
    fn create_topic(&self, topic: &Topic) -> Result<()> {
        let runtime = runtime()?;
        let client = self.connect(&runtime)?;
        for stream in streams(topic) {
            let created = runtime.block_on(client.create_stream(&stream, HashMap::new()));
            accepted(&stream, created.map_err(Error::client(CLIENT))?.code())?;
        }
        Ok(())
    }

    fn producer(&self, topic: &Topic, options: ProducerOptions) -> Result<Box<dyn Producer>> {
        let runtime = runtime()?;
        let (sender, confirmations) = mpsc::channel();
        let mut outlets = Vec::new();
        for (stream, client) in self.lanes(topic, &runtime, &sender, confirmed_by)? {
            let declared = runtime.block_on(client.declare_publisher(ONLY, None, &stream));
            accepted(&stream, declared.map_err(Error::client(CLIENT))?.code())?;
            outlets.push(Outlet { client, batch: Vec::new() });
        }
        Ok(Box::new(StreamProducer {
            outlets,
            batch_max: options.batch.map_or(BATCH_MAX, |batch| batch as usize),
            confirmations,
            _sender: sender,
            unconfirmed: 0,
            asked: options.confirm,
            runtime,
        }))
    }

    fn consumer(&self, topic: &Topic, options: ConsumerOptions) -> Result<Box<dyn Consumer>> {
        let runtime = runtime()?;
        let (sender, arrivals) = mpsc::channel();
        let mut inlets = Vec::new();
        for (stream, client) in self.lanes(topic, &runtime, &sender, delivered_by)? {
            let start = match options.start {
                Start::First => OffsetSpecification::First,
                Start::End => OffsetSpecification::Next,
            };
            // One chunk, which tells where the reader begins: those behind it may overtake.
            let subscribed = client.subscribe(ONLY, &stream, start, 1, HashMap::new());
            let subscribed = runtime.block_on(subscribed).map_err(Error::client(CLIENT))?;
            accepted(&stream, subscribed.code())?;
            inlets.push(Inlet { client, chunks: InOrder::default(), owed: CREDIT - 1 });
        }
        Ok(Box::new(StreamConsumer { inlets, arrivals, _sender: sender, runtime }))
    }

    fn delete_topic(&self, topic: &Topic) -> Result<()> {
        let runtime = runtime()?;
        let client = self.connect(&runtime)?;
        for stream in streams(topic) {
            let deleted = runtime.block_on(client.delete_stream(&stream));
            accepted(&stream, deleted.map_err(Error::client(CLIENT))?.code())?;
        }
        Ok(())
    }
}

fn streams(topic: &Topic) -> impl Iterator<Item = String> + use<'_> {
    (0..topic.partitions).map(|partition| format!("{}-{partition}", topic.name))
}

fn accepted(stream: &str, code: &ResponseCode) -> Result<()> {
    match code {
        ResponseCode::Ok => Ok(()),
        code => Err(Error::client(CLIENT)(format!("{stream}: {code:?}"))),
    }
}

/// What the broker sent by itself, or why nothing more comes.
type Event<T> = std::result::Result<T, String>;

/// The sequences that a message confirms.
fn confirmed_by(_: u32, message: MessageResult) -> Option<Event<Vec<u64>>> {
    let kind = match message? {
        Ok(response) => response.kind(),
        Err(error) => return Some(Err(error.to_string())),
    };
    match kind {
        ResponseKind::PublishConfirm(confirm) => Some(Ok(confirm.publishing_ids)),
        ResponseKind::PublishError(refused) => {
            Some(Err(format!("{:?}", refused.publishing_errors)))
        }
        _ => None,
    }
}

/// Records that are stored, and come, together.
struct Chunk {
    partition: u32,
    first_offset: u64,
    messages: Vec<Message>,
}

/// The chunk that a message brings.
fn delivered_by(partition: u32, message: MessageResult) -> Option<Event<Chunk>> {
    let kind = match message? {
        Ok(response) => response.kind(),
        Err(error) => return Some(Err(error.to_string())),
    };
    let ResponseKind::Deliver(delivery) = kind else { return None };
    let (first_offset, messages) = (delivery.chunk_first_offset, delivery.messages);
    Some(Ok(Chunk { partition, first_offset, messages }))
}

/// The next event; waits for it, but not longer than `wait`.
fn next<T>(events: &Receiver<Event<T>>, wait: Duration) -> Result<Option<T>> {
    match events.recv_timeout(wait) {
        Ok(event) => event.map(Some).map_err(Error::client(CLIENT)),
        Err(RecvTimeoutError::Timeout) => Ok(None),
        Err(RecvTimeoutError::Disconnected) => unreachable!("this end holds a sender"),
    }
}

/// The way into one stream.
struct Outlet {
    client: Client,
    batch: Vec<Message>,
}

impl Outlet {
    fn send_batch(&mut self, runtime: &Runtime) -> Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let published = self.client.publish(ONLY, std::mem::take(&mut self.batch));
        runtime.block_on(published).map(drop).map_err(Error::client(CLIENT))
    }
}

struct StreamProducer {
    outlets: Vec<Outlet>,
    batch_max: usize,
    confirmations: Receiver<Event<Vec<u64>>>,
    _sender: Sender<Event<Vec<u64>>>,
    unconfirmed: u64,
    /// Whether the harness wants to hear of confirmations.
    asked: bool,
    runtime: Runtime,
}

impl StreamProducer {
    /// Takes the confirmations that are there; if there are none, sends what there is and waits
    /// for some, but not much longer than `wait`.
    fn collect(&mut self, wait: Duration, mut note: impl FnMut(Vec<u64>)) -> Result<()> {
        let mut came = match self.confirmations.try_recv() {
            Err(TryRecvError::Empty) if !wait.is_zero() => {
                self.push()?;
                next(&self.confirmations, wait)?
            }
            Err(_) => None,
            Ok(event) => Some(event.map_err(Error::client(CLIENT))?),
        };
        while let Some(sequences) = came {
            self.unconfirmed -= sequences.len() as u64;
            note(sequences);
            came = next(&self.confirmations, Duration::ZERO)?;
        }
        Ok(())
    }
}

impl Producer for StreamProducer {
    fn send(&mut self, record: Outgoing<'_>) -> Result<bool> {
        let Outgoing { partition, sequence, payload, .. } = record;
        let outlet = &mut self.outlets[partition as usize];
        outlet.batch.push(Message::builder().body(payload).publising_id(sequence).build());
        self.unconfirmed += 1;
        if outlet.batch.len() >= self.batch_max {
            outlet.send_batch(&self.runtime)?;
        }
        Ok(true)
    }

    fn push(&mut self) -> Result<()> {
        self.outlets.iter_mut().try_for_each(|outlet| outlet.send_batch(&self.runtime))
    }

    fn confirmed(&mut self, wait: Duration, sequences: &mut Vec<u64>) -> Result<()> {
        let asked = self.asked;
        self.collect(wait, |mut confirmed| {
            if asked {
                sequences.append(&mut confirmed);
            }
        })
    }

    fn flush(&mut self, wait: Duration) -> Result<bool> {
        self.push()?;
        if self.asked {
            return Ok(true);
        }
        self.collect(wait, drop)?;
        Ok(self.unconfirmed == 0)
    }
}

/// The way out of one stream.
struct Inlet {
    client: Client,
    chunks: InOrder<Vec<Message>>,
    /// Chunks that the broker may send as soon as it is told.
    owed: u16,
}

impl Inlet {
    /// Tells the broker that a chunk was taken, not each time.
    fn take(&mut self, runtime: &Runtime) -> Result<()> {
        self.owed += 1;
        if self.owed < CREDIT_STEP {
            return Ok(());
        }
        let owed = std::mem::take(&mut self.owed);
        runtime.block_on(self.client.credit(ONLY, owed)).map_err(Error::client(CLIENT))
    }
}

struct StreamConsumer {
    inlets: Vec<Inlet>,
    arrivals: Receiver<Event<Chunk>>,
    _sender: Sender<Event<Chunk>>,
    runtime: Runtime,
}

impl Consumer for StreamConsumer {
    fn receive(&mut self, mut wait: Duration, receive: &mut dyn FnMut(u32, &[u8])) -> Result<()> {
        let mut received = 0;
        while received < RECEIVE_MAX {
            let Some(chunk) = next(&self.arrivals, wait)? else { break };
            wait = Duration::ZERO;
            let Chunk { partition, first_offset, messages } = chunk;
            let inlet = &mut self.inlets[partition as usize];
            let count = messages.len() as u64;
            inlet.chunks.insert(first_offset, count, messages);
            while let Some(messages) = inlet.chunks.pop() {
                for message in &messages {
                    receive(partition, message.data().unwrap_or_default());
                }
                received += messages.len();
                inlet.take(&self.runtime)?;
            }
        }
        Ok(())
    }
}

/// Chunks by their offsets: the library has a task for each, so that one may overtake another.
/// The first that comes is the first.
struct InOrder<T> {
    next_offset: Option<u64>,
    early: BTreeMap<u64, (u64, T)>,
}

impl<T> Default for InOrder<T> {
    fn default() -> Self {
        InOrder { next_offset: None, early: BTreeMap::new() }
    }
}

impl<T> InOrder<T> {
    /// Takes a chunk of `count` records.
    fn insert(&mut self, first_offset: u64, count: u64, chunk: T) {
        self.next_offset.get_or_insert(first_offset);
        self.early.insert(first_offset, (count, chunk));
    }

    /// The next chunk, if it has come. One that came twice comes out twice.
    fn pop(&mut self) -> Option<T> {
        let entry = self.early.first_entry()?;
        if Some(*entry.key()) > self.next_offset {
            return None;
        }
        let (first_offset, (count, chunk)) = entry.remove_entry();
        self.next_offset = self.next_offset.max(Some(first_offset + count));
        Some(chunk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: chunks come out in their order, whichever overtook which, and none is held back
    /// that nothing is missing before.
    #[test]
    fn chunks_come_out_in_order() {
        let mut chunks = InOrder::default();
        let mut out = Vec::new();
        for (first_offset, count) in [(100, 3), (104, 1), (103, 1), (107, 2), (105, 2), (100, 3)] {
            chunks.insert(first_offset, count, first_offset);
            out.extend(std::iter::from_fn(|| chunks.pop()));
        }
        assert_eq!(out, [100, 103, 104, 105, 107, 100]);
    }
}
