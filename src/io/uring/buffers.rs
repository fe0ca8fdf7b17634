//! Receive buffers: lent to the kernel until bytes arrive, then to whoever holds the bytes.
//!
//! Idle connections hold none. A buffer's life: *spare* → *free* (in the buffer ring, where the
//! kernel picks it) → *lent* (behind a [`Bytes`], on any thread) → *returned* (in a lock-free
//! queue) → spare again at the shard's next wait.

use super::sys::Errno;
use super::wake::Waker;
use bytes::Bytes;
use crossbeam::queue::ArrayQueue;
use io_uring::Submitter;
use io_uring::types::BufRingEntry;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering, fence};

/// The one buffer group of a ring.
pub(super) const GROUP: u16 = 0;

/// Buffers that the kernel may pick from at a time. Few, so that bytes land where the core's cache
/// still has the lines of the last ones: with 8 busy connections, 256 took a third more CPU than
/// 64, and 32 made connections wait for each other.
const RING_DEPTH: u16 = 64;

/// The receive buffers of one shard.
pub(super) struct ReceiveBuffers {
    pool: Arc<Pool>,
    /// Free buffers that the kernel does not see, the last used at the end.
    spare: Vec<u16>,
    /// Absent where the kernel has no buffer rings.
    ring: Option<BufferRing>,
}

/// Free buffers, for the kernel to pick.
struct BufferRing {
    entries: Mapping,
    mask: u16,
    tail: u16,
    count: u16,
}

/// The memory of all buffers, which outlives the ring for as long as somebody holds bytes of it.
struct Pool {
    memory: Mapping,
    buffer_size: usize,
    count: u16,
    returned: ArrayQueue<u16>,
    /// The shard is about to sleep while receives starve: announce what comes back.
    announce: AtomicBool,
    waker: Waker,
}

/// A lent buffer, owned by a [`Bytes`].
struct Lent {
    pool: Arc<Pool>,
    buffer: u16,
    length: usize,
}

impl ReceiveBuffers {
    /// Makes `count` buffers, all spare; `count` is a power of two.
    pub(super) fn new(count: u16, buffer_size: usize, waker: Waker) -> Result<Self, Errno> {
        assert!(count.is_power_of_two());
        let pool = Arc::new(Pool {
            memory: Mapping::new(usize::from(count) * buffer_size)?,
            buffer_size,
            count,
            returned: ArrayQueue::new(usize::from(count)),
            announce: AtomicBool::new(false),
            waker,
        });
        Ok(ReceiveBuffers { pool, spare: (0..count).rev().collect(), ring: None })
    }

    /// Has the kernel pick buffers from now on.
    pub(super) fn register(&mut self, submitter: &Submitter<'_>) -> Result<(), Errno> {
        assert!(self.ring.is_none(), "buffers are registered once");
        let depth = RING_DEPTH.min(self.pool.count);
        let entries = Mapping::new(usize::from(depth) * size_of::<BufRingEntry>())?;
        let address = entries.start.as_ptr() as u64;
        // SAFETY: the mapping has room for `depth` entries, starts at a page's beginning, and is
        // kept until the ring is gone.
        unsafe { submitter.register_buf_ring_with_flags(address, depth, GROUP, 0) }
            .map_err(|error| error.raw_os_error().unwrap_or(libc::EIO))?;
        self.ring = Some(BufferRing { entries, mask: depth - 1, tail: 0, count: 0 });
        self.reclaim();
        Ok(())
    }

    /// Has the kernel pick buffers no more. None may be lent.
    pub(super) fn unregister(&mut self, submitter: &Submitter<'_>) {
        if self.ring.take().is_some() {
            // A failure means that the kernel has no such ring, which is what is wanted.
            let _ = submitter.unregister_buf_ring(GROUP);
            while self.pool.returned.pop().is_some() {}
            self.spare = (0..self.pool.count).rev().collect();
        }
    }

    /// Frees what came back. Gives the number of buffers for the next bytes to land in.
    pub(super) fn reclaim(&mut self) -> u16 {
        while let Some(buffer) = self.pool.returned.pop() {
            self.spare.push(buffer);
        }
        let Some(ring) = &mut self.ring else { return self.spare.len() as u16 };
        while ring.count <= ring.mask {
            let Some(buffer) = self.spare.pop() else { break };
            ring.put(buffer, &self.pool);
        }
        ring.count
    }

