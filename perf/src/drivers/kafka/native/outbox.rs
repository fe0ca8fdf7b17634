//! Requests that are written one after the other, each once it is released.

use std::collections::VecDeque;
use std::ops::Range;

/// The records of a request, as their producer wants them named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carried {
    /// Neighbours in the order of sending.
    Positions(Range<u64>),
    /// Any.
    Sequences(Vec<u64>),
}

impl Carried {
    /// How many.
    pub fn count(&self) -> u64 {
        match self {
            Carried::Positions(range) => range.end - range.start,
            Carried::Sequences(sequences) => sequences.len() as u64,
        }
    }

    /// Adds their names.
    pub fn name(self, names: &mut Vec<u64>) {
        match self {
            Carried::Positions(range) => names.extend(range),
            Carried::Sequences(mut sequences) => names.append(&mut sequences),
        }
    }
}

/// A produce request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What its answer will name.
    pub correlation: i32,
    /// Its records.
    pub carried: Carried,
}

/// Requests on their way, in the order in which they were put in.
///
/// Those that were built ahead lie here, too, until they are released.
#[derive(Debug, Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    /// Requests that are not released, and where each ends.
    held: VecDeque<(usize, Request)>,
    released: usize,
    written: usize,
}

impl Outbox {
    /// The buffer to append a request to, before [`Outbox::hold`].
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Ends a request at the buffer's end.
    pub fn hold(&mut self, request: Request) {
        self.held.push_back((self.bytes.len(), request));
    }

    /// Releases the next request, if it carries at most `limit` records.
    pub fn release(&mut self, limit: u64) -> Option<Request> {
        let (end, request) =
            self.held.pop_front_if(|(_, request)| request.carried.count() <= limit)?;
        self.released = end;
        Some(request)
    }

    /// What is released and not written yet.
    pub fn unwritten(&self) -> &[u8] {
        &self.bytes[self.written..self.released]
    }

    /// Notes that so many bytes of [`Outbox::unwritten`] were written.
    pub fn wrote(&mut self, bytes: usize) {
        self.written += bytes;
        assert!(self.written <= self.released, "only what was released is written");
        if self.written == self.bytes.len() {
            self.bytes.clear();
            (self.released, self.written) = (0, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(outbox: &mut Outbox, correlation: i32, bytes: &str, carried: Carried) {
        outbox.buffer().extend_from_slice(bytes.as_bytes());
        outbox.hold(Request { correlation, carried });
    }

    fn released(outbox: &mut Outbox, limit: u64) -> Option<i32> {
        outbox.release(limit).map(|request| request.correlation)
    }

    /// Goal: requests go out in order, each whole, when they are released and not before; a
    /// request that carries more than the limit holds back those behind it.
    #[test]
    fn requests_wait_for_their_release() {
        let mut outbox = Outbox::default();
        hold(&mut outbox, 1, "one", Carried::Positions(0..3));
        hold(&mut outbox, 2, "two", Carried::Positions(3..8));
        hold(&mut outbox, 3, "three", Carried::Positions(8..9));
        assert_eq!(outbox.unwritten(), b"");
        assert_eq!(released(&mut outbox, 4), Some(1));
        assert_eq!(released(&mut outbox, 4), None);
        outbox.wrote(2);
        assert_eq!(outbox.unwritten(), b"e");
        assert_eq!(released(&mut outbox, 5), Some(2));
        assert_eq!(outbox.unwritten(), b"etwo");
        assert_eq!(released(&mut outbox, 1), Some(3));
        outbox.wrote(b"etwothree".len());
        hold(&mut outbox, 4, "four", Carried::Sequences(vec![7, 5]));
        assert_eq!(released(&mut outbox, 2), Some(4));
        assert_eq!(outbox.unwritten(), b"four");
    }

    #[test]
    fn records_are_named_as_their_producer_wants() {
        let mut names = Vec::new();
        Carried::Positions(3..5).name(&mut names);
        Carried::Sequences(vec![9, 1]).name(&mut names);
        assert_eq!(names, [3, 4, 9, 1]);
    }
}
