//! The ring itself: set-up, submission, and the one system call that drives it.

use super::error::StartError;
use super::features::Features;
use super::sys::{self, Errno};
use io_uring::types::{CancelBuilder, SubmitArgs, Timespec};
use io_uring::{IoUring, Probe, cqueue, opcode, squeue};
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

const ENTER_GETEVENTS: u32 = 1;
const ENTER_EXT_ARG: u32 = 1 << 3;
const ENTER_NO_IOWAIT: u32 = 1 << 7;

/// Completions wait for the shard in a queue this many times the submission queue's size, since
/// one submission may complete many times.
const COMPLETIONS_PER_ENTRY: u32 = 8;

/// Kernel workers for files at a time: opens, syncs, and on ext4 every write. Writes to one file
/// come one after the other anyway.
const FILE_WORKERS_MAX: u32 = 32;

/// One entry of the completion queue.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reaped {
    pub(super) user_data: u64,
    /// Not negative: what was achieved. Negative: the error number.
    pub(super) result: i32,
    flags: u32,
}

impl Reaped {
    /// The error number, or what the operation achieved.
    pub(super) fn outcome(self) -> Result<u32, Errno> {
        u32::try_from(self.result).map_err(|_| -self.result)
    }

    /// Whether the same submission will complete again.
    pub(super) fn more(self) -> bool {
        cqueue::more(self.flags)
    }

    /// The receive buffer that the kernel picked.
    pub(super) fn buffer(self) -> Option<u16> {
        cqueue::buffer_select(self.flags)
    }
}

/// How long an enter may sleep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sleep {
    No,
    For(Duration),
    UntilCompletion,
}

impl Sleep {
    /// What is left of it after some time.
    pub(super) fn shortened(self, by: Duration) -> Sleep {
        match self {
            Sleep::For(duration) if duration <= by => Sleep::No,
            Sleep::For(duration) => Sleep::For(duration - by),
            Sleep::No | Sleep::UntilCompletion => self,
        }
    }
}

/// A ring, used by the thread that made it only.
pub(super) struct Ring {
    uring: IoUring,
    features: Features,
    /// Entries handed over that have not completed for the last time.
    outstanding: usize,
    /// Completions that were taken out to make room in the kernel's queues.
    early: Vec<Reaped>,
    enters: u64,
}

impl Ring {
    /// Makes a ring with as many of the `allowed` features as the kernel has.
    pub(super) fn new(
        entries: u32,
        core: Option<usize>,
        network_workers_max: u32,
        allowed: Features,
    ) -> Result<Ring, StartError> {
        let (uring, mode) = build(entries, allowed)?;
        let features = probe(&uring, mode, allowed)?;
        let mut ring = Ring { uring, features, outstanding: 0, early: Vec::new(), enters: 0 };
        ring.limit_workers(core, network_workers_max, allowed);
        Ok(ring)
    }

    fn limit_workers(&mut self, core: Option<usize>, network_max: u32, allowed: Features) {
        let submitter = self.uring.submitter();
        if allowed.worker_limit {
            let mut limits = [FILE_WORKERS_MAX, network_max];
            match submitter.register_iowq_max_workers(&mut limits) {
                Ok(()) => self.features.worker_limit = true,
                Err(error) => tracing::warn!(%error, "the kernel's workers stay unlimited"),
            }
        }
        let set = core.filter(|_| allowed.worker_affinity).and_then(sys::cpu_set);
        if let Some(set) = set {
            match submitter.register_iowq_aff(&set) {
                Ok(()) => self.features.worker_affinity = true,
                Err(error) => tracing::warn!(%error, core, "the kernel's workers stay unbound"),
            }
        }
    }

    pub(super) fn features(&self) -> Features {
        self.features
    }

    pub(super) fn lose(&mut self, change: impl FnOnce(&mut Features)) {
        change(&mut self.features);
    }

    pub(super) fn descriptor(&self) -> RawFd {
        self.uring.as_raw_fd()
    }

    /// Calls of io_uring_enter so far.
    pub(super) fn enters(&self) -> u64 {
        self.enters
    }

