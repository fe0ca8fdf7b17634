//! The requests of a connection that are not answered yet, in the order in which they came.

use super::RequestContext;
use super::sender::Reply;
use crate::base::Monotonic;
use crate::shard::stages::RequestTimes;
use crate::shard::work::Work;
use std::collections::VecDeque;

/// Unanswered requests under consecutive numbers, and from which number on none is answered.
///
/// Invariants: requests are finished in the order of their numbers, each once; none at or above
/// `answered_below` is.
#[derive(Debug)]
pub struct Unanswered {
    requests: VecDeque<Request>,
    /// The number of the first of them, or of the next that comes.
    first_number: u64,
    /// Requests from this number on are not answered.
    answered_below: u64,
    /// The sum of their frames' bytes.
    bytes: usize,
}

#[derive(Debug)]
struct Request {
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

/// A request that is finished with.
#[derive(Debug)]
pub struct Finished {
    /// The request.
    pub context: RequestContext,
    /// When it went through its stages.
    pub times: RequestTimes,
}

impl Default for Unanswered {
    fn default() -> Self {
        let requests = VecDeque::new();
        Unanswered { requests, first_number: 0, answered_below: u64::MAX, bytes: 0 }
    }
}

impl Unanswered {
    /// The number that the next request will have.
    pub fn next_number(&self) -> u64 {
        self.first_number + self.requests.len() as u64
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.requests.len()
    }

    /// Bytes of their frames.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether any of them is to be answered.
    pub fn owes_replies(&self) -> bool {
        self.first_number < self.answered_below.min(self.next_number())
    }

    /// Takes a request in, `bytes` long.
    ///
    /// # Panics
    /// If it has any number but the next.
    pub fn begin(&mut self, context: RequestContext, bytes: usize) {
        assert_eq!(context.key.number, self.next_number(), "requests are numbered in order");
        self.bytes += bytes;
        let (times, state) = (RequestTimes::new(context.received), State::Working(Work::Immediate));
        self.requests.push_back(Request { context, times, bytes, state });
    }

    /// No request from `number` on is answered: there is something wrong with that one.
    pub fn answer_only_below(&mut self, number: u64) {
        self.answered_below = self.answered_below.min(number);
    }

    /// What is still to be done for a request; `None` once its reply is made.
    pub fn work(&mut self, number: u64) -> Option<&mut Work> {
        match &mut self.request_mut(number)?.state {
            State::Working(work) => Some(work),
            State::Ready(_) => None,
        }
    }

    fn request_mut(&mut self, number: u64) -> Option<&mut Request> {
        let index = usize::try_from(number.checked_sub(self.first_number)?).ok()?;
        self.requests.get_mut(index)
    }

    /// The last batch of a request was written to its log at `at`.
    pub fn note_written(&mut self, number: u64, at: Monotonic) {
        if let Some(request) = self.request_mut(number) {
            request.times.note_written(at);
        }
    }

    /// The times of all of them, newest first.
    pub fn times_mut(&mut self) -> impl Iterator<Item = &mut RequestTimes> {
        self.requests.iter_mut().rev().map(|request| &mut request.times)
    }

    /// Keeps the reply to request `number` until its turn, or drops it if that one is not to be
    /// answered.
    ///
    /// # Panics
    /// If it was answered already, or never came.
    pub fn keep(&mut self, number: u64, reply: Reply, now: Monotonic) {
        if number >= self.answered_below {
            return;
        }
        let Some(Request { state, times, .. }) = self.request_mut(number) else {
            unreachable!("request {number} is none of those that are unanswered");
        };
        assert!(matches!(state, State::Working(_)), "a request is answered once");
        *state = State::Ready(reply);
        times.note_ready(now);
    }

    /// Whether it is the turn of the reply to request `number`.
    pub fn is_next(&self, number: u64) -> bool {
        number == self.first_number && self.owes_replies()
    }

    /// Takes out the next request, whose reply the caller has made at `now` and sends.
    ///
    /// # Panics
    /// If no reply is owed.
    pub fn finish_next(&mut self, now: Monotonic) -> Finished {
        let mut finished = self.pop_first().0;
        finished.times.note_ready(now);
        finished
    }

    /// Takes out the next request and its reply, if that was kept.
    pub fn pop_kept(&mut self) -> Option<(Finished, Reply)> {
        if !self.owes_replies() || !matches!(self.requests.front()?.state, State::Ready(_)) {
            return None;
        }
        match self.pop_first() {
            (finished, State::Ready(reply)) => Some((finished, reply)),
            (_, State::Working(_)) => unreachable!("the first was ready"),
        }
    }

    fn pop_first(&mut self) -> (Finished, State) {
        assert!(self.owes_replies(), "only what is owed is answered");
        let Some(Request { context, times, bytes, state }) = self.requests.pop_front() else {
            unreachable!("a reply is owed to a request");
        };
        self.first_number += 1;
        self.bytes -= bytes;
        (Finished { context, times }, state)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::context;
    use super::*;

    fn with_requests(count: u64) -> Unanswered {
        let mut unanswered = Unanswered::default();
        for number in 0..count {
            unanswered.begin(context(number), 10);
        }
        unanswered
    }

    fn reply(byte: u8) -> Reply {
        Reply::Encoded(vec![byte])
    }

    fn pop(unanswered: &mut Unanswered) -> Option<u64> {
        unanswered.pop_kept().map(|(finished, _)| finished.context.key.number)
    }

    /// Goal: a reply waits for those before it, and what is left is counted.
    #[test]
    fn replies_wait_for_their_turn() {
        let mut unanswered = with_requests(3);
        assert!(unanswered.is_next(0) && !unanswered.is_next(1));
        unanswered.keep(1, reply(1), Monotonic(5));
        assert!(unanswered.work(1).is_none() && unanswered.work(2).is_some());
        assert_eq!(pop(&mut unanswered), None);
        assert_eq!(unanswered.finish_next(Monotonic(5)).context.key.number, 0);
        assert_eq!((pop(&mut unanswered), pop(&mut unanswered)), (Some(1), None));
        assert_eq!((unanswered.count(), unanswered.bytes(), unanswered.next_number()), (1, 10, 3));
        assert!(unanswered.work(0).is_none(), "it is answered");
    }

    /// Goal: what is owed ends before the first request that is not to be answered, and the bound
    /// never rises.
    #[test]
    fn nothing_is_owed_from_a_bad_request_on() {
        let mut unanswered = with_requests(3);
        unanswered.keep(2, reply(2), Monotonic(5));
        unanswered.answer_only_below(1);
        unanswered.answer_only_below(2);
        unanswered.keep(1, reply(1), Monotonic(5));
        assert!(unanswered.owes_replies() && unanswered.is_next(0));
        unanswered.keep(0, reply(0), Monotonic(5));
        assert_eq!((pop(&mut unanswered), pop(&mut unanswered)), (Some(0), None));
        assert!(!unanswered.owes_replies() && !unanswered.is_next(1));
        assert_eq!(unanswered.count(), 2, "they hold what they hold until the end");
    }

    /// Goal: a second reply to a request is a fault of ours that is not sent.
    #[test]
    #[should_panic(expected = "answered once")]
    fn a_request_is_answered_once() {
        let mut unanswered = with_requests(2);
        unanswered.keep(1, reply(1), Monotonic(5));
        unanswered.keep(1, reply(1), Monotonic(6));
    }
}
