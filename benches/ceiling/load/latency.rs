//! Latency in an open loop: sends follow a schedule, and every latency counts from the scheduled
//! time, so that a server that stalls is charged for all that it delayed.
//!
//! One thread produces, reads the log's tail, and, if asked to, reads old records as fast as they
//! come.

use super::fetch::{Reader, Reading, Step};
use super::produce::Outgoing;
use super::{Poller, SILENCE_MAX, connect, number, unless_blocked};
use crate::layout::{AckLayout, AskLayout, FETCH_VERSION, RESPONSE_CORRELATION_AT};
use crate::servers::Server;
use crate::tape::Tape;
use hdrhistogram::Histogram;
use pinion::wire::api::fetch::{FetchResponse, Records};
use pinion::wire::frame::LENGTH_SIZE;
use pinion::wire::header::ResponseHeader;
use pinion::wire::record_batch::Batches;
use pinion::wire::{ApiKey, Message};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// The schedule.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    /// Between two sends.
    pub interval: Duration,
    /// Sends that are not recorded.
    pub warm_up: u64,
    /// Sends that are.
    pub count: u64,
}

/// What was measured, in nanoseconds.
pub struct Latencies {
    /// From the scheduled send to the acknowledgement.
    pub produce: Histogram<u64>,
    /// From the scheduled send to the arrival at the tail's reader.
    pub tail: Histogram<u64>,
    /// From the scheduled send to the actual one: the load generator's own share in both.
    pub lateness: Histogram<u64>,
    /// Sends, those of the warm-up included.
    pub scheduled: u64,
    /// Bytes of old records that were read during all of these.
    pub old_bytes: u64,
}

const PRODUCER: usize = 0;
const TAIL: usize = 1;
const OLD: usize = 2;

/// Bytes of old records taken in one call.
const STEP: usize = 64 * 1024;

/// Runs the schedule on partition 0 of the tape's topic, with `old` read beside it if given.
///
/// # Errors
/// A connection broke, or an answer was wrong.
pub fn run(
    server: &Server,
    tape: &Tape,
    schedule: Schedule,
    old: Option<Reading>,
) -> io::Result<Latencies> {
    let mut poller = Poller::new()?;
    let mut producer = Producer::new(connect(server.address)?, tape, schedule);
    let mut tail = TailReader::new(connect(server.address)?, tape);
    let mut old = old.map(|reading| OldReader::new(server, reading)).transpose()?;
    poller.add(&producer.outgoing.stream, PRODUCER)?;
    poller.add(&tail.stream, TAIL)?;
    if let Some(old) = &old {
        poller.add(&old.reader.stream, OLD)?;
    }
    let mut latencies = Latencies {
        produce: histogram(),
        tail: histogram(),
        lateness: histogram(),
        scheduled: schedule.warm_up + schedule.count,
        old_bytes: 0,
    };
    let mut ready: Vec<usize> = Vec::new();
    let mut last_news = Instant::now();
    while !(producer.is_done() && tail.seen >= producer.total()) {
        let has_more = old.as_ref().is_some_and(|old| old.has_more);
        let patience = if has_more { Duration::ZERO } else { producer.patience() };
        ready.extend(poller.wait(patience)?);
        if ready.is_empty() && !has_more && last_news.elapsed() > SILENCE_MAX {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the server is silent"));
        }
        producer.send_due(&mut latencies.lateness)?;
        for index in ready.drain(..) {
            last_news = Instant::now();
            match (index, &mut old) {
                (PRODUCER, _) => producer.read(&mut latencies.produce, &mut tail)?,
                (TAIL, _) => tail.read(&producer, &mut latencies.tail)?,
                (_, Some(old)) => old.has_more = true,
                (_, None) => unreachable!("nobody reads old records"),
            }
        }
        if let Some(old) = &mut old {
            latencies.old_bytes += old.read()?;
        }
    }
    Ok(latencies)
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds are in order")
}

/// Reads old records as fast as they come.
struct OldReader {
    reader: Reader,
    response_size: u64,
    buffer: Vec<u8>,
    /// Whether more may have come already.
    has_more: bool,
}

impl OldReader {
    fn new(server: &Server, reading: Reading) -> io::Result<Self> {
        let mut reader = Reader::new(connect(server.address)?, reading, 0);
        reader.ask()?;
        let response_size = reading.length as u64;
        Ok(OldReader { reader, response_size, buffer: vec![0; STEP], has_more: false })
    }

    /// Takes a little of what has come, so that the others have their turn; gives the bytes of the
    /// response that it completed.
    fn read(&mut self) -> io::Result<u64> {
        if !self.has_more {
            return Ok(0);
        }
        Ok(match self.reader.step(&mut self.buffer)? {
            Step::Blocked => {
                self.has_more = false;
                0
            }
            Step::Took => 0,
            Step::Completed => self.response_size,
        })
    }
}

/// Sends on schedule and times the answers.
struct Producer<'t> {
    outgoing: Outgoing<'t>,
    schedule: Schedule,
    layout: AckLayout,
    start: Instant,
    sent: u64,
    acknowledged: u64,
    received: Vec<u8>,
    filled: usize,
}

impl<'t> Producer<'t> {
    fn new(stream: TcpStream, tape: &'t Tape, schedule: Schedule) -> Self {
        Producer {
            outgoing: Outgoing::new(stream, tape, 0),
            schedule,
            layout: tape.ack_layout(),
            start: Instant::now(),
            sent: 0,
            acknowledged: 0,
            received: vec![0; 64 * 1024],
            filled: 0,
        }
    }

    fn total(&self) -> u64 {
        self.schedule.warm_up + self.schedule.count
    }

