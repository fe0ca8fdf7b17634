//! What a kernel that forbids rings is told apart by.

use super::{RingRegistry, StartError, Uring, UringOptions};
use crate::base::ShardId;

/// Has the calling thread's `io_uring_setup` fail with `errno` from now on, as a container's
/// seccomp profile does.
fn forbid_rings(errno: i32) {
    let jump = |code, k, jt, jf| libc::sock_filter { code: code as u16, jt, jf, k };
    let refuse = libc::SECCOMP_RET_ERRNO | errno as u32;
    let mut filter = [
        // Offset 0 of what the filter sees is the system call's number.
        jump(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        jump(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, libc::SYS_io_uring_setup as u32, 0, 1),
        jump(libc::BPF_RET | libc::BPF_K, refuse, 0, 0),
        jump(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0, 0),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: numbers, and a program that outlives the call and is copied by it.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program), 0);
    }
}

/// Goal: where a seccomp filter refuses rings, as in a default container, the error says so.
#[test]
fn forbidden_rings_are_reported() {
    let check = |errno, wanted: fn(&StartError) -> bool| {
        // The filter binds the thread that sets it, so it ends with the thread.
        let refused = std::thread::spawn(move || {
            forbid_rings(errno);
            let registry = RingRegistry::new(1)?;
            Uring::new(UringOptions::new(ShardId(0), registry)).map(drop)
        });
        let refused = refused.join().unwrap().unwrap_err();
        assert!(wanted(&refused), "{refused}");
    };
    // A machine whose sysctl forbids rings too blames that, rightly.
    check(libc::EPERM, |refused| {
        matches!(refused, StartError::Forbidden | StartError::DisabledBySysctl { .. })
    });
    check(libc::ENOSYS, |refused| *refused == StartError::NotInKernel);
    check(libc::ENOMEM, |refused| matches!(refused, StartError::MemoryRefused { .. }));
}
