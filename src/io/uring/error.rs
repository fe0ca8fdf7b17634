//! Why a ring or a listener could not be set up: the cause, and what to do about it.

use crate::io::remedy;
use std::net::SocketAddr;

/// A failed start. Each message fits on one line and names cause and remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The sysctl forbids rings to this process (1) or to everybody (2).
    #[error(
        "io_uring is switched off: the sysctl kernel.io_uring_disabled is {value}; \
         set it to 0 (sysctl -w kernel.io_uring_disabled=0){}",
        if *.value == 1 { ", or run as a member of kernel.io_uring_group" } else { "" }
    )]
    DisabledBySysctl {
        /// The value of `kernel.io_uring_disabled`.
        value: u32,
    },
    /// No sysctl forbids it, so a seccomp filter or a security module does.
    #[error(
        "io_uring is forbidden to this process by a seccomp filter or a security module \
         (Docker's default profile does so); allow io_uring_setup, io_uring_enter and \
         io_uring_register, in Docker by a profile of your own: \
         --security-opt seccomp=PROFILE.json"
    )]
    Forbidden,
    /// The kernel was built without io_uring, or predates it.
    #[error("this kernel has no io_uring; use Linux 6.1 or later, built with CONFIG_IO_URING")]
    NotInKernel,
    /// The kernel has rings, but lacks something there is no way around.
    #[error("this kernel's io_uring lacks {what}; use Linux 6.1 or later")]
    KernelTooOld {
        /// What is missing.
        what: &'static str,
    },
    /// The ring's memory was refused.
    #[error(
        "no memory for an io_uring: the limit of locked memory (RLIMIT_MEMLOCK) is {limit_bytes} \
         bytes, or the memory cgroup is full; raise the first (ulimit -l, LimitMEMLOCK=)"
    )]
    MemoryRefused {
        /// The soft limit in bytes.
        limit_bytes: u64,
    },
    /// No file descriptor is left for the ring.
    #[error("no file descriptor left for {what}; raise the limit (ulimit -n, LimitNOFILE=)")]
    OutOfDescriptors {
        /// What wanted one.
        what: &'static str,
    },
    /// Anything else that failed on the way to a ring.
    #[error("cannot set up io_uring: {step}: {}{}", describe(*.errno), remedy(*.errno))]
    Setup {
        /// What was tried.
        step: &'static str,
        /// The error number, as in errno(3).
        errno: i32,
    },
    /// Somebody listens there already.
    #[error(
        "cannot listen on {address}: the port is in use by another process; \
         stop that one (ss -ltnp shows it) or choose another port"
    )]
    PortInUse {
        /// Where to listen.
        address: SocketAddr,
    },
    /// A port below 1024 without the privilege for it.
    #[error(
        "cannot listen on {address}: permission denied; choose a port above 1023, \
         or grant CAP_NET_BIND_SERVICE"
    )]
    PortForbidden {
        /// Where to listen.
        address: SocketAddr,
    },
    /// No interface of this machine has the address.
    #[error(
        "cannot listen on {address}: this machine has no such address; \
         use one that `ip address` shows, or 0.0.0.0 for all"
    )]
    AddressUnavailable {
        /// Where to listen.
        address: SocketAddr,
    },
    /// Anything else that failed on the way to a listener.
    #[error("cannot listen on {address}: {}", describe(*.errno))]
    Listen {
        /// Where to listen.
        address: SocketAddr,
        /// The error number, as in errno(3).
        errno: i32,
    },
}

impl StartError {
    /// The meaning of a refused `io_uring_setup`; `disabled` is the content of the sysctl
    /// `kernel.io_uring_disabled`, if there is one.
    pub(super) fn from_setup(errno: i32, disabled: Option<u32>, memlock: u64) -> StartError {
        match errno {
            libc::EPERM | libc::EACCES => match disabled {
                Some(value @ 1..) => StartError::DisabledBySysctl { value },
                _ => StartError::Forbidden,
            },
            libc::ENOSYS => StartError::NotInKernel,
            libc::ENOMEM => StartError::MemoryRefused { limit_bytes: memlock },
            libc::EMFILE | libc::ENFILE => StartError::OutOfDescriptors { what: "an io_uring" },
            errno => StartError::Setup { step: "io_uring_setup", errno },
        }
    }

    /// The meaning of a refused `bind` or `listen`.
    pub(super) fn from_listen(address: SocketAddr, errno: i32) -> StartError {
        match errno {
            libc::EADDRINUSE => StartError::PortInUse { address },
            libc::EACCES | libc::EPERM => StartError::PortForbidden { address },
            libc::EADDRNOTAVAIL => StartError::AddressUnavailable { address },
            libc::EMFILE | libc::ENFILE => StartError::OutOfDescriptors { what: "a listener" },
            errno => StartError::Listen { address, errno },
        }
    }
}

fn describe(errno: i32) -> String {
    std::io::Error::from_raw_os_error(errno).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: each refusal of a ring names its own cause and remedy, on one line.
    #[test]
    fn refused_rings_say_why() {
        let check = |errno, disabled, wanted: &[&str]| {
            let text = StartError::from_setup(errno, disabled, 65_536).to_string();
            assert!(!text.contains('\n'), "{text}");
            wanted.iter().for_each(|part| assert!(text.contains(part), "{text:?} lacks {part:?}"));
        };
        check(libc::EPERM, Some(2), &["kernel.io_uring_disabled is 2", "set it to 0"]);
        check(libc::EPERM, Some(1), &["kernel.io_uring_disabled is 1", "io_uring_group"]);
        check(libc::EPERM, Some(0), &["seccomp", "--security-opt"]);
        check(libc::EPERM, None, &["seccomp"]);
        check(libc::ENOSYS, None, &["no io_uring", "Linux 6.1"]);
        check(libc::ENOMEM, None, &["65536 bytes", "RLIMIT_MEMLOCK"]);
        check(libc::EMFILE, None, &["ulimit -n"]);
        check(libc::EIO, None, &["io_uring_setup"]);
    }

    /// Goal: each refusal of a listener names the address, its cause and remedy.
    #[test]
    fn refused_listeners_say_why() {
        let address: SocketAddr = "127.0.0.1:9092".parse().unwrap();
        let check = |errno, wanted: &str| {
            let text = StartError::from_listen(address, errno).to_string();
            assert!(text.contains("127.0.0.1:9092") && text.contains(wanted), "{text}");
        };
        check(libc::EADDRINUSE, "in use");
        check(libc::EACCES, "CAP_NET_BIND_SERVICE");
        check(libc::EADDRNOTAVAIL, "no such address");
        check(libc::EAFNOSUPPORT, "not supported");
    }
}
