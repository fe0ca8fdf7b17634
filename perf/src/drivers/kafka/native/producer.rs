//! One producer: builds requests ahead or as records come, and writes as many at a time as the
//! socket takes.

use super::CLIENT;
use super::batching::{Batch, Batching};
use super::connection::{Connection, Until};
use super::ends::ends_of;
use super::frames::Frames;
use super::messages;
use super::outbox::{Carried, Outbox, Request};
use crate::drivers::{Outgoing, Producer, ProducerOptions, Topic};
use crate::error::{Error, Result};
use std::collections::VecDeque;
use std::time::Duration;

/// Released and unwritten bytes from which on nothing more is taken.
const UNWRITTEN_MAX: usize = 256 << 10;
/// Records that are gathered, over all partitions, before batches leave that are not full.
const GATHERED_MAX: u64 = 10_000;
/// A connection that produces.
#[derive(Debug)]
pub struct NativeProducer {
    connection: Connection,
    topic: Topic,
    acks: i16,
    batching: Batching,
    /// See [`GATHERED_MAX`].
    gathered_max: u64,
    outbox: Outbox,
    /// Requests with an answer to come.
    awaited: VecDeque<Request>,
    /// What is to be told as confirmed: without acknowledgements, all that was released.
    confirmed: Vec<u64>,
    frames: Frames,
    next_correlation: i32,
    /// Records in the outbox that were built ahead.
    prepared: u64,
    sent: u64,
    /// Whether the ends of the log were asked for, behind everything that was sent.
    has_asked: bool,
}

impl NativeProducer {
    /// Connects.
    ///
    /// # Errors
    /// If nobody answers there.
    pub fn open(address: &str, topic: &Topic, options: ProducerOptions) -> Result<NativeProducer> {
        // As a client that lingers would, and at most half of what may be unconfirmed, so that
        // there is something to send while the other half is confirmed.
        let gathered_max = options.window.map_or(GATHERED_MAX, |window| window / 2);
        let connection = Connection::open(address)?;
        // Without acknowledgements, what comes before the broker leads the topic would be lost.
        ends_of(&connection, topic)?;
        Ok(NativeProducer {
            connection,
            topic: topic.clone(),
            acks: if options.confirm { -1 } else { 0 },
            batching: Batching::new(options.batch),
            gathered_max: gathered_max.clamp(1, GATHERED_MAX),
            outbox: Outbox::default(),
            awaited: VecDeque::new(),
            confirmed: Vec::new(),
            frames: Frames::new(),
            next_correlation: 0,
            prepared: 0,
            sent: 0,
            has_asked: false,
        })
    }

    fn hold(&mut self, batch: &Batch, carried: Carried) {
        let correlation = self.take_correlation();
        let buffer = self.outbox.buffer();
        let (topic, bytes) = (&self.topic.name, &batch.bytes);
        messages::put_produce(buffer, correlation, topic, batch.partition, self.acks, bytes);
        self.outbox.hold(Request { correlation, carried });
    }

    /// Puts a batch behind those that were built ahead.
    fn hold_prepared(&mut self, batch: &Batch) {
        let first = self.prepared;
        self.prepared += batch.sequences.len() as u64;
        self.hold(batch, Carried::Positions(first..self.prepared));
    }

    /// Sends a batch of records that came as they were due.
    fn send_batch(&mut self, mut batch: Batch) -> Result<()> {
        let sequences = std::mem::take(&mut batch.sequences);
        self.hold(&batch, Carried::Sequences(sequences));
        self.release(u64::MAX);
        self.write().map(drop)
    }

    /// Releases the next request, if it carries at most `limit` records; how many it does.
    fn release(&mut self, limit: u64) -> u64 {
        let Some(request) = self.outbox.release(limit) else { return 0 };
        let count = request.carried.count();
        self.sent += count;
        if self.acks == 0 {
            request.carried.name(&mut self.confirmed);
        } else {
            self.awaited.push_back(request);
        }
        count
    }

    fn take_correlation(&mut self) -> i32 {
        let correlation = self.next_correlation;
        self.next_correlation = correlation.checked_add(1).unwrap_or(0);
        correlation
    }

