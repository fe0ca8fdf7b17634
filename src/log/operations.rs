//! The operations of one log that are under way.

use crate::io::Op;
use smallvec::SmallVec;

/// Names an operation within one log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogToken(pub u32);

/// What an operation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Append batches.
    Write,
    /// Make what was written durable.
    Sync,
    /// Cut off what a failed write left.
    Repair,
    /// The next step of the lane that makes segment files.
    Rolling,
    /// The next step of the lane that does everything else.
    Upkeep,
}

/// The tokens in use and what each stands for. There are never more than one of each purpose.
#[derive(Debug, Default)]
pub struct Operations {
    next: u32,
    in_flight: SmallVec<[(LogToken, Purpose); 5]>,
}

impl Operations {
    /// Queues an operation under a token of its own.
    pub fn submit(&mut self, purpose: Purpose, op: Op, ops: &mut Vec<(LogToken, Op)>) {
        assert!(!self.is_under_way(purpose), "{purpose:?} is under way already");
        let token = LogToken(self.next);
        self.next = self.next.wrapping_add(1);
        self.in_flight.push((token, purpose));
        ops.push((token, op));
    }

    /// Takes back a token.
    ///
    /// # Panics
    /// If it is not in use: completions come once, for what was submitted.
    pub fn complete(&mut self, token: LogToken) -> Purpose {
        let index = self.in_flight.iter().position(|(used, _)| *used == token);
        self.in_flight.swap_remove(index.expect("a completion names an operation under way")).1
    }

    /// Whether an operation for this is under way.
    pub fn is_under_way(&self, purpose: Purpose) -> bool {
        self.in_flight.iter().any(|(_, used)| *used == purpose)
    }

    /// Whether nothing is under way.
    pub fn is_empty(&self) -> bool {
        self.in_flight.is_empty()
    }
}
