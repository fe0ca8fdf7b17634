//! One client's connection: requests in the order in which they came, replies in that same order.

use super::memory_queue::Advance;
use super::outbox::Outbox;
use super::receive::Receiver;
use super::slots::SlotId;
use super::stages::RequestTimes;
use super::work::Work;
use crate::base::Monotonic;
use crate::io::{Gather, Op, Socket};
use crate::log::ReadPlan;
use crate::wire::{ApiKey, Cut};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// Names one request of one connection, for as long as the shard lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestKey {
    /// The connection.
    pub connection: SlotId,
    /// The request's number within it, from 0.
    pub number: u64,
}

/// What is needed to answer a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestContext {
    /// Where the reply goes.
    pub key: RequestKey,
    /// The API's key.
    pub api: ApiKey,
    /// The API's version.
    pub version: i16,
    /// The client's own number for the request.
    pub correlation_id: i32,
    /// When its frame was complete.
    pub received: Monotonic,
}

/// Why a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The client closed it.
    Peer,
    /// Receiving or sending failed.
    Failure,
    /// The client broke the protocol, or an acks=0 produce was refused.
    BadRequest,
    /// Nothing happened on it for `connections.max.idle.ms`.
    Idle,
    /// It held receive memory without getting on, and others waited for it.
    Stalled,
    /// The broker ends.
    Shutdown,
}

/// How far a connection is on its way to its end. Phases only ever follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Requests are received and answered.
    Open,
    /// Nothing more is received; requests that have come whole are served.
    Draining,
    /// No more requests are served; replies that are owed are sent, what comes is dropped.
    Finishing,
    /// The client was told that nothing more is sent; its own end is awaited.
    Lingering,
    /// Nothing is received or sent; closes with the last completion.
    Closing,
}

/// A reply, ready to be sent in its turn.
#[derive(Debug)]
pub enum Reply {
    /// Nothing is sent (acks=0).
    Silent,
    /// A whole frame.
    Encoded(Vec<u8>),
    /// A frame with files' ranges in it: `head` is cut where they go.
    Spliced { head: Vec<u8>, ranges: Vec<(Cut, ReadPlan)> },
}

/// Owned by the shard that accepted it, from accept to the last completion on its socket.
///
/// Invariants: replies leave in the order of requests; the socket is closed only when nothing is
/// in flight on it.
#[derive(Debug)]
pub struct Connection {
    /// The socket.
    pub socket: Socket,
    /// The other end, for the log.
    pub peer: SocketAddr,
    /// The receiving side.
    pub receiver: Receiver,
    /// The sending side.
    pub outbox: Outbox,
    /// Operations that name the socket and have not completed.
    pub operations: u32,
    /// How far it is on its way to its end.
    pub phase: Phase,
    /// Why it ends, once that is decided.
    pub close_reason: Option<CloseReason>,
    /// The client has sent its last byte: closes once what it sent before is served.
    pub ended: bool,
    /// How its client gets on with the frame that it sends.
    pub advance: Advance,
    /// Whether it stands in the queue for receive memory.
    pub awaits_memory: bool,
    /// When bytes last came or went.
    pub active: Monotonic,
    /// When bytes last went.
    pub sent_at: Option<Monotonic>,
    pending: VecDeque<Pending>,
    unsent: UnsentReplies,
    first_number: u64,
    /// Requests from this number on are not answered.
    answered_below: u64,
    bytes_pending: usize,
}

#[derive(Debug)]
struct Pending {
    context: RequestContext,
    times: RequestTimes,
    bytes: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    Working(Work),
    Ready(Reply),
}

/// Replies that are in the outbox or in flight, for the time that sending takes.
#[derive(Debug, Default)]
struct UnsentReplies {
    queued: VecDeque<(ApiKey, RequestTimes)>,
    in_flight: usize,
}

impl Connection {
    /// A connection that was just accepted.
    pub fn new(socket: Socket, peer: SocketAddr, frame_length_max: usize, now: Monotonic) -> Self {
        Connection {
            socket,
            peer,
            receiver: Receiver::new(frame_length_max),
            outbox: Outbox::default(),
            operations: 0,
            phase: Phase::Open,
            close_reason: None,
            ended: false,
            advance: Advance::new(now),
            awaits_memory: false,
            active: now,
            sent_at: None,
            pending: VecDeque::new(),
            unsent: UnsentReplies::default(),
            first_number: 0,
            answered_below: u64::MAX,
            bytes_pending: 0,
        }
    }

