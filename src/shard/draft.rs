//! The changes of one request, item by item: each is checked against the image that those before
//! it lead to, and all are carried out together.

use super::controller::Controller;
use crate::base::{BrokerId, TopicId};
use crate::metadata::{Change, Image, MetadataError};
use crate::wire::ErrorCode;

/// For clients whose change was sound, while the disk was not.
const STORAGE_FAILED: &str = "the change could not be made durable; see the broker's log";

/// A request on its way to a decision.
pub struct Draft {
    image: Image,
    broker: BrokerId,
    changes: Vec<Change>,
    results: Vec<(ErrorCode, String)>,
}

/// How an item ended: its code, and words if it failed.
pub type Outcome<'d> = (ErrorCode, Option<&'d str>);

impl Draft {
    /// A draft on top of everything that was accepted.
    pub fn of(controller: &Controller) -> Draft {
        Draft {
            image: controller.image().clone(),
            broker: controller.broker,
            changes: Vec::new(),
            results: Vec::new(),
        }
    }

    /// The image that the items so far lead to.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// Checks the next item and takes its changes in; says whether it passed.
    pub fn add(
        &mut self,
        check: impl FnOnce(&Image, BrokerId) -> Result<Vec<Change>, MetadataError>,
    ) -> bool {
        match check(&self.image, self.broker) {
            Ok(changes) => {
                for change in &changes {
                    if let Err(misfit) = self.image.apply(change) {
                        unreachable!("{change:?} was checked: {misfit}");
                    }
                }
                self.changes.extend(changes);
                self.results.push((ErrorCode::None, String::new()));
                true
            }
            Err(error) => {
                self.results.push((error.code(), error.to_string()));
                false
            }
        }
    }

    /// The changes of all items that passed; none if the client only wants to know.
    pub fn take_changes(&mut self, validate_only: bool) -> Vec<Change> {
        let changes = std::mem::take(&mut self.changes);
        if validate_only { Vec::new() } else { changes }
    }

    /// The codes of the items that were refused.
    pub fn errors(&self) -> Vec<ErrorCode> {
        let codes = self.results.iter().map(|(code, _)| *code);
        codes.filter(|code| *code != ErrorCode::None).collect()
    }

    /// How each item ends; `broken` if its changes could not be made durable.
    pub fn outcomes(&self, broken: bool) -> impl Iterator<Item = Outcome<'_>> {
        self.results.iter().map(move |(code, text)| match code {
            ErrorCode::None if broken => (ErrorCode::KafkaStorageError, Some(STORAGE_FAILED)),
            ErrorCode::None => (ErrorCode::None, None),
            code => (*code, Some(text.as_str())),
        })
    }

    /// The name and id of a topic, as far as it is known by one of them.
    pub fn name_topic(&self, name: Option<&str>, id: TopicId) -> (Option<String>, TopicId) {
        let topic = match name {
            Some(name) => self.image.topic(name),
            None => self.image.topic_by_id(id),
        };
        match topic {
            Some(topic) => (Some(topic.name.to_string()), topic.id),
            None => (name.map(str::to_owned), id),
        }
    }
}
