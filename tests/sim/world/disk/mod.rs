//! A file system with a page cache, a disk behind it, and faults.
//!
//! Knows operations and their effects; when they take effect is the world's business.

pub mod cached;
pub mod content;
pub mod directory;
pub mod faults;
pub mod tree;

pub use faults::{Fault, Faults};

use crate::random::Random;
use cached::Mark;
use directory::InodeId;
use pinion::io::{File, Gather, IoError, Op, OpenMode, Output};
use std::collections::BTreeMap;
use tree::Tree;

/// The unit of the page cache and of the disk's room, in bytes.
pub const PAGE: u64 = 4096;

/// The disk and the file handles of the running process. Empty at first, and without bounds.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    tree: Tree,
    open: BTreeMap<u32, OpenFile>,
    file_count: u32,
    writing: Vec<Range>,
    capacity: Option<u64>,
    /// What goes wrong.
    pub faults: Faults,
}

#[derive(Debug, Clone, Copy)]
struct OpenFile {
    inode: InodeId,
    is_writable: bool,
    in_flight: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    inode: InodeId,
    start: u64,
    end: u64,
}

/// An operation that was handed to the kernel and has had no effect yet.
#[derive(Debug)]
pub struct Started {
    op: Op,
    mark: Option<Mark>,
}

impl Disk {
    /// Gives the file system a size in bytes; without one it never fills.
    pub fn set_capacity(&mut self, capacity: Option<u64>) {
        self.capacity = capacity;
    }

    /// Takes an operation on a file or path.
    ///
    /// # Panics
    /// If it breaks the contract of [`Op`].
    pub fn start(&mut self, op: Op) -> Started {
        let mut mark = None;
        match &op {
            Op::Write { file, position, data } => {
                self.start_writing(*file, *position, position + data.len());
            }
            Op::Truncate { file, length } => self.start_writing(*file, *length, u64::MAX),
            Op::Allocate { file, .. } => {
                self.hold_writable(*file);
            }
            Op::Sync { file } => {
                let inode = self.hold(*file);
                mark = Some(self.tree.content(inode).mark());
            }
            Op::Read { file, .. } | Op::Length { file } => {
                self.hold(*file);
            }
            Op::CloseFile { file } => {
                let closed = self.open.remove(&file.0).unwrap_or_else(|| unknown(*file));
                let in_flight = closed.in_flight;
                assert_eq!(in_flight, 0, "{file:?} is closed with operations in flight");
            }
            Op::SyncDirectory { path } => {
                mark = self.tree.directory(path).ok().map(|directory| directory.mark());
            }
            _ => {}
        }
        Started { op, mark }
    }

    /// Counts an operation in flight on a file, and says which file it is.
    ///
    /// # Panics
    /// If the file is not open.
    pub fn hold(&mut self, file: File) -> InodeId {
        let held = self.open.get_mut(&file.0).unwrap_or_else(|| unknown(file));
        held.in_flight += 1;
        held.inode
    }

    fn hold_writable(&mut self, file: File) -> InodeId {
        let inode = self.hold(file);
        assert!(self.open[&file.0].is_writable, "{file:?} was opened for reading");
        inode
    }

    /// Ends what [`Disk::hold`] began.
    pub fn release(&mut self, file: File) {
        self.open.get_mut(&file.0).expect("a held file stays open").in_flight -= 1;
    }

    fn start_writing(&mut self, file: File, start: u64, end: u64) {
        let inode = self.hold_writable(file);
        let overlaps =
            |other: &&Range| other.inode == inode && other.start < end && start < other.end;
        let other = self.writing.iter().find(overlaps);
        assert!(other.is_none(), "{start}..{end} of {file:?} is written while {other:?} is");
        self.writing.push(Range { inode, start, end });
    }

    fn end_writing(&mut self, file: File, start: u64) {
        let inode = self.open[&file.0].inode;
        let found = self.writing.iter().position(|at| at.inode == inode && at.start == start);
        self.writing.swap_remove(found.expect("a write that ends was in flight"));
        self.release(file);
    }

