//! One connection: frames out, frames in, and what the broker does with the connection.

use super::BROKE;
use pinion::wire::frame::{LENGTH_SIZE, write_request};
use pinion::wire::header::ResponseHeader;
use pinion::wire::{Message, Reader, Request};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// How long an answer may take before the test gives up; no test waits this long for a success.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// The largest response a test reads.
const RESPONSE_SIZE_MAX: usize = 256 << 20;

const CLIENT_ID: &str = "wire-client";

/// A connection to a broker. Requests are numbered from 1 on.
pub struct WireClient {
    stream: TcpStream,
    sent: i32,
    frame: Vec<u8>,
}

impl WireClient {
    /// Connects to `HOST:PORT`.
    ///
    /// # Panics
    /// If nobody listens there.
    pub fn connect(bootstrap: &str) -> Self {
        Self::try_connect(bootstrap).expect("the broker accepts connections")
    }

    /// Connects to `HOST:PORT`, if somebody listens there.
    pub fn try_connect(bootstrap: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(bootstrap)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        stream.set_write_timeout(Some(ANSWER_LIMIT))?;
        Ok(Self { stream, sent: 0, frame: Vec::new() })
    }

    /// Gives up on reads and writes after this long.
    pub fn set_limit(&self, limit: Duration) {
        self.stream.set_read_timeout(Some(limit)).expect("a positive duration");
        self.stream.set_write_timeout(Some(limit)).expect("a positive duration");
    }

    /// The socket, for what this client does not do.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends a request and reads its answer.
    ///
    /// # Panics
    /// If the connection breaks, or the answer is not one to this request.
    pub fn call<'r, R: Request<'r>>(&mut self, version: i16, request: &R) -> R::Response<'_> {
        self.try_call(version, request).expect(BROKE)
    }

    /// Sends a request and reads its answer, unless the connection breaks.
    ///
    /// # Panics
    /// If the answer is not one to this request.
    pub fn try_call<'r, R: Request<'r>>(
        &mut self,
        version: i16,
        request: &R,
    ) -> io::Result<R::Response<'_>> {
        let correlation_id = self.send(version, request)?;
        self.receive(version, correlation_id)
    }

    /// Sends a request, and gives the number that its answer will have.
    pub fn send<'r, R: Request<'r>>(&mut self, version: i16, request: &R) -> io::Result<i32> {
        self.sent += 1;
        let mut bytes = Vec::new();
        write_request(&mut bytes, version, self.sent, Some(CLIENT_ID), request);
        self.stream.write_all(&bytes)?;
        Ok(self.sent)
    }

    /// Reads the answer to the request of that number.
    ///
    /// # Panics
    /// If the next answer is to another request, or cannot be decoded to its last byte.
    pub fn receive<'c, M: Message<'c>>(
        &'c mut self,
        version: i16,
        correlation_id: i32,
    ) -> io::Result<M> {
        self.read_frame()?;
        Ok(decode(&self.frame, version, correlation_id))
    }

    /// Sends these bytes as they are.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Sends these bytes behind a length that tells the truth.
    pub fn send_frame(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = i32::try_from(bytes.len()).expect("a small frame").to_be_bytes();
        self.stream.write_all(&[&length, bytes].concat())
    }

    /// Reads a frame, without its length.
    pub fn read_frame(&mut self) -> io::Result<&[u8]> {
        let mut length = [0; LENGTH_SIZE];
        self.stream.read_exact(&mut length)?;
        let length = usize::try_from(i32::from_be_bytes(length)).expect("a length is positive");
        assert!(length <= RESPONSE_SIZE_MAX, "a response of {length} bytes");
        self.frame.resize(length, 0);
        self.stream.read_exact(&mut self.frame)?;
        Ok(&self.frame)
    }

    /// Tells the broker that nothing more comes, while answers can still be read.
    pub fn finish_sending(&mut self) {
        self.stream.shutdown(Shutdown::Write).expect("the connection is open");
    }

    /// Waits for the connection to end; gives how it did, since that is never a success.
    pub fn await_close(&mut self) -> io::Result<()> {
        match self.stream.read(&mut [0; 64])? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => panic!("{count} bytes came that nobody asked for"),
        }
    }

    /// Waits until the broker closes the connection.
    ///
    /// # Panics
    /// If it sends anything first, or keeps the connection.
    pub fn expect_close(&mut self) {
        match self.stream.read(&mut [0; 64]) {
            Ok(0) => {}
            Ok(count) => panic!("{count} bytes came where the broker should close"),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
            Err(error) => panic!("the broker should close the connection: {error}"),
        }
    }
}

/// Decodes a whole response.
///
/// # Panics
/// If it has another number, cannot be decoded, or goes on behind its end.
pub fn decode<'f, M: Message<'f>>(frame: &'f [u8], version: i16, correlation_id: i32) -> M {
    let mut reader = Reader::new(frame);
    let header = ResponseHeader::decode(&mut reader, M::KEY, version).expect("a response header");
    assert_eq!(header.correlation_id, correlation_id, "the answer to a {} {version}", M::KEY);
    let message = M::decode(&mut reader, version)
        .unwrap_or_else(|error| panic!("{} {version} cannot be decoded: {error}", M::KEY));
    assert!(reader.remaining().is_empty(), "{} {version} has bytes behind its end", M::KEY);
    message
}
