//! The ceiling: programs that do the least that a log server on io_uring can do.
//!
//! They run as child processes on the server's core, with the same kernel interfaces as the broker
//! but none of its code: no codec, no partitions, no offsets to look up, no limits, no answers but
//! the right one. What separates the broker from them is the price of being a broker.
//!
//! Unsafe code is here and in no other part of the bench: a ring takes addresses.

mod chunks;
mod fetch;
mod produce;
mod ring;

use std::ffi::OsString;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

/// The first argument that makes this binary a bare program.
const ROLE: &str = "--bare";

/// A bare program, and what it must know of the frames that it is sent.
#[derive(Debug, Clone)]
pub enum Program {
    /// Receives batches, checks their CRC-32C, writes them to one file, acknowledges.
    Produce {
        /// The topic that acknowledgements name.
        topic: String,
        /// Where in a frame the batch begins.
        batch_at: usize,
        /// Bytes of a batch.
        batch_size: usize,
        /// Records in a batch.
        records_per_batch: usize,
    },
    /// Sends ranges of one file.
    Fetch {
        /// The topic that responses name.
        topic: String,
        /// Where in a frame the wanted offset is.
        offset_at: usize,
        /// Bytes of a record in the file, on average: from offset to position.
        batch_size: usize,
        /// Records in a batch.
        records_per_batch: usize,
        /// Bytes of one response's records.
        length: usize,
        /// The file: the very one that the broker sends, so that both send the same pages.
        file: PathBuf,
    },
}

impl Program {
    /// The arguments under which [`run_if_asked`] becomes this program. What it writes goes to
    /// `scratch`.
    pub fn arguments(&self, core: usize, scratch: &Path) -> Vec<OsString> {
        let head = |name: &str| vec![ROLE.into(), name.into(), core.to_string().into()];
        let (mut arguments, file, topic, numbers): (Vec<OsString>, _, _, Vec<usize>) = match self {
            Program::Produce { topic, batch_at, batch_size, records_per_batch } => {
                (head("produce"), scratch, topic, vec![*batch_at, *batch_size, *records_per_batch])
            }
            Program::Fetch { topic, offset_at, batch_size, records_per_batch, length, file } => {
                let numbers = vec![*offset_at, *batch_size, *records_per_batch, *length];
                (head("fetch"), file.as_path(), topic, numbers)
            }
        };
        arguments.push(file.into());
        arguments.push(topic.into());
        arguments.extend(numbers.iter().map(|number| number.to_string().into()));
        arguments
    }

    fn parse(name: &str, file: PathBuf, topic: String, numbers: &[usize]) -> Option<Program> {
        let number = |index: usize| numbers.get(index).copied();
        match name {
            "produce" => Some(Program::Produce {
                topic,
                batch_at: number(0)?,
                batch_size: number(1)?,
                records_per_batch: number(2)?,
            }),
            "fetch" => Some(Program::Fetch {
                topic,
                offset_at: number(0)?,
                batch_size: number(1)?,
                records_per_batch: number(2)?,
                length: number(3)?,
                file,
            }),
            _ => None,
        }
    }
}

/// Runs a bare program if the process was started as one; it ends when it is killed.
///
/// # Errors
/// The listener, the file or the ring cannot be had, or a connection broke.
pub fn run_if_asked() -> io::Result<bool> {
    let mut arguments = std::env::args();
    if arguments.nth(1).as_deref() != Some(ROLE) {
        return Ok(false);
    }
    let malformed = || io::Error::other("a bare program is started by the bench only");
    let name = arguments.next().ok_or_else(malformed)?;
    let core = arguments.next().and_then(|text| text.parse().ok()).ok_or_else(malformed)?;
    let file = PathBuf::from(arguments.next().ok_or_else(malformed)?);
    let topic = arguments.next().ok_or_else(malformed)?;
    let numbers: Vec<usize> = arguments.filter_map(|text| text.parse().ok()).collect();
    let program = Program::parse(&name, file.clone(), topic, &numbers).ok_or_else(malformed)?;
    crate::machine::pin(core);
    let listener = listen()?;
    match program {
        Program::Produce { .. } => produce::run(&program, core, listener, &file)?,
        Program::Fetch { .. } => fetch::run(&program, core, listener)?,
    }
    Ok(true)
}

/// The socket options are those of the broker's listeners.
fn listen() -> io::Result<TcpListener> {
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let kind = socket2::Type::STREAM;
    let socket = socket2::Socket::new(socket2::Domain::IPV4, kind, Some(socket2::Protocol::TCP))?;
    socket.set_tcp_nodelay(true)?;
    socket.set_keepalive(true)?;
    socket.set_tcp_congestion(b"reno")?;
    socket.bind(&address.into())?;
    socket.listen(4096)?;
    Ok(socket.into())
}

/// Tells the parent where to connect.
fn announce(listener: &TcpListener) -> io::Result<()> {
    println!("{}", listener.local_addr()?);
    io::Write::flush(&mut io::stdout())
}
