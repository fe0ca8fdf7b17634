//! The maxima of everything that could grow, and how they relate.
//!
//! Limits that operators set live in the configuration; these bound what no one should tune.

/// Shards of one process.
pub const SHARD_COUNT_MAX: usize = 256;

/// One receive buffer of a ring: small frames are parsed where they landed.
pub const RECEIVE_BUFFER_SIZE: usize = 32 * 1024;

/// Receive buffers of one shard; with `RECEIVE_BUFFER_SIZE`, 8 MiB of address space.
pub const RECEIVE_BUFFER_COUNT: u16 = 256;

/// A frame longer than this is received into a buffer of its own, of just its size.
pub const SMALL_FRAME_LENGTH_MAX: usize = RECEIVE_BUFFER_SIZE / 2;

/// A sendfile or splice moves at most this much before other connections have their turn.
pub const SEND_FILE_CHUNK: u32 = 256 * 1024;

/// Bytes of records in one fetch response, whatever `fetch.max.bytes` says: a frame's length has 31
/// bits, and the first batch (a request at most) comes whole even if it is larger than the limit.
pub const FETCH_RECORDS_MAX: u32 = 1 << 30;

/// The longest that a fetch may wait, in milliseconds, whatever its client asks: clients give up
/// on a request sooner (`request.timeout.ms`, 30 seconds).
pub const FETCH_WAIT_MS_MAX: i32 = 5 * 60 * 1000;

/// Parts of one fetch that wait for reads at a time. What they find may use up all that the fetch
/// may have, so that the other parts need no reads.
pub const FETCH_LOOKUPS_MAX: u32 = 8;

/// Ring operations in flight on one shard.
pub const RING_OPERATIONS_MAX: usize = 64 * 1024;

/// Entries of one shard's mailbox.
pub const MAILBOX_CAPACITY: usize = 4 * 1024;

/// Pieces of one vectored write or send (the kernel's IOV_MAX).
pub const GATHER_PIECES_MAX: usize = 1024;

const _: () = assert!(SMALL_FRAME_LENGTH_MAX < RECEIVE_BUFFER_SIZE);
const _: () = assert!(RECEIVE_BUFFER_COUNT.is_power_of_two(), "buffer rings want a power of two");
const _: () = assert!(SHARD_COUNT_MAX <= u16::MAX as usize);
