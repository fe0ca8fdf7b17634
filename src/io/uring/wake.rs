//! Waking a shard that sleeps: ring to ring, or by an eventfd from a thread without a ring.

use super::error::StartError;
use super::sys;
use crate::base::ShardId;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

/// One call of a [`Waker`] on the eventfd's counter.
const CALL: u64 = 1;
/// A receive buffer that came back while receives starved.
const BUFFER: u64 = 1 << 32;

/// What an eventfd's counter says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Signals(u64);

impl Signals {
    pub(super) fn from_counter(counter: [u8; 8]) -> Signals {
        Signals(u64::from_ne_bytes(counter))
    }

    /// Whether a waker called, as opposed to a buffer that came back.
    pub(super) fn called(self) -> bool {
        !self.0.is_multiple_of(BUFFER)
    }
}

/// Wakes one shard. For threads without a ring; a shard wakes another by
/// [`Op::Wake`](crate::io::Op::Wake).
///
/// A wake before the shard's ring exists is not lost.
#[derive(Debug, Clone)]
pub struct Waker {
    event: Arc<OwnedFd>,
}

impl Waker {
    /// Makes the shard's next or present wait return with
    /// [`Output::Woken`](crate::io::Output::Woken).
    pub fn wake(&self) {
        sys::signal(&self.event, CALL);
    }

    /// Makes the shard look for receive buffers that came back.
    pub(super) fn announce_buffer(&self) {
        sys::signal(&self.event, BUFFER);
    }

    pub(super) fn descriptor(&self) -> RawFd {
        self.event.as_raw_fd()
    }
}

/// The rings of a process by shard, so that they can wake each other. Made before them.
#[derive(Debug)]
pub struct RingRegistry {
    shards: Box<[Entry]>,
}

#[derive(Debug)]
struct Entry {
    waker: Waker,
    /// The ring's descriptor; −1 before it is made and once it is gone.
    ring: AtomicI32,
}

impl RingRegistry {
    /// Room for `shard_count` rings.
    ///
    /// # Errors
    /// No file descriptor is left.
    pub fn new(shard_count: usize) -> Result<Arc<RingRegistry>, StartError> {
        let make = |_| {
            let event = Arc::new(sys::event()?);
            Ok(Entry { waker: Waker { event }, ring: AtomicI32::new(-1) })
        };
        let shards: Result<Box<[Entry]>, sys::Errno> = (0..shard_count).map(make).collect();
        match shards {
            Ok(shards) => Ok(Arc::new(RingRegistry { shards })),
            Err(libc::EMFILE | libc::ENFILE) => {
                Err(StartError::OutOfDescriptors { what: "an eventfd" })
            }
            Err(errno) => Err(StartError::Setup { step: "eventfd", errno }),
        }
    }

    /// The number of shards.
    pub fn shard_count(&self) -> usize {
        self.shards.len()
    }

    /// The waker of a shard.
    ///
    /// # Panics
    /// If there is no such shard.
    pub fn waker(&self, shard: ShardId) -> Waker {
        self.entry(shard).waker.clone()
    }

    pub(super) fn wake(&self, shard: ShardId) {
        self.entry(shard).waker.wake();
    }

    /// The ring of a shard, if it runs.
    pub(super) fn ring(&self, shard: ShardId) -> Option<RawFd> {
        let ring = self.entry(shard).ring.load(Ordering::Acquire);
        (ring >= 0).then_some(ring)
    }

    pub(super) fn enroll(&self, shard: ShardId, ring: RawFd) {
        self.entry(shard).ring.store(ring, Ordering::Release);
    }

    pub(super) fn withdraw(&self, shard: ShardId) {
        self.entry(shard).ring.store(-1, Ordering::Release);
    }

    fn entry(&self, shard: ShardId) -> &Entry {
        &self.shards[usize::from(shard.0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: calls and returned buffers share one counter and can be told apart.
    #[test]
    fn signals_are_told_apart() {
        let called = |counter: u64| Signals::from_counter(counter.to_ne_bytes()).called();
        assert!(called(CALL) && called(3 * CALL) && called(CALL + BUFFER));
        assert!(!called(BUFFER) && !called(2 * BUFFER));
    }
}
