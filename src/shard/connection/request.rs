//! What names a request, and what its reply is addressed with.

use crate::base::Monotonic;
use crate::shard::slots::SlotId;
use crate::wire::ApiKey;

/// Names one request of one connection, for as long as the shard lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestKey {
    /// The connection.
    pub connection: SlotId,
    /// The request's number within it, from 0.
    pub number: u64,
}

/// What is needed to answer a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestContext {
    /// Where the reply goes.
    pub key: RequestKey,
    /// The API's key.
    pub api: ApiKey,
    /// The API's version.
    pub version: i16,
    /// The client's own number for the request.
    pub correlation_id: i32,
    /// When its frame was complete.
    pub received: Monotonic,
}
