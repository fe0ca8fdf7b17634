//! One client's connection: requests in the order in which they came, replies in that same order.
//!
//! [`Connection`] has a part for each of its concerns: bytes to frames
//! ([`Receiver`](super::receive::Receiver)), how the client gets on with them ([`advance`]), what
//! is to be answered ([`unanswered`]), what is to be sent ([`sender`], [`outbox`]), and its end
//! ([`life`]). What holds between the parts is kept here.
//!
//! Only `shard` imports this. Never here: the shard's tables, timers and queues; a connection says
//! what follows, and the flows do it.

pub mod life;
mod advance;
mod outbox;
mod request;
mod sender;
#[cfg(test)]
mod tests;
mod unanswered;

pub use life::CloseReason;
pub use outbox::ShortFile;
pub use request::{RequestContext, RequestKey};
pub use sender::Reply;
pub use unanswered::Unanswered;

use super::memory::ReceiveMemory;
use super::receive::{FrameLengthError, Receiver, Step};
use super::stages::RequestTimes;
use super::work::Work;
use crate::base::Monotonic;
use crate::io::{Gather, Op, Socket};
use crate::wire::ApiKey;
use advance::Advance;
use bytes::Bytes;
use life::{Event, Fact, Life};
use sender::Sender;
use std::net::SocketAddr;
use unanswered::Finished;

/// Owned by the shard that accepted it, from accept to the last completion on its socket.
///
/// Invariants: replies leave in the order of requests; what comes is dropped once requests are no
/// longer served, and what is to be sent once it is cut.
#[derive(Debug)]
pub struct Connection {
    socket: Socket,
    peer: SocketAddr,
    receiver: Receiver,
    advance: Advance,
    unanswered: Unanswered,
    sender: Sender,
    life: Life,
}

impl Connection {
    /// A connection that was just accepted.
    pub fn new(socket: Socket, peer: SocketAddr, frame_length_max: usize, now: Monotonic) -> Self {
        Connection {
            socket,
            peer,
            receiver: Receiver::new(frame_length_max),
            advance: Advance::new(now),
            unanswered: Unanswered::default(),
            sender: Sender::default(),
            life: Life::new(now),
        }
    }

    /// The socket.
    pub fn socket(&self) -> Socket {
        self.socket
    }

    /// The other end, for the log.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// How far it is on its way to its end.
    pub fn life(&self) -> &Life {
        &self.life
    }

    /// The requests that are not answered yet.
    pub fn unanswered(&self) -> &Unanswered {
        &self.unanswered
    }
}

/// Its end.
impl Connection {
    /// Takes an event of the way to its end, and says what follows outside it.
    pub fn on(&mut self, event: Event, now: Monotonic) -> Option<Fact> {
        let fact = self.life.on(event, now);
        match fact {
            Some(Fact::Finish { .. }) => self.receiver.begin_discarding(),
            Some(Fact::Cut) => self.sender.clear(),
            Some(Fact::EndSending { .. }) | None => {}
        }
        fact
    }

    /// An operation on its socket is submitted.
    pub fn begin_operation(&mut self) {
        self.life.begin_operation();
    }

    /// An operation on its socket has completed something; `more` says whether it goes on.
    pub fn on_completion(&mut self, more: bool, now: Monotonic) {
        self.life.on_completion(more, now);
    }

    /// Whether something is still to be sent, or to be answered.
    pub fn owes_replies(&self) -> bool {
        self.unanswered.owes_replies() || !self.sender.is_empty()
    }
}

/// What comes in.
impl Connection {
    /// Bytes of the multishot receive came, none at the client's end; `more` says whether it goes
    /// on.
    pub fn on_received(&mut self, bytes: Bytes, more: bool, now: Monotonic) {
        let is_end = bytes.is_empty() && !more;
        self.receiver.on_received(bytes, more);
        self.advance.restart(now);
        if is_end {
            self.life.note_peer_end();
        }
    }

    /// The multishot receive has ended by an error.
    pub fn on_receive_ended(&mut self) {
        self.receiver.on_receive_ended();
    }

    /// `count` bytes came into the buffer of a single receive, none at the client's end.
    ///
    /// # Errors
    /// A frame length outside the limits; the connection cannot go on.
    pub fn on_received_into(
        &mut self,
        buffer: Vec<u8>,
        count: usize,
        now: Monotonic,
    ) -> Result<(), FrameLengthError> {
        match self.receiver.awaits_rest_of_large_frame() {
            true => self.advance.note(count, now),
            // A frame begins.
            false => self.advance.restart(now),
        }
        self.receiver.on_received_into(buffer)?;
        if count == 0 {
            self.life.note_peer_end();
        }
        Ok(())
    }

    /// The next whole frame, without its length prefix, if there is one.
    ///
    /// # Errors
    /// A frame length outside the limits; the connection cannot go on.
    pub fn next_frame(
        &mut self,
        memory: &ReceiveMemory,
    ) -> Result<Option<Bytes>, FrameLengthError> {
        self.receiver.next_frame(memory)
    }

    /// Payload bytes copied so far; reading resets it.
    pub fn take_copied(&mut self) -> u64 {
        self.receiver.take_copied()
    }

