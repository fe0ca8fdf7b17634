//! ActiveMQ by its own Java client, which is its fastest: a child process that passes records
//! between a pipe and a queue. Scheduling, timing and verifying stay here.
//!
//! A topic of several partitions is one queue: a queue is what keeps order there.

use super::{
    Broker, Consumer, ConsumerOptions, Durability, Outgoing, Producer, ProducerOptions, Topic,
};
use crate::error::{Error, Result};
use crate::host::helper::Helper;
use std::io::{BufReader, BufWriter, Read, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

/// The name in errors and results.
pub const CLIENT: &str = "activemq-client";
const BUFFER_SIZE: usize = 1 << 16;
/// Records read ahead from the child: enough to never starve the reader.
const AHEAD_MAX: usize = 10_000;
/// In place of a size: a request to say when the broker took all before it.
const MARK: i32 = -1;
/// In place of a size: a request to commit what there is of a transaction.
const COMMIT: i32 = -2;
/// In place of a sequence, with [`MARK`].
const MARK_SEQUENCE: u64 = u64::MAX;
/// Records that one call takes at most, so that the caller can look up in between.
const RECEIVE_MAX: usize = 1024;

/// The client's class and what it needs.
#[derive(Debug)]
pub struct Program {
    /// As `java -cp` takes it.
    pub class_path: String,
    /// The class with the `main`.
    pub class: &'static str,
}

/// A broker that speaks OpenWire.
#[derive(Debug)]
pub struct OpenWireBroker {
    program: Program,
    address: String,
}

impl OpenWireBroker {
    /// The broker at `HOST:PORT`.
    pub fn new(program: Program, address: &str) -> OpenWireBroker {
        OpenWireBroker { program, address: address.to_owned() }
    }

    fn spawn(&self, role: &str, topic: &Topic, option: &str) -> Result<Pipes> {
        let persistent = topic.durability != Durability::Memory;
        let mut command = Command::new("java");
        command.arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=error");
        command.arg("-cp").arg(&self.program.class_path).arg(self.program.class);
        command.args([role, &self.address, &topic.name, &persistent.to_string(), option]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(Error::io("java"))?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let helper = Helper::new(child);
        let input = input.ok_or_else(|| Error::client(CLIENT)("no standard input"))?;
        let output = output.ok_or_else(|| Error::client(CLIENT)("no standard output"))?;
        Ok(Pipes { input, output, helper })
    }
}

struct Pipes {
    input: ChildStdin,
    output: ChildStdout,
    helper: Helper,
}

impl Broker for OpenWireBroker {
    /// Queues come into being when somebody names them.
    fn create_topic(&self, _: &Topic) -> Result<()> {
        Ok(())
    }

    fn producer(&self, topic: &Topic, options: ProducerOptions) -> Result<Box<dyn Producer>> {
        let at_a_time = confirmed_at_a_time(topic, options);
        let Pipes { input, output, helper } =
            self.spawn("produce", topic, &at_a_time.to_string())?;
        let (sender, sequences) = channel();
        thread::spawn(move || read_sequences(output, &sender));
        let input = BufWriter::with_capacity(BUFFER_SIZE, input);
        let mut producer = OpenWireProducer {
            input,
            sequences,
            at_a_time,
            uncommitted: 0,
            marked: false,
            came: false,
            helper,
        };
        // The JVM is started and connected before anything is measured.
        while !producer.round_trip(Duration::from_secs(1))? {}
        producer.helper.has_started();
        Ok(Box::new(producer))
    }

    fn consumer(&self, topic: &Topic, options: ConsumerOptions) -> Result<Box<dyn Consumer>> {
        let prefetch = options.prefetch_records.min(u32::from(u16::MAX / 2)).to_string();
        let Pipes { output, helper, .. } = self.spawn("consume", topic, &prefetch)?;
        let (sender, records) = sync_channel(AHEAD_MAX);
        thread::spawn(move || read_records(output, &sender));
        Ok(Box::new(OpenWireConsumer { records, helper, has_begun: false }))
    }

    /// Reading has emptied the queue, and an empty one is no more than a name.
    fn delete_topic(&self, _: &Topic) -> Result<()> {
        Ok(())
    }
}

/// How many records are confirmed at a time: none, each by itself, or those of a transaction, which
/// is what ActiveMQ has for a batch.
///
/// In memory each by itself is quicker: the broker stores nothing that a transaction could share.
/// So it is without a window, in an open loop: what is due is often a single record.
fn confirmed_at_a_time(topic: &Topic, options: ProducerOptions) -> u64 {
    let ProducerOptions { confirm, batch, window, .. } = options;
    let is_stored = topic.durability != Durability::Memory;
    match batch.zip(window) {
        _ if !confirm => 0,
        // While one half of what may be unconfirmed is committed, there is the other half to send.
        Some((batch, window)) if is_stored => u64::from(batch).min(window / 2).max(1),
        _ => 1,
    }
}

/// Ends with the child's output.
fn read_sequences(output: ChildStdout, sequences: &Sender<u64>) {
    let mut output = BufReader::with_capacity(BUFFER_SIZE, output);
    let mut sequence = [0; 8];
    while output.read_exact(&mut sequence).is_ok() {
        if sequences.send(u64::from_be_bytes(sequence)).is_err() {
            return;
        }
    }
}

/// Ends with the child's output.
fn read_records(output: ChildStdout, records: &SyncSender<Vec<u8>>) {
    let mut output = BufReader::with_capacity(BUFFER_SIZE, output);
    let mut size = [0; 4];
    while output.read_exact(&mut size).is_ok() {
        let mut record = vec![0; u32::from_be_bytes(size) as usize];
        if output.read_exact(&mut record).is_err() || records.send(record).is_err() {
            return;
        }
    }
}

struct OpenWireProducer {
    input: BufWriter<ChildStdin>,
    sequences: Receiver<u64>,
    /// See [`confirmed_at_a_time`]. Where records are confirmed, nobody asks.
    at_a_time: u64,
    /// Records of the transaction that is under way.
    uncommitted: u64,
    /// Whether a mark was sent that did not come back.
    marked: bool,
    /// Whether the mark came back while somebody waited for sequences.
    came: bool,
    helper: Helper,
}

impl OpenWireProducer {
    /// The next sequence, or none; a mark is noted.
    fn next_sequence(&mut self, wait: Duration) -> Result<Option<u64>> {
        match self.sequences.recv_timeout(wait) {
            Ok(MARK_SEQUENCE) => {
                self.came = true;
                Ok(None)
            }
            Ok(sequence) => Ok(Some(sequence)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(Error::client(CLIENT)("the client ended")),
        }
    }

    fn write(&mut self, sequence: u64, size: i32, payload: &[u8]) -> Result<()> {
        let header = self.input.write_all(&sequence.to_be_bytes());
        let header = header.and_then(|()| self.input.write_all(&size.to_be_bytes()));
        header.and_then(|()| self.input.write_all(payload)).map_err(Error::io(CLIENT))
    }
}

impl Producer for OpenWireProducer {
    fn send(&mut self, record: Outgoing<'_>) -> Result<bool> {
        let Outgoing { sequence, payload, .. } = record;
        let size = i32::try_from(payload.len()).map_err(Error::client(CLIENT))?;
        self.write(sequence, size, payload)?;
        if self.at_a_time > 1 {
            self.uncommitted = (self.uncommitted + 1) % self.at_a_time;
        }
        Ok(true)
    }

    fn push(&mut self) -> Result<()> {
        if std::mem::take(&mut self.uncommitted) > 0 {
            self.write(0, COMMIT, &[])?;
        }
        Ok(())
    }

    fn confirmed(&mut self, wait: Duration, sequences: &mut Vec<u64>) -> Result<()> {
        self.input.flush().map_err(Error::io(CLIENT))?;
        let mut wait = wait;
        while let Some(sequence) = self.next_sequence(wait)? {
            sequences.push(sequence);
            wait = Duration::ZERO;
        }
        Ok(())
    }

    fn flush(&mut self, wait: Duration) -> Result<bool> {
        if self.at_a_time > 0 {
            self.push()?;
            self.input.flush().map_err(Error::io(CLIENT))?;
            return Ok(true);
        }
        self.round_trip(wait)
    }
}

impl OpenWireProducer {
    /// Asks whether the broker took everything; whether it said so within `wait`. Only while no
    /// confirmation is due.
    fn round_trip(&mut self, wait: Duration) -> Result<bool> {
        if !self.marked {
            self.write(MARK_SEQUENCE, MARK, &[])?;
            self.marked = true;
        }
        self.input.flush().map_err(Error::io(CLIENT))?;
        if !self.came && self.next_sequence(wait)?.is_some() {
            return Err(Error::client(CLIENT)("a confirmation came too late"));
        }
        if self.came {
            (self.marked, self.came) = (false, false);
            return Ok(true);
        }
        Ok(false)
    }
}

struct OpenWireConsumer {
    records: Receiver<Vec<u8>>,
    /// Whether a record has come.
    has_begun: bool,
    helper: Helper,
}

impl Consumer for OpenWireConsumer {
    fn receive(&mut self, wait: Duration, receive: &mut dyn FnMut(u32, &[u8])) -> Result<()> {
        let mut wait = wait;
        for _ in 0..RECEIVE_MAX {
            match self.records.recv_timeout(wait) {
                Ok(record) => {
                    if !std::mem::replace(&mut self.has_begun, true) {
                        self.helper.has_started();
                    }
                    receive(0, &record);
                }
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Error::client(CLIENT)("the client ended"));
                }
            }
            wait = Duration::ZERO;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drivers::KafkaClient;

    /// Goal: a transaction never waits for records that the window holds back, and there is one
    /// only where batches are confirmed and stored, in a closed loop.
    #[test]
    fn transactions_are_confirmed_batches() {
        let at_a_time = |durability, confirm, batch, window| {
            let topic = Topic { name: "a".to_owned(), partitions: 1, durability, is_kept: true };
            let (sends_again, kafka_client) = (false, KafkaClient::Native);
            let options = ProducerOptions { batch, confirm, window, kafka_client, sends_again };
            confirmed_at_a_time(&topic, options)
        };
        assert_eq!(at_a_time(Durability::Fsync, true, Some(50), Some(10_000)), 50);
        assert_eq!(at_a_time(Durability::PageCache, true, Some(50), None), 1);
        assert_eq!(at_a_time(Durability::PageCache, true, Some(50), Some(60)), 30);
        assert_eq!(at_a_time(Durability::PageCache, true, Some(50), Some(1)), 1);
        assert_eq!(at_a_time(Durability::PageCache, true, None, Some(100)), 1);
        assert_eq!(at_a_time(Durability::Memory, true, Some(50), Some(10_000)), 1);
        assert_eq!(at_a_time(Durability::Fsync, false, Some(50), None), 0);
    }
}
