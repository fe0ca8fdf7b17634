//! System calls without a ring operation, or better made at once: thin, and safe to call.
//!
//! Every function gives the error number of a failed call. Interrupted calls are repeated.

use super::super::{File, Socket};
use super::vectored::Vectored;
use crate::base::{Monotonic, Now, Timestamp};
use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// An error number, as in errno(3).
pub(super) type Errno = i32;

fn last_errno() -> Errno {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)
}

/// Repeats `call` while signals interrupt it.
fn retry(mut call: impl FnMut() -> isize) -> Result<usize, Errno> {
    loop {
        match usize::try_from(call()) {
            Ok(value) => return Ok(value),
            Err(_) => match last_errno() {
                libc::EINTR => {}
                errno => return Err(errno),
            },
        }
    }
}

pub(super) fn now() -> Now {
    let monotonic = clock(libc::CLOCK_MONOTONIC);
    let wall = clock(libc::CLOCK_REALTIME);
    Now {
        monotonic: Monotonic(monotonic.tv_sec as u64 * 1_000_000_000 + monotonic.tv_nsec as u64),
        wall: Timestamp(wall.tv_sec * 1_000 + wall.tv_nsec / 1_000_000),
    }
}

pub(super) fn monotonic() -> Monotonic {
    let time = clock(libc::CLOCK_MONOTONIC);
    Monotonic(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}

fn clock(id: libc::clockid_t) -> libc::timespec {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec for the call to fill.
    let outcome = unsafe { libc::clock_gettime(id, &mut time) };
    assert_eq!(outcome, 0, "both clocks exist on every Linux");
    time
}

/// sendfile(2): from the file's page cache to a non-blocking socket. Blocks on pages that are
/// not in memory.
pub(super) fn send_file(
    socket: Socket,
    file: File,
    position: u64,
    length: u32,
) -> Result<u32, Errno> {
    let mut offset = position as libc::off64_t;
    retry(|| {
        // SAFETY: both are file descriptors, and `offset` outlives the call.
        unsafe {
            libc::sendfile64(socket.0 as RawFd, file.0 as RawFd, &mut offset, length as usize)
        }
    })
    .map(|count| count as u32)
}

/// sendmsg(2) of a round to a socket, without waiting.
pub(super) fn send(socket: Socket, round: &Vectored, flags: i32) -> Result<usize, Errno> {
    let flags = flags | libc::MSG_DONTWAIT;
    // SAFETY: the header and what it leads to belong to `round`, which outlives the call.
    retry(|| unsafe { libc::sendmsg(socket.0 as RawFd, round.header(), flags) })
}

/// splice(2) from a pipe to what is no pipe, without waiting for either.
pub(super) fn splice(pipe: &OwnedFd, target: RawFd, length: u32) -> Result<u32, Errno> {
    let flags = libc::SPLICE_F_NONBLOCK | libc::SPLICE_F_MOVE;
    let (source, none) = (pipe.as_raw_fd(), std::ptr::null_mut());
    // SAFETY: both are file descriptors, and neither gets a position.
    retry(|| unsafe { libc::splice(source, none, target, none, length as usize, flags) })
        .map(|count| count as u32)
}

/// The size of a page in bytes.
pub(super) fn page_size() -> u64 {
    // SAFETY: takes a number.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

/// How many pages of a file range are in the page cache (cachestat(2)).
/// Pages that are still being read count as cached.
pub(super) fn cached_pages(file: File, position: u64, length: u32) -> Result<u64, Errno> {
    #[repr(C)]
    struct Range {
        position: u64,
        length: u64,
    }
    #[repr(C)]
    #[derive(Default)]
    struct CacheStatistics {
        cached: u64,
        dirty: u64,
        writeback: u64,
        evicted: u64,
        recently_evicted: u64,
    }
    const SYS_CACHESTAT: libc::c_long = 451;
    let range = Range { position, length: u64::from(length) };
    let mut statistics = CacheStatistics::default();
    // SAFETY: both structures have the layout of the kernel's and outlive the call.
    retry(|| unsafe {
        libc::syscall(SYS_CACHESTAT, file.0 as RawFd, &range, &mut statistics, 0) as isize
    })?;
    Ok(statistics.cached)
}

/// Whether the byte at a place of a file is in the page cache for a reader to take, as far as the
/// file system can tell (preadv2(2) with RWF_NOWAIT). There is none at the file's end to wait for.
pub(super) fn is_readable_at_once(file: File, position: u64) -> bool {
    let mut byte = MaybeUninit::<u8>::uninit();
    let piece = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 1 };
    let offset = position as libc::off64_t;
    // SAFETY: one piece with room for its one byte; both outlive the call.
    let outcome =
        retry(|| unsafe { libc::preadv64v2(file.0 as RawFd, &piece, 1, offset, libc::RWF_NOWAIT) });
    outcome != Err(libc::EAGAIN)
}

/// Reads from a file without waiting, appending to `buffer`, which has room for `length` bytes more
/// (preadv2(2) with RWF_NOWAIT). Says how many came: fewer than `length` where the page cache has
/// no more, or the file.
pub(super) fn read_at_once(
    file: File,
    position: u64,
    buffer: &mut Vec<u8>,
    length: usize,
) -> Result<usize, Errno> {
    let room = &mut buffer.spare_capacity_mut()[..length];
    let piece = libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: length };
    let offset = position as libc::off64_t;
    // SAFETY: one piece with room for its bytes; both outlive the call.
    let count = retry(|| unsafe {
        libc::preadv64v2(file.0 as RawFd, &piece, 1, offset, libc::RWF_NOWAIT)
    })?;
    assert!(count <= length, "read into what was reserved");
    // SAFETY: the kernel has written `count` bytes from the buffer's end on.
    unsafe { buffer.set_len(buffer.len() + count) };
    Ok(count)
}