    /// What to submit so that more bytes come, or that none do for now.
    pub fn next_step(&mut self, is_paused: bool, memory: &ReceiveMemory) -> Step {
        match is_paused || !self.life.receives() {
            true => self.receiver.pause_step(),
            false => self.receiver.next_step(memory),
        }
    }

    /// Has it wait for receive memory; false if it does already.
    pub fn begin_awaiting_memory(&mut self) -> bool {
        self.advance.begin_awaiting_memory()
    }

    /// Has it try again to get receive memory.
    pub fn end_awaiting_memory(&mut self, now: Monotonic) {
        self.advance.end_awaiting_memory(now);
    }

    /// Since when it has held receive memory without getting on; `None` if it holds none, or does
    /// not wait for its client.
    pub fn holds_memory_since(&self) -> Option<Monotonic> {
        self.receiver.awaits_rest_of_large_frame().then(|| self.advance.since())
    }
}

/// Requests and their replies.
impl Connection {
    /// Takes a request in, `bytes` long; it must be answered under its number.
    pub fn begin(&mut self, context: RequestContext, bytes: usize) {
        self.unanswered.begin(context, bytes);
    }

    /// What is still to be done for an unanswered request.
    pub fn work(&mut self, number: u64) -> Option<&mut Work> {
        self.unanswered.work(number)
    }

    /// Takes the work out, to finish it; the request stays unanswered.
    pub fn take_work(&mut self, number: u64) -> Option<Work> {
        self.work(number).map(|work| std::mem::replace(work, Work::Immediate))
    }

    /// Answers no request from `number` on: there is something wrong with that one.
    pub fn answer_only_below(&mut self, number: u64) {
        self.unanswered.answer_only_below(number);
    }

    /// The last batch of an unanswered request was written to its log at `at`.
    pub fn note_written(&mut self, number: u64, at: Monotonic) {
        self.unanswered.note_written(number, at);
    }

    /// The turn that began at `began` has ended: tells the requests that were read in it.
    pub fn end_turn(&mut self, began: Monotonic, ended: Monotonic) {
        let mut newest_first = self.unanswered.times_mut().chain(self.sender.times_mut());
        while newest_first.next().is_some_and(|times| times.end_turn(began, ended)) {}
    }

    /// Answers request `number` and moves every reply whose turn has come to the outbox. Drops the
    /// reply to a request that is not to be answered.
    ///
    /// Calls `on_done` for each request that is finished with, and gives it the times of one that
    /// has no reply.
    pub fn answer(
        &mut self,
        number: u64,
        reply: Reply,
        now: Monotonic,
        spare: impl FnMut() -> Gather,
        on_done: impl FnMut(&RequestContext, Option<RequestTimes>),
    ) {
        self.unanswered.keep(number, reply, now);
        self.release(spare, on_done);
    }

    /// As [`Connection::answer`], and without a buffer in between where its turn has come. If
    /// `write` fails, it must have written nothing; the request stays unanswered.
    ///
    /// # Errors
    /// That of `write`.
    pub fn answer_with<E>(
        &mut self,
        number: u64,
        now: Monotonic,
        mut spare: impl FnMut() -> Gather,
        mut on_done: impl FnMut(&RequestContext, Option<RequestTimes>),
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.unanswered.is_next(number) {
            self.sender.encode(&mut spare, write)?;
            let Finished { context, times } = self.unanswered.finish_next(now);
            self.sender.note_reply(context.api, times);
            on_done(&context, None);
            self.release(spare, on_done);
        } else {
            let mut frame = Vec::new();
            write(&mut frame)?;
            self.answer(number, Reply::Encoded(frame), now, spare, on_done);
        }
        Ok(())
    }

    fn release(
        &mut self,
        mut spare: impl FnMut() -> Gather,
        mut on_done: impl FnMut(&RequestContext, Option<RequestTimes>),
    ) {
        while let Some((Finished { context, times }, reply)) = self.unanswered.pop_kept() {
            let is_silent = matches!(reply, Reply::Silent);
            on_done(&context, is_silent.then_some(times));
            if !is_silent {
                self.sender.note_reply(context.api, times);
                self.sender.push(reply, &mut spare);
            }
        }
    }
}

/// What goes out.
impl Connection {
    /// The send to submit now, if none is in flight and something waits.
    pub fn next_send(&mut self) -> Option<Op> {
        self.sender.next_send(self.socket)
    }

    /// The bytes in flight have gone.
    pub fn on_sent(&mut self, now: Monotonic) {
        self.life.note_sent(now);
        self.sender.on_sent();
    }

    /// `count` bytes of the file's range in flight have gone.
    ///
    /// # Errors
    /// If the file had nothing left: the client was promised more, so the connection must end.
    pub fn on_sent_file(&mut self, count: u32, now: Monotonic) -> Result<(), ShortFile> {
        self.life.note_sent(now);
        self.sender.on_sent_file(count)
    }

    /// The send in flight failed.
    pub fn on_send_failed(&mut self) {
        self.sender.on_failed();
    }

    /// The replies that have left with the send that just ended.
    pub fn take_sent(&mut self) -> impl Iterator<Item = (ApiKey, RequestTimes)> {
        self.sender.take_sent()
    }
}
