//! A topic as a request named it: by name, or by id from some version on (KIP-516).

use crate::base::TopicId;
use crate::metadata::{Image, Topic};
use crate::wire::ErrorCode;
use std::sync::Arc;
use uuid::Uuid;

/// What a response has to name the topic by, known or not.
#[derive(Debug)]
pub enum NamedTopic {
    /// It exists.
    Known(Arc<Topic>),
    /// It does not; the response names it as the request did.
    Unknown {
        /// The name; empty if the request had an id.
        name: String,
        /// The id; none if the request had a name.
        id: TopicId,
        /// What the client is told of its partitions.
        error: ErrorCode,
    },
}

impl NamedTopic {
    /// Looks a topic up by its id if `by_id`, by its name otherwise.
    pub fn find(image: &Image, by_id: bool, name: &str, id: Uuid) -> NamedTopic {
        let id = TopicId(id);
        let (topic, error) = match by_id {
            true => (image.topic_by_id(id), ErrorCode::UnknownTopicId),
            false => (image.topic(name), ErrorCode::UnknownTopicOrPartition),
        };
        match topic {
            Some(topic) => NamedTopic::Known(Arc::clone(topic)),
            None => NamedTopic::Unknown { name: name.to_owned(), id, error },
        }
    }

    /// The topic, if it exists.
    pub fn known(&self) -> Result<&Arc<Topic>, ErrorCode> {
        match self {
            NamedTopic::Known(topic) => Ok(topic),
            NamedTopic::Unknown { error, .. } => Err(*error),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            NamedTopic::Known(topic) => &topic.name,
            NamedTopic::Unknown { name, .. } => name,
        }
    }

    /// Its id.
    pub fn id(&self) -> Uuid {
        match self {
            NamedTopic::Known(topic) => topic.id.0,
            NamedTopic::Unknown { id, .. } => id.0,
        }
    }
}
