//! Connections: accept, receive, send, close.

use super::super::{Gather, Output, Portion, Socket, Token};
use super::error::StartError;
use super::features::Features;
use super::ring::{Reaped, Sleep};
use super::slots::{Flight, Internal, Key};
use super::sys::{self, Errno};
use super::vectored::Vectored;
use super::{SPARE_VECTORED_MAX, Uring, buffers};
use io_uring::{opcode, types};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;

/// A socket as the ring wants it.
fn descriptor(socket: Socket) -> types::Fd {
    types::Fd(socket.0 as RawFd)
}

/// How to send the next bytes of a gather: whether more follows is known, and said.
fn send_flags(portion: Portion, vectored: &Vectored) -> i32 {
    let more_follows = portion == Portion::BeforeRange || !vectored.is_last_round();
    libc::MSG_NOSIGNAL | if more_follows { libc::MSG_MORE } else { 0 }
}

impl Uring {
    /// Finds out, by receiving a byte, whether the kernel picks buffers and receives for ever.
    pub(super) fn probe_receive(&mut self, allowed: Features) -> Result<(), StartError> {
        let setup = |step, error: std::io::Error| StartError::Setup {
            step,
            errno: error.raw_os_error().unwrap_or(libc::EIO),
        };
        if !allowed.buffer_ring || !allowed.multishot_receive {
            return Ok(());
        }
        if let Err(errno) = self.buffers.register(&self.ring.submitter()) {
            tracing::info!(errno, "no buffer rings; receiving on readiness");
            return Ok(());
        }
        let step = "probing multishot receive";
        let (ours, theirs) = UnixStream::pair().map_err(|error| setup(step, error))?;
        std::io::Write::write_all(&mut &theirs, b"?").map_err(|error| setup(step, error))?;
        drop(theirs);
        let entry = opcode::RecvMulti::new(types::Fd(ours.as_raw_fd()), buffers::GROUP).build();
        // SAFETY: the entry points to nothing; the kernel picks a buffer of the ring's.
        unsafe { self.ring.push(&entry.user_data(Internal::Ignored.user_data())) };
        let mut works = false;
        let mut reaped = Vec::new();
        while self.ring.outstanding() > 0 {
            self.ring.enter(Sleep::UntilCompletion);
            self.ring.reap(&mut reaped);
            for entry in reaped.drain(..) {
                works |= entry.outcome() == Ok(1) && entry.more();
                if let Some(buffer) = entry.buffer() {
                    self.buffers.unused(buffer);
                }
                if !entry.more() {
                    self.ring.note_last_completion();
                }
            }
        }
        if works {
            self.ring.lose(|features| {
                features.buffer_ring = true;
                features.multishot_receive = true;
            });
        } else {
            tracing::info!("no multishot receive; receiving on readiness");
            self.buffers.unregister(&self.ring.submitter());
        }
        Ok(())
    }

    pub(super) fn accept(&mut self, token: Token, listener: Socket) {
        if self.admits(token, "accept") {
            let multishot = self.ring.features().multishot_accept;
            let flight = Flight::Accept { listener, multishot };
            let key = self.slots.insert(token, "accept", flight);
            self.push_accept(key, listener, multishot);
        }
    }

    fn push_accept(&mut self, key: Key, listener: Socket, multishot: bool) {
        // Non-blocking for the sake of sendfile(2); the ring's operations do not mind.
        let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        let listener = descriptor(listener);
        let entry = if multishot {
            opcode::AcceptMulti::new(listener).flags(flags).build()
        } else {
            let (address, length) = (std::ptr::null_mut(), std::ptr::null_mut());
            opcode::Accept::new(listener, address, length).flags(flags).build()
        };
        self.push(key, entry);
    }

    pub(super) fn on_accept(&mut self, key: Key, entry: Reaped) {
        let Flight::Accept { listener, multishot } = self.slots.flight(key) else {
            unreachable!("dispatched by flight");
        };
        let (listener, was_multishot) = (*listener, *multishot);
        match entry.outcome() {
            Ok(accepted) => {
                self.counters.system_calls += 1;
                let socket = Socket(accepted);
                match sys::peer(socket) {
                    Ok(peer) => self.report_partial(key, Ok(Output::Accepted { socket, peer })),
                    // Gone before we looked.
                    Err(_) => sys::close(accepted),
                }
            }
            Err(libc::EINVAL) if was_multishot => {
                tracing::info!("no multishot accept; accepting one by one");
                self.ring.lose(|features| features.multishot_accept = false);
                *self.slots.flight(key) = Flight::Accept { listener, multishot: false };
            }
            Err(libc::ECONNABORTED | libc::EINTR | libc::EPROTO | libc::EAGAIN) => {}
            Err(errno) => return self.finish(key, Err(errno)),
        }
        if entry.more() {
            return;
        }
        if self.slots.is_cancelled(key) {
            return self.finish(key, Err(libc::ECANCELED));
        }
        let multishot = self.ring.features().multishot_accept;
        self.push_accept(key, listener, multishot);
    }