    /// Lends the buffer that the kernel picked, and filled with `length` bytes.
    pub(super) fn lend(&mut self, buffer: u16, length: usize) -> Bytes {
        assert!(buffer < self.pool.count && length <= self.pool.buffer_size);
        if let Some(ring) = &mut self.ring {
            ring.count -= 1;
        }
        Bytes::from_owner(Lent { pool: Arc::clone(&self.pool), buffer, length })
    }

    /// Takes back a buffer that the kernel picked and left empty.
    pub(super) fn unused(&mut self, buffer: u16) {
        drop(self.lend(buffer, 0));
    }

    /// Has `fill` write into a free buffer, and lends what it wrote. Not with a buffer ring.
    /// `None` if there is no free buffer.
    pub(super) fn fill(
        &mut self,
        fill: impl FnOnce(&mut [MaybeUninit<u8>]) -> Result<usize, Errno>,
    ) -> Option<Result<Bytes, Errno>> {
        assert!(self.ring.is_none(), "with a buffer ring the kernel picks");
        let buffer = self.spare.pop()?;
        let start = self.pool.start(buffer).as_ptr().cast();
        // SAFETY: the buffer is free, so nobody else reads or writes these bytes.
        let room = unsafe { std::slice::from_raw_parts_mut(start, self.pool.buffer_size) };
        Some(match fill(room) {
            Ok(length) if length > 0 => Ok(self.lend(buffer, length)),
            other => {
                self.spare.push(buffer);
                other.map(|_| Bytes::new())
            }
        })
    }

    /// Asks to be woken when a buffer comes back. `false` if one has come back already.
    pub(super) fn announce_returns(&self) -> bool {
        self.pool.announce.store(true, Ordering::Relaxed);
        // Pairs with the fence in `Lent::drop`: one of the two sees the other.
        fence(Ordering::SeqCst);
        self.pool.returned.is_empty()
    }

    /// Keeps the memory for ever, since the kernel may still write to it.
    pub(super) fn leak(&mut self) {
        std::mem::forget(Arc::clone(&self.pool));
        std::mem::forget(self.ring.take());
    }

    /// Ends what [`ReceiveBuffers::announce_returns`] asked for.
    pub(super) fn stop_announcing(&self) {
        self.pool.announce.store(false, Ordering::Relaxed);
    }
}

impl BufferRing {
    fn put(&mut self, buffer: u16, pool: &Pool) {
        let index = usize::from(self.tail & self.mask);
        self.tail = self.tail.wrapping_add(1);
        self.count += 1;
        let base = self.entries.start.as_ptr().cast::<BufRingEntry>();
        // SAFETY: `index` lies within the mapping; the kernel reads the entry only once the tail,
        // whose place is in the first entry, has passed it.
        unsafe {
            let entry = &mut *base.add(index);
            entry.set_addr(pool.start(buffer).as_ptr() as u64);
            entry.set_len(pool.buffer_size as u32);
            entry.set_bid(buffer);
            let shared = BufRingEntry::tail(base).cast_mut();
            AtomicU16::from_ptr(shared).store(self.tail, Ordering::Release);
        }
    }
}

impl Pool {
    fn start(&self, buffer: u16) -> NonNull<u8> {
        assert!(buffer < self.count);
        // SAFETY: the mapping has room for `count` buffers.
        unsafe { self.memory.start.add(usize::from(buffer) * self.buffer_size) }
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        let start = self.pool.start(self.buffer).as_ptr();
        // SAFETY: `length` bytes were written, and until the buffer is returned by `drop`
        // nobody writes to it again.
        unsafe { std::slice::from_raw_parts(start, self.length) }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let fits = self.pool.returned.push(self.buffer);
        assert!(fits.is_ok(), "no more buffers come back than there are");
        fence(Ordering::SeqCst);
        if self.pool.announce.load(Ordering::Relaxed)
            && self.pool.announce.swap(false, Ordering::Relaxed)
        {
            self.pool.waker.announce_buffer();
        }
    }
}

/// Zeroed, page-aligned memory that is backed once touched.
struct Mapping {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: a mapping is plain memory without ties to a thread; who may touch which part of it is
// told by the states of the buffers.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn new(length: usize) -> Result<Mapping, Errno> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping at an address of the kernel's choice.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), length, protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(libc::ENOMEM);
        }
        let start = NonNull::new(start.cast()).ok_or(libc::ENOMEM)?;
        Ok(Mapping { start, length })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: exactly what was mapped, and nobody is left who could touch it.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.length) };
    }
}
