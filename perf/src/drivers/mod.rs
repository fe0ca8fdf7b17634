//! How records reach a broker and come back: one file per client library.
//!
//! A driver hands over, confirms and delivers; it neither schedules nor measures nor verifies.
//! Imports `error`, and `host::helper` for a library in a process of its own. Never here: a
//! measurement, a broker's process, a result.

pub mod amqp;
mod asynchronous;
pub mod kafka;
pub mod nats;
pub mod openwire;
pub mod streams;

pub use self::kafka::KafkaClient;

use crate::error::Result;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What an acknowledged record survives. Systems are compared within a class, never across.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum Durability {
    /// Nothing: it is in the broker's memory.
    Memory,
    /// The end of the broker's process: the kernel has it.
    PageCache,
    /// Loss of power: the disk has it.
    Fsync,
}

impl Durability {
    /// The name in files and tables.
    pub fn name(self) -> &'static str {
        match self {
            Durability::Memory => "memory",
            Durability::PageCache => "page-cache",
            Durability::Fsync => "fsync",
        }
    }
}

/// A topic, queue or stream.
#[derive(Debug, Clone)]
pub struct Topic {
    /// Letters, digits and hyphens.
    pub name: String,
    /// At least 1.
    pub partitions: u32,
    /// What its records survive once acknowledged.
    pub durability: Durability,
    /// Whether its records are wanted back: a ceiling is that of sending alone.
    pub is_kept: bool,
}

/// How a producer sends.
#[derive(Debug, Clone, Copy)]
pub struct ProducerOptions {
    /// Records in a batch at most; `None` leaves it to the client library. Protocols without
    /// batches take no notice.
    pub batch: Option<u32>,
    /// Whether the broker confirms each record.
    pub confirm: bool,
    /// Unconfirmed records at most, for drivers that gather records into batches.
    pub window: Option<u64>,
    /// For systems that speak Kafka's protocol.
    pub kafka_client: KafkaClient,
    /// Whether the client is to outlast the broker's end or its refusals: it connects again at
    /// once, and what it sends again is stored once and in order. For drivers of systems that can
    /// be interrupted.
    pub sends_again: bool,
}

/// How a consumer reads.
#[derive(Debug, Clone, Copy)]
pub struct ConsumerOptions {
    /// Records that the client fetches ahead, where it counts them.
    pub prefetch_records: u32,
    /// Bytes that the client fetches at once, where it counts those.
    pub prefetch_bytes: u32,
    /// Which record comes first, in topics that keep what was read; a queue gives what it has.
    pub start: Start,
    /// For systems that speak Kafka's protocol.
    pub kafka_client: KafkaClient,
}

/// Where a consumer starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the first record that there is.
    First,
    /// Behind the last record that there is.
    End,
}

/// A record on its way to a broker.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// Below [`Topic::partitions`].
    pub partition: u32,
    /// Its key, for protocols that know such a thing.
    pub key: Option<&'a [u8]>,
    /// Its number among those of its producer, from 0.
    pub sequence: u64,
    /// What it carries.
    pub payload: &'a [u8],
}

/// A running broker, as clients see it.
pub trait Broker: Send + Sync {
    /// Makes an empty topic.
    fn create_topic(&self, topic: &Topic) -> Result<()>;
    /// Connects a producer.
    fn producer(&self, topic: &Topic, options: ProducerOptions) -> Result<Box<dyn Producer>>;
    /// Connects a consumer of all partitions.
    fn consumer(&self, topic: &Topic, options: ConsumerOptions) -> Result<Box<dyn Consumer>>;
    /// Removes a topic, with all that is in it.
    fn delete_topic(&self, topic: &Topic) -> Result<()>;
}

/// One producer's connection, used by one thread.
pub trait Producer: Send {
    /// Hands a record to the client library; `false` if its own queue is full, and the record was
    /// not taken. A library that has no such answer waits.
    fn send(&mut self, record: Outgoing<'_>) -> Result<bool>;
    /// Nothing more is due at the moment: a driver that gathers records itself sends them.
    fn push(&mut self) -> Result<()> {
        Ok(())
    }
    /// Takes a record before the measured time, to be sent by [`Producer::send_prepared`]; `false`
    /// if the driver does not build its requests ahead.
    fn prepare(&mut self, _: Outgoing<'_>) -> Result<bool> {
        Ok(false)
    }
    /// The last record was prepared.
    fn end_preparing(&mut self) -> Result<()> {
        Ok(())
    }
    /// Sends prepared records, at most `limit`, in an order of the driver's own; how many. To
    /// [`Producer::confirmed`] their sequence is their place in that order, from 0.
    fn send_prepared(&mut self, _limit: u64) -> Result<u64> {
        Ok(0)
    }
    /// Adds the sequences that were confirmed since the last call; if there are none, waits for
    /// some, but not much longer than `wait`.
    fn confirmed(&mut self, wait: Duration, sequences: &mut Vec<u64>) -> Result<()>;
    /// Waits until the client library holds nothing back, but not much longer than `wait`;
    /// whether that is so.
    fn flush(&mut self, wait: Duration) -> Result<bool>;
}

/// One consumer's connection, used by one thread.
pub trait Consumer: Send {
    /// Passes partition and payload of the records that are there to `receive`; if there are
    /// none, waits for some, but not much longer than `wait`.
    fn receive(&mut self, wait: Duration, receive: &mut dyn FnMut(u32, &[u8])) -> Result<()>;
    /// The same consumer as one that only counts, if it can do so for less than it costs to pass
    /// every record on.
    fn counter(&mut self) -> Option<&mut dyn Counter> {
        None
    }
}

/// A consumer that counts records, so that what is measured is how they come and not how they are
/// looked at.
pub trait Counter {
    /// How many records have come; if none have, waits for some, but not much longer than `wait`.
    fn count(&mut self, wait: Duration) -> Result<u64>;
}
