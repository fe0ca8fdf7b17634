//! Files and directories. What may wait for a disk goes through the ring, where the kernel's
//! workers do the waiting.

use super::super::{DirectoryEntry, File, Gather, Op, OpenMode, Output, Token};
use super::Uring;
use super::cold::LARGE_READ;
use super::ring::Reaped;
use super::slots::{Flight, Key};
use super::sys::{self, Errno};
use io_uring::{opcode, squeue, types};
use std::ffi::CString;
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// The most that one read, write, send or receive moves (the kernel's MAX_RW_COUNT).
pub(super) const TRANSFER_MAX: usize = 0x7fff_f000;

const FILE_MODE: libc::mode_t = 0o644;
const DIRECTORY_MODE: libc::mode_t = 0o755;
const HERE: types::Fd = types::Fd(libc::AT_FDCWD);

/// A file as the ring wants it.
fn descriptor(file: File) -> types::Fd {
    types::Fd(file.0 as RawFd)
}

fn c_string(path: PathBuf) -> Result<CString, Errno> {
    CString::new(path.into_os_string().into_vec()).map_err(|_| libc::EINVAL)
}

impl Uring {
    pub(super) fn submit_file_operation(&mut self, token: Token, op: Op) {
        match op {
            Op::Open { path, mode } => self.open(token, path, mode),
            Op::CloseFile { file } => self.close_file(token, file),
            Op::Read { file, position, buffer, length } => {
                self.read(token, file, position, buffer, length);
            }
            Op::Write { file, position, data } => self.write(token, file, position, data),
            Op::Sync { file } => {
                let flags = types::FsyncFlags::DATASYNC;
                let entry = opcode::Fsync::new(descriptor(file)).flags(flags).build();
                self.plain(token, "fdatasync", entry);
            }
            Op::SyncDirectory { path } => self.sync_directory(token, path),
            Op::Truncate { file, length } => self.truncate(token, file, length),
            Op::Allocate { file, length } => {
                let entry = opcode::Fallocate::new(descriptor(file), length);
                let entry = entry.mode(libc::FALLOC_FL_KEEP_SIZE).build();
                self.plain(token, "fallocate", entry);
            }
            Op::Length { file } => {
                self.counters.system_calls += 1;
                self.report(token, "fstat", sys::length(file).map(Output::Length));
            }
            Op::Rename { from, to } => self.rename(token, from, to),
            Op::Unlink { path } => self.unlink(token, "unlink", path, 0),
            Op::RemoveDirectory { path } => self.unlink(token, "rmdir", path, libc::AT_REMOVEDIR),
            Op::MakeDirectory { path } => self.make_directory(token, path),
            Op::ReadDirectory { path } => {
                self.counters.system_calls += 1;
                let listing = read_directory(&path);
                self.report(token, "readdir", listing.map(Output::Directory));
            }
            Op::Space { path } => {
                self.counters.system_calls += 1;
                let space = c_string(path).and_then(|path| sys::space(&path));
                let output = space.map(|(total, available)| Output::Space { total, available });
                self.report(token, "statvfs", output);
            }
            op => unreachable!("not a file operation: {op:?}"),
        }
    }

    /// Starts an operation that lends nothing and gives nothing.
    fn plain(&mut self, token: Token, operation: &'static str, entry: squeue::Entry) {
        let key = self.slots.insert(token, operation, Flight::Plain);
        self.push(key, entry);
    }

    fn open(&mut self, token: Token, path: PathBuf, mode: OpenMode) {
        let flags = match mode {
            OpenMode::Read => libc::O_RDONLY,
            OpenMode::ReadWrite => libc::O_RDWR,
            OpenMode::Create => libc::O_RDWR | libc::O_CREAT,
            OpenMode::CreateEmpty => libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC,
        };
        match c_string(path) {
            Err(errno) => self.report(token, "open", Err(errno)),
            Ok(path) => {
                let name = path.as_ptr();
                let key = self.slots.insert(token, "open", Flight::Open { path });
                let entry = opcode::OpenAt::new(HERE, name)
                    .flags(flags | libc::O_CLOEXEC)
                    .mode(FILE_MODE)
                    .build();
                self.push(key, entry);
            }
        }
    }

