//! What goes wrong on the disk.

use std::collections::BTreeMap;

/// Faults that are planned, and a count of the calls that could be struck.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    planned: Vec<Fault>,
    calls: BTreeMap<&'static str, u64>,
    struck: Vec<&'static str>,
    /// A planted bug: `sync` reports success and makes nothing durable.
    pub syncs_lie: bool,
    /// A planted bug: `sync directory` reports success and makes nothing durable.
    pub directory_syncs_lie: bool,
}

/// One failure: of the `call`th operation of a name, counted from 0.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// The operation's name, such as `write`.
    pub operation: &'static str,
    /// Which of the operations of this name.
    pub call: u64,
    /// How many calls from there fail.
    pub count: u64,
    /// The error number, as in errno(3).
    pub errno: i32,
}

impl Faults {
    /// Plans a failure.
    pub fn plan(&mut self, fault: Fault) {
        self.planned.push(fault);
    }

    /// Forgets what was planned.
    pub fn clear(&mut self) {
        self.planned.clear();
    }

    /// How many operations of this name took effect or failed.
    pub fn calls(&self, operation: &str) -> u64 {
        self.calls.get(operation).copied().unwrap_or(0)
    }

    /// Counts a call; the error number if it is to fail.
    pub fn strike(&mut self, operation: &'static str) -> Option<i32> {
        let count = self.calls.entry(operation).or_insert(0);
        let call = *count;
        *count += 1;
        let strikes = |fault: &&Fault| {
            fault.operation == operation
                && (fault.call..fault.call.saturating_add(fault.count)).contains(&call)
        };
        let errno = self.planned.iter().find(strikes).map(|fault| fault.errno);
        self.struck.extend(errno.map(|_| operation));
        errno
    }

    /// The operations that failed.
    pub fn struck(&self) -> &[&'static str] {
        &self.struck
    }

    /// The operations that failed; forgets them.
    pub fn take_struck(&mut self) -> Vec<&'static str> {
        std::mem::take(&mut self.struck)
    }
}
