//! Produce in a closed loop: as soon as an answer comes, the next request goes.

use super::{Poller, Run, SILENCE_MAX, StopWatch, connect, number, unless_blocked};
use crate::layout::{AckLayout, RESPONSE_CORRELATION_AT};
use crate::servers::Server;
use crate::tape::Tape;
use std::io::{self, Read, Write};
use std::net::TcpStream;

/// Sends `warm_up` and then `requests` more requests from the tape, and measures the latter.
///
/// # Errors
/// A connection broke, an answer carried an error, or the offsets that were given out do not
/// count up to what was sent.
pub fn run(server: &Server, tape: &Tape, warm_up: u64, requests: u64) -> io::Result<Run> {
    let total = warm_up + requests;
    let shape = tape.shape;
    let mut poller = Poller::new()?;
    let mut senders = Vec::new();
    for index in 0..shape.connection_count {
        let stream = connect(server.address)?;
        poller.add(&stream, index)?;
        senders.push(Sender::new(stream, tape, index));
    }
    let mut books = Books::new(tape);
    let mut watch = StopWatch::new(server);
    let mut ungranted = total;
    for sender in &mut senders {
        sender.grant(&mut ungranted);
        sender.outgoing.write()?;
    }
    while books.acknowledged < total {
        let mut is_silent = true;
        for index in poller.wait(SILENCE_MAX)? {
            is_silent = false;
            let sender = &mut senders[index];
            sender.read(&mut books)?;
            sender.grant(&mut ungranted);
            sender.outgoing.write()?;
        }
        if is_silent {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the server is silent"));
        }
        if !watch.is_running() && books.acknowledged >= warm_up {
            watch.start();
            books.counted_from = books.acknowledged;
        }
    }
    let counted = total - books.counted_from;
    let run = watch.stop(counted, counted * shape.batch_size as u64);
    books.check(total)?;
    Ok(run)
}

/// What the answers add up to.
struct Books {
    layout: AckLayout,
    records_per_batch: usize,
    acknowledged: u64,
    /// Answers before this one were the warm-up.
    counted_from: u64,
    /// By partition, the offset after the last record acknowledged.
    ends: Vec<i64>,
}

impl Books {
    fn new(tape: &Tape) -> Self {
        Books {
            layout: tape.ack_layout(),
            records_per_batch: tape.records_per_batch,
            acknowledged: 0,
            counted_from: 0,
            ends: vec![-1; tape.shape.partition_count],
        }
    }

    fn note(&mut self, frame: &[u8], expected: usize) -> io::Result<()> {
        let correlation_id = i32::from_be_bytes(number(frame, RESPONSE_CORRELATION_AT));
        let error = i16::from_be_bytes(number(frame, self.layout.error_at));
        if correlation_id != expected as i32 || error != 0 {
            let message = format!(
                "answer {correlation_id} with error {error} where {expected} was to be answered"
            );
            return Err(io::Error::other(message));
        }
        let base_offset = i64::from_be_bytes(number(frame, self.layout.base_offset_at));
        let partition = expected % self.ends.len();
        let end = base_offset + self.records_per_batch as i64;
        self.ends[partition] = self.ends[partition].max(end);
        self.acknowledged += 1;
        Ok(())
    }

    /// No offset is missing and none was given out twice, if the logs were empty before: the
    /// ends then add up to the records sent.
    fn check(&self, requests: u64) -> io::Result<()> {
        let records = requests as i64 * self.records_per_batch as i64;
        let ends: i64 = self.ends.iter().map(|end| (*end).max(0)).sum();
        if ends != records {
            let message = format!("{records} records were sent, the logs end at {ends} in all");
            return Err(io::Error::other(message));
        }
        Ok(())
    }
}

/// The sending side of a connection: frames from the tape, as fast as the socket takes them.
pub(super) struct Outgoing<'t> {
    /// The connection.
    pub(super) stream: TcpStream,
    /// What is sent.
    pub(super) tape: &'t Tape,
    /// Where on the tape the next byte to be sent is.
    at: usize,
    /// Bytes from there on that may be sent, round the tape's end.
    granted: usize,
}

impl<'t> Outgoing<'t> {
    /// Will send the frame `first` before all others.
    pub(super) fn new(stream: TcpStream, tape: &'t Tape, first: usize) -> Self {
        Outgoing { stream, tape, at: first * tape.frame_size, granted: 0 }
    }

    /// Allows `count` more frames.
    pub(super) fn grant(&mut self, count: usize) {
        self.granted += count * self.tape.frame_size;
    }

    /// Sends what is allowed, until the socket is full.
    pub(super) fn write(&mut self) -> io::Result<()> {
        while self.granted > 0 {
            let end = (self.at + self.granted).min(self.tape.bytes.len());
            let bytes = &self.tape.bytes[self.at..end];
            let Some(count) = unless_blocked((&self.stream).write(bytes))? else { return Ok(()) };
            self.granted -= count;
            self.at = (self.at + count) % self.tape.bytes.len();
        }
        Ok(())
    }
}

/// One connection.
struct Sender<'t> {
    outgoing: Outgoing<'t>,
    in_flight: usize,
    /// The frame that is to be answered next.
    awaited: usize,
    received: Vec<u8>,
    filled: usize,
}

impl<'t> Sender<'t> {
    fn new(stream: TcpStream, tape: &'t Tape, index: usize) -> Self {
        // Connections begin at different places, and with that at different partitions.
        let awaited = index * tape.frame_count / tape.shape.connection_count;
        Sender {
            outgoing: Outgoing::new(stream, tape, awaited),
            in_flight: 0,
            awaited,
            received: vec![0; 64 * 1024],
            filled: 0,
        }
    }

    /// Allows as many more frames as the window has room for, of those that are left.
    fn grant(&mut self, left: &mut u64) {
        let room = (self.outgoing.tape.shape.in_flight - self.in_flight) as u64;
        let count = room.min(*left);
        *left -= count;
        self.in_flight += count as usize;
        self.outgoing.grant(count as usize);
    }

    fn read(&mut self, books: &mut Books) -> io::Result<()> {
        loop {
            let room = &mut self.received[self.filled..];
            let wanted = room.len();
            let Some(count) = unless_blocked((&self.outgoing.stream).read(room))? else {
                return Ok(());
            };
            if count == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server hung up"));
            }
            self.filled += count;
            self.take_frames(books)?;
            if count < wanted {
                // With edges reported, a short read has taken everything.
                return Ok(());
            }
        }
    }

    fn take_frames(&mut self, books: &mut Books) -> io::Result<()> {
        let mut start = 0;
        while let Some(length) = self.received[start..self.filled].first_chunk::<4>() {
            let end = start + 4 + u32::from_be_bytes(*length) as usize;
            if end > self.filled {
                break;
            }
            books.note(&self.received[start..end], self.awaited)?;
            self.awaited = (self.awaited + 1) % self.outgoing.tape.frame_count;
            self.in_flight -= 1;
            start = end;
        }
        self.received.copy_within(start..self.filled, 0);
        self.filled -= start;
        Ok(())
    }
}