    pub(super) fn on_open(&mut self, key: Key, entry: Reaped) {
        let opened = entry.outcome().map(File);
        if let Ok(file) = opened {
            // Readers say how much they want. A single window of read-ahead would go on for ever,
            // since the kernel looks for its mark on a page and not for the advice, in megabytes
            // that the shard's own thread asks for.
            self.counters.system_calls += 1;
            sys::disable_readahead(file);
        }
        self.finish(key, opened.map(Output::Opened));
    }

    fn close_file(&mut self, token: Token, file: File) {
        self.cold.forget_file(file);
        // By a worker: to close the last handle of an unlinked file is to give its blocks back.
        let entry = opcode::Close::new(descriptor(file)).build();
        self.plain(token, "close", entry.flags(squeue::Flags::ASYNC));
    }

    fn read(
        &mut self,
        token: Token,
        file: File,
        position: u64,
        mut buffer: Vec<u8>,
        length: usize,
    ) {
        let length = length.min(TRANSFER_MAX);
        if length == 0 {
            return self.report(token, "read", Ok(Output::Read(buffer)));
        }
        buffer.reserve_exact(length);
        if length < LARGE_READ {
            // What is in memory costs one short call, and no turn of the ring.
            self.counters.system_calls += 1;
            let start = buffer.len();
            match sys::read_at_once(file, position, &mut buffer, length) {
                Ok(count) if count == length => {
                    return self.report(token, "read", Ok(Output::Read(buffer)));
                }
                // Whether the file or the page cache ends there, the ring finds out.
                _ => buffer.truncate(start),
            }
        }
        let start = buffer.spare_capacity_mut().as_mut_ptr().cast();
        let key = self.slots.insert(token, "read", Flight::Read { buffer });
        // `start` leads into the buffer that the slot now owns.
        let entry = opcode::Read::new(descriptor(file), start, length as u32).offset(position);
        let mut entry = entry.build();
        if length >= LARGE_READ {
            self.note_large_read(file, position, length);
            // By a worker, whose copying the shard need not sit through.
            entry = entry.flags(squeue::Flags::ASYNC);
        }
        self.push(key, entry);
    }

    pub(super) fn on_read(&mut self, key: Key, entry: Reaped) {
        let (token, operation, flight) = self.slots.remove(key);
        let Flight::Read { mut buffer } = flight else {
            unreachable!("dispatched by flight");
        };
        let result = entry.outcome().map(|count| {
            let count = count as usize;
            assert!(count <= buffer.capacity() - buffer.len(), "read into what was reserved");
            // SAFETY: the kernel has written `count` bytes from the buffer's end on.
            unsafe { buffer.set_len(buffer.len() + count) };
            Output::Read(buffer)
        });
        self.report(token, operation, result);
    }

    fn write(&mut self, token: Token, file: File, position: u64, data: Gather) {
        if data.is_empty() {
            return self.report(token, "write", Ok(Output::Written(data)));
        }
        let vectored = self.vectored(data);
        let key = self.slots.insert(token, "write", Flight::Write { vectored, file, position });
        self.push_write(key);
    }

    fn push_write(&mut self, key: Key) {
        let Flight::Write { vectored, file, position } = self.slots.flight(key) else {
            unreachable!("dispatched by flight");
        };
        let pieces = vectored.pieces();
        let entry = opcode::Writev::new(descriptor(*file), pieces.as_ptr(), pieces.len() as u32)
            .offset(*position + vectored.done())
            .build();
        self.push(key, entry);
    }