    /// Lets an operation take effect.
    pub fn finish(&mut self, started: Started, random: &mut Random) -> Result<Output, IoError> {
        let operation = name(&started.op);
        let struck = self.faults.strike(operation);
        self.perform(started, struck, random).map_err(|errno| IoError { operation, errno })
    }

    fn perform(
        &mut self,
        started: Started,
        struck: Option<i32>,
        random: &mut Random,
    ) -> Result<Output, i32> {
        let Started { op, mark } = started;
        match op {
            Op::Write { file, position, data } => {
                self.end_writing(file, position);
                self.write(file, position, data, struck, random)
            }
            Op::Truncate { file, length } => {
                self.end_writing(file, length);
                fail(struck)?;
                self.content_of(file).set_length(length);
                Ok(Output::Done)
            }
            Op::Sync { file } => {
                self.release(file);
                let mark = mark.expect("a sync is marked at its start");
                self.sync(file, mark, struck, random)
            }
            Op::Allocate { file, length } => {
                self.release(file);
                fail(struck)?;
                let available = self.available();
                let content = self.content_of(file);
                if content.footprint_at(length) - content.footprint() > available {
                    return Err(libc::ENOSPC);
                }
                content.allocate(length);
                Ok(Output::Done)
            }
            Op::Read { file, position, mut buffer, length } => {
                self.release(file);
                fail(struck)?;
                buffer.extend_from_slice(self.content_of(file).read(position, length));
                Ok(Output::Read(buffer))
            }
            Op::Length { file } => {
                self.release(file);
                fail(struck)?;
                Ok(Output::Length(self.content_of(file).cached().len() as u64))
            }
            Op::CloseFile { .. } => fail(struck).map(|()| Output::Done),
            other => {
                fail(struck)?;
                self.perform_on_path(other, mark)
            }
        }
    }

    fn perform_on_path(&mut self, op: Op, mark: Option<Mark>) -> Result<Output, i32> {
        match op {
            Op::Open { path, mode } => {
                let room = self.available() > 0;
                let inode = self.tree.open(&path, mode, room)?;
                let file = File(self.file_count);
                self.file_count += 1;
                let is_writable = mode != OpenMode::Read;
                self.open.insert(file.0, OpenFile { inode, is_writable, in_flight: 0 });
                return Ok(Output::Opened(file));
            }
            Op::SyncDirectory { path } => {
                let directory = self.tree.directory_mut(&path)?;
                if !self.faults.directory_syncs_lie {
                    directory.sync(mark.unwrap_or_else(|| directory.mark()));
                }
            }
            Op::Rename { from, to } => self.tree.rename(&from, &to)?,
            Op::Unlink { path } => self.tree.unlink(&path)?,
            Op::MakeDirectory { path } => self.tree.make_directory(&path)?,
            Op::RemoveDirectory { path } => self.tree.remove_directory(&path)?,
            Op::ReadDirectory { path } => return self.tree.list(&path).map(Output::Directory),
            Op::Space { path } => {
                self.tree.directory(&path)?;
                let total = self.capacity.unwrap_or(1 << 40);
                return Ok(Output::Space { total, available: self.available() });
            }
            other => unreachable!("{other:?} is not for the disk"),
        }
        Ok(Output::Done)
    }

    /// Writes all of `data`, or what fits, or, struck by a fault, any part of it.
    fn write(
        &mut self,
        file: File,
        position: u64,
        data: Gather,
        struck: Option<i32>,
        random: &mut Random,
    ) -> Result<Output, i32> {
        let bytes = data.slices().collect::<Vec<_>>().concat();
        let available = self.available();
        let content = self.content_of(file);
        let room = (content.footprint() + available).saturating_sub(position);
        let fitting = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        let (written, result) = match struck {
            Some(errno) => (random.index(fitting + 1), Err(errno)),
            None if fitting < bytes.len() => (fitting, Err(libc::ENOSPC)),
            None => (fitting, Ok(Output::Written(data))),
        };
        content.write(position, &bytes[..written]);
        result
    }

