//! The real [`Io`]: one io_uring per shard.
//!
//! What lives here: the ring and its set-up (`ring`, `features`, `error`), the operations in
//! flight and what they lend to the kernel (`slots`, `vectored`), receive buffers (`buffers`),
//! one file per kind of operation (`sockets`, `sendfile`, `cold`, `files`, `wake`), and the way to
//! sleep (`sleep`).
//! Imports what `io` may. The only place of the crate with unsafe code: system calls, and memory
//! that the kernel writes to. Must never know what the bytes mean.
//!
//! # Which completions carry `more`
//! Accepts and receives complete with `more` until they end for good: a receive whose buffers
//! run out is parked here and goes on by itself. Wake-ups always carry it.
//!
//! # Order
//! Operations are handed to the kernel in the order of submission, but on one socket only one
//! send or sendfile may be in flight. A short send, write or cold sendfile goes on by itself. Hot
//! sendfiles are made in [`Io::wait`], all in one round, once they keep no other work waiting.

#![allow(unsafe_code)]

mod buffers;
mod cold;
mod error;
mod features;
mod files;
mod listen;
mod ring;
mod sendfile;
mod sleep;
mod slots;
mod sockets;
mod sys;
#[cfg(test)]
mod tests;
mod vectored;
mod wake;

pub use error::StartError;
pub use features::Features;
pub use listen::{Listeners, SocketBuffers, listen};
pub use wake::{RingRegistry, Waker};

use super::{Completion, Io, IoCounters, IoError, Op, Output, Token};
use crate::base::limits::{RECEIVE_BUFFER_COUNT, RECEIVE_BUFFER_SIZE, RING_OPERATIONS_MAX};
use crate::base::{Monotonic, Now, ShardId};
use buffers::ReceiveBuffers;
use cold::ColdLane;
use io_uring::{opcode, types};
use ring::{Reaped, Ring, Sleep};
use sendfile::HotRound;
use sleep::Sleeper;
use slots::{Flight, Internal, Key, Recipient, Slots};
use std::collections::VecDeque;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};
use sys::Errno;
use vectored::Vectored;
use wake::Signals;

/// Operations on sockets in flight on one shard; the rest of the ring's is for files, so that no
/// number of connections makes a write fail.
const SOCKET_OPERATIONS_MAX: usize = RING_OPERATIONS_MAX / 4 * 3;

/// Vectored operations whose memory is kept for the next ones.
const SPARE_VECTORED_MAX: usize = 256;

/// How long a dropped ring waits for the kernel to let go of memory before it leaks that.
const DROP_PATIENCE: Duration = Duration::from_secs(10);

/// How to set up a shard's ring.
#[derive(Debug, Clone)]
pub struct UringOptions {
    /// The shard that the ring belongs to; its entry in `registry`.
    pub shard: ShardId,
    /// The rings of the process.
    pub registry: Arc<RingRegistry>,
    /// The core that the shard is pinned to, if it is; the kernel's workers are bound to it too.
    pub core: Option<usize>,
    /// Operations handed over in one system call.
    pub entries: u32,
    /// Receive buffers; a power of two.
    pub receive_buffer_count: u16,
    /// Cold file ranges read at a time.
    pub cold_reads_max: u16,
    /// What to use if the kernel has it. Tests take features away.
    pub allowed: Features,
}

impl UringOptions {
    /// The usual options, without a core.
    pub fn new(shard: ShardId, registry: Arc<RingRegistry>) -> UringOptions {
        UringOptions {
            shard,
            registry,
            core: None,
            entries: 1024,
            receive_buffer_count: RECEIVE_BUFFER_COUNT,
            cold_reads_max: 4,
            allowed: Features::ALL,
        }
    }
}

/// What a ring did since it was made. Plain numbers, counted always.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UringCounters {
    /// Calls of io_uring_enter.
    pub enters: u64,
    /// Other system calls.
    pub system_calls: u64,
    /// Completions of the kernel's.
    pub completions: u64,
    /// Receives that waited for a buffer.
    pub receives_starved: u64,
    /// Bytes that went from the page cache to a socket by sendfile.
    pub hot_bytes: u64,
    /// Bytes that went from a file to a socket by the cold lane.
    pub cold_bytes: u64,
}