    /// The number that the next request will have.
    pub fn next_number(&self) -> u64 {
        self.first_number + self.pending.len() as u64
    }

    /// The send to submit now, if none is in flight and something waits.
    pub fn next_send(&mut self) -> Option<Op> {
        let op = self.outbox.next_send(self.socket)?;
        // With more to come, the last of these replies may not be whole: it counts later.
        self.unsent.in_flight = if self.outbox.has_more() { 0 } else { self.unsent.queued.len() };
        Some(op)
    }

    /// The replies that have left with the send that just ended.
    pub fn take_sent(&mut self) -> impl Iterator<Item = (ApiKey, RequestTimes)> {
        let count = std::mem::take(&mut self.unsent.in_flight);
        self.unsent.queued.drain(..count)
    }

    /// Requests that are not answered yet.
    pub fn pending_count(&self) -> usize {
        self.pending.len()
    }

    /// Answers no request from `number` on: there is something wrong with that one.
    pub fn answer_only_below(&mut self, number: u64) {
        self.answered_below = self.answered_below.min(number);
    }

    /// Whether something is still to be sent, or to be answered.
    pub fn owes_replies(&self) -> bool {
        let end = self.answered_below.min(self.next_number());
        self.first_number < end || !self.outbox.is_empty()
    }

    /// Bytes of the frames of unanswered requests.
    pub fn bytes_pending(&self) -> usize {
        self.bytes_pending
    }

    /// Takes a request in, `bytes` long; it must be answered under its number.
    pub fn begin(&mut self, context: RequestContext, bytes: usize) {
        assert_eq!(context.key.number, self.next_number(), "requests are numbered in order");
        self.bytes_pending += bytes;
        let (times, state) = (RequestTimes::new(context.received), State::Working(Work::Immediate));
        self.pending.push_back(Pending { context, times, bytes, state });
    }

    /// What is still to be done for an unanswered request.
    pub fn work(&mut self, number: u64) -> Option<&mut Work> {
        match &mut self.pending_mut(number)?.state {
            State::Working(work) => Some(work),
            State::Ready(_) => None,
        }
    }

    fn pending_mut(&mut self, number: u64) -> Option<&mut Pending> {
        let index = usize::try_from(number.checked_sub(self.first_number)?).ok()?;
        self.pending.get_mut(index)
    }

    /// The last batch of an unanswered request was written to its log at `at`.
    pub fn note_written(&mut self, number: u64, at: Monotonic) {
        if let Some(pending) = self.pending_mut(number) {
            pending.times.note_written(at);
        }
    }

    /// The turn that began at `began` has ended: tells the requests that were read in it.
    pub fn end_turn(&mut self, began: Monotonic, ended: Monotonic) {
        let pending = self.pending.iter_mut().rev().map(|pending| &mut pending.times);
        let unsent = self.unsent.queued.iter_mut().rev().map(|(_, times)| times);
        let mut newest_first = pending.chain(unsent);
        while newest_first.next().is_some_and(|times| times.end_turn(began, ended)) {}
    }

