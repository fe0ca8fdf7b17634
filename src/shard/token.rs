//! Names of operations: which part of the shard takes a completion.

use crate::io::Token;

/// Where a completion belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The listener's accept.
    Accept,
    /// A connection's operation.
    Connection { slot: u32, operation: SocketOperation },
    /// An operation of a partition's log; the value is the log's own name for it.
    Log { slot: u32, operation: u32 },
    /// An operation of the metadata log.
    Metadata { operation: u32 },
    /// A read that a fetch or a timestamp search waits for.
    Lookup { slot: u32 },
    /// A step of writing the checkpoints of the data directory.
    Checkpoint,
    /// The question for the disk's size.
    Space,
    /// An operation whose outcome changes nothing.
    Ignored,
}

/// What a connection has in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketOperation {
    /// The multishot receive.
    Receive,
    /// A receive into a frame's own buffer.
    ReceiveInto,
    /// A send of bytes or of a file's range.
    Send,
    /// A cancellation or a shutdown.
    Other,
}

/// Slots have 24 bits, so that a target fits a token.
pub const SLOT_COUNT_MAX: usize = 1 << 24;

const KIND_SHIFT: u32 = 56;
const SLOT_SHIFT: u32 = 32;
const SOCKET_OPERATIONS: [SocketOperation; 4] = [
    SocketOperation::Receive,
    SocketOperation::ReceiveInto,
    SocketOperation::Send,
    SocketOperation::Other,
];

impl Target {
    /// The token that stands for this target.
    pub fn token(self) -> Token {
        let (kind, slot, low) = match self {
            Target::Accept => (0, 0, 0),
            Target::Connection { slot, operation } => (1, slot, operation as u32),
            Target::Log { slot, operation } => (2, slot, operation),
            Target::Metadata { operation } => (3, 0, operation),
            Target::Lookup { slot } => (4, slot, 0),
            Target::Checkpoint => (5, 0, 0),
            Target::Ignored => (6, 0, 0),
            Target::Space => (7, 0, 0),
        };
        assert!((slot as usize) < SLOT_COUNT_MAX, "slots are bounded");
        Token((kind << KIND_SHIFT) | (u64::from(slot) << SLOT_SHIFT) | u64::from(low))
    }

    /// The target that `token` stands for.
    ///
    /// # Panics
    /// If the token is none of ours.
    pub fn of(token: Token) -> Target {
        let slot = (token.0 >> SLOT_SHIFT) as u32 & (SLOT_COUNT_MAX as u32 - 1);
        let low = token.0 as u32;
        match token.0 >> KIND_SHIFT {
            0 => Target::Accept,
            1 => Target::Connection { slot, operation: SOCKET_OPERATIONS[low as usize] },
            2 => Target::Log { slot, operation: low },
            3 => Target::Metadata { operation: low },
            4 => Target::Lookup { slot },
            5 => Target::Checkpoint,
            6 => Target::Ignored,
            7 => Target::Space,
            kind => unreachable!("token of kind {kind}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: every target comes back from its token.
    #[test]
    fn round_trip() {
        let slot = SLOT_COUNT_MAX as u32 - 1;
        let connections = SOCKET_OPERATIONS.map(|operation| Target::Connection { slot, operation });
        let others = [
            Target::Accept,
            Target::Log { slot, operation: u32::MAX },
            Target::Metadata { operation: 77 },
            Target::Lookup { slot: 3 },
            Target::Checkpoint,
            Target::Ignored,
            Target::Space,
        ];
        for target in connections.into_iter().chain(others) {
            assert_eq!(Target::of(target.token()), target);
        }
    }
}
