//! The sending side of a connection: replies whose turn has come, until they have left.

use super::outbox::{Outbox, ShortFile};
use crate::io::{Gather, Op, Socket};
use crate::log::ReadPlan;
use crate::shard::stages::RequestTimes;
use crate::wire::{ApiKey, Cut};
use std::collections::VecDeque;

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

/// The bytes of replies, and whose they are, for the time that sending takes.
#[derive(Debug, Default)]
pub struct Sender {
    outbox: Outbox,
    /// The replies that have not left as a whole, in order.
    unsent: VecDeque<(ApiKey, RequestTimes)>,
    /// How many of them leave with the send in flight.
    leaving: usize,
}

impl Sender {
    /// Appends a frame that `write` writes; [`Sender::note_reply`] says whose it is. `spare` gives
    /// a gather where a new one is begun.
    pub fn encode<R>(
        &mut self,
        spare: impl FnOnce() -> Gather,
        write: impl FnOnce(&mut Vec<u8>) -> R,
    ) -> R {
        self.outbox.encode(spare, write)
    }

    /// The reply that was last appended is to a request with these times.
    pub fn note_reply(&mut self, api: ApiKey, times: RequestTimes) {
        self.unsent.push_back((api, times));
    }

    /// Appends a reply that is made already.
    pub fn push(&mut self, reply: Reply, mut spare: impl FnMut() -> Gather) {
        match reply {
            Reply::Silent => {}
            Reply::Encoded(frame) => {
                self.outbox.encode(spare, |bytes| bytes.extend_from_slice(&frame));
            }
            Reply::Spliced { head, ranges } => self.splice(&head, ranges, &mut spare),
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

    /// The send to submit now, if none is in flight and something waits.
    pub fn next_send(&mut self, socket: Socket) -> Option<Op> {
        let op = self.outbox.next_send(socket)?;
        // With more to come, the last of these replies may not be whole: it counts later.
        self.leaving = if self.outbox.has_more() { 0 } else { self.unsent.len() };
        Some(op)
    }

    /// The bytes in flight have gone.
    pub fn on_sent(&mut self) {
        self.outbox.on_sent();
    }

    /// `count` bytes of the file's range in flight have gone.
    ///
    /// # Errors
    /// If the file had nothing left: the client was promised more, so the connection must end.
    pub fn on_sent_file(&mut self, count: u32) -> Result<(), ShortFile> {
        if !self.outbox.on_sent_file(count)? {
            // The last of the replies is not whole: it counts with the range's last chunk.
            self.leaving = 0;
        }
        Ok(())
    }

    /// The send in flight failed.
    pub fn on_failed(&mut self) {
        self.outbox.on_failed();
    }

    /// The replies that have left with the send that just ended.
    pub fn take_sent(&mut self) -> impl Iterator<Item = (ApiKey, RequestTimes)> {
        let count = std::mem::take(&mut self.leaving);
        self.unsent.drain(..count)
    }

    /// The times of the replies that have not left, newest first.
    pub fn times_mut(&mut self) -> impl Iterator<Item = &mut RequestTimes> {
        self.unsent.iter_mut().rev().map(|(_, times)| times)
    }

    /// Whether everything has gone.
    pub fn is_empty(&self) -> bool {
        self.outbox.is_empty()
    }

    /// Drops what has not been handed to the kernel.
    pub fn clear(&mut self) {
        self.outbox.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Monotonic, Offset};
    use crate::io::{File, Portion, Residency};
    use crate::log::SegmentFile;
    use std::sync::Arc;

    fn push(sender: &mut Sender, number: u64) {
        sender.push(Reply::Encoded(vec![number as u8]), Gather::default);
        sender.note_reply(ApiKey::Produce, RequestTimes::new(Monotonic(number)));
    }

    fn sent(sender: &mut Sender) -> Vec<RequestTimes> {
        sender.on_sent();
        taken(sender)
    }

    fn taken(sender: &mut Sender) -> Vec<RequestTimes> {
        sender.take_sent().map(|(_, times)| times).collect()
    }

    fn range(length: u32) -> ReadPlan {
        ReadPlan {
            segment: Arc::new(SegmentFile { file: File(1) }),
            position: 0,
            length,
            first_batch_length: length,
            base_offset: Offset::ZERO,
            residency: Residency::Resident,
        }
    }

    /// Goal: a reply counts as sent with the send that it was in, and not with an earlier one.
    #[test]
    fn replies_leave_with_their_send() {
        let mut sender = Sender::default();
        push(&mut sender, 0);
        push(&mut sender, 1);
        assert!(sender.next_send(Socket(1)).is_some());
        push(&mut sender, 2);
        assert!(sender.next_send(Socket(1)).is_none(), "one send is in flight at a time");
        assert_eq!(sent(&mut sender), [0, 1].map(|at| RequestTimes::new(Monotonic(at))));
        assert!(!sender.is_empty() && sender.next_send(Socket(1)).is_some());
        assert_eq!(sent(&mut sender), [RequestTimes::new(Monotonic(2))]);
        assert!(sender.is_empty());
    }

    /// Goal: what stands before and behind a range is told from replies that have none.
    #[test]
    fn sends_say_what_they_are_a_portion_of() {
        let mut sender = Sender::default();
        let ranges = vec![(Cut { at: 1, length: 10 }, range(10))];
        sender.push(Reply::Spliced { head: vec![0, 1], ranges }, Gather::default);
        let portion = |sender: &mut Sender| match sender.next_send(Socket(1)) {
            Some(Op::Send { portion, .. }) => portion,
            other => panic!("bytes were to be sent, not {other:?}"),
        };
        assert_eq!(portion(&mut sender), Portion::BeforeRange);
        sender.on_sent();
        for count in [4, 6] {
            assert!(matches!(sender.next_send(Socket(1)), Some(Op::SendFile { .. })));
            assert_eq!(sender.on_sent_file(count), Ok(()));
        }
        assert_eq!(portion(&mut sender), Portion::AfterRange);
        sender.on_sent();
        push(&mut sender, 1);
        assert_eq!(portion(&mut sender), Portion::Whole);
    }

    /// Goal: a reply with a file's range in it counts as sent with the range's last chunk.
    #[test]
    fn a_range_is_sent_with_its_last_chunk() {
        let mut sender = Sender::default();
        let ranges = vec![(Cut { at: 1, length: 10 }, range(10))];
        sender.push(Reply::Spliced { head: vec![0], ranges }, Gather::default);
        sender.note_reply(ApiKey::Fetch, RequestTimes::new(Monotonic(0)));
        assert!(sender.next_send(Socket(1)).is_some());
        assert_eq!(sent(&mut sender), []);
        for (count, replies) in [(4, 0), (5, 0), (1, 1)] {
            assert!(matches!(sender.next_send(Socket(1)), Some(Op::SendFile { .. })));
            assert_eq!(sender.on_sent_file(count), Ok(()));
            assert_eq!(taken(&mut sender).len(), replies, "after {count} more bytes");
        }
        assert!(sender.is_empty());
    }
}
