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
    /// For the socket to take bytes.
    Writable,
    /// For its turn in the cold lane.
    Queued,
    /// For the disk to fill the pipe. `absent`: hardly any of the range was in memory.
    Filling { pipe: Pipe, absent: bool },
}

impl Uring {
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
        let stage = Stage::Writable;
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
            Residency::Resident => self.send_hot(key),
            Residency::Unknown => self.send_unknown(key),
        }
    }

    pub(super) fn send_hot(&mut self, key: Key) {
        self.counters.system_calls += 1;
        let &mut SendFile { socket, file, position, length, .. } = self.sending(key);
        match sys::send_file(socket, file, position, length) {
            Ok(count) => {
                self.counters.hot_bytes += u64::from(count);
                self.finish(key, Ok(Output::SentFile { count }));
            }
            Err(libc::EAGAIN) => self.await_writable(key),
            Err(errno) => self.finish(key, Err(errno)),
        }
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
