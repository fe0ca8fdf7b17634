//! The load generator: one thread, non-blocking sockets, frames built beforehand.
//!
//! It must be much cheaper than any server it measures, so it decodes nothing, copies nothing that
//! it can leave in place, and looks at the fields that tell a right answer from a wrong one.
//! Never here: anything that treats one server under test differently from another.

pub mod fetch;
pub mod latency;
pub mod produce;

use crate::servers::Server;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

/// What a run of a closed loop gave, after its warm-up.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// Payload bytes: batches sent or records received.
    pub bytes: u64,
    /// Requests answered.
    pub requests: u64,
    /// How long it took.
    pub elapsed: Duration,
    /// CPU time of the server meanwhile, its kernel workers included.
    pub server_cpu: Duration,
    /// CPU time of the load generator meanwhile.
    pub client_cpu: Duration,
}

impl Run {
    /// Payload per second, in MB.
    pub fn megabytes_per_second(&self) -> f64 {
        self.bytes as f64 / 1e6 / self.elapsed.as_secs_f64()
    }

    /// Requests per second.
    pub fn requests_per_second(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64()
    }

    /// CPU seconds that the server spent on a GB of payload.
    pub fn server_cpu_per_gigabyte(&self) -> f64 {
        self.server_cpu.as_secs_f64() / (self.bytes as f64 / 1e9)
    }

    /// The part of its core that the load generator used; near 1 it is what was measured.
    pub fn client_load(&self) -> f64 {
        self.client_cpu.as_secs_f64() / self.elapsed.as_secs_f64()
    }
}

/// Takes a run's figures between its warm-up and its end.
struct StopWatch<'s> {
    server: &'s Server,
    start: Option<(Instant, Duration, Duration)>,
}

impl<'s> StopWatch<'s> {
    fn new(server: &'s Server) -> Self {
        StopWatch { server, start: None }
    }

    fn start(&mut self) {
        let cpu = (self.server.cpu_time(), crate::machine::thread_cpu_time());
        self.start = Some((Instant::now(), cpu.0, cpu.1));
    }

    fn is_running(&self) -> bool {
        self.start.is_some()
    }

    fn stop(self, requests: u64, bytes: u64) -> Run {
        let (start, server_cpu, client_cpu) = self.start.expect("the warm-up has ended");
        Run {
            bytes,
            requests,
            elapsed: start.elapsed(),
            server_cpu: self.server.cpu_time() - server_cpu,
            client_cpu: crate::machine::thread_cpu_time() - client_cpu,
        }
    }
}

/// Waits for many sockets at once, each known by a number.
struct Poller {
    epoll: OwnedFd,
    ready: Vec<epoll::Event>,
}

impl Poller {
    fn new() -> io::Result<Poller> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Poller { epoll, ready: Vec::with_capacity(1024) })
    }

    /// Reports a socket each time that it becomes readable or writable.
    fn add(&self, socket: impl AsFd, number: usize) -> io::Result<()> {
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(number as u64), flags)?)
    }

    /// Waits until a socket has news or `patience` has passed, and gives their numbers.
    fn wait(&mut self, patience: Duration) -> io::Result<impl Iterator<Item = usize> + '_> {
        self.ready.clear();
        let timeout = rustix::event::Timespec {
            tv_sec: patience.as_secs() as i64,
            tv_nsec: i64::from(patience.subsec_nanos()),
        };
        let buffer = rustix::buffer::spare_capacity(&mut self.ready);
        match epoll::wait(&self.epoll, buffer, Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(self.ready.iter().map(|event| event.data.u64() as usize))
    }
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// The outcome of a non-blocking call: `None` where it would have had to wait.
fn unless_blocked(outcome: io::Result<usize>) -> io::Result<Option<usize>> {
    match outcome {
        Ok(count) => Ok(Some(count)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Some(0)),
        Err(error) => Err(error),
    }
}

/// A number out of a frame, as its bytes.
fn number<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    *bytes[at..].first_chunk().expect("frames are looked at when they are whole")
}

/// How long a server may be silent before a run is given up.
const SILENCE_MAX: Duration = Duration::from_secs(30);
