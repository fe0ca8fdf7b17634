//! A socket that is never waited for except where its user says so, and for how long.

use super::CLIENT;
use crate::error::{Error, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Longer than a broker takes to answer a question, however busy it is, or to lead a new topic.
pub const ASK_LIMIT: Duration = Duration::from_secs(30);

/// A connection to one broker.
#[derive(Debug)]
pub struct Connection {
    socket: TcpStream,
}

/// What a connection is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Bytes can be read.
    Readable,
    /// Bytes can be read or written.
    ReadableOrWritable,
}

impl Connection {
    /// Connects to `HOST:PORT`.
    ///
    /// # Errors
    /// If nobody answers there.
    pub fn open(address: &str) -> Result<Connection> {
        let socket = TcpStream::connect(address).map_err(Error::io(address))?;
        socket.set_nodelay(true).map_err(Error::io(address))?;
        socket.set_nonblocking(true).map_err(Error::io(address))?;
        Ok(Connection { socket })
    }

    /// Writes what the socket takes; how many bytes.
    ///
    /// # Errors
    /// If the connection is gone.
    pub fn write(&self, bytes: &[u8]) -> Result<usize> {
        loop {
            match (&self.socket).write(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(0),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                written => return written.map_err(Error::io(CLIENT)),
            }
        }
    }

    /// Writes everything, however long that takes, within bounds.
    ///
    /// # Errors
    /// If the connection is gone, or nothing moves.
    pub fn write_all(&self, mut bytes: &[u8]) -> Result<()> {
        let deadline = Instant::now() + ASK_LIMIT;
        while !bytes.is_empty() {
            bytes = &bytes[self.write(bytes)?..];
            if !bytes.is_empty() {
                self.wait(Until::ReadableOrWritable, Duration::from_millis(1))?;
                if Instant::now() > deadline {
                    return Err(Error::Stalled(format!("no request sent for {ASK_LIMIT:?}")));
                }
            }
        }
        Ok(())
    }

    /// Reads what is there, into `buffer`, which has room; `None` if there is nothing yet.
    ///
    /// # Errors
    /// If the connection is gone.
    pub fn read(&self, buffer: &mut [u8]) -> Result<Option<usize>> {
        loop {
            match (&self.socket).read(buffer) {
                Ok(0) => return Err(Error::client(CLIENT)("the broker closed the connection")),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => return read.map(Some).map_err(Error::io(CLIENT)),
            }
        }
    }

    /// Waits, but not much longer than `wait`.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn wait(&self, until: Until, wait: Duration) -> Result<()> {
        let flags = match until {
            Until::Readable => PollFlags::IN,
            Until::ReadableOrWritable => PollFlags::IN | PollFlags::OUT,
        };
        let wait = Timespec::try_from(wait).map_err(Error::client(CLIENT))?;
        match poll(&mut [PollFd::new(&self.socket, flags)], Some(&wait)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(Error::io(CLIENT)(error.into())),
        }
    }
}
