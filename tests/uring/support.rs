//! A ring, and operations run to their completion on it.

use pinion::base::ShardId;
use pinion::io::uring::{Features, RingRegistry, SocketBuffers, Uring, UringOptions, listen};
use pinion::io::{Completion, File, Io, IoError, Op, OpenMode, Output, Socket, Token};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

/// A ring and the completions that nobody has asked for yet.
pub struct Bench {
    pub uring: Uring,
    /// The latest listener.
    pub listener: Socket,
    unclaimed: Vec<Completion>,
    next_token: u64,
}

/// The sets of features under which everything must work alike.
pub fn feature_sets() -> [Features; 3] {
    let no_deferral = Features { deferred_task_run: false, ..Features::ALL };
    [Features::ALL, no_deferral, Features::NONE]
}

impl Bench {
    pub fn new() -> Bench {
        Bench::with(|_| {})
    }

    pub fn allowing(allowed: Features) -> Bench {
        Bench::with(|options| options.allowed = allowed)
    }

    pub fn with(adjust: impl FnOnce(&mut UringOptions)) -> Bench {
        let registry = RingRegistry::new(1).unwrap();
        let mut options = UringOptions::new(ShardId(0), registry);
        adjust(&mut options);
        let uring = Uring::new(options).unwrap();
        Bench { uring, listener: Socket(u32::MAX), unclaimed: Vec::new(), next_token: 0 }
    }

    pub fn submit(&mut self, op: Op) -> Token {
        self.next_token += 1;
        let token = Token(self.next_token);
        self.uring.submit(token, op);
        token
    }

    /// Waits for the next completion of an operation.
    pub fn next(&mut self, token: Token) -> Completion {
        loop {
            if let Some(index) = self.unclaimed.iter().position(|c| c.token == token) {
                return self.unclaimed.remove(index);
            }
            self.uring.wait(None, &mut self.unclaimed);
        }
    }

    /// What has completed of an operation by now.
    pub fn poll(&mut self, token: Token) -> Option<Completion> {
        let now = self.uring.now().monotonic;
        self.uring.wait(Some(now), &mut self.unclaimed);
        let index = self.unclaimed.iter().position(|c| c.token == token)?;
        Some(self.unclaimed.remove(index))
    }

    /// Lets the ring work for a while; for things that must not happen.
    pub fn idle(&mut self, duration: Duration) {
        let until = self.uring.now().monotonic.after(duration);
        while self.uring.now().monotonic < until {
            self.uring.wait(Some(until), &mut self.unclaimed);
        }
    }

    /// Runs an operation that completes once.
    pub fn run(&mut self, op: Op) -> Result<Output, IoError> {
        let token = self.submit(op);
        let completion = self.next(token);
        assert!(!completion.more);
        completion.result
    }

    pub fn open(&mut self, path: &Path, mode: OpenMode) -> File {
        match self.run(Op::Open { path: path.to_owned(), mode }).unwrap() {
            Output::Opened(file) => file,
            other => panic!("open gave {other:?}"),
        }
    }

    /// A listener that accepts, and its address.
    pub fn listen(&mut self) -> (Token, SocketAddr) {
        let any = "127.0.0.1:0".parse().unwrap();
        let listeners = listen(any, 1, SocketBuffers::default()).unwrap();
        self.listener = listeners.sockets[0];
        let token = self.submit(Op::Accept { listener: self.listener });
        (token, listeners.address)
    }

    /// A connection: our end and the peer's.
    pub fn connect(&mut self, accept: Token, address: SocketAddr) -> (Socket, TcpStream) {
        let theirs = TcpStream::connect(address).unwrap();
        let completion = self.next(accept);
        assert!(completion.more);
        match completion.result.unwrap() {
            Output::Accepted { socket, peer } => {
                assert_eq!(peer, theirs.local_addr().unwrap());
                (socket, theirs)
            }
            other => panic!("accept gave {other:?}"),
        }
    }

    /// The bytes of the next piece of a receive, and whether it goes on.
    pub fn received(&mut self, token: Token) -> (bytes::Bytes, bool) {
        let completion = self.next(token);
        match completion.result.unwrap() {
            Output::Received(bytes) => (bytes, completion.more),
            other => panic!("receive gave {other:?}"),
        }
    }
}

/// A directory on a disk: what `/tmp` holds may be memory, which never gets cold.
pub fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// Bytes in which every position of a few megabytes is recognisable.
pub fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index.wrapping_mul(2_654_435_761) >> 7) as u8).collect()
}

/// A file of such bytes, on the disk.
pub fn pattern_file(path: &Path, length: usize) -> Vec<u8> {
    let bytes = pattern(length);
    let mut file = std::fs::File::create(path).unwrap();
    file.write_all(&bytes).unwrap();
    file.sync_all().unwrap();
    bytes
}