/// A shard's ring. Stays on the thread that made it.
pub struct Uring {
    ring: Ring,
    slots: Slots,
    buffers: ReceiveBuffers,
    /// Receives that wait for a buffer, longest first.
    starved: VecDeque<Key>,
    hot: HotRound,
    cold: ColdLane,
    /// Completions to hand up.
    finished: Vec<Completion>,
    /// Completions that nobody waits for: handed up with the next others.
    incidental: Vec<Completion>,
    reaped: Vec<Reaped>,
    // Boxed, since their address is their identity.
    #[expect(clippy::vec_box)]
    spare_vectored: Vec<Box<Vectored>>,
    shard: ShardId,
    registry: Arc<RingRegistry>,
    waker: Waker,
    /// Where the kernel puts the eventfd's counter.
    event_counter: Box<[u8; 8]>,
    counters: UringCounters,
    sleeper: Sleeper,
    /// Neither `Send` nor `Sync`: the kernel knows the thread that made the ring.
    on_one_thread: PhantomData<*const ()>,
}

impl Uring {
    /// Makes the ring of the calling thread's shard.
    ///
    /// # Errors
    /// io_uring is forbidden, switched off or too old, or memory or descriptors are short.
    ///
    /// # Panics
    /// If the registry has no entry for the shard.
    pub fn new(options: UringOptions) -> Result<Uring, StartError> {
        let UringOptions { shard, registry, core, allowed, cold_reads_max, .. } = options;
        let cold_reads_max = cold_reads_max.max(1);
        // Splices are the only work that takes one of the kernel's workers for sockets and pipes.
        let ring = Ring::new(options.entries, core, u32::from(cold_reads_max), allowed)?;
        let waker = registry.waker(shard);
        let buffers =
            ReceiveBuffers::new(options.receive_buffer_count, RECEIVE_BUFFER_SIZE, waker.clone())
                .map_err(|errno| StartError::Setup { step: "mapping receive buffers", errno })?;
        let mut uring = Uring {
            ring,
            slots: Slots::default(),
            buffers,
            starved: VecDeque::new(),
            hot: HotRound::default(),
            cold: ColdLane::new(usize::from(cold_reads_max)),
            finished: Vec::new(),
            incidental: Vec::new(),
            reaped: Vec::new(),
            spare_vectored: Vec::new(),
            shard,
            registry,
            waker,
            event_counter: Box::default(),
            counters: UringCounters::default(),
            sleeper: Sleeper::default(),
            on_one_thread: PhantomData,
        };
        uring.probe_receive(allowed)?;
        uring.await_event();
        uring.registry.enroll(shard, uring.ring.descriptor());
        Ok(uring)
    }

    /// What the kernel can do, for a line at start-up.
    pub fn features(&self) -> Features {
        self.ring.features()
    }

    /// What the ring did so far.
    pub fn counters(&self) -> UringCounters {
        UringCounters { enters: self.ring.enters(), ..self.counters }
    }

    /// Operations in flight.
    pub fn operations_in_flight(&self) -> usize {
        self.slots.len()
    }

    /// Ends an operation, successfully or not.
    fn finish(&mut self, key: Key, result: Result<Output, Errno>) {
        let (token, operation, _) = self.slots.remove(key);
        self.report(token, operation, result);
    }

    /// Reports the outcome of an operation that no longer is, or never was, in flight.
    fn report(&mut self, token: Token, operation: &'static str, result: Result<Output, Errno>) {
        let result = result.map_err(|errno| IoError { operation, errno });
        self.finished.push(Completion { token, result, more: false });
    }

    /// Reports a piece of an operation that goes on.
    fn report_partial(&mut self, key: Key, result: Result<Output, Errno>) {
        let completion = self.slots.partial(key, result);
        self.finished.push(completion);
    }

    /// Whether another operation on a socket may start; if not, reports so.
    fn admits(&mut self, token: Token, operation: &'static str) -> bool {
        let admits = self.slots.len() < SOCKET_OPERATIONS_MAX;
        if !admits {
            self.report(token, operation, Err(libc::ENOBUFS));
        }
        admits
    }

    /// Queues an entry on behalf of a slot.
    fn push(&mut self, key: Key, entry: io_uring::squeue::Entry) {
        // SAFETY: entries point into the heap memory of the slot's flight only, which the slot
        // keeps until the entry's last completion.
        unsafe { self.ring.push(&entry.user_data(key.user_data())) };
    }