    fn sync(
        &mut self,
        file: File,
        mark: Mark,
        struck: Option<i32>,
        random: &mut Random,
    ) -> Result<Output, i32> {
        let lies = self.faults.syncs_lie;
        let content = self.content_of(file);
        match struck {
            Some(errno) => {
                content.fail_sync(mark, random);
                return Err(errno);
            }
            None if lies => {}
            None => content.sync(mark),
        }
        Ok(Output::Done)
    }

    fn content_of(&mut self, file: File) -> &mut content::Content {
        let inode = self.open.get(&file.0).unwrap_or_else(|| unknown(file)).inode;
        self.tree.content_mut(inode)
    }

    /// The bytes of a file that a socket buffer refers to.
    pub fn read_pages(&self, inode: InodeId, position: u64, length: usize) -> Vec<u8> {
        self.tree.content(inode).read_pages(position, length)
    }

    /// The length that reads of a file see.
    pub fn length_of(&self, inode: InodeId) -> u64 {
        self.tree.content(inode).cached().len() as u64
    }

    /// Bytes that are left.
    pub fn available(&self) -> u64 {
        let Some(capacity) = self.capacity else { return 1 << 40 };
        capacity.saturating_sub(self.used())
    }

    /// Bytes that files take up.
    pub fn used(&self) -> u64 {
        self.tree.footprint(self.open.values().map(|open| open.inode))
    }

    /// The paths of all files, sorted.
    pub fn paths(&self) -> Vec<String> {
        self.tree.paths()
    }

    /// The process dies while operations are in flight; the page cache stays.
    pub fn lose_process(&mut self, in_flight: Vec<Started>, random: &mut Random) {
        for started in in_flight {
            self.interrupt(started, random);
        }
        self.open.clear();
        self.writing.clear();
    }

    /// The machine loses power: what was not synced is kept, lost or torn.
    pub fn lose_power(&mut self, in_flight: Vec<Started>, random: &mut Random) {
        for started in in_flight {
            self.interrupt(started, random);
        }
        self.open.clear();
        self.writing.clear();
        self.tree.lose_power(random);
    }

    /// An operation that the process did not live to see has happened in part, whole or not.
    fn interrupt(&mut self, started: Started, random: &mut Random) {
        match started.op {
            Op::Write { file, position, data } if random.once_in(2) => {
                let bytes = data.slices().collect::<Vec<_>>().concat();
                let written = random.index(bytes.len() + 1);
                self.content_of(file).write(position, &bytes[..written]);
            }
            _ if random.once_in(2) => {}
            Op::CloseFile { .. } => {}
            _ => drop(self.perform(started, None, random)),
        }
    }
}

fn unknown<T>(file: File) -> T {
    panic!("{file:?} is not open");
}

fn fail(struck: Option<i32>) -> Result<(), i32> {
    struck.map_or(Ok(()), Err)
}

/// The name of an operation, as errors and fault plans give it.
pub fn name(op: &Op) -> &'static str {
    match op {
        Op::Accept { .. } => "accept",
        Op::Receive { .. } | Op::ReceiveInto { .. } => "receive",
        Op::Send { .. } => "send",
        Op::SendFile { .. } => "sendfile",
        Op::EndSending { .. } => "end sending",
        Op::Shutdown { .. } => "shutdown",
        Op::CloseSocket { .. } => "close socket",
        Op::Cancel { .. } => "cancel",
        Op::Open { .. } => "open",
        Op::CloseFile { .. } => "close file",
        Op::Read { .. } => "read",
        Op::Write { .. } => "write",
        Op::Sync { .. } => "sync",
        Op::SyncDirectory { .. } => "sync directory",
        Op::Truncate { .. } => "truncate",
        Op::Allocate { .. } => "allocate",
        Op::Length { .. } => "length",
        Op::Rename { .. } => "rename",
        Op::Unlink { .. } => "unlink",
        Op::MakeDirectory { .. } => "make directory",
        Op::RemoveDirectory { .. } => "remove directory",
        Op::ReadDirectory { .. } => "read directory",
        Op::Space { .. } => "space",
        Op::Wake { .. } => "wake",
    }
}
