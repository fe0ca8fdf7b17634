//! The memory that large frames are received into, bounded per shard.

use crossbeam::queue::ArrayQueue;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Buffers kept for the next frame instead of going back to the allocator.
const KEPT_BUFFERS_MAX: usize = 64;

/// A kept buffer is at most this large, so that one huge frame does not stay resident.
const KEPT_BUFFER_SIZE_MAX: usize = 1024 * 1024;

/// A shard's budget of receive memory.
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
}

impl ReceiveMemory {
    /// A budget of `limit` bytes.
    pub fn new(limit: usize) -> Self {
        let kept = ArrayQueue::new(KEPT_BUFFERS_MAX);
        ReceiveMemory { shared: Arc::new(Shared { kept, used: AtomicUsize::new(0) }), limit }
    }

    /// A buffer with room for `capacity` bytes; `None` while the budget is spent.
    ///
    /// A single frame may exceed the budget when nothing else is held: it could never be
    /// received otherwise.
    pub fn take(&self, capacity: usize) -> Option<FrameBuffer> {
        let used = self.shared.used.load(Ordering::Relaxed);
        if used > 0 && used + capacity > self.limit {
            return None;
        }
        self.shared.used.fetch_add(capacity, Ordering::Relaxed);
        let fits = |buffer: &Vec<u8>| {
            buffer.capacity() >= capacity && buffer.capacity() / 4 <= capacity.max(1)
        };
        let kept = self.shared.kept.pop().filter(fits);
        let bytes = kept.unwrap_or_else(|| Vec::with_capacity(capacity));
        Some(FrameBuffer { bytes, charged: capacity, shared: Arc::clone(&self.shared) })
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
    charged: usize,
    shared: Arc<Shared>,
}

impl AsRef<[u8]> for FrameBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for FrameBuffer {
    fn drop(&mut self) {
        self.shared.used.fetch_sub(self.charged, Ordering::Relaxed);
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

    /// Goal: the budget holds, is given back on drop, and never locks out a lone large frame.
    #[test]
    fn budget_is_held_and_returned() {
        let memory = ReceiveMemory::new(100);
        let first = memory.take(80).expect("within the budget");
        assert!(memory.take(30).is_none());
        drop(first);
        assert_eq!(memory.used(), 0);
        let huge = memory.take(1000).expect("a lone frame passes");
        assert!(memory.take(1).is_none());
        drop(huge);
        assert!(memory.take(1).is_some());
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
