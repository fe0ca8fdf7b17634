//! Fetch in a closed loop: each connection reads a log round and round, one request at a time.

use super::{Poller, Run, SILENCE_MAX, StopWatch, connect, number, unless_blocked};
use crate::layout::{AskLayout, FetchedLayout, REQUEST_CORRELATION_AT, RESPONSE_CORRELATION_AT};
use crate::servers::Server;
use std::io::{self, Read, Write};
use std::net::TcpStream;

/// What a fetch workload reads.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// The topic, of which partition 0 is read.
    pub topic: &'static str,
    /// Connections.
    pub connection_count: usize,
    /// Bytes of records in each response.
    pub length: usize,
    /// Records in each response.
    pub records: u64,
    /// Responses from the log's start to its end.
    pub response_count: u64,
}

/// Reads `warm_up` and then `requests` more responses, and measures the latter.
///
/// # Errors
/// A connection broke, or a response was not the one that must come.
pub fn run(server: &Server, reading: Reading, warm_up: u64, requests: u64) -> io::Result<Run> {
    let total = warm_up + requests;
    let mut poller = Poller::new()?;
    let mut readers = Vec::new();
    for index in 0..reading.connection_count {
        let stream = connect(server.address)?;
        poller.add(&stream, index)?;
        readers.push(Reader::new(stream, reading, index));
    }
    let mut buffer = vec![0; 256 * 1024];
    let mut watch = StopWatch::new(server);
    let (mut received, mut counted_from) = (0, 0);
    for reader in &mut readers {
        reader.ask()?;
    }
    while received < total {
        let mut is_silent = true;
        for index in poller.wait(SILENCE_MAX)? {
            is_silent = false;
            received += readers[index].read(&mut buffer)?;
        }
        if is_silent {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the server is silent"));
        }
        if !watch.is_running() && received >= warm_up {
            watch.start();
            counted_from = received;
        }
    }
    let counted = received - counted_from;
    Ok(watch.stop(counted, counted * reading.length as u64))
}

/// One connection that always has a request on its way.
pub(super) struct Reader {
    /// The connection.
    pub(super) stream: TcpStream,
    reading: Reading,
    request: AskLayout,
    /// Bytes of a whole response, length prefix included.
    response_size: usize,
    /// The response that is awaited, counted from the log's start.
    place: u64,
    /// The beginning of the response, as far as it is looked at.
    head: Vec<u8>,
    /// Bytes of the response that have come.
    received: usize,
}

/// What one receive gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing: there will be an event when more has come.
    Blocked,
    /// A part of a response.
    Took,
    /// The end of one; the next is asked for.
    Completed,
}

/// The length and the correlation id.
const HEAD_SIZE: usize = 8;

impl Reader {
    /// A reader that has asked for nothing yet.
    pub(super) fn new(stream: TcpStream, reading: Reading, index: usize) -> Self {
        let layout = FetchedLayout::new(reading.topic, reading.length as u32);
        Reader {
            stream,
            reading,
            request: AskLayout::new(reading.topic, reading.length, 500),
            response_size: layout.head.len() + reading.length + layout.tail.len(),
            place: index as u64 * reading.response_count / reading.connection_count as u64,
            head: Vec::with_capacity(HEAD_SIZE),
            received: 0,
        }
    }

    /// Asks for the response that is awaited.
    pub(super) fn ask(&mut self) -> io::Result<()> {
        let offset = (self.place * self.reading.records) as i64;
        let AskLayout { frame, offset_at } = &mut self.request;
        frame[*offset_at..][..8].copy_from_slice(&offset.to_be_bytes());
        frame[REQUEST_CORRELATION_AT..][..4].copy_from_slice(&(self.place as u32).to_be_bytes());
        // The socket is empty: the last request has been answered.
        (&self.stream).write_all(frame)
    }

    /// Takes what has come; gives the number of responses that it completed.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<u64> {
        let mut completed = 0;
        loop {
            match self.step(buffer)? {
                Step::Blocked => return Ok(completed),
                Step::Took => {}
                Step::Completed => completed += 1,
            }
        }
    }

    /// Takes at most what `buffer` holds of what has come.
    pub(super) fn step(&mut self, buffer: &mut [u8]) -> io::Result<Step> {
        let room = buffer.len().min(self.response_size - self.received);
        let outcome = (&self.stream).read(&mut buffer[..room]);
        let Some(count) = unless_blocked(outcome)? else { return Ok(Step::Blocked) };
        if count == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server hung up"));
        }
        let missing = HEAD_SIZE.saturating_sub(self.head.len()).min(count);
        self.head.extend_from_slice(&buffer[..missing]);
        self.received += count;
        if self.head.len() == HEAD_SIZE {
            self.check()?;
        }
        if self.received < self.response_size {
            return Ok(Step::Took);
        }
        self.head.clear();
        self.received = 0;
        self.place = (self.place + 1) % self.reading.response_count;
        self.ask()?;
        Ok(Step::Completed)
    }

    fn check(&self) -> io::Result<()> {
        let length = u32::from_be_bytes(number(&self.head, 0)) as usize + 4;
        let correlation_id = u32::from_be_bytes(number(&self.head, RESPONSE_CORRELATION_AT));
        if length == self.response_size && u64::from(correlation_id) == self.place {
            return Ok(());
        }
        let message = format!(
            "response {correlation_id} of {length} bytes came where response {} of {} bytes \
             was asked for",
            self.place, self.response_size
        );
        Err(io::Error::other(message))
    }
}