    /// Entries whose last completion has not come.
    pub(super) fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// The submitter, for registrations.
    pub(super) fn submitter(&self) -> io_uring::Submitter<'_> {
        self.uring.submitter()
    }

    /// Queues an entry that completes at least once; hands the queue over first if it is full.
    ///
    /// # Safety
    /// What the entry points to must stay valid until its last completion.
    pub(super) unsafe fn push(&mut self, entry: &squeue::Entry) {
        // SAFETY: the caller's promise.
        unsafe { self.push_silent(entry) };
        self.outstanding += 1;
    }

    /// Queues an entry that points to nothing and completes only if it fails.
    ///
    /// # Safety
    /// As for [`Ring::push`].
    pub(super) unsafe fn push_silent(&mut self, entry: &squeue::Entry) {
        // SAFETY: the caller's promise.
        while unsafe { self.uring.submission().push(entry) }.is_err() {
            self.enter(Sleep::No);
            // The kernel may refuse to take more before it has told what became of the others.
            let mut early = std::mem::take(&mut self.early);
            self.reap(&mut early);
            self.early = early;
        }
    }

    /// Whether an enter could achieve anything.
    pub(super) fn has_work(&mut self) -> bool {
        let queue = self.uring.submission();
        !queue.is_empty() || queue.taskrun() || queue.cq_overflow()
    }

    /// Whether completions are there to be reaped without an enter.
    pub(super) fn has_completions(&mut self) -> bool {
        !self.early.is_empty() || !self.uring.completion().is_empty()
    }

    /// Hands the queued entries over, lets the kernel post completions, and sleeps for one.
    pub(super) fn enter(&mut self, sleep: Sleep) {
        let queued = self.uring.submission().len() as u32;
        let mut flags = ENTER_GETEVENTS;
        if self.features.no_iowait && sleep != Sleep::No {
            flags |= ENTER_NO_IOWAIT;
        }
        self.enters += 1;
        let submitter = self.uring.submitter();
        let outcome = match sleep {
            Sleep::For(duration) => {
                let time = Timespec::from(duration);
                let arguments = SubmitArgs::new().timespec(&time);
                flags |= ENTER_EXT_ARG;
                // SAFETY: the argument and the time it leads to outlive the call; what the
                // queued entries point to is valid, as `push` demands.
                unsafe { submitter.enter(queued, 1, flags, Some(&arguments)) }
            }
            Sleep::UntilCompletion | Sleep::No => {
                let wanted = u32::from(sleep == Sleep::UntilCompletion);
                // SAFETY: there is no argument; the entries are valid, as `push` demands.
                unsafe { submitter.enter::<libc::sigset_t>(queued, wanted, flags, None) }
            }
        };
        if let Err(error) = outcome {
            // Time out, a signal, no memory for now, or completions to be reaped first.
            let errno = error.raw_os_error().unwrap_or(libc::EIO);
            assert!(
                matches!(
                    errno,
                    libc::ETIME | libc::EINTR | libc::EAGAIN | libc::ENOMEM | libc::EBUSY
                ),
                "io_uring_enter: {error}"
            );
        }
    }

    /// Moves all completions out of the ring.
    pub(super) fn reap(&mut self, reaped: &mut Vec<Reaped>) {
        reaped.append(&mut self.early);
        reaped.extend(self.uring.completion().map(|entry| Reaped {
            user_data: entry.user_data(),
            result: entry.result(),
            flags: entry.flags(),
        }));
    }

    /// Notes the last completion of an entry that [`Ring::push`] took.
    pub(super) fn note_last_completion(&mut self) {
        self.outstanding = self.outstanding.checked_sub(1).expect("each entry ends once");
    }

    /// Asks the kernel to end everything in flight.
    pub(super) fn cancel_all(&mut self, user_data: u64) {
        let entry = opcode::AsyncCancel2::new(CancelBuilder::any().all()).build();
        // SAFETY: the entry points to nothing.
        unsafe { self.push(&entry.user_data(user_data)) };
    }
}

/// What a ring's set-up flags gave.
struct Mode {
    deferred_task_run: bool,
    cooperative_task_run: bool,
    submit_all: bool,
}

