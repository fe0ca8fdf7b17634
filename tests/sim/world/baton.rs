//! Threads of which only one runs at a time.
//!
//! A shard blocks in its wait, so it needs a stack of its own. The baton makes the threads one
//! deterministic program: whoever has it runs, all others stand still.

use super::handle::SimIo;
use super::station::StationId;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

/// The shard's end.
#[derive(Debug)]
pub struct Baton {
    resume: Receiver<()>,
    yields: Sender<Yield>,
}

/// Why a shard gives the baton back.
#[derive(Debug)]
enum Yield {
    Waits,
    Ended,
    Panicked(Box<dyn Any + Send>),
}

/// What unwinds the stack of a shard whose process has died.
struct ProcessDied;

/// The scheduler's end of a shard's thread.
#[derive(Debug)]
pub struct ShardThread {
    station: StationId,
    resume: Option<Sender<()>>,
    yields: Receiver<Yield>,
    thread: Option<JoinHandle<()>>,
    has_ended: bool,
}

/// Ends a shard without a word, as SIGKILL does.
pub fn die() -> ! {
    resume_unwind(Box::new(ProcessDied))
}

impl Baton {
    /// Lets others run until it is this shard's turn again.
    pub fn pass(&self) {
        let is_over = self.yields.send(Yield::Waits).is_err() || self.resume.recv().is_err();
        if is_over {
            die();
        }
    }
}

impl ShardThread {
    /// A thread that runs `run` with `io`, turn by turn.
    pub fn spawn(mut io: SimIo, run: impl FnOnce(&mut SimIo) + Send + 'static) -> ShardThread {
        let (resume, resumes) = channel();
        let (yields, yielded) = channel();
        let station = io.station();
        let thread = std::thread::spawn(move || {
            if resumes.recv().is_err() {
                return;
            }
            io.set_baton(Baton { resume: resumes, yields: yields.clone() });
            let outcome = catch_unwind(AssertUnwindSafe(|| run(&mut io)));
            let last = match outcome {
                Err(panic) if !panic.is::<ProcessDied>() => Yield::Panicked(panic),
                _ => Yield::Ended,
            };
            // The scheduler may have gone first.
            let _ = yields.send(last);
        });
        ShardThread {
            station,
            resume: Some(resume),
            yields: yielded,
            thread: Some(thread),
            has_ended: false,
        }
    }

    /// The shard's place among the stations.
    pub fn station(&self) -> StationId {
        self.station
    }

    /// Whether the shard has come to its end.
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Lets the shard run until it waits again or ends.
    ///
    /// # Panics
    /// With the shard's own panic.
    pub fn turn(&mut self) {
        assert!(!self.has_ended, "an ended shard has no turns");
        let resume = self.resume.as_ref().expect("it is taken when the thread is dropped");
        resume.send(()).expect("a thread that has not ended listens");
        match self.yields.recv().expect("a thread says that it ends") {
            Yield::Waits => {}
            Yield::Ended => self.has_ended = true,
            Yield::Panicked(panic) => {
                self.has_ended = true;
                resume_unwind(panic);
            }
        }
    }
}

impl Drop for ShardThread {
    fn drop(&mut self) {
        drop(self.resume.take());
        if let Some(thread) = self.thread.take() {
            // Its panics, if any, have been told in its last turn.
            let _ = thread.join();
        }
    }
}
