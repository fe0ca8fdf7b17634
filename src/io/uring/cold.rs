//! The lane of cold file ranges: their waits for the disk delay nobody else.
//!
//! A kernel worker splices the range from the file into a pipe, waiting for the disk; then the
//! shard splices from the pipe into the socket, without waiting. Few ranges are read at a time,
//! the others queue in order of arrival. A pipe is held during the disk's work only: what a slow
//! peer does not take at once is left in the page cache, and sent from there later.
//!
//! What was in nobody's memory before is dropped from the page cache some chunks later, so that
//! a reader of last week's records does not push out today's. That includes what had to be read
//! to be tested before it could be sent.

use super::super::{File, Output, Socket};
use super::Uring;
use super::sendfile::{SendFile, Stage};
use super::slots::{Internal, Key};
use super::sys::{self, Errno};
use crate::base::limits::SEND_FILE_CHUNK;
use io_uring::{opcode, squeue, types};
use std::collections::VecDeque;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// A range is its reader's alone if at most one in so many of its pages was in memory: a look-up
/// reads the header at its start, and its first page ends the range before it.
const PAGES_PER_CACHED_PAGE: u64 = 4;

/// A read of as much may take as long as a cold range does, for the disk and for its copy.
pub(super) const LARGE_READ: usize = 64 * 1024;

/// Ranges that large reads have brought into memory and that may be sent next.
const BROUGHT_IN_MAX: usize = 16;

/// Sent ranges that stay cached for now: a socket still refers to their pages until the peer has
/// taken them, and only pages without a reference can be dropped.
const SENT_RANGES_MAX: usize = 16;

/// A pipe between file and socket.
#[derive(Debug)]
pub(super) struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
}

/// A range of a file.
#[derive(Debug, Clone, Copy)]
struct Range {
    file: File,
    position: u64,
    length: u32,
}

impl Range {
    fn of(sending: &SendFile) -> Range {
        let &SendFile { file, position, length, .. } = sending;
        Range { file, position, length }
    }

    /// Whether hardly any of it is in memory, as far as the kernel can tell.
    fn is_absent(&self, cached: Result<u64, Errno>, page_size: u64) -> bool {
        cached.is_ok_and(|cached| cached <= self.page_count(page_size) / PAGES_PER_CACHED_PAGE)
    }

    fn page_count(&self, page_size: u64) -> u64 {
        let end = self.position + u64::from(self.length);
        end.div_ceil(page_size) - self.position / page_size
    }

    /// Whether the first and the last byte can be read without waiting: where both can, nothing
    /// between them is still on its way from the disk, but for rare cases.
    fn ends_are_readable(&self) -> bool {
        let last = self.position + u64::from(self.length.saturating_sub(1));
        [self.position, last].iter().all(|&at| sys::is_readable_at_once(self.file, at))
    }

    fn overlaps(&self, other: &Range) -> bool {
        let end = |range: &Range| range.position + u64::from(range.length);
        self.file == other.file && self.position < end(other) && other.position < end(self)
    }
}

/// The state of one shard's cold lane.
pub(super) struct ColdLane {
    /// Reads at a time.
    reads_max: usize,
    /// What is being read.
    reading: Vec<Range>,
    /// Who waits for a turn, longest first.
    queue: VecDeque<Key>,
    /// Empty pipes.
    spare: Vec<Pipe>,
    /// Where the content of pipes goes that no socket took.
    sink: Option<std::fs::File>,
    page_size: u64,
    /// Ranges that were absent before they were read to be tested, oldest first.
    brought_in: VecDeque<Range>,
    /// Ranges that were absent before they were sent, oldest first.
    sent: VecDeque<Range>,
}

impl ColdLane {
    pub(super) fn new(reads_max: usize) -> ColdLane {
        ColdLane {
            reads_max,
            reading: Vec::with_capacity(reads_max),
            queue: VecDeque::new(),
            spare: Vec::new(),
            sink: std::fs::File::options().write(true).open("/dev/null").ok(),
            page_size: sys::page_size(),
            brought_in: VecDeque::new(),
            sent: VecDeque::new(),
        }
    }

    /// Takes an operation out of the queue, if it is there.
    pub(super) fn forget(&mut self, key: Key) -> bool {
        let before = self.queue.len();
        self.queue.retain(|queued| *queued != key);
        self.queue.len() < before
    }

    /// Forgets what was read and sent from a file, whose number may soon be another's.
    pub(super) fn forget_file(&mut self, file: File) {
        self.brought_in.retain(|range| range.file != file);
        self.sent.retain(|range| range.file != file);
    }
}

impl Uring {
    /// Sends a range that may or may not be in memory.
    pub(super) fn send_unknown(&mut self, key: Key) {
        let sending = self.sending(key);
        let range = Range::of(sending);
        let socket = sending.socket;
        let pages = range.page_count(self.cold.page_size);
        self.counters.system_calls += 1;
        let cached = sys::cached_pages(range.file, range.position, range.length);
        // Pages that are being read count as cached.
        let being_read = self.cold.reading.iter().any(|reading| reading.overlaps(&range));
        // From a kernel that cannot tell: cold, to be sure.
        if cached.is_ok_and(|cached| cached >= pages) && !being_read {
            self.counters.system_calls += 2;
            if range.ends_are_readable() {
                let sent = self.send_hot(key);
                if sent > 0 && self.cold.brought_in.iter().any(|read| read.overlaps(&range)) {
                    self.drop_later(Range { length: sent, ..range });
                }
                return;
            }
        }
        self.counters.system_calls += 1;
        if !sys::is_writable(socket) {
            return self.await_writable(key);
        }
        if self.cold.reading.len() < self.cold.reads_max {
            let absent = !being_read && range.is_absent(cached, self.cold.page_size);
            self.fill(key, absent);
        } else {
            self.sending(key).stage = Stage::Queued;
            self.cold.queue.push_back(key);
        }
    }

