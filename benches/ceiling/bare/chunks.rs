//! Receive memory: chunks that connections fill and batches hold until they are written.

use std::ptr::NonNull;

/// Room for several large frames, so that few receives end in the middle of one; together the
/// chunks in use stay within the last-level cache.
pub const CHUNK_SIZE: usize = 512 * 1024;

/// All chunks of a program; those that nobody uses are taken again, the warmest first.
#[derive(Default)]
pub struct Chunks {
    chunks: Vec<Chunk>,
    free: Vec<usize>,
}

struct Chunk {
    /// Leaked on purpose: the kernel may write to it as long as the process lives.
    start: NonNull<u8>,
    users: usize,
}

impl Chunks {
    /// An unused chunk, with the caller as its first user.
    pub fn take(&mut self) -> usize {
        let index = self.free.pop().unwrap_or_else(|| {
            let memory = vec![0; CHUNK_SIZE].leak();
            self.chunks.push(Chunk { start: NonNull::from(&mut memory[0]), users: 0 });
            self.chunks.len() - 1
        });
        self.chunks[index].users = 1;
        index
    }

    /// One more user.
    pub fn hold(&mut self, chunk: usize) {
        self.chunks[chunk].users += 1;
    }

    /// One user less.
    pub fn release(&mut self, chunk: usize) {
        let users = &mut self.chunks[chunk].users;
        *users -= 1;
        if *users == 0 {
            self.free.push(chunk);
        }
    }

    /// The address of a place in a chunk, for the kernel.
    pub fn address(&self, chunk: usize, at: usize) -> *mut u8 {
        assert!(at <= CHUNK_SIZE);
        // SAFETY: the place is within the chunk, or just behind it.
        unsafe { self.chunks[chunk].start.as_ptr().add(at) }
    }

    /// Bytes that were received.
    pub fn bytes(&self, chunk: usize, at: usize, length: usize) -> &[u8] {
        assert!(at + length <= CHUNK_SIZE);
        // SAFETY: within the chunk; the kernel writes only behind what was received.
        unsafe { std::slice::from_raw_parts(self.address(chunk, at), length) }
    }

    /// Changes bytes that were received.
    pub fn bytes_mut(&mut self, chunk: usize, at: usize, length: usize) -> &mut [u8] {
        assert!(at + length <= CHUNK_SIZE);
        // SAFETY: as above, and the program has one thread.
        unsafe { std::slice::from_raw_parts_mut(self.address(chunk, at), length) }
    }
}
