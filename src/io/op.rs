//! Operations, their outcomes, and the handles they name.

use super::{Gather, IoError};
use crate::base::ShardId;
use bytes::Bytes;
use std::net::SocketAddr;
use std::path::PathBuf;

/// An open file. Valid on every shard of the process until [`Op::CloseFile`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct File(pub u32);

/// A listening or connected socket. Used by the shard that accepted it only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Socket(pub u32);

/// The submitter's own name for an operation; the seam only hands it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token(pub u64);

/// How to open a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// An existing file, for reading.
    Read,
    /// An existing file, for reading and writing.
    ReadWrite,
    /// For reading and writing; made if it does not exist, kept if it does.
    Create,
    /// For reading and writing; made, and emptied if it exists.
    CreateEmpty,
}

/// What the submitter knows of a file range's place in the page cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Residency {
    /// Written or read lately: sending it will not wait for the disk.
    Resident,
    /// Not known. The seam finds out, and sends a cold range by a lane of its own whose waits
    /// delay nobody else.
    Unknown,
}

/// What the bytes of a send are of what goes to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Portion {
    /// Responses to their end.
    Whole,
    /// The beginning of a response, or of its next part: a file's range follows.
    BeforeRange,
    /// The end of a response whose last range has gone, and maybe more responses.
    AfterRange,
}

/// An operation. Unless a variant says otherwise, it completes once.
#[derive(Debug)]
pub enum Op {
    /// Accepts connections until cancelled: one [`Output::Accepted`] for each.
    Accept { listener: Socket },
    /// Receives into the ring's own buffers until cancelled, closed or out of buffers: one
    /// [`Output::Received`] for each piece; an empty one is the end of the stream. A completion
    /// without `more` ended the operation: submit it again to receive on.
    Receive { socket: Socket },
    /// Receives once, appending to `buffer` at most up to `length_max` bytes in all.
    ReceiveInto { socket: Socket, buffer: Vec<u8>, length_max: usize },
    /// Sends everything in `data`.
    Send { socket: Socket, data: Gather, portion: Portion },
    /// Sends a file's bytes without copying them; completes when at least one byte, and at most
    /// `length`, has gone.
    SendFile { socket: Socket, file: File, position: u64, length: u32, residency: Residency },
    /// Tells the peer that nothing more is sent, behind all that was; receiving goes on.
    EndSending { socket: Socket },
    /// Ends both directions of a connection: operations in flight on it complete soon.
    Shutdown { socket: Socket },
    /// Gives the socket back. Nothing may be in flight on it.
    CloseSocket { socket: Socket },
    /// Asks that the operation submitted under `target` end; that one still completes.
    Cancel { target: Token },

    /// Opens a file.
    Open { path: PathBuf, mode: OpenMode },
    /// Gives the file back. Nothing may be in flight on it.
    CloseFile { file: File },
    /// Reads up to `length` bytes at `position`, appending to `buffer`; fewer at the file's end.
    Read { file: File, position: u64, buffer: Vec<u8>, length: usize },
    /// Writes everything in `data` at `position`, or fails.
    Write { file: File, position: u64, data: Gather },
    /// Makes the file's data, and the length that reaches it, durable (fdatasync).
    Sync { file: File },
    /// Makes the entries of a directory durable.
    SyncDirectory { path: PathBuf },
    /// Sets a file's length.
    Truncate { file: File, length: u64 },
    /// Reserves room on the disk up to `length` bytes, without changing the file's length.
    Allocate { file: File, length: u64 },
    /// Asks for a file's length.
    Length { file: File },
    /// Renames a file or directory, replacing a file of the new name.
    Rename { from: PathBuf, to: PathBuf },
    /// Removes a file.
    Unlink { path: PathBuf },
    /// Makes a directory; one that exists already is success.
    MakeDirectory { path: PathBuf },
    /// Removes an empty directory.
    RemoveDirectory { path: PathBuf },
    /// Lists a directory. May block: for start-up only.
    ReadDirectory { path: PathBuf },
    /// Asks for the size of the file system that holds `path`, and what of it is free.
    Space { path: PathBuf },

    /// Wakes another shard's [`super::Io::wait`].
    Wake { shard: ShardId },
}

/// What an operation gave.
#[derive(Debug)]
pub enum Output {
    /// A new connection.
    Accepted { socket: Socket, peer: SocketAddr },
    /// Bytes of a connection; empty at its end. They return to the ring once dropped.
    Received(Bytes),
    /// The buffer of [`Op::ReceiveInto`], now longer by `count` bytes; 0 at the stream's end.
    ReceivedInto { buffer: Vec<u8>, count: usize },
    /// The gather of [`Op::Send`], sent to the last byte.
    Sent(Gather),
    /// Bytes that [`Op::SendFile`] sent; 0 if the file ended before `position`.
    SentFile { count: u32 },
    /// The file that was opened.
    Opened(File),
    /// The buffer of [`Op::Read`], longer by what was read.
    Read(Vec<u8>),
    /// The gather of [`Op::Write`], written to the last byte.
    Written(Gather),
    /// A file's length in bytes.
    Length(u64),
    /// A directory's entries, in no order, without `.` and `..`.
    Directory(Vec<DirectoryEntry>),
    /// Bytes of a file system.
    Space { total: u64, available: u64 },
    /// Somebody called: look into the mailbox. Comes with [`Token::WOKEN`].
    Woken,
    /// Done; there is nothing to give.
    Done,
}

impl Token {
    /// The token of completions that nobody submitted: wake-ups.
    pub const WOKEN: Token = Token(u64::MAX);
}

/// One entry of a listed directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// The name, without the directory's; names that are not UTF-8 are left out of listings.
    pub name: String,
    /// Whether it is a directory itself.
    pub is_directory: bool,
    /// A file's length in bytes.
    pub length: u64,
}

/// The outcome of an operation.
#[derive(Debug)]
pub struct Completion {
    /// What the operation was submitted under.
    pub token: Token,
    /// What it gave.
    pub result: Result<Output, IoError>,
    /// Whether the operation goes on and will complete again.
    pub more: bool,
}
