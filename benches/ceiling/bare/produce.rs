//! The bare server of batches: receive, check the CRC-32C, write to one file, acknowledge.
//!
//! One write is in flight at a time; what arrives meanwhile forms the next one. An answer goes out
//! when its batch is in the page cache.

use super::chunks::{CHUNK_SIZE, Chunks};
use super::ring::{Outcome, Ring, Tag};
use super::{Program, announce};
use crate::layout::{AckLayout, REQUEST_CORRELATION_AT, RESPONSE_CORRELATION_AT};
use io_uring::{opcode, types};
use std::fs::File;
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, RawFd};
use std::path::Path;

const ACCEPT: u32 = 0;
const RECEIVE: u32 = 1;
const SEND: u32 = 2;
const WRITE: u32 = 3;

/// Ranges that one vectored write takes (the kernel's IOV_MAX).
const RANGES_MAX: usize = 1024;

/// A batch's CRC-32C stands here and covers everything behind it.
const CRC_AT: usize = 17;

struct Connection {
    socket: RawFd,
    chunk: usize,
    /// Bytes of the chunk that were received, and those that were looked at.
    filled: usize,
    parsed: usize,
    acks: Vec<u8>,
    sending: Vec<u8>,
    is_sending: bool,
}

/// A batch on its way to the file.
struct Batch {
    connection: usize,
    chunk: usize,
    /// Where its frame begins.
    frame_at: usize,
    base_offset: i64,
}

struct Server {
    ring: Ring,
    listener: TcpListener,
    file: File,
    batch_at: usize,
    batch_size: usize,
    records_per_batch: i64,
    ack: AckLayout,
    chunks: Chunks,
    connections: Vec<Connection>,
    position: u64,
    next_offset: i64,
    waiting: Vec<Batch>,
    writing: Vec<Batch>,
    ranges: Vec<libc::iovec>,
}

/// Serves until the process is killed.
pub fn run(program: &Program, core: usize, listener: TcpListener, path: &Path) -> io::Result<()> {
    let Program::Produce { topic, batch_at, batch_size, records_per_batch } = program else {
        unreachable!("started as this program");
    };
    let mut server = Server {
        ring: Ring::new(core)?,
        listener,
        file: File::create(path)?,
        batch_at: *batch_at,
        batch_size: *batch_size,
        records_per_batch: *records_per_batch as i64,
        ack: AckLayout::new(topic),
        chunks: Chunks::default(),
        connections: Vec::new(),
        position: 0,
        next_offset: 0,
        waiting: Vec::new(),
        writing: Vec::new(),
        ranges: Vec::new(),
    };
    announce(&server.listener)?;
    server.accept()?;
    let mut outcomes = Vec::new();
    loop {
        server.ring.wait(&mut outcomes)?;
        for outcome in outcomes.drain(..) {
            server.on_outcome(outcome)?;
        }
        server.write()?;
        for connection in 0..server.connections.len() {
            server.send(connection)?;
        }
    }
}