    pub(super) fn on_write(&mut self, key: Key, entry: Reaped) {
        let Flight::Write { vectored, .. } = self.slots.flight(key) else {
            unreachable!("dispatched by flight");
        };
        let unfinished = match entry.outcome() {
            // A file that takes nothing and reports no error would be asked for ever.
            Ok(0) => Err(libc::EIO),
            Ok(count) => Ok(vectored.advance(u64::from(count))),
            Err(errno) => Err(errno),
        };
        if matches!(unfinished, Ok(true) | Err(libc::EINTR | libc::EAGAIN)) {
            return self.push_write(key);
        }
        let (token, operation, flight) = self.slots.remove(key);
        let Flight::Write { vectored, .. } = flight else {
            unreachable!("dispatched by flight");
        };
        let data = self.unload(vectored);
        self.report(token, operation, unfinished.map(|_| Output::Written(data)));
    }

    fn truncate(&mut self, token: Token, file: File, length: u64) {
        if self.ring.features().truncate {
            let entry = opcode::Ftruncate::new(descriptor(file), length).build();
            self.plain(token, "ftruncate", entry);
        } else {
            self.counters.system_calls += 1;
            let result = sys::truncate(file, length);
            self.report(token, "ftruncate", result.map(|()| Output::Done));
        }
    }

    fn sync_directory(&mut self, token: Token, path: PathBuf) {
        match c_string(path) {
            Err(errno) => self.report(token, "fsync directory", Err(errno)),
            Ok(path) => {
                let name = path.as_ptr();
                let flight = Flight::SyncDirectory { path, directory: None };
                let key = self.slots.insert(token, "fsync directory", flight);
                let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
                self.push(key, opcode::OpenAt::new(HERE, name).flags(flags).build());
            }
        }
    }

    pub(super) fn on_sync_directory(&mut self, key: Key, entry: Reaped) {
        let Flight::SyncDirectory { directory, .. } = self.slots.flight(key) else {
            unreachable!("dispatched by flight");
        };
        match (*directory, entry.outcome()) {
            (None, Ok(opened)) => {
                let opened = File(opened);
                *directory = Some(opened);
                self.push(key, opcode::Fsync::new(descriptor(opened)).build());
            }
            (None, Err(errno)) => self.finish(key, Err(errno)),
            (Some(opened), outcome) => {
                self.counters.system_calls += 1;
                sys::close(opened.0);
                self.finish(key, outcome.map(|_| Output::Done));
            }
        }
    }

    fn rename(&mut self, token: Token, from: PathBuf, to: PathBuf) {
        match (c_string(from), c_string(to)) {
            (Ok(from), Ok(to)) => {
                let (old, new) = (from.as_ptr(), to.as_ptr());
                let key = self.slots.insert(token, "rename", Flight::Rename { from, to });
                self.push(key, opcode::RenameAt::new(HERE, old, HERE, new).build());
            }
            _ => self.report(token, "rename", Err(libc::EINVAL)),
        }
    }

    fn unlink(&mut self, token: Token, operation: &'static str, path: PathBuf, flags: i32) {
        match c_string(path) {
            Err(errno) => self.report(token, operation, Err(errno)),
            Ok(path) => {
                let name = path.as_ptr();
                let key = self.slots.insert(token, operation, Flight::Path { path });
                self.push(key, opcode::UnlinkAt::new(HERE, name).flags(flags).build());
            }
        }
    }

    fn make_directory(&mut self, token: Token, path: PathBuf) {
        match c_string(path) {
            Err(errno) => self.report(token, "mkdir", Err(errno)),
            Ok(path) => {
                let name = path.as_ptr();
                let key = self.slots.insert(token, "mkdir", Flight::MakeDirectory { path });
                self.push(key, opcode::MkDirAt::new(HERE, name).mode(DIRECTORY_MODE).build());
            }
        }
    }
}

fn read_directory(path: &Path) -> Result<Vec<DirectoryEntry>, Errno> {
    let errno = |error: std::io::Error| error.raw_os_error().unwrap_or(libc::EIO);
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(path).map_err(errno)? {
        let entry = entry.map_err(errno)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        match entry.metadata() {
            Ok(status) => entries.push(DirectoryEntry {
                name,
                is_directory: status.is_dir(),
                length: status.len(),
            }),
            // Removed since it was listed.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(errno(error)),
        }
    }
    Ok(entries)
}
