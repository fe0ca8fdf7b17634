//! Scenarios that are struck everywhere in turn: the process dies at each step of the disk, each
//! call of the disk fails.

use crate::crash::Crash;
use crate::report;
use std::fmt::Debug;

/// A scenario that runs, is struck, and checks what is left. Its `Debug` says how to repeat it.
pub trait Victim: Debug {
    /// Dies at a step of the disk, then once more during or after recovery, and is checked. Gives
    /// how often it died: never, if there are fewer steps.
    fn die_twice(&self, step: u64, crash: Crash) -> u64;

    /// The disk fails a call of an operation, the process goes on as far as it can, the power
    /// fails, and the next start is checked. Gives false if there are fewer calls.
    fn fail_once(&self, operation: &'static str, call: u64, errno: i32) -> bool;

    /// Dies at each step; gives how often it died.
    fn die_everywhere(&self) -> u64 {
        let mut points = 0;
        for crash in [Crash::Process, Crash::Power] {
            for step in 0.. {
                let _guard = report::on_failure(format!("{self:?}, {crash:?} at step {step}"));
                match self.die_twice(step, crash) {
                    0 => break,
                    found => points += found,
                }
            }
        }
        points
    }

    /// Has each call of `operations` fail, and that for want of room too; gives how many failed.
    fn fail_everywhere(&self, operations: &[&'static str]) -> u64 {
        let mut count = 0;
        let errors = |operation| [libc::EIO, libc::ENOSPC].map(|errno| (operation, errno));
        for (operation, errno) in operations.iter().copied().flat_map(errors) {
            for call in 0.. {
                let what = format!("{self:?}, {operation} {call} fails with {errno}");
                let _guard = report::on_failure(what);
                if !self.fail_once(operation, call, errno) {
                    break;
                }
                count += 1;
            }
        }
        count
    }
}
