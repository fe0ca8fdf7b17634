//! What happened in a run, as a fingerprint and, on request, as text.

use super::Crash;
use super::agenda::Event;
use super::station::{StationId, Ticket};
use crate::random::mix;
use pinion::base::Now;
use pinion::io::{Completion, Op, Output};

/// The fingerprint of everything that happened, in order.
///
/// With `PINION_SIM_TRACE` set, every line goes to standard error as well.
#[derive(Debug)]
pub struct Trace {
    hash: u64,
    prints: bool,
}

impl Default for Trace {
    fn default() -> Self {
        Trace { hash: 0, prints: std::env::var_os("PINION_SIM_TRACE").is_some() }
    }
}

impl Trace {
    /// Two runs with the same fingerprint did the same.
    pub fn fingerprint(&self) -> u64 {
        self.hash
    }

    fn note(&mut self, now: Now, what: u64, line: impl FnOnce() -> String) {
        self.hash = mix(self.hash ^ mix(now.monotonic.0) ^ what.rotate_left(32));
        if self.prints {
            eprintln!("{:>12} {}", now.monotonic.0, line());
        }
    }

    /// A shard's operation reached the kernel.
    pub fn started(&mut self, now: Now, ticket: Ticket, op: &Op) {
        let what = digest(ticket.operation) ^ ticket.token.0 ^ ((ticket.station.0 as u64) << 48);
        self.note(now, what, || format!("{:?} {:?} {}", ticket.station, ticket.token, brief(op)));
    }

    /// An operation completed.
    pub fn completed(&mut self, now: Now, station: StationId, completion: &Completion) {
        let outcome = match &completion.result {
            Ok(output) => 1 + weight(output),
            Err(error) => error.errno as u64,
        };
        self.note(now, mix(completion.token.0) ^ outcome, || {
            let mut result = format!("{:?}", completion.result);
            result.truncate(100);
            format!("{station:?} {:?} -> {result}", completion.token)
        });
    }

    /// An event's turn came.
    pub fn happened(&mut self, now: Now, event: &Event) {
        let what = match event {
            Event::Disk(number) => *number,
            Event::Complete(..) => 1 << 40,
            Event::Wake(station) => (2 << 40) + station.0 as u64,
            Event::Arrive(id, side) => (3 << 40) + id.0 * 2 + *side as u64,
            Event::Receive(id) => (4 << 40) + id.0,
            Event::Send(id) => (5 << 40) + id.0,
            Event::Accept(socket) => (6 << 40) + u64::from(socket.0),
        };
        self.hash = mix(self.hash ^ mix(now.monotonic.0) ^ what);
    }

    /// The process or the machine died.
    pub fn crashed(&mut self, now: Now, crash: Crash) {
        self.note(now, crash as u64, || format!("crash: {crash:?}"));
    }
}

fn digest(text: &str) -> u64 {
    text.bytes().fold(0, |hash, byte| mix(hash ^ u64::from(byte)))
}

fn weight(output: &Output) -> u64 {
    match output {
        Output::Received(bytes) => bytes.len() as u64,
        Output::ReceivedInto { count, .. } => *count as u64,
        Output::SentFile { count } => u64::from(*count),
        Output::Read(bytes) => bytes.len() as u64,
        Output::Length(length) => *length,
        _ => 0,
    }
}

fn brief(op: &Op) -> String {
    match op {
        Op::Write { file, position, data } => {
            format!("write {file:?} at {position}, {} bytes", data.len())
        }
        Op::Send { socket, data, .. } => format!("send {socket:?}, {} bytes", data.len()),
        Op::Read { file, position, length, .. } => {
            format!("read {file:?} at {position}, {length} bytes")
        }
        Op::ReceiveInto { socket, length_max, .. } => {
            format!("receive into {socket:?}, {length_max} bytes")
        }
        other => format!("{other:?}"),
    }
}
