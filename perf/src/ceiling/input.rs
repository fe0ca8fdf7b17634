//! Requests as they come, in memory that records can stay in.

use crate::error::{Error, Result};
use bytes::BytesMut;
use pinion::wire::frame::{LENGTH_SIZE, frame_length};
use std::io::Read;
use std::net::TcpStream;

/// Small enough to stay in a core's cache while it is used again and again.
const CHUNK_SIZE: usize = 256 << 10;
/// The longest request that makes sense.
const FRAME_MAX: u32 = 256 << 20;

/// What was read of a connection and not given yet.
#[derive(Debug, Default)]
pub struct Input {
    chunk: BytesMut,
    filled: usize,
}

impl Input {
    /// The next request without its length; `None` once the client has left.
    ///
    /// # Errors
    /// If the connection breaks, or a length makes no sense.
    pub fn next(&mut self, mut socket: &TcpStream) -> Result<Option<BytesMut>> {
        loop {
            let there = &self.chunk[..self.filled];
            let length = frame_length(there, FRAME_MAX).map_err(Error::client("a client"))?;
            let size = LENGTH_SIZE + length.map_or(0, |length| length as usize);
            if length.is_some() && there.len() >= size {
                self.filled -= size;
                let mut frame = self.chunk.split_to(size);
                return Ok(Some(frame.split_off(LENGTH_SIZE)));
            }
            if self.chunk.len() < size || self.chunk.len() == self.filled {
                self.next_chunk(CHUNK_SIZE.max(size));
            }
            match socket.read(&mut self.chunk[self.filled..]).map_err(Error::io("a client"))? {
                0 => return Ok(None),
                read => self.filled += read,
            }
        }
    }

    /// Goes on in memory of this size: in that of the last chunk, if nothing of it was kept.
    fn next_chunk(&mut self, size: usize) {
        self.chunk.truncate(self.filled);
        if !self.chunk.try_reclaim(size - self.filled) {
            let mut chunk = BytesMut::with_capacity(size);
            chunk.extend_from_slice(&self.chunk);
            self.chunk = chunk;
        }
        self.chunk.resize(size, 0);
    }
}
