//! The bare server of records: finds the range by arithmetic and sends it with sendfile(2).

use super::chunks::Chunks;
use super::ring::{Outcome, Ring, Tag};
use super::{Program, announce};
use crate::layout::{FetchedLayout, REQUEST_CORRELATION_AT, RESPONSE_CORRELATION_AT};
use io_uring::{opcode, types};
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::io::ErrorKind::{BrokenPipe, ConnectionReset};
use std::net::TcpListener;
use std::os::fd::{AsRawFd, RawFd};

const ACCEPT: u32 = 0;
const RECEIVE: u32 = 1;
const WRITABLE: u32 = 2;

/// A connection sends this much before it is another's turn: clients then read while the server
/// sends, each what is still in the cache.
const TURN_SIZE: usize = 256 * 1024;

/// A request is a hundred bytes.
const REQUEST_SIZE_MAX: u32 = 4096;

struct Connection {
    socket: RawFd,
    chunk: usize,
    filled: usize,
    /// Head and tail of the response under way, and what was sent of it.
    head: Vec<u8>,
    position: i64,
    sent: usize,
}

struct Server {
    ring: Ring,
    listener: TcpListener,
    file: File,
    offset_at: usize,
    batch_size: i64,
    records_per_batch: i64,
    length: usize,
    layout: FetchedLayout,
    chunks: Chunks,
    connections: Vec<Connection>,
    /// Connections in the middle of a response whose sockets may have room.
    turns: VecDeque<usize>,
}

/// Serves until the process is killed.
pub fn run(program: &Program, core: usize, listener: TcpListener) -> io::Result<()> {
    let Program::Fetch { topic, offset_at, batch_size, records_per_batch, length, file } = program
    else {
        unreachable!("started as this program");
    };
    let mut server = Server {
        ring: Ring::new(core)?,
        listener,
        file: File::open(file)?,
        offset_at: *offset_at,
        batch_size: *batch_size as i64,
        records_per_batch: *records_per_batch as i64,
        length: *length,
        layout: FetchedLayout::new(topic, *length as u32),
        chunks: Chunks::default(),
        connections: Vec::new(),
        turns: VecDeque::new(),
    };
    announce(&server.listener)?;
    server.accept()?;
    let mut outcomes = Vec::new();
    loop {
        if server.turns.is_empty() {
            server.ring.wait(&mut outcomes)?;
        } else {
            server.ring.poll(&mut outcomes)?;
        }
        for outcome in outcomes.drain(..) {
            server.on_outcome(outcome)?;
        }
        for _ in 0..server.turns.len() {
            let Some(index) = server.turns.pop_front() else { break };
            forgive(server.send_range(index))?;
        }
    }
}

/// A client that has measured enough hangs up in the middle of a response.
fn forgive(served: io::Result<()>) -> io::Result<()> {
    match served {
        Err(error) if matches!(error.kind(), BrokenPipe | ConnectionReset) => Ok(()),
        served => served,
    }
}

impl Server {
    fn on_outcome(&mut self, outcome: Outcome) -> io::Result<()> {
        let connection = outcome.tag.connection;
        let served = match outcome.tag.kind {
            ACCEPT => {
                self.on_accepted(outcome.count()? as RawFd)?;
                return if outcome.more { Ok(()) } else { self.accept() };
            }
            RECEIVE => outcome.count().and_then(|count| self.on_received(connection, count)),
            _ => self.send_range(connection),
        };
        forgive(served)
    }

    fn accept(&mut self) -> io::Result<()> {
        let entry = opcode::AcceptMulti::new(types::Fd(self.listener.as_raw_fd()))
            .flags(libc::SOCK_NONBLOCK)
            .build();
        // SAFETY: the entry points to nothing.
        unsafe { self.ring.push(Tag { kind: ACCEPT, connection: 0 }, entry) }
    }

    fn on_accepted(&mut self, socket: RawFd) -> io::Result<()> {
        let chunk = self.chunks.take();
        let connection =
            Connection { socket, chunk, filled: 0, head: Vec::new(), position: 0, sent: 0 };
        self.connections.push(connection);
        self.receive(self.connections.len() - 1)
    }

    fn receive(&mut self, index: usize) -> io::Result<()> {
        let connection = &self.connections[index];
        let start = self.chunks.address(connection.chunk, connection.filled);
        let room = REQUEST_SIZE_MAX - connection.filled as u32;
        let entry = opcode::Recv::new(types::Fd(connection.socket), start, room).build();
        // SAFETY: chunks live for ever, and nobody reads behind what was received.
        unsafe { self.ring.push(Tag { kind: RECEIVE, connection: index }, entry) }
    }

    fn on_received(&mut self, index: usize, count: usize) -> io::Result<()> {
        let connection = &mut self.connections[index];
        if count == 0 {
            return Ok(());
        }
        connection.filled += count;
        let request = self.chunks.bytes(connection.chunk, 0, connection.filled);
        let whole = request
            .first_chunk::<4>()
            .is_some_and(|length| request.len() == 4 + u32::from_be_bytes(*length) as usize);
        if !whole {
            return self.receive(index);
        }
        let offset = request[self.offset_at..].first_chunk::<8>().expect("a fetch is longer");
        let offset = i64::from_be_bytes(*offset);
        connection.position = offset / self.records_per_batch * self.batch_size;
        connection.sent = 0;
        connection.head.clear();
        connection.head.extend_from_slice(&self.layout.head);
        let id = &request[REQUEST_CORRELATION_AT..][..4];
        connection.head[RESPONSE_CORRELATION_AT..][..4].copy_from_slice(id);
        connection.filled = 0;
        send(connection.socket, &connection.head, libc::MSG_MORE)?;
        self.send_range(index)
    }

    fn send_range(&mut self, index: usize) -> io::Result<()> {
        let connection = &mut self.connections[index];
        if connection.sent < self.length {
            let mut position = connection.position + connection.sent as i64;
            let rest = (self.length - connection.sent).min(TURN_SIZE);
            let file = self.file.as_raw_fd();
            // SAFETY: the position outlives the call.
            let count = unsafe { libc::sendfile(connection.socket, file, &mut position, rest) };
            match usize::try_from(count) {
                Ok(0) => return Err(io::Error::other("asked beyond the file's end")),
                Ok(count) => {
                    connection.sent += count;
                    self.turns.push_back(index);
                    return Ok(());
                }
                Err(_) => return self.await_room(index, io::Error::last_os_error()),
            }
        }
        match send(connection.socket, &self.layout.tail, 0) {
            Ok(()) => self.receive(index),
            Err(error) => self.await_room(index, error),
        }
    }

    /// Goes on with the response once the socket takes more.
    fn await_room(&mut self, index: usize, error: io::Error) -> io::Result<()> {
        if error.kind() != io::ErrorKind::WouldBlock {
            return Err(error);
        }
        let socket = types::Fd(self.connections[index].socket);
        let entry = opcode::PollAdd::new(socket, libc::POLLOUT as u32).build();
        // SAFETY: the entry points to nothing.
        unsafe { self.ring.push(Tag { kind: WRITABLE, connection: index }, entry) }
    }
}

/// Sends a few bytes, for which a socket that takes any has room.
fn send(socket: RawFd, bytes: &[u8], flags: libc::c_int) -> io::Result<()> {
    // SAFETY: the bytes outlive the call.
    let count = unsafe {
        libc::send(socket, bytes.as_ptr().cast(), bytes.len(), flags | libc::MSG_NOSIGNAL)
    };
    if count == bytes.len() as isize { Ok(()) } else { Err(io::Error::last_os_error()) }
}
