//! Responses as they come from a connection, in memory that is used again and again.

use super::CLIENT;
use super::connection::{Connection, Until};
use crate::error::{Error, Result};
use pinion::wire::frame::{LENGTH_SIZE, frame_length};
use std::ops::Range;
use std::time::{Duration, Instant};

/// The longest response that makes sense.
const FRAME_MAX: u32 = 1 << 30;
/// Room for what one read brings, at least.
const READ_MIN: usize = 64 << 10;

/// Where frames land.
#[derive(Debug)]
pub struct Frames {
    buffer: Vec<u8>,
    /// What has come and was not given yet.
    begun: Range<usize>,
}

/// A whole frame, without its length; valid until the next one is asked for.
#[derive(Debug)]
pub struct Frame(Range<usize>);

impl Frames {
    /// Nothing has come yet.
    pub fn new() -> Frames {
        Frames { buffer: vec![0; READ_MIN], begun: 0..0 }
    }

    /// The next frame, if it comes without waiting much longer than `wait`.
    ///
    /// # Errors
    /// If the connection is gone, or the length makes no sense.
    pub fn next(&mut self, connection: &Connection, wait: Duration) -> Result<Option<Frame>> {
        let deadline = Instant::now() + wait;
        loop {
            let missing = match self.whole()? {
                Ok(frame) => return Ok(Some(frame)),
                Err(missing) => missing,
            };
            self.make_room(missing.max(READ_MIN));
            if let Some(read) = connection.read(&mut self.buffer[self.begun.end..])? {
                self.begun.end += read;
                continue;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            connection.wait(Until::Readable, left)?;
        }
    }

    /// The bytes of a frame.
    pub fn bytes(&self, frame: &Frame) -> &[u8] {
        &self.buffer[frame.0.clone()]
    }

    /// Takes the next frame out, or tells how many bytes it lacks.
    fn whole(&mut self) -> Result<std::result::Result<Frame, usize>> {
        let there = &self.buffer[self.begun.clone()];
        let length = frame_length(there, FRAME_MAX).map_err(Error::client(CLIENT))?;
        let Some(length) = length else { return Ok(Err(LENGTH_SIZE - there.len())) };
        let size = LENGTH_SIZE + length as usize;
        if there.len() < size {
            return Ok(Err(size - there.len()));
        }
        let start = self.begun.start;
        self.begun.start += size;
        Ok(Ok(Frame(start + LENGTH_SIZE..start + size)))
    }

    /// Makes room for so many more bytes behind those that are there.
    fn make_room(&mut self, bytes: usize) {
        if self.begun.is_empty() {
            self.begun = 0..0;
        }
        if self.buffer.len() - self.begun.end >= bytes {
            return;
        }
        self.buffer.copy_within(self.begun.clone(), 0);
        self.begun = 0..self.begun.len();
        let needed = self.begun.end + bytes;
        self.buffer.resize(needed.max(self.buffer.len()), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    fn connected() -> (Connection, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("its address").to_string();
        let connection = Connection::open(&address).expect("a listener");
        (connection, listener.accept().expect("a connection").0)
    }

    fn frame_of(length: usize) -> Vec<u8> {
        let mut bytes = u32::try_from(length).expect("short").to_be_bytes().to_vec();
        bytes.extend((0..length).map(|index| (index % 251) as u8));
        bytes
    }

    /// Goal: frames of all sizes, cut anywhere, come out whole.
    #[test]
    fn frames_come_out_whole() {
        let (connection, mut peer) = connected();
        let sizes = [0, 1, 5, 70_000, 3, 200_000, 9];
        let sent: Vec<u8> = sizes.into_iter().flat_map(frame_of).collect();
        let writer = std::thread::spawn(move || {
            for piece in sent.chunks(999) {
                peer.write_all(piece).expect("the reader is there");
            }
            peer
        });
        let mut frames = Frames::new();
        for size in sizes {
            let frame = frames.next(&connection, Duration::from_secs(60));
            let frame = frame.expect("connected").expect("a frame comes");
            assert_eq!(frames.bytes(&frame), &frame_of(size)[LENGTH_SIZE..]);
        }
        let nothing = frames.next(&connection, Duration::from_millis(1)).expect("connected");
        assert!(nothing.is_none());
        drop(writer.join().expect("the writer ends"));
        assert!(frames.next(&connection, Duration::from_secs(60)).is_err());
    }

    #[test]
    fn nonsense_is_refused() {
        let (connection, mut peer) = connected();
        peer.write_all(&[0xff; 4]).expect("the reader is there");
        assert!(Frames::new().next(&connection, Duration::from_secs(60)).is_err());
    }
}