    pub(super) fn receive(&mut self, token: Token, socket: Socket) {
        if self.admits(token, "receive") {
            let key = self.slots.insert(token, "receive", Flight::Receive { socket });
            self.push_receive(key, socket);
        }
    }

    fn push_receive(&mut self, key: Key, socket: Socket) {
        let entry = if self.ring.features().multishot_receive {
            opcode::RecvMulti::new(descriptor(socket), buffers::GROUP).build()
        } else {
            opcode::PollAdd::new(descriptor(socket), libc::POLLIN as u32).build()
        };
        self.push(key, entry);
    }

    pub(super) fn on_receive(&mut self, key: Key, entry: Reaped) {
        let Flight::Receive { socket } = *self.slots.flight(key) else {
            unreachable!("dispatched by flight");
        };
        if !self.ring.features().multishot_receive {
            return self.on_readable(key, socket, entry);
        }
        match (entry.outcome(), entry.buffer()) {
            (Ok(length @ 1..), Some(buffer)) => {
                let bytes = self.buffers.lend(buffer, length as usize);
                self.report_partial(key, Ok(Output::Received(bytes)));
            }
            (Err(libc::ENOBUFS), None) => return self.starve(key),
            (outcome, buffer) => {
                if let Some(buffer) = buffer {
                    self.buffers.unused(buffer);
                }
                let end = outcome.map(|_| Output::Received(bytes::Bytes::new()));
                return self.finish(key, end);
            }
        }
        if !entry.more() {
            self.receive_on(key, socket);
        }
    }

    /// Receives by hand, where the kernel does not pick buffers.
    fn on_readable(&mut self, key: Key, socket: Socket, entry: Reaped) {
        if let Err(errno) = entry.outcome() {
            return self.finish(key, Err(errno));
        }
        self.counters.system_calls += 1;
        self.buffers.reclaim();
        match self.buffers.fill(|room| sys::receive(socket, room)) {
            None => self.starve(key),
            Some(Ok(bytes)) if bytes.is_empty() => self.finish(key, Ok(Output::Received(bytes))),
            Some(Ok(bytes)) => {
                self.report_partial(key, Ok(Output::Received(bytes)));
                self.receive_on(key, socket);
            }
            Some(Err(libc::EAGAIN)) => self.receive_on(key, socket),
            Some(Err(errno)) => self.finish(key, Err(errno)),
        }
    }

    fn receive_on(&mut self, key: Key, socket: Socket) {
        if self.slots.is_cancelled(key) {
            self.finish(key, Err(libc::ECANCELED));
        } else {
            self.push_receive(key, socket);
        }
    }

    fn starve(&mut self, key: Key) {
        if self.slots.is_cancelled(key) {
            return self.finish(key, Err(libc::ECANCELED));
        }
        self.counters.receives_starved += 1;
        self.starved.push_back(key);
    }

    /// Takes buffers back, and lets as many starved receives go on as there are buffers: so that
    /// each that starves again has seen others make progress.
    pub(super) fn resume_starved(&mut self) {
        let free = self.buffers.reclaim();
        for _ in 0..free {
            let Some(key) = self.starved.pop_front() else { break };
            let Flight::Receive { socket } = *self.slots.flight(key) else {
                unreachable!("only receives starve");
            };
            self.push_receive(key, socket);
        }
    }

    pub(super) fn receive_into(
        &mut self,
        token: Token,
        socket: Socket,
        mut buffer: Vec<u8>,
        length_max: usize,
    ) {
        if !self.admits(token, "receive") {
            return;
        }
        let room = length_max.saturating_sub(buffer.len()).min(super::files::TRANSFER_MAX);
        if room == 0 {
            let output = Output::ReceivedInto { buffer, count: 0 };
            return self.report(token, "receive", Ok(output));
        }
        buffer.reserve_exact(room);
        let start = buffer.spare_capacity_mut().as_mut_ptr().cast();
        let key = self.slots.insert(token, "receive", Flight::ReceiveInto { buffer });
        // `start` leads into the buffer that the slot now owns.
        self.push(key, opcode::Recv::new(descriptor(socket), start, room as u32).build());
    }

