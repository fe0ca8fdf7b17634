//! A file's bytes to a socket without a copy: sendfile(2) at once where the pages are in memory,
//! the cold lane where they are not.

use super::super::{File, Output, Residency, Socket, Token};
use super::cold::Pipe;
use super::ring::Reaped;
use super::slots::{Flight, Key};
use super::{Uring, sys};
use crate::base::limits::SEND_FILE_CHUNK;
use io_uring::{opcode, types};
use std::os::fd::RawFd;

/// A range on its way. At most one chunk, so that no connection starves another.
#[derive(Debug)]
pub(super) struct SendFile {
    pub(super) socket: Socket,
    pub(super) file: File,
    pub(super) position: u64,
    pub(super) length: u32,
    residency: Residency,
    pub(super) stage: Stage,
}

/// What a sendfile waits for.
#[derive(Debug)]
pub(super) enum Stage {
    /// For the other hot ranges of its round.
    Hot,
    /// For the socket to take bytes.
    Writable,
    /// For its turn in the cold lane.
    Queued,
    /// For the disk to fill the pipe. `absent`: hardly any of the range was in memory.
    Filling { pipe: Pipe, absent: bool },
}

/// Ranges that are in memory and wait to be sent, each one chunk, all in one round.
///
/// A round waits for what else there is to do, a few turns at most. So a response that begins has
/// its head sent before the round, and connections take their turns together: a client that reads
/// from many of them then finds more to do whenever it looks, and need not be woken as often.
#[derive(Debug, Default)]
pub(super) struct HotRound {
    keys: Vec<Key>,
    turns_waited: u32,
}

/// From request to records a response takes so many turns: to find the range, to send the head,
/// and to submit the range.
const TURNS_WAITED_MAX: u32 = 3;

impl HotRound {
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Takes an operation out, if it is there.
    pub(super) fn forget(&mut self, key: Key) -> bool {
        let before = self.keys.len();
        self.keys.retain(|waiting| *waiting != key);
        self.keys.len() < before
    }
}

impl Uring {
    /// Sends the hot ranges, unless there is other work and they have not waited long.
    pub(super) fn send_hot_round(&mut self, has_other_work: bool) {
        if self.hot.is_empty() {
            return;
        }
        if has_other_work && self.hot.turns_waited < TURNS_WAITED_MAX {
            self.hot.turns_waited += 1;
            return;
        }
        self.hot.turns_waited = 0;
        let mut keys = std::mem::take(&mut self.hot.keys);
        for key in keys.drain(..) {
            self.send_hot(key);
        }
        self.hot.keys = keys;
    }

    pub(super) fn send_file(
        &mut self,
        token: Token,
        socket: Socket,
        file: File,
        position: u64,
        length: u32,
        residency: Residency,
    ) {
        if length == 0 {
            return self.report(token, "sendfile", Ok(Output::SentFile { count: 0 }));
        }
        let length = length.min(SEND_FILE_CHUNK);
        let stage = Stage::Hot;
        let flight =
            Flight::SendFile(SendFile { socket, file, position, length, residency, stage });
        let key = self.slots.insert(token, "sendfile", flight);
        self.route(key);
    }

    /// The sendfile in a slot.
    pub(super) fn sending(&mut self, key: Key) -> &mut SendFile {
        match self.slots.flight(key) {
            Flight::SendFile(sending) => sending,
            other => unreachable!("not a sendfile: {other:?}"),
        }
    }

    /// Sends at once if nobody has to wait for a disk, or else by the cold lane.
    fn route(&mut self, key: Key) {
        match self.sending(key).residency {
            Residency::Resident => {
                self.sending(key).stage = Stage::Hot;
                self.hot.keys.push(key);
            }
            Residency::Unknown => self.send_unknown(key),
        }
    }

    /// Sends what is in memory; gives the number of bytes that went at once.
    pub(super) fn send_hot(&mut self, key: Key) -> u32 {
        self.counters.system_calls += 1;
        let &mut SendFile { socket, file, position, length, .. } = self.sending(key);
        match sys::send_file(socket, file, position, length) {
            Ok(count) => {
                self.counters.hot_bytes += u64::from(count);
                self.finish(key, Ok(Output::SentFile { count }));
                return count;
            }
            Err(libc::EAGAIN) => self.await_writable(key),
            Err(errno) => self.finish(key, Err(errno)),
        }
        0
    }

    pub(super) fn await_writable(&mut self, key: Key) {
        if self.slots.is_cancelled(key) {
            return self.finish(key, Err(libc::ECANCELED));
        }
        let sending = self.sending(key);
        sending.stage = Stage::Writable;
        let socket = types::Fd(sending.socket.0 as RawFd);
        self.push(key, opcode::PollAdd::new(socket, libc::POLLOUT as u32).build());
    }

    pub(super) fn on_send_file(&mut self, key: Key, entry: Reaped) {
        match (&self.sending(key).stage, entry.outcome()) {
            (Stage::Filling { .. }, outcome) => self.on_filled(key, outcome),
            (_, Err(errno)) => self.finish(key, Err(errno)),
            (_, Ok(_)) => self.route(key),
        }
    }
}
