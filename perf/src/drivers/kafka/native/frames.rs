//! Responses as they come from a connection, in memory that is used again, or kept.

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
/// Room that is added when kept frames have filled what there was.
const CHUNK_SIZE: usize = 64 << 20;

/// Where frames land.
#[derive(Debug)]
pub struct Frames {
    keeps: bool,
    /// Whole frames, one after the other; the last chunk is being filled.
    chunks: Vec<Vec<u8>>,
    /// In the last chunk: where the first frame begins that was not given yet, and where the next
    /// bytes go.
    start: usize,
    end: usize,
}

/// A whole frame, without its length.
#[derive(Debug, Clone)]
pub struct Frame {
    chunk: usize,
    bytes: Range<usize>,
}

impl Frames {
    /// Frames that are valid until the next one is asked for.
    pub fn passing() -> Frames {
        Frames { keeps: false, chunks: vec![vec![0; READ_MIN]], start: 0, end: 0 }
    }

    /// Frames that stay until [`Frames::forget`], of so many bytes together; more find room, too,
    /// which then has to be made on the way.
    pub fn kept(bytes: usize) -> Frames {
        // Written to, and not just zero: pages that are only promised cost their first user.
        Frames { keeps: true, chunks: vec![vec![1; bytes.max(READ_MIN)]], start: 0, end: 0 }
    }

    /// Whether frames stay.
    pub fn keeps(&self) -> bool {
        self.keeps
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
            let free = &mut self.chunks.last_mut().expect("there is always one")[self.end..];
            if let Some(read) = connection.read(free)? {
                self.end += read;
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
        &self.chunks[frame.chunk][frame.bytes.clone()]
    }

    /// Lets go of kept frames.
    pub fn forget(&mut self) {
        self.chunks.drain(..self.chunks.len() - 1);
        let last = self.chunks.last_mut().expect("there is always one");
        last.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
    }

    /// Takes the next frame out, or tells how many bytes it lacks.
    fn whole(&mut self) -> Result<std::result::Result<Frame, usize>> {
        let chunk = self.chunks.len() - 1;
        let there = &self.chunks[chunk][self.start..self.end];
        let length = frame_length(there, FRAME_MAX).map_err(Error::client(CLIENT))?;
        let Some(length) = length else { return Ok(Err(LENGTH_SIZE - there.len())) };
        let size = LENGTH_SIZE + length as usize;
        if there.len() < size {
            return Ok(Err(size - there.len()));
        }
        let bytes = self.start + LENGTH_SIZE..self.start + size;
        self.start += size;
        Ok(Ok(Frame { chunk, bytes }))
    }

    /// Makes room for so many more bytes behind those that are there.
    fn make_room(&mut self, bytes: usize) {
        let last = self.chunks.last_mut().expect("there is always one");
        if !self.keeps && self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if last.len() - self.end >= bytes {
            return;
        }
        let begun = self.start..self.end;
        let needed = begun.len() + bytes;
        if self.keeps {
            let mut chunk = vec![0; needed.max(CHUNK_SIZE)];
            chunk[..begun.len()].copy_from_slice(&last[begun.clone()]);
            self.chunks.push(chunk);
        } else {
            last.copy_within(begun.clone(), 0);
            last.resize(needed.max(last.len()), 0);
        }
        (self.start, self.end) = (0, begun.len());
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

    /// Goal: frames of all sizes, cut anywhere, come out whole, with and without keeping; kept
    /// ones are still there at the end.
    #[test]
    fn frames_come_out_whole() {
        for mut frames in [Frames::passing(), Frames::kept(10)] {
            let (connection, mut peer) = connected();
            let sizes = [0, 1, 5, 70_000, 3, 200_000, 9];
            let sent: Vec<u8> = sizes.into_iter().flat_map(frame_of).collect();
            let writer = std::thread::spawn(move || {
                for piece in sent.chunks(999) {
                    peer.write_all(piece).expect("the reader is there");
                }
                peer
            });
            let mut seen = Vec::new();
            for size in sizes {
                let frame = frames.next(&connection, Duration::from_secs(60));
                let frame = frame.expect("connected").expect("a frame comes");
                assert_eq!(frames.bytes(&frame), &frame_of(size)[LENGTH_SIZE..]);
                seen.push(frame);
            }
            if frames.keeps {
                for (frame, size) in seen.iter().zip(sizes) {
                    assert_eq!(frames.bytes(frame), &frame_of(size)[LENGTH_SIZE..]);
                }
                frames.forget();
            }
            let nothing = frames.next(&connection, Duration::from_millis(1)).expect("connected");
            assert!(nothing.is_none());
            drop(writer.join().expect("the writer ends"));
            assert!(frames.next(&connection, Duration::from_secs(60)).is_err());
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let (connection, mut peer) = connected();
        peer.write_all(&[0xff; 4]).expect("the reader is there");
        assert!(Frames::passing().next(&connection, Duration::from_secs(60)).is_err());
    }
}
