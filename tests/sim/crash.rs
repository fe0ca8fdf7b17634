//! The ways for a broker to end without a farewell.

/// How the run dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// SIGKILL: the page cache survives, operations in flight happen in part.
    Process,
    /// The disk keeps, loses or tears what was not synced.
    Power,
}