/// posix_fadvise(2) with POSIX_FADV_RANDOM: read what is asked for, and nothing ahead.
pub(super) fn disable_readahead(file: File) {
    // SAFETY: takes a file descriptor and numbers. The outcome is advice either way.
    unsafe { libc::posix_fadvise(file.0 as RawFd, 0, 0, libc::POSIX_FADV_RANDOM) };
}

/// Whether a socket takes bytes, or has an error to tell.
pub(super) fn is_writable(socket: Socket) -> bool {
    let mut poll = libc::pollfd { fd: socket.0 as RawFd, events: libc::POLLOUT, revents: 0 };
    // SAFETY: one valid pollfd, and no waiting.
    retry(|| unsafe { libc::poll(&mut poll, 1, 0) as isize }).unwrap_or(1) > 0
}

/// recv(2) into `buffer` without waiting.
pub(super) fn receive(socket: Socket, buffer: &mut [MaybeUninit<u8>]) -> Result<usize, Errno> {
    retry(|| {
        // SAFETY: the buffer is writable for its whole length.
        unsafe {
            libc::recv(
                socket.0 as RawFd,
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                libc::MSG_DONTWAIT,
            )
        }
    })
}

/// Ends directions of a connection: SHUT_WR or SHUT_RDWR.
pub(super) fn shutdown(socket: Socket, how: i32) -> Result<(), Errno> {
    // SAFETY: takes a file descriptor and a number.
    retry(|| unsafe { libc::shutdown(socket.0 as RawFd, how) as isize }).map(drop)
}

/// The address at the other end of a connection.
pub(super) fn peer(socket: Socket) -> Result<SocketAddr, Errno> {
    // SAFETY: the storage is large enough for every address family, and the length says so.
    let outcome = unsafe {
        socket2::SockAddr::try_init(|storage, length| {
            match libc::getpeername(socket.0 as RawFd, storage.cast(), length) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            }
        })
    };
    match outcome {
        Ok(((), address)) => address.as_socket().ok_or(libc::EAFNOSUPPORT),
        Err(error) => Err(error.raw_os_error().unwrap_or(libc::EIO)),
    }
}

