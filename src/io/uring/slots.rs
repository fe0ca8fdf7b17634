//! The operations in flight, and the memory that each of them lends to the kernel.

use super::super::{Completion, File, IoError, Output, Portion, Socket, Token};
use super::sendfile::SendFile;
use super::sys::Errno;
use super::vectored::Vectored;
use std::ffi::CString;

/// Names a slot for as long as its operation is in flight; goes through the kernel as user data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    index: u32,
    generation: u32,
}

/// Indices from here on are not slots but completions of the ring's own affairs.
const INTERNAL: u32 = 0xffff_0000;

/// Completions that belong to no slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Internal {
    /// Another ring's message: look into the mailbox.
    Woken,
    /// The read of the own eventfd.
    Event,
    /// A message that could not be posted to the ring of the shard of this number.
    WakeFailed(u16),
    /// Nobody waits for this one.
    Ignored,
}

/// Whom a completion is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recipient {
    Slot(Key),
    Internal(Internal),
}

impl Key {
    pub(super) fn user_data(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }
}

impl Internal {
    pub(super) fn user_data(self) -> u64 {
        let (kind, parameter) = match self {
            Internal::Woken => (0, 0),
            Internal::Event => (1, 0),
            Internal::WakeFailed(shard) => (2, shard),
            Internal::Ignored => (3, 0),
        };
        u64::from(parameter) << 32 | u64::from(INTERNAL + kind)
    }
}

impl Recipient {
    pub(super) fn of(user_data: u64) -> Recipient {
        let index = user_data as u32;
        let upper = (user_data >> 32) as u32;
        match index.checked_sub(INTERNAL) {
            None => Recipient::Slot(Key { index, generation: upper }),
            Some(0) => Recipient::Internal(Internal::Woken),
            Some(1) => Recipient::Internal(Internal::Event),
            Some(2) => Recipient::Internal(Internal::WakeFailed(upper as u16)),
            Some(_) => Recipient::Internal(Internal::Ignored),
        }
    }
}

/// What an operation in flight needs until it is over, the memory it lends above all: heap
/// memory that stays where it is while the slot itself may move.
#[derive(Debug)]
#[expect(dead_code, reason = "paths are there for the kernel to read")]
pub(super) enum Flight {
    Accept {
        listener: Socket,
        multishot: bool,
    },
    Receive {
        socket: Socket,
    },
    ReceiveInto {
        buffer: Vec<u8>,
    },
    Send {
        vectored: Box<Vectored>,
        socket: Socket,
        portion: Portion,
    },
    SendFile(SendFile),
    Open {
        path: CString,
    },
    Read {
        buffer: Vec<u8>,
    },
    Write {
        vectored: Box<Vectored>,
        file: File,
        position: u64,
    },
    SyncDirectory {
        path: CString,
        directory: Option<File>,
    },
    Path {
        path: CString,
    },
    MakeDirectory {
        path: CString,
    },
    Rename {
        from: CString,
        to: CString,
    },
    /// Lends nothing and gives nothing.
    Plain,
}

impl Flight {
    /// Whether it completes when a client connects or sends.
    fn awaits_client(&self) -> bool {
        matches!(self, Flight::Accept { .. } | Flight::Receive { .. } | Flight::ReceiveInto { .. })
    }
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    token: Token,
    operation: &'static str,
    /// A request to cancel came; checked where an operation would go on by itself.
    cancelled: bool,
    flight: Option<Flight>,
}

/// A slab of operations.
#[derive(Debug, Default)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Operations that wait for what a client does.
    awaiting_clients: usize,
}

impl Slots {
    /// Operations in flight.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether nothing is in flight but what waits for a client to connect or to send.
    pub(super) fn awaits_clients_only(&self) -> bool {
        self.awaiting_clients == self.len()
    }

    pub(super) fn insert(&mut self, token: Token, operation: &'static str, flight: Flight) -> Key {
        self.awaiting_clients += usize::from(flight.awaits_client());
        if let Some(index) = self.free.pop() {
            let slot = &mut self.slots[index as usize];
            slot.token = token;
            slot.operation = operation;
            slot.cancelled = false;
            slot.flight = Some(flight);
            return Key { index, generation: slot.generation };
        }
        let index = self.slots.len() as u32;
        assert!(index < INTERNAL, "fewer operations in flight than indices");
        self.slots.push(Slot {
            generation: 0,
            token,
            operation,
            cancelled: false,
            flight: Some(flight),
        });
        Key { index, generation: 0 }
    }

    fn slot(&mut self, key: Key) -> &mut Slot {
        let slot = &mut self.slots[key.index as usize];
        assert_eq!(slot.generation, key.generation, "a completion for an operation that is over");
        slot
    }

    pub(super) fn flight(&mut self, key: Key) -> &mut Flight {
        self.slot(key).flight.as_mut().expect("an operation in flight has its flight")
    }

    pub(super) fn is_cancelled(&mut self, key: Key) -> bool {
        self.slot(key).cancelled
    }

    /// Marks the operations submitted under `token` as cancelled and gives their keys. A scan:
    /// cancelling is rare.
    pub(super) fn cancel(&mut self, token: Token) -> Vec<Key> {
        let mut found = Vec::new();
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if slot.flight.is_some() && slot.token == token {
                slot.cancelled = true;
                found.push(Key { index: index as u32, generation: slot.generation });
            }
        }
        found
    }

    /// A completion of an operation that goes on.
    pub(super) fn partial(&mut self, key: Key, result: Result<Output, Errno>) -> Completion {
        let slot = self.slot(key);
        let operation = slot.operation;
        Completion {
            token: slot.token,
            result: result.map_err(|errno| IoError { operation, errno }),
            more: true,
        }
    }

    /// Ends an operation. What it lent comes back for the caller to use or drop.
    pub(super) fn remove(&mut self, key: Key) -> (Token, &'static str, Flight) {
        let slot = self.slot(key);
        let flight = slot.flight.take().expect("an operation ends once");
        let awaited_client = flight.awaits_client();
        slot.generation = slot.generation.wrapping_add(1);
        let ended = (slot.token, slot.operation, flight);
        self.awaiting_clients -= usize::from(awaited_client);
        self.free.push(key.index);
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: user data finds its way back, and no slot is taken for an internal affair.
    #[test]
    fn user_data_round_trips() {
        let mut slots = Slots::default();
        let first = slots.insert(Token(7), "sync", Flight::Plain);
        slots.remove(first);
        let second = slots.insert(Token(8), "sync", Flight::Plain);
        assert_ne!(first, second, "a slot used again has a new generation");
        assert_eq!(Recipient::of(second.user_data()), Recipient::Slot(second));
        for internal in
            [Internal::Woken, Internal::Event, Internal::WakeFailed(255), Internal::Ignored]
        {
            assert_eq!(Recipient::of(internal.user_data()), Recipient::Internal(internal));
        }
    }

    #[test]
    fn cancel_finds_operations_by_token() {
        let mut slots = Slots::default();
        let key = slots.insert(Token(7), "sync", Flight::Plain);
        slots.insert(Token(8), "sync", Flight::Plain);
        assert_eq!(slots.cancel(Token(7)), [key]);
        assert!(slots.is_cancelled(key));
        assert_eq!(slots.cancel(Token(9)), []);
        assert_eq!(slots.len(), 2);
    }
}
