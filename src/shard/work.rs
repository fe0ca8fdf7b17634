//! What an unanswered request still waits for.

use super::collect::Collect;
use super::fetch::PendingFetch;
use super::metadata::PendingMetadata;
use super::produce::PendingProduce;

/// The state of a request between its arrival and its reply.
#[derive(Debug)]
pub enum Work {
    /// It is answered where it was read, or as a whole by someone else.
    Immediate,
    /// Batches are on their way to the disk.
    Produce(PendingProduce),
    /// Owners plan reads.
    Fetch(PendingFetch),
    /// Answers of several owners are being collected.
    Collect(Collect),
    /// Topics are being created.
    Metadata(PendingMetadata),
}
