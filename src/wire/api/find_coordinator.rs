//! FindCoordinator (key 10): which broker looks after a group or a transaction.
//!
//! The messages are known so that an error can be phrased; the API is not served yet.

use crate::wire::schema::{api, structs};
use crate::wire::Array;

api! {
    FindCoordinator, versions 0..=6, flexible 3:
    FindCoordinatorRequest<'a> => FindCoordinatorResponse<'a>
}

structs! {
    /// Whose coordinator is wanted.
    pub struct FindCoordinatorRequest<'a> {
        /// The group, transactional id or share partition, up to version 3.
        key: &'a str [..=3],
        /// What the keys are: 0 groups, 1 transactional ids, 2 share partitions.
        key_type: i8 [1..],
        /// The groups, transactional ids or share partitions, from version 4 on (KIP-699).
        coordinator_keys: Array<&'a str> [4..],
    }

    /// The coordinators.
    pub struct FindCoordinatorResponse<'a> {
        /// How long the client is asked to hold back, in milliseconds.
        throttle_time_ms: i32 [1..],
        /// 0, or why the broker did not do it ([`ErrorCode`](crate::wire::ErrorCode)).
        error_code: i16 [..=3],
        /// The error in words.
        error_message: Option<&'a str> [1..=3],
        /// The broker's id.
        node_id: i32 [..=3],
        /// The host that clients connect to.
        host: &'a str [..=3],
        /// The port that clients connect to.
        port: i32 [..=3],
        /// One entry per key, from version 4 on.
        coordinators: Array<Coordinator<'a>> [4..],
    }

    /// The coordinator of one key.
    pub struct Coordinator<'a> {
        /// The group, transactional id or share partition.
        key: &'a str [4..],
        /// The broker's id.
        node_id: i32 [4..],
        /// The host that clients connect to.
        host: &'a str [4..],
        /// The port that clients connect to.
        port: i32 [4..],
        /// 0, or why the broker did not do it ([`ErrorCode`](crate::wire::ErrorCode)).
        error_code: i16 [4..],
        /// The error in words.
        error_message: Option<&'a str> [4..],
    }
}