    /// Has the eventfd's next signal complete.
    fn await_event(&mut self) {
        let descriptor = types::Fd(self.waker.descriptor());
        let entry = opcode::Read::new(descriptor, self.event_counter.as_mut_ptr(), 8).build();
        // SAFETY: the counter is boxed and lives as long as the ring.
        unsafe { self.ring.push(&entry.user_data(Internal::Event.user_data())) };
    }

    fn wake(&mut self, token: Token, shard: ShardId) {
        let features = self.ring.features();
        match self.registry.ring(shard) {
            Some(ring) if features.message_ring && features.silent_success => {
                let woken = Internal::Woken.user_data();
                let entry = opcode::MsgRingData::new(types::Fd(ring), 0, woken, None).build();
                let entry = entry
                    .flags(io_uring::squeue::Flags::SKIP_SUCCESS)
                    .user_data(Internal::WakeFailed(shard.0).user_data());
                // SAFETY: the entry points to nothing.
                unsafe { self.ring.push_silent(&entry) };
            }
            _ => {
                self.counters.system_calls += 1;
                self.registry.wake(shard);
            }
        }
        self.incidental.push(Completion { token, result: Ok(Output::Done), more: false });
    }

    fn cancel(&mut self, token: Token, target: Token) {
        for key in self.slots.cancel(target) {
            if self.starved.contains(&key) {
                self.starved.retain(|starved| *starved != key);
                self.finish(key, Err(libc::ECANCELED));
            } else if self.hot.forget(key) || self.cold.forget(key) {
                self.finish(key, Err(libc::ECANCELED));
            } else {
                let entry = opcode::AsyncCancel::new(key.user_data()).build();
                // SAFETY: the entry points to nothing.
                unsafe { self.ring.push(&entry.user_data(Internal::Ignored.user_data())) };
            }
        }
        self.report(token, "cancel", Ok(Output::Done));
    }

    /// Takes all completions from the ring and acts on them.
    fn reap(&mut self) {
        let mut reaped = std::mem::take(&mut self.reaped);
        self.ring.reap(&mut reaped);
        self.counters.completions += reaped.len() as u64;
        for entry in reaped.drain(..) {
            match Recipient::of(entry.user_data) {
                Recipient::Slot(key) => {
                    if !entry.more() {
                        self.ring.note_last_completion();
                    }
                    self.on_completion(key, entry);
                }
                Recipient::Internal(internal) => self.on_internal(internal),
            }
        }
        self.reaped = reaped;
    }

    fn on_completion(&mut self, key: Key, entry: Reaped) {
        match self.slots.flight(key) {
            Flight::Accept { .. } => self.on_accept(key, entry),
            Flight::Receive { .. } => self.on_receive(key, entry),
            Flight::ReceiveInto { .. } => self.on_receive_into(key, entry),
            Flight::Send { .. } => self.on_send(key, entry),
            Flight::SendFile(_) => self.on_send_file(key, entry),
            Flight::Write { .. } => self.on_write(key, entry),
            Flight::Read { .. } => self.on_read(key, entry),
            Flight::Open { .. } => self.on_open(key, entry),
            Flight::SyncDirectory { .. } => self.on_sync_directory(key, entry),
            Flight::MakeDirectory { .. } => match entry.outcome() {
                Err(libc::EEXIST) => self.finish(key, Ok(Output::Done)),
                outcome => self.finish(key, outcome.map(|_| Output::Done)),
            },
            Flight::Path { .. } | Flight::Rename { .. } | Flight::Plain => {
                self.finish(key, entry.outcome().map(|_| Output::Done));
            }
        }
    }

    fn on_internal(&mut self, internal: Internal) {
        match internal {
            Internal::Woken => self.report_woken(),
            Internal::Event => {
                self.ring.note_last_completion();
                if Signals::from_counter(*self.event_counter).called() {
                    self.report_woken();
                }
                self.await_event();
            }
            Internal::WakeFailed(shard) => {
                // That ring is not there, or full: the eventfd remembers.
                self.counters.system_calls += 1;
                self.registry.wake(ShardId(shard));
            }
            Internal::Ignored => self.ring.note_last_completion(),
        }
    }