    /// Notes a large read of what is in nobody's memory: once sent, that is not kept there
    /// either, unless another shard sends it.
    pub(super) fn note_large_read(&mut self, file: File, position: u64, length: usize) {
        let range = Range { file, position, length: u32::try_from(length).unwrap_or(u32::MAX) };
        self.counters.system_calls += 1;
        let cached = sys::cached_pages(file, position, range.length);
        if !range.is_absent(cached, self.cold.page_size) {
            return;
        }
        if self.cold.brought_in.len() == BROUGHT_IN_MAX {
            self.cold.brought_in.pop_front();
        }
        self.cold.brought_in.push_back(range);
    }

    /// Has a kernel worker read the range into a pipe.
    fn fill(&mut self, key: Key, absent: bool) {
        let pipe = match self.cold.spare.pop() {
            Some(pipe) => pipe,
            None => {
                self.counters.system_calls += 2;
                match sys::pipe(SEND_FILE_CHUNK) {
                    Ok((read, write)) => Pipe { read, write },
                    Err(errno) => return self.finish(key, Err(errno)),
                }
            }
        };
        let range = Range::of(self.sending(key));
        self.cold.reading.push(range);
        let file = types::Fd(range.file.0 as RawFd);
        let write = types::Fd(pipe.write.as_raw_fd());
        self.sending(key).stage = Stage::Filling { pipe, absent };
        let position = range.position as i64;
        self.push(key, opcode::Splice::new(file, position, write, -1, range.length).build());
    }

    /// The pipe holds what the disk gave: sends as much of it as the socket takes.
    pub(super) fn on_filled(&mut self, key: Key, outcome: Result<u32, Errno>) {
        let sending = self.sending(key);
        let range = Range::of(sending);
        let socket = sending.socket;
        let Stage::Filling { pipe, absent } = std::mem::replace(&mut sending.stage, Stage::Queued)
        else {
            unreachable!("only a filling pipe is filled");
        };
        let reading = &mut self.cold.reading;
        let same = |other: &Range| other.file == range.file && other.position == range.position;
        let index = reading.iter().position(same).expect("what is read is noted");
        reading.swap_remove(index);

        let filled = outcome.unwrap_or(0);
        if absent && filled > 0 {
            self.drop_later(Range { length: filled, ..range });
        }
        let sent = outcome.and_then(|filled| self.drain(pipe, socket, filled));
        match sent {
            // As full as before: what was read is in the page cache by now.
            Err(libc::EAGAIN) => self.await_writable(key),
            outcome => self.finish(key, outcome.map(|count| Output::SentFile { count })),
        }
        self.next_in_queue();
    }

    /// Sends as much of a pipe's content as the socket takes, throws the rest away, and keeps
    /// the pipe for the next range.
    fn drain(&mut self, pipe: Pipe, socket: Socket, filled: u32) -> Result<u32, Errno> {
        let mut sent = 0;
        let mut outcome = Ok(());
        while sent < filled {
            self.counters.system_calls += 1;
            match sys::splice(&pipe.read, socket.0 as RawFd, filled - sent) {
                Ok(0) => break,
                Ok(count) => sent += count,
                Err(errno) => {
                    outcome = Err(errno);
                    break;
                }
            }
        }
        self.counters.cold_bytes += u64::from(sent);
        if self.empty(&pipe, filled - sent) {
            self.cold.spare.push(pipe);
        }
        match outcome {
            Err(errno) if sent == 0 => Err(errno),
            _ => Ok(sent),
        }
    }

    /// Throws away what a pipe holds; `false` if that does not work.
    fn empty(&mut self, pipe: &Pipe, mut left_over: u32) -> bool {
        while left_over > 0 {
            let Some(sink) = &self.cold.sink else { return false };
            self.counters.system_calls += 1;
            match sys::splice(&pipe.read, sink.as_raw_fd(), left_over) {
                Ok(count @ 1..) => left_over -= count,
                _ => return false,
            }
        }
        true
    }

    fn next_in_queue(&mut self) {
        while self.cold.reading.len() < self.cold.reads_max {
            let Some(key) = self.cold.queue.pop_front() else { break };
            self.send_unknown(key);
        }
    }

    /// Drops the oldest sent range from the page cache once enough others have followed.
    fn drop_later(&mut self, range: Range) {
        self.cold.sent.push_back(range);
        if self.cold.sent.len() <= SENT_RANGES_MAX {
            return;
        }
        if let Some(oldest) = self.cold.sent.pop_front() {
            let file = types::Fd(oldest.file.0 as RawFd);
            // With the whole first page, whose beginning was the end of the range before.
            let surplus = oldest.position % self.cold.page_size;
            let length = i64::from(oldest.length) + surplus as i64;
            let entry = opcode::Fadvise::new(file, length as _, libc::POSIX_FADV_DONTNEED)
                .offset(oldest.position - surplus)
                .build()
                .flags(squeue::Flags::ASYNC)
                .user_data(Internal::Ignored.user_data());
            // SAFETY: the entry points to nothing.
            unsafe { self.ring.push(&entry) };
        }
    }
}
