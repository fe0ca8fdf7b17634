//! InitProducerId (key 22): gives an idempotent or transactional producer its id and epoch.

use crate::wire::schema::{api, structs};

api! {
    InitProducerId, versions 0..=5, flexible 2:
    InitProducerIdRequest<'a> => InitProducerIdResponse
}

structs! {
    /// Who wants to produce.
    pub struct InitProducerIdRequest<'a> {
        /// The transactional id; null for a producer that is only idempotent.
        transactional_id: Option<&'a str> [..],
        /// How long a transaction may stay open, in milliseconds.
        transaction_timeout_ms: i32 [..],
        /// The id that the producer has; −1 if it has none (KIP-360).
        producer_id: i64 [3..] = -1,
        /// The epoch that the producer has; −1 if it has none.
        producer_epoch: i16 [3..] = -1,
    }

    /// The id and epoch to produce with.
    pub struct InitProducerIdResponse {
        /// How long the client is asked to hold back, in milliseconds.
        throttle_time_ms: i32 [..],
        /// 0, or why the broker did not do it ([`ErrorCode`](crate::wire::ErrorCode)).
        error_code: i16 [..],
        /// The producer's id; −1 after an error.
        producer_id: i64 [..] = -1,
        /// The producer's epoch.
        producer_epoch: i16 [..],
    }
}
