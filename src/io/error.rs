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
}

impl fmt::Display for IoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.operation, std::io::Error::from_raw_os_error(self.errno))
    }
}

impl std::error::Error for IoError {}