/// Tries the best flags first, and fewer where the kernel knows them not.
fn build(entries: u32, allowed: Features) -> Result<(IoUring, Mode), StartError> {
    let modes = [
        Mode { deferred_task_run: true, cooperative_task_run: true, submit_all: true },
        Mode { deferred_task_run: false, cooperative_task_run: true, submit_all: true },
        Mode { deferred_task_run: false, cooperative_task_run: false, submit_all: true },
        Mode { deferred_task_run: false, cooperative_task_run: false, submit_all: false },
    ];
    for mode in modes {
        if (mode.deferred_task_run && !allowed.deferred_task_run)
            || (mode.cooperative_task_run && !allowed.cooperative_task_run)
            || (mode.submit_all && !allowed.submit_all)
        {
            continue;
        }
        let mut builder = IoUring::builder();
        builder.dontfork().setup_clamp().setup_cqsize(entries * COMPLETIONS_PER_ENTRY);
        if mode.deferred_task_run {
            builder.setup_single_issuer().setup_defer_taskrun().setup_taskrun_flag();
        } else if mode.cooperative_task_run {
            builder.setup_coop_taskrun().setup_taskrun_flag();
        }
        if mode.submit_all {
            builder.setup_submit_all();
        }
        match builder.build(entries) {
            Ok(uring) => return Ok((uring, mode)),
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                tracing::info!(
                    deferred_task_run = mode.deferred_task_run,
                    cooperative_task_run = mode.cooperative_task_run,
                    submit_all = mode.submit_all,
                    "the kernel refuses these io_uring flags; trying fewer"
                );
            }
            Err(error) => return Err(refused(&error)),
        }
    }
    Err(StartError::KernelTooOld { what: "the set-up flag IORING_SETUP_CLAMP" })
}

fn refused(error: &std::io::Error) -> StartError {
    let errno = error.raw_os_error().unwrap_or(libc::EIO);
    let disabled = std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled");
    let disabled = disabled.ok().and_then(|text| text.trim().parse().ok());
    StartError::from_setup(errno, disabled, sys::locked_memory_limit())
}

/// What nothing works without, and how to name it.
const REQUIRED: [(u8, &str); 16] = [
    (opcode::Accept::CODE, "accept"),
    (opcode::Recv::CODE, "recv"),
    (opcode::SendMsg::CODE, "sendmsg"),
    (opcode::PollAdd::CODE, "poll"),
    (opcode::AsyncCancel::CODE, "cancel"),
    (opcode::Read::CODE, "read"),
    (opcode::Writev::CODE, "writev"),
    (opcode::Fsync::CODE, "fsync"),
    (opcode::OpenAt::CODE, "openat"),
    (opcode::Close::CODE, "close"),
    (opcode::Fallocate::CODE, "fallocate"),
    (opcode::Fadvise::CODE, "fadvise"),
    (opcode::Splice::CODE, "splice"),
    (opcode::RenameAt::CODE, "renameat"),
    (opcode::UnlinkAt::CODE, "unlinkat"),
    (opcode::MkDirAt::CODE, "mkdirat"),
];

fn probe(uring: &IoUring, mode: Mode, allowed: Features) -> Result<Features, StartError> {
    let mut probe = Probe::new();
    uring.submitter().register_probe(&mut probe).map_err(|error| StartError::Setup {
        step: "probing the ring's operations",
        errno: error.raw_os_error().unwrap_or(libc::EIO),
    })?;
    if let Some((_, what)) = REQUIRED.iter().find(|(code, _)| !probe.is_supported(*code)) {
        return Err(StartError::KernelTooOld { what });
    }
    let parameters = uring.params();
    let basics = [
        (parameters.is_feature_nodrop(), "lossless completions (IORING_FEAT_NODROP)"),
        (parameters.is_feature_ext_arg(), "waits with a time limit (IORING_FEAT_EXT_ARG)"),
        (parameters.is_feature_fast_poll(), "sockets without workers (IORING_FEAT_FAST_POLL)"),
        (parameters.is_feature_submit_stable(), "stable submissions (IORING_FEAT_SUBMIT_STABLE)"),
    ];
    if let Some((_, what)) = basics.iter().find(|(has, _)| !has) {
        return Err(StartError::KernelTooOld { what });
    }
    let found = Features {
        deferred_task_run: mode.deferred_task_run,
        cooperative_task_run: mode.cooperative_task_run,
        submit_all: mode.submit_all,
        no_iowait: parameters.is_feature_no_iowait(),
        message_ring: probe.is_supported(opcode::MsgRingData::CODE),
        silent_success: parameters.is_feature_skip_cqe_on_success(),
        truncate: probe.is_supported(opcode::Ftruncate::CODE),
        // Lost when a first attempt fails.
        multishot_accept: true,
        // Found by trying, once the ring stands.
        ..Features::NONE
    };
    Ok(found.and(allowed))
}