    fn report_woken(&mut self) {
        let result = Ok(Output::Woken);
        self.finished.push(Completion { token: Token::WOKEN, result, more: true });
    }

    /// How long the next enter may sleep, given that nothing has completed yet.
    fn patience(&mut self, until: Option<Monotonic>) -> Sleep {
        if self.ring.has_completions() {
            return Sleep::No;
        }
        let Some(until) = until else { return Sleep::UntilCompletion };
        match until.since(sys::monotonic()) {
            Duration::ZERO => Sleep::No,
            duration => Sleep::For(duration),
        }
    }
}

impl Io for Uring {
    fn submit(&mut self, token: Token, op: Op) {
        match op {
            Op::Accept { listener } => self.accept(token, listener),
            Op::Receive { socket } => self.receive(token, socket),
            Op::ReceiveInto { socket, buffer, length_max } => {
                self.receive_into(token, socket, buffer, length_max);
            }
            Op::Send { socket, data, portion } => self.send(token, socket, data, portion),
            Op::SendFile { socket, file, position, length, residency } => {
                self.send_file(token, socket, file, position, length, residency);
            }
            Op::EndSending { socket } => self.shutdown(token, socket, libc::SHUT_WR),
            Op::Shutdown { socket } => self.shutdown(token, socket, libc::SHUT_RDWR),
            Op::CloseSocket { socket } => self.close_socket(token, socket),
            Op::Cancel { target } => self.cancel(token, target),
            Op::Wake { shard } => self.wake(token, shard),
            op => self.submit_file_operation(token, op),
        }
    }

    fn wait(&mut self, until: Option<Monotonic>, completions: &mut Vec<Completion>) {
        let before = completions.len();
        loop {
            self.resume_starved();
            completions.append(&mut self.finished);
            let mut sleep = match completions.len() == before && self.hot.is_empty() {
                true => self.patience(until),
                false => Sleep::No,
            };
            if sleep != Sleep::No && !self.starved.is_empty() && !self.buffers.announce_returns() {
                sleep = Sleep::No;
            }
            if sleep != Sleep::No {
                self.sleep(sleep);
            } else if self.ring.has_work() {
                self.ring.enter(Sleep::No);
            }
            if !self.starved.is_empty() {
                self.buffers.stop_announcing();
            }
            self.reap();
            completions.append(&mut self.finished);
            self.send_hot_round(completions.len() > before);
            completions.append(&mut self.finished);
            let expired = || until.is_some_and(|until| until <= sys::monotonic());
            if completions.len() > before || expired() {
                break;
            }
        }
        completions.append(&mut self.incidental);
    }

    fn now(&mut self) -> Now {
        sys::now()
    }

    fn counters(&self) -> IoCounters {
        let counters = Uring::counters(self);
        IoCounters {
            system_calls: counters.enters + counters.system_calls,
            hot_bytes: counters.hot_bytes,
            cold_bytes: counters.cold_bytes,
            looked_nanos: self.sleeper.looked().as_nanos() as u64,
        }
    }
}

impl Drop for Uring {
    /// Ends what is in flight, so that the kernel touches no memory that is given back. What
    /// does not end in time is leaked: lost memory is better than memory written to by surprise.
    fn drop(&mut self) {
        self.registry.withdraw(self.shard);
        self.ring.cancel_all(Internal::Ignored.user_data());
        let start = Instant::now();
        while self.ring.outstanding() > 0 && start.elapsed() < DROP_PATIENCE {
            self.ring.enter(Sleep::For(Duration::from_millis(100)));
            let mut reaped = Vec::new();
            self.ring.reap(&mut reaped);
            for entry in reaped.iter().filter(|entry| !entry.more()) {
                match Recipient::of(entry.user_data) {
                    Recipient::Internal(Internal::Woken | Internal::WakeFailed(_)) => {}
                    _ => self.ring.note_last_completion(),
                }
            }
        }
        let outstanding = self.ring.outstanding();
        if outstanding > 0 {
            tracing::warn!(outstanding, "operations do not end; leaking what they may touch");
            std::mem::forget(std::mem::take(&mut self.slots));
            std::mem::forget(std::mem::take(&mut self.event_counter));
            self.buffers.leak();
        }
    }
}
