//! A ring with the broker's set-up and nothing around it.

use io_uring::{IoUring, cqueue, squeue};
use std::io;

const IORING_ENTER_GETEVENTS: u32 = 1;

/// Entries of the submission queue.
const ENTRIES: u32 = 1024;

/// A ring of the calling thread's.
pub struct Ring {
    ring: IoUring,
}

/// An operation's kind and the connection it belongs to, as the kernel hands it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag {
    /// What the program calls the operation.
    pub kind: u32,
    /// Which connection.
    pub connection: usize,
}

/// An operation's outcome.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    /// The operation.
    pub tag: Tag,
    /// What the kernel returned: a count, or a negative error number.
    pub result: i32,
    /// Whether it goes on.
    pub more: bool,
}

impl Outcome {
    /// The count.
    pub fn count(self) -> io::Result<usize> {
        usize::try_from(self.result).map_err(|_| io::Error::from_raw_os_error(-self.result))
    }
}

impl Ring {
    /// A ring whose kernel workers stay on `core`, too.
    pub fn new(core: usize) -> io::Result<Ring> {
        let ring = IoUring::builder()
            .setup_clamp()
            .setup_cqsize(ENTRIES * 8)
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_submit_all()
            .build(ENTRIES)?;
        // SAFETY: a set of bits, for which all zeroes is the empty set.
        let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        assert!(core < libc::CPU_SETSIZE as usize, "there are fewer cores than that");
        // SAFETY: the set has room for the core.
        unsafe { libc::CPU_SET(core, &mut set) };
        ring.submitter().register_iowq_aff(&set)?;
        Ok(Ring { ring })
    }

    /// Queues an operation.
    ///
    /// # Safety
    /// What the entry points to must stay valid until the operation's outcome is there.
    pub unsafe fn push(&mut self, tag: Tag, entry: squeue::Entry) -> io::Result<()> {
        let user_data = u64::from(tag.kind) << 32 | tag.connection as u64;
        let entry = entry.user_data(user_data);
        // SAFETY: the caller's promise.
        while unsafe { self.ring.submission().push(&entry) }.is_err() {
            self.ring.submit()?;
        }
        Ok(())
    }

    /// Submits what is queued, waits for at least one outcome, and takes all there are.
    pub fn wait(&mut self, outcomes: &mut Vec<Outcome>) -> io::Result<()> {
        self.enter(1, outcomes)
    }

    /// Submits what is queued, and takes the outcomes there are.
    pub fn poll(&mut self, outcomes: &mut Vec<Outcome>) -> io::Result<()> {
        self.enter(0, outcomes)
    }

    fn enter(&mut self, wanted: usize, outcomes: &mut Vec<Outcome>) -> io::Result<()> {
        // With deferred task runs, outcomes are posted by a call that asks for events.
        let flags = IORING_ENTER_GETEVENTS;
        let queued = self.ring.submission().len() as u32;
        // SAFETY: there is no argument; what entries point to is valid, as `push` demands.
        let entered = unsafe {
            self.ring.submitter().enter::<libc::sigset_t>(queued, wanted as u32, flags, None)
        };
        match entered {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        outcomes.extend(self.ring.completion().map(|entry| {
            let user_data = entry.user_data();
            let tag = Tag { kind: (user_data >> 32) as u32, connection: user_data as u32 as usize };
            Outcome { tag, result: entry.result(), more: cqueue::more(entry.flags()) }
        }));
        Ok(())
    }
}