/// A file's length in bytes.
pub(super) fn length(file: File) -> Result<u64, Errno> {
    let mut status = MaybeUninit::<libc::stat64>::uninit();
    // SAFETY: `status` is room for what the call writes.
    retry(|| unsafe { libc::fstat64(file.0 as RawFd, status.as_mut_ptr()) as isize })?;
    // SAFETY: the call succeeded, so it has filled the structure.
    Ok(unsafe { status.assume_init() }.st_size as u64)
}

/// Sets a file's length.
pub(super) fn truncate(file: File, length: u64) -> Result<(), Errno> {
    // SAFETY: takes a file descriptor and a number.
    retry(|| unsafe { libc::ftruncate64(file.0 as RawFd, length as i64) as isize }).map(drop)
}

/// Total and available bytes of the file system that holds `path`.
pub(super) fn space(path: &CStr) -> Result<(u64, u64), Errno> {
    let mut status = MaybeUninit::<libc::statvfs64>::uninit();
    // SAFETY: the path ends with a zero byte, and `status` is room for what the call writes.
    retry(|| unsafe { libc::statvfs64(path.as_ptr(), status.as_mut_ptr()) as isize })?;
    // SAFETY: the call succeeded, so it has filled the structure.
    let status = unsafe { status.assume_init() };
    let unit = status.f_frsize;
    Ok((status.f_blocks.saturating_mul(unit), status.f_bavail.saturating_mul(unit)))
}

/// Gives a file descriptor back. Errors are of no use to anybody: it is gone either way.
pub(super) fn close(descriptor: u32) {
    // SAFETY: the caller owned the descriptor and uses it no more.
    drop(unsafe { OwnedFd::from_raw_fd(descriptor as RawFd) });
}

/// A pipe with room for `capacity` bytes, or for what the kernel allows: (read end, write end).
pub(super) fn pipe(capacity: u32) -> Result<(OwnedFd, OwnedFd), Errno> {
    let mut ends = [-1; 2];
    // SAFETY: room for two descriptors; on success both are open and owned by nobody else.
    let (read, write) = unsafe {
        retry(|| libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) as isize)?;
        (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1]))
    };
    // A refusal (the user's pipe pages are used up) leaves a smaller pipe, which works too.
    // SAFETY: takes a file descriptor and a number.
    unsafe { libc::fcntl(write.as_raw_fd(), libc::F_SETPIPE_SZ, capacity as libc::c_int) };
    Ok((read, write))
}

/// A blocking eventfd at zero.
pub(super) fn event() -> Result<OwnedFd, Errno> {
    // SAFETY: takes numbers; on success the descriptor is open and owned by nobody else.
    unsafe {
        let event = retry(|| libc::eventfd(0, libc::EFD_CLOEXEC) as isize)?;
        Ok(OwnedFd::from_raw_fd(event as RawFd))
    }
}

/// Adds to an eventfd.
pub(super) fn signal(event: &OwnedFd, value: u64) {
    // SAFETY: eight readable bytes. The sum stays far below the eventfd's maximum, so the call
    // does not block; should it fail, the counter was non-zero and the reader wakes anyway.
    let _ = retry(|| unsafe { libc::write(event.as_raw_fd(), (&raw const value).cast(), 8) });
}

/// The soft limit of locked memory in bytes.
pub(super) fn locked_memory_limit() -> u64 {
    let mut limit = libc::rlimit64 { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is room for what the call writes.
    unsafe { libc::getrlimit64(libc::RLIMIT_MEMLOCK, &mut limit) };
    limit.rlim_cur
}

/// The set of just one CPU.
pub(super) fn cpu_set(core: usize) -> Option<libc::cpu_set_t> {
    if core >= libc::CPU_SETSIZE as usize {
        return None;
    }
    // SAFETY: all zeroes is the empty set, and `core` is within it.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut set);
        Some(set)
    }
}