    fn is_done(&self) -> bool {
        self.acknowledged == self.total()
    }

    /// When request `index` is to be sent.
    fn due(&self, index: u64) -> Instant {
        self.start + self.schedule.interval * index as u32
    }

    fn patience(&self) -> Duration {
        if self.sent == self.total() {
            return SILENCE_MAX;
        }
        self.due(self.sent).saturating_duration_since(Instant::now())
    }

    fn send_due(&mut self, lateness: &mut Histogram<u64>) -> io::Result<()> {
        let now = Instant::now();
        while self.sent < self.total() && self.due(self.sent) <= now {
            if self.sent >= self.schedule.warm_up {
                record(lateness, now - self.due(self.sent));
            }
            self.outgoing.grant(1);
            self.sent += 1;
        }
        self.outgoing.write()
    }

    fn read(&mut self, latencies: &mut Histogram<u64>, tail: &mut TailReader) -> io::Result<()> {
        loop {
            let outcome = (&self.outgoing.stream).read(&mut self.received[self.filled..]);
            let Some(count) = unless_blocked(outcome)? else { return Ok(()) };
            let now = Instant::now();
            if count == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server hung up"));
            }
            self.filled += count;
            let mut start = 0;
            let size = self.layout.frame.len();
            while start + size <= self.filled {
                let frame = &self.received[start..start + size];
                let expected = (self.acknowledged as usize % self.outgoing.tape.frame_count) as i32;
                let id = i32::from_be_bytes(number(frame, RESPONSE_CORRELATION_AT));
                let error = i16::from_be_bytes(number(frame, self.layout.error_at));
                if id != expected || error != 0 {
                    let message = format!("answer {id} with error {error}, not {expected}");
                    return Err(io::Error::other(message));
                }
                let base_offset = i64::from_be_bytes(number(frame, self.layout.base_offset_at));
                if self.acknowledged == 0 {
                    tail.begin(base_offset)?;
                }
                if self.acknowledged >= self.schedule.warm_up {
                    record(latencies, now - self.due(self.acknowledged));
                }
                self.acknowledged += 1;
                start += size;
            }
            self.received.copy_within(start..self.filled, 0);
            self.filled -= start;
        }
    }
}

/// Reads what is produced, as soon as it can be read.
struct TailReader {
    stream: TcpStream,
    request: AskLayout,
    records_per_batch: i64,
    /// The offset of the schedule's first record.
    first_offset: i64,
    next_offset: i64,
    /// Batches of the schedule that have come.
    seen: u64,
    response: Vec<u8>,
}

impl TailReader {
    fn new(stream: TcpStream, tape: &Tape) -> Self {
        TailReader {
            stream,
            request: AskLayout::new(tape.shape.topic, 1 << 20, 500),
            records_per_batch: tape.records_per_batch as i64,
            first_offset: 0,
            next_offset: 0,
            seen: 0,
            response: Vec::new(),
        }
    }

    /// Starts to read at the schedule's first record.
    fn begin(&mut self, offset: i64) -> io::Result<()> {
        (self.first_offset, self.next_offset) = (offset, offset);
        self.ask()
    }

    fn ask(&mut self) -> io::Result<()> {
        let AskLayout { frame, offset_at } = &mut self.request;
        frame[*offset_at..][..8].copy_from_slice(&self.next_offset.to_be_bytes());
        (&self.stream).write_all(frame)
    }

    fn read(&mut self, producer: &Producer, latencies: &mut Histogram<u64>) -> io::Result<()> {
        let mut piece = [0; 64 * 1024];
        while let Some(count) = unless_blocked((&self.stream).read(&mut piece))? {
            let now = Instant::now();
            if count == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server hung up"));
            }
            self.response.extend_from_slice(&piece[..count]);
            let Some(length) = self.response.first_chunk::<LENGTH_SIZE>() else { continue };
            if self.response.len() == LENGTH_SIZE + u32::from_be_bytes(*length) as usize {
                self.take_response(producer, now, latencies)?;
                self.response.clear();
                self.ask()?;
            }
        }
        Ok(())
    }

    fn take_response(
        &mut self,
        producer: &Producer,
        now: Instant,
        latencies: &mut Histogram<u64>,
    ) -> io::Result<()> {
        let mut reader = pinion::wire::Reader::new(&self.response[LENGTH_SIZE..]);
        ResponseHeader::decode(&mut reader, ApiKey::Fetch, FETCH_VERSION)
            .map_err(io::Error::other)?;
        let response =
            FetchResponse::decode(&mut reader, FETCH_VERSION).map_err(io::Error::other)?;
        let partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
        for partition in partitions {
            if partition.error_code != 0 {
                let message = format!("the tail's reader got error {}", partition.error_code);
                return Err(io::Error::other(message));
            }
            let Records::Inline(records) = partition.records else { continue };
            for batch in Batches::new(records) {
                let batch = batch.map_err(io::Error::other)?;
                let offset = batch.header.base_offset;
                if offset != self.next_offset {
                    let message = format!("offset {offset} where {} follows", self.next_offset);
                    return Err(io::Error::other(message));
                }
                self.next_offset += self.records_per_batch;
                let index = ((offset - self.first_offset) / self.records_per_batch) as u64;
                if index >= producer.schedule.warm_up {
                    record(latencies, now - producer.due(index));
                }
                self.seen += 1;
            }
        }
        Ok(())
    }
}

fn record(latencies: &mut Histogram<u64>, latency: Duration) {
    // Nothing takes longer than the histogram's maximum: the run would have been given up.
    latencies.saturating_record(latency.as_nanos() as u64);
}
