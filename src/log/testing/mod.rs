//! What the tests of this layer share: a small disk in memory, and a log on it.
//!
//! Only for tests. The disk knows two states of everything, the page cache's and the durable one,
//! and fails operations on demand.

mod bench;
mod disk;

pub use bench::{Bench, batch, batch_at, idempotent};
pub use disk::{Disk, Fault};
