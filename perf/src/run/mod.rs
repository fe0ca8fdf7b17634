//! Runs scenarios on systems: the one path that schedules, times and verifies all of them.
//!
//! [`plan`] goes through systems and rounds, [`measure`] does one scenario on one running system,
//! by its kind of [`kinds`]; [`cost`] says what that took. [`phases`] have the threads, whose loops
//! are [`producing`] and [`consuming`].

pub mod consuming;
pub mod cost;
pub mod kinds;
pub mod measure;
pub mod phases;
pub mod plan;
pub mod producing;

use crate::error::{Error, Result};
use crate::host::interrupt;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Nothing sent, confirmed or received for this long: the run has failed.
const STALL_LIMIT: Duration = Duration::from_secs(60);

/// What the threads of a run share: its clock, its progress, and the failure that stops them all.
#[derive(Debug)]
pub struct Shared {
    epoch: Instant,
    records: AtomicU64,
    stop: AtomicBool,
    /// The first one: those behind it follow from it.
    failure: Mutex<Option<Error>>,
}

impl Shared {
    /// A run that starts now.
    pub fn start() -> Shared {
        let (records, stop) = (AtomicU64::new(0), AtomicBool::new(false));
        Shared { epoch: Instant::now(), records, stop, failure: Mutex::new(None) }
    }

    /// Time since the run's start.
    pub fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// Notes progress, for the bar.
    pub fn advance(&self, records: u64) {
        self.records.fetch_add(records, Ordering::Relaxed);
    }

    /// Records that are done.
    pub fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }

    /// The value, if there is one; a failure is kept, unless there is one already, and stops
    /// every thread.
    pub fn keep_failure<T>(&self, result: Result<T>) -> Option<T> {
        result
            .map_err(|error| {
                self.failure().get_or_insert(error);
                self.stop.store(true, Ordering::Relaxed);
            })
            .ok()
    }

    /// Fails with what stopped the run, once.
    ///
    /// # Errors
    /// The first failure.
    pub fn outcome(&self) -> Result<()> {
        self.failure().take().map_or(Ok(()), Err)
    }

    fn failure(&self) -> MutexGuard<'_, Option<Error>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails if the run was stopped or interrupted.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub fn check(&self) -> Result<()> {
        if self.stop.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { interrupt::check() }
    }
}

/// A time in which nothing moved, since the run's start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Silence {
    /// When something had moved.
    pub from: Duration,
    /// When it did again.
    pub until: Duration,
}

impl Silence {
    /// How long it was.
    pub fn length(self) -> Duration {
        self.until.saturating_sub(self.from)
    }
}

/// Notices that nothing moves any more.
#[derive(Debug)]
struct Watchdog {
    moved: Duration,
}

impl Watchdog {
    fn new(now: Duration) -> Watchdog {
        Watchdog { moved: now }
    }

    /// The time in which nothing had moved.
    fn moved(&mut self, now: Duration) -> Silence {
        Silence { from: mem::replace(&mut self.moved, now), until: now }
    }

    /// Fails if nothing moved for too long; `what` says what was waited for.
    fn check(&self, now: Duration, what: impl FnOnce() -> String) -> Result<()> {
        if now.saturating_sub(self.moved) < STALL_LIMIT {
            return Ok(());
        }
        Err(Error::Stalled(format!("nothing moved for {STALL_LIMIT:?}: {}", what())))
    }
}