    /// Takes the work out, to finish it; the request stays unanswered.
    pub fn take_work(&mut self, number: u64) -> Option<Work> {
        self.work(number).map(|work| std::mem::replace(work, Work::Immediate))
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
        if number >= self.answered_below {
            return;
        }
        let Some(index) = number.checked_sub(self.first_number) else {
            unreachable!("request {number} was answered already");
        };
        let pending = &mut self.pending[index as usize];
        pending.state = State::Ready(reply);
        pending.times.note_ready(now);
        if index == 0 {
            self.release(spare, on_done);
        }
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
        if number == self.first_number && number < self.answered_below {
            self.outbox.encode(&mut spare, write)?;
            self.pending[0].times.note_ready(now);
            self.finish_first(&mut on_done);
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
        while self.first_number < self.answered_below
            && let Some(Pending { state: State::Ready(_), .. }) = self.pending.front()
        {
            match self.finish_first(&mut on_done) {
                State::Ready(Reply::Silent) => {}
                State::Ready(Reply::Encoded(frame)) => {
                    self.outbox.encode(&mut spare, |bytes| bytes.extend_from_slice(&frame));
                }
                State::Ready(Reply::Spliced { head, ranges }) => {
                    self.splice(&head, ranges, &mut spare);
                }
                State::Working(_) => unreachable!("the front was ready"),
            }
        }
    }

    fn splice(
        &mut self,
        head: &[u8],
        ranges: Vec<(Cut, ReadPlan)>,
        spare: &mut impl FnMut() -> Gather,
    ) {
        let mut from = 0;
        for (cut, plan) in ranges {
            assert_eq!(cut.length, plan.length, "the range is as long as was promised");
            self.outbox.encode(&mut *spare, |bytes| bytes.extend_from_slice(&head[from..cut.at]));
            self.outbox.push_range(plan);
            from = cut.at;
        }
        if from < head.len() {
            self.outbox.encode(spare, |bytes| bytes.extend_from_slice(&head[from..]));
        }
    }

    fn finish_first(
        &mut self,
        on_done: &mut impl FnMut(&RequestContext, Option<RequestTimes>),
    ) -> State {
        let first = self.pending.pop_front().expect("the caller saw a first request");
        self.first_number += 1;
        self.bytes_pending -= first.bytes;
        let is_silent = matches!(first.state, State::Ready(Reply::Silent));
        on_done(&first.context, is_silent.then_some(first.times));
        if !is_silent {
            self.unsent.queued.push_back((first.context.api, first.times));
        }
        first.state
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::slots::Slots;

    fn connection_with(requests: u64) -> Connection {
        let peer = ([127, 0, 0, 1], 1).into();
        let mut connection = Connection::new(Socket(1), peer, 1000, Monotonic(0));
        let id = Slots::default().insert(());
        for number in 0..requests {
            let context = RequestContext {
                key: RequestKey { connection: id, number },
                api: ApiKey::Produce,
                version: 9,
                correlation_id: number as i32,
                received: Monotonic(0),
            };
            connection.begin(context, 10);
        }
        connection
    }

    fn sent(connection: &mut Connection) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Some(op) = connection.outbox.next_send(connection.socket) {
            let Op::Send { data, .. } = op else { panic!("only bytes were queued") };
            bytes.extend(data.slices().flatten());
            connection.outbox.on_sent();
        }
        bytes
    }

    /// Goal: replies leave in the order of requests, whatever the order in which they are made.
    #[test]
    fn replies_keep_the_order_of_requests() {
        let mut connection = connection_with(4);
        let mut done = Vec::new();
        for (number, reply) in [(2, Reply::Encoded(vec![2])), (1, Reply::Silent)] {
            connection.answer(number, reply, Monotonic(0), Gather::default, |c, _| {
                done.push(c.correlation_id)
            });
        }
        assert!(sent(&mut connection).is_empty());
        let note = |c: &RequestContext, _: Option<RequestTimes>| done.push(c.correlation_id);
        let answered = connection.answer_with(0, Monotonic(0), Gather::default, note, |bytes| {
            bytes.push(0);
            Ok::<(), ()>(())
        });
        assert_eq!(answered, Ok(()));
        assert_eq!(sent(&mut connection), [0, 2]);
        assert_eq!(done, [0, 1, 2]);
        assert_eq!((connection.pending_count(), connection.bytes_pending()), (1, 10));
        connection.answer(3, Reply::Encoded(vec![3]), Monotonic(0), Gather::default, |_, _| {});
        assert_eq!(sent(&mut connection), [3]);
    }

    /// Goal: from the request on that is not to be answered, nothing is, whether its reply is made
    /// later or cannot be made; what is owed is what came before.
    #[test]
    fn nothing_is_answered_from_a_bad_request_on() {
        let mut connection = connection_with(4);
        let answer = |connection: &mut Connection, number: u64| {
            let reply = Reply::Encoded(vec![number as u8]);
            connection.answer(number, reply, Monotonic(0), Gather::default, |_, _| {});
        };
        answer(&mut connection, 3);
        connection.answer_only_below(2);
        answer(&mut connection, 2);
        answer(&mut connection, 1);
        assert!(connection.owes_replies() && sent(&mut connection).is_empty());
        let refused = connection.answer_with(
            0,
            Monotonic(0),
            Gather::default,
            |_, _| {},
            |_| Err("too long"),
        );
        assert_eq!(refused, Err("too long"));
        connection.answer_only_below(0);
        assert!(!connection.owes_replies());
        assert!(connection.next_send().is_none(), "an answer that failed leaves nothing to send");
    }
}
