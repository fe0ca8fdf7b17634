//! What went wrong with an operation.

use std::fmt;

/// A failed operation: what was tried, and the kernel's error number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IoError {
    /// The operation's name, such as `write` or `fdatasync`.
    pub operation: &'static str,
    /// The error number, positive, as in errno(3).
    pub errno: i32,
}

impl IoError {
    /// The disk, or the quota on it, is full.
    pub fn is_no_space(&self) -> bool {
        matches!(self.errno, libc::ENOSPC | libc::EDQUOT)
    }

    /// The file or directory does not exist.
    pub fn is_not_found(&self) -> bool {
        self.errno == libc::ENOENT
    }

    /// The operation was cancelled on request.
    pub fn is_cancelled(&self) -> bool {
        self.errno == libc::ECANCELED
    }

    /// The other end of a connection is gone.
    pub fn is_peer_gone(&self) -> bool {
        matches!(self.errno, libc::ECONNRESET | libc::EPIPE)
    }

    /// The process has no file descriptor left.
    pub fn is_out_of_descriptors(&self) -> bool {
        matches!(self.errno, libc::EMFILE | libc::ENFILE)
    }

    /// What an operator can do about it, to stand behind the error in one line; empty if nobody
    /// can tell.
    pub fn remedy(&self) -> &'static str {
        remedy(self.errno)
    }
}

/// What an operator can do about an error number; see [`IoError::remedy`].
pub fn remedy(errno: i32) -> &'static str {
    match errno {
        libc::EMFILE | libc::ENFILE => "; raise the limit of open files (ulimit -n, LimitNOFILE=)",
        libc::ENOSPC | libc::EDQUOT => "; free some space on that file system",
        libc::EACCES | libc::EPERM => "; let this user read and write it",
        libc::EROFS => "; mount that file system for writing",
        libc::ENOTDIR | libc::EEXIST => "; a file is where a directory should be",
        libc::EIO => "; look for errors of the disk in the kernel's log (dmesg)",
        _ => "",
    }
}

impl fmt::Display for IoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.operation, std::io::Error::from_raw_os_error(self.errno))
    }
}

impl std::error::Error for IoError {}