    /// Writes what the socket takes; whether that is all.
    fn write(&mut self) -> Result<bool> {
        let unwritten = self.outbox.unwritten();
        if !unwritten.is_empty() {
            let written = self.connection.write(unwritten)?;
            self.outbox.wrote(written);
        }
        Ok(self.outbox.unwritten().is_empty())
    }

    /// Takes the answers that are there; if there are none, waits for some.
    fn take_answers(&mut self, mut wait: Duration) -> Result<()> {
        while !self.awaited.is_empty() {
            let Some(frame) = self.frames.next(&self.connection, wait)? else { break };
            let correlation = messages::check_produced(self.frames.bytes(&frame))?;
            let request = self.awaited.pop_front().filter(|asked| asked.correlation == correlation);
            let surprise = || Error::client(CLIENT)(format!("answer {correlation} out of order"));
            request.ok_or_else(surprise)?.carried.name(&mut self.confirmed);
            wait = Duration::ZERO;
        }
        Ok(())
    }

    /// Whether the broker has everything: asked behind everything that was sent.
    fn has_arrived(&mut self, wait: Duration) -> Result<bool> {
        if !self.has_asked {
            let (mut question, correlation) = (Vec::new(), self.take_correlation());
            let Topic { name, partitions, .. } = &self.topic;
            messages::put_list_ends(&mut question, correlation, name, *partitions);
            self.connection.write_all(&question)?;
            self.has_asked = true;
        }
        let Some(frame) = self.frames.next(&self.connection, wait)? else { return Ok(false) };
        self.has_asked = false;
        let ends = messages::listed_ends(self.frames.bytes(&frame))?;
        // Other producers' records count, too: it is the last of them who knows.
        Ok(ends.iter().sum::<i64>().unsigned_abs() >= self.sent)
    }
}

impl Producer for NativeProducer {
    fn send(&mut self, record: Outgoing<'_>) -> Result<bool> {
        if self.outbox.unwritten().len() > UNWRITTEN_MAX && !self.write()? {
            return Ok(false);
        }
        if let Some(batch) = self.batching.add(record) {
            self.send_batch(batch)?;
        }
        if self.batching.records() >= self.gathered_max {
            self.push()?;
        }
        Ok(true)
    }

    fn push(&mut self) -> Result<()> {
        while let Some(batch) = self.batching.pop() {
            self.send_batch(batch)?;
        }
        Ok(())
    }

    fn prepare(&mut self, record: Outgoing<'_>) -> Result<bool> {
        if let Some(batch) = self.batching.add(record) {
            self.hold_prepared(&batch);
        }
        if self.batching.records() >= self.gathered_max {
            self.end_preparing()?;
        }
        Ok(true)
    }

    fn end_preparing(&mut self) -> Result<()> {
        while let Some(batch) = self.batching.pop() {
            self.hold_prepared(&batch);
        }
        Ok(())
    }

    fn send_prepared(&mut self, limit: u64) -> Result<u64> {
        let mut left = limit;
        while self.outbox.unwritten().len() < UNWRITTEN_MAX {
            match self.release(left) {
                0 => break,
                count => left -= count,
            }
        }
        self.write()?;
        Ok(limit - left)
    }

    fn confirmed(&mut self, wait: Duration, sequences: &mut Vec<u64>) -> Result<()> {
        let has_written = self.write()?;
        let wait = if self.confirmed.is_empty() { wait } else { Duration::ZERO };
        if !has_written && !wait.is_zero() {
            self.connection.wait(Until::ReadableOrWritable, wait)?;
            self.write()?;
            self.take_answers(Duration::ZERO)?;
        } else {
            self.take_answers(wait)?;
        }
        sequences.append(&mut self.confirmed);
        Ok(())
    }

    fn flush(&mut self, wait: Duration) -> Result<bool> {
        self.push()?;
        if !self.write()? {
            self.connection.wait(Until::ReadableOrWritable, wait)?;
            return Ok(false);
        }
        if self.acks == 0 { self.has_arrived(wait) } else { Ok(true) }
    }
}
