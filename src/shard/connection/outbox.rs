//! What a connection still has to send.

use crate::io::{Gather, Op, Portion, Socket};
use crate::log::ReadPlan;
use std::collections::VecDeque;

/// Responses in the order of their requests: bytes, and ranges of files between them.
///
/// One send is in flight at a time; what becomes ready meanwhile joins the next one.
#[derive(Debug, Default)]
pub struct Outbox {
    queue: VecDeque<Outgoing>,
    in_flight: InFlight,
    /// What is next comes right behind a range that has gone.
    follows_range: bool,
}

#[derive(Debug)]
enum Outgoing {
    Bytes(Gather),
    Range(ReadPlan),
}

#[derive(Debug, Default)]
enum InFlight {
    #[default]
    Nothing,
    Bytes,
    /// The plan holds the segment open until the range has gone.
    Range(ReadPlan),
}

/// A file ended before the range that was promised to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShortFile;

impl Outbox {
    /// Appends what `write` writes. `spare` gives a gather where a new one is begun.
    pub fn encode<R>(
        &mut self,
        spare: impl FnOnce() -> Gather,
        write: impl FnOnce(&mut Vec<u8>) -> R,
    ) -> R {
        if !matches!(self.queue.back(), Some(Outgoing::Bytes(_))) {
            self.queue.push_back(Outgoing::Bytes(spare()));
        }
        let Some(Outgoing::Bytes(gather)) = self.queue.back_mut() else {
            unreachable!("bytes were pushed above");
        };
        let result = gather.encode(write);
        if gather.is_empty() {
            self.queue.pop_back();
        }
        result
    }

    /// Appends a file's range.
    pub fn push_range(&mut self, plan: ReadPlan) {
        if plan.length > 0 {
            self.queue.push_back(Outgoing::Range(plan));
        }
    }

    /// The send to submit now, if none is in flight and something waits.
    pub fn next_send(&mut self, socket: Socket) -> Option<Op> {
        match &self.in_flight {
            InFlight::Bytes => None,
            InFlight::Range(_) => None,
            InFlight::Nothing => match self.queue.pop_front()? {
                Outgoing::Bytes(data) => {
                    self.in_flight = InFlight::Bytes;
                    let portion = match (self.queue.is_empty(), self.follows_range) {
                        (false, _) => Portion::BeforeRange,
                        (true, true) => Portion::AfterRange,
                        (true, false) => Portion::Whole,
                    };
                    self.follows_range = false;
                    Some(Op::Send { socket, data, portion })
                }
                Outgoing::Range(plan) => Some(self.send_range(socket, plan)),
            },
        }
    }

    fn send_range(&mut self, socket: Socket, plan: ReadPlan) -> Op {
        let op = Op::SendFile {
            socket,
            file: plan.segment.file,
            position: plan.position,
            length: plan.length,
            residency: plan.residency,
        };
        self.in_flight = InFlight::Range(plan);
        op
    }

    /// Whether something waits behind what is in flight.
    pub fn has_more(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Notes that the bytes in flight have gone.
    pub fn on_sent(&mut self) {
        assert!(matches!(self.in_flight, InFlight::Bytes), "bytes were in flight");
        self.in_flight = InFlight::Nothing;
    }

    /// Notes that `count` bytes of the range in flight have gone; the rest comes first again. Says
    /// whether that was the whole range.
    ///
    /// # Errors
    /// If the file had nothing left: the client was promised more, so the connection must end.
    pub fn on_sent_file(&mut self, count: u32) -> Result<bool, ShortFile> {
        let InFlight::Range(mut plan) = std::mem::take(&mut self.in_flight) else {
            unreachable!("a range was in flight");
        };
        assert!(count <= plan.length, "no more than asked for is sent");
        if count == 0 {
            return Err(ShortFile);
        }
        plan.position += u64::from(count);
        plan.length -= count;
        let is_whole = plan.length == 0;
        self.follows_range = is_whole && !self.queue.is_empty();
        if !is_whole {
            self.queue.push_front(Outgoing::Range(plan));
        }
        Ok(is_whole)
    }

    /// Notes that the send in flight failed.
    pub fn on_failed(&mut self) {
        self.in_flight = InFlight::Nothing;
    }

    /// Whether everything has gone.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty() && matches!(self.in_flight, InFlight::Nothing)
    }

    /// Drops what has not been handed to the kernel.
    pub fn clear(&mut self) {
        self.queue.clear();
    }
}
