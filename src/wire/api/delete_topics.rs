//! DeleteTopics (key 20). From version 6 topics can be named by id.

use crate::wire::schema::{api, structs};
use crate::wire::Array;
use uuid::Uuid;

api! {
    DeleteTopics, versions 1..=6, flexible 4:
    DeleteTopicsRequest<'a> => DeleteTopicsResponse<'a>
}

structs! {
    /// The topics to delete.
    pub struct DeleteTopicsRequest<'a> {
        /// The topics, from version 6 on.
        topics: Array<DeleteTopicState<'a>> [6..],
        /// The names of the topics, up to version 5.
        topic_names: Array<&'a str> [..=5],
        /// How long the broker may take, in milliseconds.
        timeout_ms: i32 [..],
    }

    /// A topic, by name or by id.
    pub struct DeleteTopicState<'a> {
        /// The topic's name, or null if it is named by id.
        name: Option<&'a str> [6..],
        /// The topic's id, or zero if it is named by name.
        topic_id: Uuid [6..],
    }

    /// What became of each topic.
    pub struct DeleteTopicsResponse<'a> {
        /// How long the client is asked to hold back, in milliseconds.
        throttle_time_ms: i32 [..],
        /// One entry per topic.
        responses: Array<DeletableTopicResult<'a>> [..],
    }

    /// What became of one topic.
    pub struct DeletableTopicResult<'a> {
        /// The topic's name; null if it was named by an id that does not exist.
        name: Option<&'a str> [.., nullable 6..],
        /// The topic's id (KIP-516).
        topic_id: Uuid [6..],
        /// 0, or why the broker did not do it ([`ErrorCode`](crate::wire::ErrorCode)).
        error_code: i16 [..],
        /// The error in words.
        error_message: Option<&'a str> [5..],
    }
}
