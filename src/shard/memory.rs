//! The memory that large frames are received into, bounded per shard.

use crossbeam::queue::ArrayQueue;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Buffers kept for the next frame instead of going back to the allocator.
const KEPT_BUFFERS_MAX: usize = 64;

/// A kept buffer is at most this large, so that one huge frame does not stay resident.
const KEPT_BUFFER_SIZE_MAX: usize = 1024 * 1024;

/// A buffer begins with room for at most this much and grows as bytes come, so that a client
/// cannot take memory by announcing a large frame. Most frames fit, and are never moved.
const FIRST_ROOM_MAX: usize = 1024 * 1024;

/// A shard's budget of receive memory.
///
/// One frame at a time may overdraw it, by its own length at most: else frames that have used it up
/// together would wait for each other, each for the memory to grow.
///
/// Taken by the owning shard only. A frame may be dropped on another shard, so what is given back
/// crosses threads: an atomic count and a lock-free queue.
#[derive(Debug)]
pub struct ReceiveMemory {
    shared: Arc<Shared>,
    limit: usize,
}

#[derive(Debug)]
struct Shared {
    kept: ArrayQueue<Vec<u8>>,
    used: AtomicUsize,
    /// Whether a frame overdraws the budget.
    is_overdrawn: AtomicBool,
}

impl ReceiveMemory {
    /// A budget of `limit` bytes.
    pub fn new(limit: usize) -> Self {
        let shared = Shared {
            kept: ArrayQueue::new(KEPT_BUFFERS_MAX),
            used: AtomicUsize::new(0),
            is_overdrawn: AtomicBool::new(false),
        };
        ReceiveMemory { shared: Arc::new(shared), limit }
    }

    /// A buffer that may grow to `size` bytes; `None` while the budget is spent.
    pub fn take(&self, size: usize) -> Option<FrameBuffer> {
        let room = size.min(FIRST_ROOM_MAX);
        let shared = Arc::clone(&self.shared);
        let bytes = Vec::new();
        let mut buffer = FrameBuffer { bytes, room: 0, size, overdraws: false, shared };
        if !self.charge(&mut buffer, room) {
            return None;
        }
        let fits = |kept: &Vec<u8>| kept.capacity() >= room && kept.capacity() / 4 <= room.max(1);
        let kept = self.shared.kept.pop().filter(fits);
        buffer.bytes = kept.unwrap_or_else(|| Vec::with_capacity(room));
        Some(buffer)
    }

    /// Makes a full buffer larger, as far as it may grow; `false` while the budget is spent.
    pub fn grow(&self, buffer: &mut FrameBuffer) -> bool {
        let room = buffer.room.saturating_mul(2).min(buffer.size);
        let has_grown = self.charge(buffer, room);
        if has_grown {
            buffer.bytes.reserve_exact(room - buffer.bytes.len());
        }
        has_grown
    }

    /// Charges the budget with what `buffer` has more with `room`.
    fn charge(&self, buffer: &mut FrameBuffer, room: usize) -> bool {
        let more = room - buffer.room;
        // Only this thread adds: what others take off meanwhile leaves more than was seen.
        let is_within = self.used() + more <= self.limit;
        if !is_within && !buffer.overdraws {
            if self.shared.is_overdrawn.swap(true, Ordering::Relaxed) {
                return false;
            }
            buffer.overdraws = true;
        }
        self.shared.used.fetch_add(more, Ordering::Relaxed);
        buffer.room = room;
        true
    }

    /// Bytes held at the moment.
    pub fn used(&self) -> usize {
        self.shared.used.load(Ordering::Relaxed)
    }
}

/// A buffer out of a [`ReceiveMemory`]; gives its share of the budget back when dropped.
#[derive(Debug)]
pub struct FrameBuffer {
    /// The memory. May be lent to the kernel by taking it out and putting it back.
    pub bytes: Vec<u8>,
    /// What the budget is charged with: the buffer may hold so many bytes by now.
    room: usize,
    /// What it may grow to.
    size: usize,
    overdraws: bool,
    shared: Arc<Shared>,
}

impl FrameBuffer {
    /// Bytes that it may hold before it has to grow.
    pub fn room(&self) -> usize {
        self.room
    }

    /// Whether it holds all that it may before it grows.
    pub fn is_full(&self) -> bool {
        self.bytes.len() == self.room && self.room < self.size
    }
}

impl AsRef<[u8]> for FrameBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for FrameBuffer {
    fn drop(&mut self) {
        self.shared.used.fetch_sub(self.room, Ordering::Relaxed);
        if self.overdraws {
            self.shared.is_overdrawn.store(false, Ordering::Relaxed);
        }
        let mut bytes = std::mem::take(&mut self.bytes);
        if (1..=KEPT_BUFFER_SIZE_MAX).contains(&bytes.capacity()) {
            bytes.clear();
            // A full queue drops the buffer, which is what the bound is for.
            let _ = self.shared.kept.push(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: the budget holds but for one frame, is given back on drop, and never locks out a
    /// lone large frame.
    #[test]
    fn budget_is_held_and_returned() {
        let memory = ReceiveMemory::new(100);
        let first = memory.take(80).expect("within the budget");
        let second = memory.take(30).expect("one may overdraw it");
        assert!(memory.take(1).is_none());
        drop(first);
        assert!(memory.take(71).is_none());
        drop(second);
        assert_eq!(memory.used(), 0);
        let huge = memory.take(1000).expect("a lone frame passes");
        assert!(memory.take(1).is_none());
        drop(huge);
        assert!(memory.take(1).is_some());
    }

    /// Goal: what a frame's announcement takes is bounded; it grows to its size as it fills, even
    /// where others have spent the budget meanwhile.
    #[test]
    fn buffers_grow_as_they_fill() {
        let size = 5 * FIRST_ROOM_MAX + 7;
        let memory = ReceiveMemory::new(3 * FIRST_ROOM_MAX);
        let mut buffers = [(); 2].map(|()| memory.take(size).expect("within the budget"));
        assert_eq!(memory.used(), 2 * FIRST_ROOM_MAX);
        for buffer in &mut buffers {
            buffer.bytes.resize(buffer.room(), 1);
            assert!(buffer.is_full());
        }
        let [mut first, mut second] = buffers;
        assert!(memory.grow(&mut first), "within the budget");
        assert!(memory.grow(&mut second), "it may overdraw the budget");
        first.bytes.resize(first.room(), 2);
        assert!(!memory.grow(&mut first), "another one overdraws it");
        while second.bytes.len() < size {
            second.bytes.resize(second.room(), 2);
            assert!(!second.is_full() || memory.grow(&mut second));
        }
        assert_eq!((second.room(), second.is_full()), (size, false));
        drop(second);
        assert!(memory.grow(&mut first));
    }

    /// Goal: steady traffic of one size allocates once.
    #[test]
    fn buffers_are_used_again() {
        let memory = ReceiveMemory::new(1 << 20);
        let mut first = memory.take(4096).expect("within the budget");
        first.bytes.extend_from_slice(b"old");
        let address = first.bytes.as_ptr();
        drop(first);
        let second = memory.take(4000).expect("within the budget");
        assert_eq!(second.bytes.as_ptr(), address);
        assert!(second.bytes.is_empty());
    }
}