impl Server {
    fn on_outcome(&mut self, outcome: Outcome) -> io::Result<()> {
        let connection = outcome.tag.connection;
        match outcome.tag.kind {
            ACCEPT => {
                self.on_accepted(outcome.count()? as RawFd)?;
                if outcome.more { Ok(()) } else { self.accept() }
            }
            RECEIVE => self.on_received(connection, outcome.count()?),
            WRITE => self.on_written(outcome.count()?),
            _ => {
                let connection = &mut self.connections[connection];
                assert_eq!(outcome.count()?, connection.sending.len(), "MSG_WAITALL sends all");
                connection.is_sending = false;
                Ok(())
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        let entry = opcode::AcceptMulti::new(types::Fd(self.listener.as_raw_fd())).build();
        // SAFETY: the entry points to nothing.
        unsafe { self.ring.push(Tag { kind: ACCEPT, connection: 0 }, entry) }
    }

    fn on_accepted(&mut self, socket: RawFd) -> io::Result<()> {
        self.connections.push(Connection {
            socket,
            chunk: self.chunks.take(),
            filled: 0,
            parsed: 0,
            acks: Vec::new(),
            sending: Vec::new(),
            is_sending: false,
        });
        self.receive(self.connections.len() - 1)
    }

    fn receive(&mut self, index: usize) -> io::Result<()> {
        let connection = &self.connections[index];
        let start = self.chunks.address(connection.chunk, connection.filled);
        let room = (CHUNK_SIZE - connection.filled) as u32;
        let entry = opcode::Recv::new(types::Fd(connection.socket), start, room).build();
        // SAFETY: chunks live for ever, and nobody reads behind what was received.
        unsafe { self.ring.push(Tag { kind: RECEIVE, connection: index }, entry) }
    }

    fn on_received(&mut self, index: usize, count: usize) -> io::Result<()> {
        let connection = &mut self.connections[index];
        if count == 0 {
            self.chunks.release(connection.chunk);
            return Ok(());
        }
        connection.filled += count;
        let missing = self.take_frames(index);
        self.make_room(index, missing);
        self.receive(index)
    }

    /// Queues the whole frames' batches; gives the room that the frame under way needs.
    fn take_frames(&mut self, index: usize) -> usize {
        loop {
            let connection = &self.connections[index];
            let (chunk, frame_at) = (connection.chunk, connection.parsed);
            let available = connection.filled - frame_at;
            let received = self.chunks.bytes(chunk, frame_at, available);
            let Some(length) = received.first_chunk::<4>() else { return 4 };
            let frame_size = 4 + u32::from_be_bytes(*length) as usize;
            if available < frame_size {
                return frame_size;
            }
            let base_offset = self.next_offset;
            let at = frame_at + self.batch_at;
            let batch = self.chunks.bytes_mut(chunk, at, self.batch_size);
            let crc = crc32c::crc32c(&batch[CRC_AT + 4..]).to_be_bytes();
            assert_eq!(crc, batch[CRC_AT..CRC_AT + 4], "the load generator sends sound batches");
            batch[..8].copy_from_slice(&base_offset.to_be_bytes());
            self.next_offset += self.records_per_batch;
            self.chunks.hold(chunk);
            self.waiting.push(Batch { connection: index, chunk, frame_at, base_offset });
            self.connections[index].parsed += frame_size;
        }
    }

    /// Moves on to another chunk where the frame under way does not fit.
    fn make_room(&mut self, index: usize, frame_size: usize) {
        let connection = &self.connections[index];
        let (old, parsed, filled) = (connection.chunk, connection.parsed, connection.filled);
        if parsed + frame_size <= CHUNK_SIZE {
            return;
        }
        let chunk = self.chunks.take();
        let begun = self.chunks.bytes(old, parsed, filled - parsed).to_vec();
        self.chunks.bytes_mut(chunk, 0, begun.len()).copy_from_slice(&begun);
        self.chunks.release(old);
        let connection = &mut self.connections[index];
        (connection.chunk, connection.parsed, connection.filled) = (chunk, 0, begun.len());
    }

    /// Writes what waits, unless a write is in flight.
    fn write(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() || !self.writing.is_empty() {
            return Ok(());
        }
        let count = self.waiting.len().min(RANGES_MAX);
        self.writing.extend(self.waiting.drain(..count));
        let (chunks, batch_at) = (&self.chunks, self.batch_at);
        let batch_size = self.batch_size;
        self.ranges.clear();
        self.ranges.extend(self.writing.iter().map(|batch| libc::iovec {
            iov_base: chunks.address(batch.chunk, batch.frame_at + batch_at).cast(),
            iov_len: batch_size,
        }));
        let file = types::Fd(self.file.as_raw_fd());
        let entry = opcode::Writev::new(file, self.ranges.as_ptr(), count as u32)
            .offset(self.position)
            .build();
        // SAFETY: the ranges are not touched before the write's outcome; the chunks that they
        // lead to are held by the batches.
        unsafe { self.ring.push(Tag { kind: WRITE, connection: 0 }, entry) }
    }

    fn on_written(&mut self, count: usize) -> io::Result<()> {
        assert_eq!(count, self.writing.len() * self.batch_size, "the disk has room");
        self.position += count as u64;
        for batch in self.writing.drain(..) {
            let acks = &mut self.connections[batch.connection].acks;
            let start = acks.len();
            acks.extend_from_slice(&self.ack.frame);
            let ack = &mut acks[start..];
            let id = self.chunks.bytes(batch.chunk, batch.frame_at + REQUEST_CORRELATION_AT, 4);
            ack[RESPONSE_CORRELATION_AT..][..4].copy_from_slice(id);
            ack[self.ack.base_offset_at..][..8].copy_from_slice(&batch.base_offset.to_be_bytes());
            self.chunks.release(batch.chunk);
        }
        Ok(())
    }

    /// Sends the answers that have come together, unless a send is in flight.
    fn send(&mut self, index: usize) -> io::Result<()> {
        let connection = &mut self.connections[index];
        if connection.acks.is_empty() || connection.is_sending {
            return Ok(());
        }
        connection.sending.clear();
        std::mem::swap(&mut connection.acks, &mut connection.sending);
        connection.is_sending = true;
        let (start, length) = (connection.sending.as_ptr(), connection.sending.len() as u32);
        let entry = opcode::Send::new(types::Fd(connection.socket), start, length)
            .flags(libc::MSG_NOSIGNAL | libc::MSG_WAITALL)
            .build();
        // SAFETY: what is being sent is not touched before the outcome.
        unsafe { self.ring.push(Tag { kind: SEND, connection: index }, entry) }
    }
}
