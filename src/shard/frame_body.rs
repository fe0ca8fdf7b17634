//! The buffer that one frame's body is put together in.

use super::memory::{FrameBuffer, ReceiveMemory};
use super::receive::PREFIX;
use crate::base::limits::SMALL_FRAME_LENGTH_MAX;
use bytes::Bytes;

/// The memory of one frame's body: small ones are not charged to the shard's receive memory.
#[derive(Debug)]
pub enum Body {
    /// At most [`SMALL_FRAME_LENGTH_MAX`] bytes.
    Small(Vec<u8>),
    /// More, out of the shard's receive memory.
    Large(FrameBuffer),
}

impl Body {
    /// Of a frame of `length` bytes, with room for the next prefix; `None` if memory is short.
    pub fn new(length: usize, memory: &ReceiveMemory) -> Option<Body> {
        if length <= SMALL_FRAME_LENGTH_MAX {
            return Some(Body::Small(Vec::with_capacity(length + PREFIX)));
        }
        memory.take(length + PREFIX).map(Body::Large)
    }

    /// What has come. Taken out while the kernel holds it.
    pub fn bytes(&mut self) -> &mut Vec<u8> {
        match self {
            Body::Small(bytes) => bytes,
            Body::Large(buffer) => &mut buffer.bytes,
        }
    }

    /// Bytes that it may hold before it has to grow.
    pub fn room(&self) -> usize {
        match self {
            Body::Small(bytes) => bytes.capacity(),
            Body::Large(buffer) => buffer.room(),
        }
    }

    /// Grows if it is full and the frame goes on; false while there is no memory. Adds to
    /// `copied` what may be moved for it.
    pub fn make_room(&mut self, memory: &ReceiveMemory, copied: &mut u64) -> bool {
        let Body::Large(buffer) = self else { return true };
        if !buffer.is_full() {
            return true;
        }
        let has_grown = memory.grow(buffer);
        if has_grown {
            *copied += buffer.bytes.len() as u64;
        }
        has_grown
    }

    /// The body, whole.
    pub fn freeze(self) -> Bytes {
        match self {
            Body::Small(bytes) => Bytes::from(bytes),
            Body::Large(buffer) => Bytes::from_owner(buffer),
        }
    }
}