    pub(super) fn on_receive_into(&mut self, key: Key, entry: Reaped) {
        let (token, operation, flight) = self.slots.remove(key);
        let Flight::ReceiveInto { mut buffer } = flight else {
            unreachable!("dispatched by flight");
        };
        let result = entry.outcome().map(|count| {
            let count = count as usize;
            assert!(count <= buffer.capacity() - buffer.len(), "received into what was reserved");
            // SAFETY: the kernel has written `count` bytes from the buffer's end on.
            unsafe { buffer.set_len(buffer.len() + count) };
            Output::ReceivedInto { buffer, count }
        });
        self.report(token, operation, result);
    }

    /// A vectored operation on `data`, from the spares if there are any.
    pub(super) fn vectored(&mut self, data: Gather) -> Box<Vectored> {
        let mut vectored = self.spare_vectored.pop().unwrap_or_else(Vectored::new);
        vectored.load(data);
        vectored
    }

    /// Keeps the memory of a finished vectored operation, and gives its gather back.
    pub(super) fn unload(&mut self, mut vectored: Box<Vectored>) -> Gather {
        let data = vectored.unload();
        if self.spare_vectored.len() < SPARE_VECTORED_MAX {
            self.spare_vectored.push(vectored);
        }
        data
    }

    pub(super) fn send(&mut self, token: Token, socket: Socket, data: Gather, portion: Portion) {
        if data.is_empty() {
            return self.report(token, "send", Ok(Output::Sent(data)));
        }
        let mut vectored = self.vectored(data);
        if portion != Portion::Whole {
            match self.send_at_once(socket, &mut vectored, portion) {
                Ok(true) => {}
                outcome => {
                    let data = self.unload(vectored);
                    return self.report(token, "send", outcome.map(|_| Output::Sent(data)));
                }
            }
        }
        let key = self.slots.insert(token, "send", Flight::Send { vectored, socket, portion });
        self.push_send(key);
    }

    /// Sends the few bytes next to a file's range, as far as the socket takes them now: neither
    /// the range nor the client need wait for the ring. Gives whether some are left.
    fn send_at_once(
        &mut self,
        socket: Socket,
        vectored: &mut Vectored,
        portion: Portion,
    ) -> Result<bool, Errno> {
        self.counters.system_calls += 1;
        match sys::send(socket, vectored, send_flags(portion, vectored)) {
            Ok(count) => Ok(vectored.advance(count as u64)),
            Err(libc::EAGAIN) => Ok(true),
            Err(errno) => Err(errno),
        }
    }

    fn push_send(&mut self, key: Key) {
        let Flight::Send { vectored, socket, portion } = self.slots.flight(key) else {
            unreachable!("dispatched by flight");
        };
        // With MSG_WAITALL the ring itself goes on after a short send.
        let flags = send_flags(*portion, vectored) | libc::MSG_WAITALL;
        let entry = opcode::SendMsg::new(descriptor(*socket), vectored.header());
        self.push(key, entry.flags(flags as u32).build());
    }

    pub(super) fn on_send(&mut self, key: Key, entry: Reaped) {
        let Flight::Send { vectored, .. } = self.slots.flight(key) else {
            unreachable!("dispatched by flight");
        };
        let unfinished = entry.outcome().map(|count| vectored.advance(u64::from(count)));
        if unfinished == Ok(true) && !self.slots.is_cancelled(key) {
            return self.push_send(key);
        }
        let (token, operation, flight) = self.slots.remove(key);
        let Flight::Send { vectored, .. } = flight else {
            unreachable!("dispatched by flight");
        };
        let data = self.unload(vectored);
        let result = match unfinished {
            Ok(false) => Ok(Output::Sent(data)),
            Ok(true) => Err(libc::ECANCELED),
            Err(errno) => Err(errno),
        };
        self.report(token, operation, result);
    }

    pub(super) fn shutdown(&mut self, token: Token, socket: Socket, how: i32) {
        self.counters.system_calls += 1;
        let result = sys::shutdown(socket, how);
        self.report(token, "shutdown", result.map(|()| Output::Done));
    }

    pub(super) fn close_socket(&mut self, token: Token, socket: Socket) {
        let key = self.slots.insert(token, "close", Flight::Plain);
        self.push(key, opcode::Close::new(descriptor(socket)).build());
    }
}
