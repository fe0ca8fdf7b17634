//! Receive buffers: lent to the kernel until bytes arrive, then to whoever holds the bytes.
//!
//! Idle connections hold none. A buffer's life: *free* (in the buffer ring, where the kernel
//! picks it) → *lent* (behind a [`Bytes`], on any thread) → *returned* (in a lock-free queue) →
//! free again at the shard's next wait.

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

/// The receive buffers of one shard.
pub(super) struct ReceiveBuffers {
    pool: Arc<Pool>,
    free: Free,
    /// Buffers in `free`.
    free_count: u16,
}

/// Where free buffers are kept.
enum Free {
    /// In a ring, for the kernel to pick.
    Ring { entries: Mapping, tail: u16 },
    /// In a list, where the kernel has no buffer rings.
    List(Vec<u16>),
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
    /// Makes `count` buffers, all free and in a list; `count` is a power of two.
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
        let free = Free::List((0..count).rev().collect());
        Ok(ReceiveBuffers { pool, free, free_count: count })
    }

    /// Moves the free buffers into a ring that the kernel picks from.
    pub(super) fn register(&mut self, submitter: &Submitter<'_>) -> Result<(), Errno> {
        let count = self.pool.count;
        let entries = Mapping::new(usize::from(count) * size_of::<BufRingEntry>())?;
        let address = entries.start.as_ptr() as u64;
        // SAFETY: the mapping has room for `count` entries, starts at a page's beginning, and is
        // kept until the ring is gone.
        unsafe { submitter.register_buf_ring_with_flags(address, count, GROUP, 0) }
            .map_err(|error| error.raw_os_error().unwrap_or(libc::EIO))?;
        let Free::List(list) = std::mem::replace(&mut self.free, Free::Ring { entries, tail: 0 })
        else {
            unreachable!("buffers are registered once");
        };
        self.free_count = 0;
        list.into_iter().rev().for_each(|buffer| self.put(buffer));
        Ok(())
    }

    /// Takes the buffers out of the kernel's ring again.
    pub(super) fn unregister(&mut self, submitter: &Submitter<'_>) {
        if matches!(self.free, Free::Ring { .. }) {
            // A failure means that the kernel has no such ring, which is what is wanted.
            let _ = submitter.unregister_buf_ring(GROUP);
            self.free = Free::List((0..self.pool.count).rev().collect());
            self.free_count = self.pool.count;
        }
    }

    fn put(&mut self, buffer: u16) {
        self.free_count += 1;
        let pool = &self.pool;
        match &mut self.free {
            Free::List(list) => list.push(buffer),
            Free::Ring { entries, tail } => {
                let index = usize::from(*tail & (pool.count - 1));
                *tail = tail.wrapping_add(1);
                let base = entries.start.as_ptr().cast::<BufRingEntry>();
                // SAFETY: `index` lies within the mapping; the kernel reads the entry only once
                // the tail, whose place is in the first entry, has passed it.
                unsafe {
                    let entry = &mut *base.add(index);
                    entry.set_addr(pool.start(buffer).as_ptr() as u64);
                    entry.set_len(pool.buffer_size as u32);
                    entry.set_bid(buffer);
                    let shared = BufRingEntry::tail(base).cast_mut();
                    AtomicU16::from_ptr(shared).store(*tail, Ordering::Release);
                }
            }
        }
    }

    /// Frees what came back. Gives the number of free buffers.
    pub(super) fn reclaim(&mut self) -> u16 {
        while let Some(buffer) = self.pool.returned.pop() {
            self.put(buffer);
        }
        self.free_count
    }

    /// Lends the buffer that the kernel picked, and filled with `length` bytes.
    pub(super) fn lend(&mut self, buffer: u16, length: usize) -> Bytes {
        assert!(buffer < self.pool.count && length <= self.pool.buffer_size);
        self.free_count -= 1;
        Bytes::from_owner(Lent { pool: Arc::clone(&self.pool), buffer, length })
    }

    /// Takes back a buffer that the kernel picked and left empty.
    pub(super) fn unused(&mut self, buffer: u16) {
        self.free_count -= 1;
        self.put(buffer);
    }

    /// Has `fill` write into a free buffer, and lends what it wrote. Not with a buffer ring.
    /// `None` if there is no free buffer.
    pub(super) fn fill(
        &mut self,
        fill: impl FnOnce(&mut [MaybeUninit<u8>]) -> Result<usize, Errno>,
    ) -> Option<Result<Bytes, Errno>> {
        let Free::List(list) = &mut self.free else {
            unreachable!("with a buffer ring the kernel picks");
        };
        let buffer = list.pop()?;
        let start = self.pool.start(buffer).as_ptr().cast();
        // SAFETY: the buffer is free, so nobody else reads or writes these bytes.
        let room = unsafe { std::slice::from_raw_parts_mut(start, self.pool.buffer_size) };
        Some(match fill(room) {
            Ok(length) if length > 0 => Ok(self.lend(buffer, length)),
            other => {
                list.push(buffer);
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
        std::mem::forget(std::mem::replace(&mut self.free, Free::List(Vec::new())));
    }

    /// Ends what [`ReceiveBuffers::announce_returns`] asked for.
    pub(super) fn stop_announcing(&self) {
        self.pool.announce.store(false, Ordering::Relaxed);
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
