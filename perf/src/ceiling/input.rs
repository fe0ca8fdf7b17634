//! Requests as they come, in memory that records can stay in.

use crate::error::{Error, Result};
use bytes::BytesMut;
use pinion::wire::frame::{LENGTH_SIZE, frame_length};
use std::io::Read;
use std::net::TcpStream;

const CHUNK_SIZE: usize = 4 << 20;
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
                let mut chunk = BytesMut::zeroed(CHUNK_SIZE.max(size));
                chunk[..self.filled].copy_from_slice(there);
                self.chunk = chunk;
            }
            match socket.read(&mut self.chunk[self.filled..]).map_err(Error::io("a client"))? {
                0 => return Ok(None),
                read => self.filled += read,
            }
        }
    }
}
