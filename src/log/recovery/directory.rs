//! A partition's directory: made where a crash came before it, and moved away if it is another
//! topic's.

use super::Recovery;
use super::hints::LastEnd;
use crate::base::TopicId;
use crate::io::{Io, IoError};
use crate::log::error::LogError;
use crate::log::files::METADATA_NAME;
use crate::log::sweep::{displaced_path, is_marked, remove_directory};
use crate::log::{LogIdentity, partition_metadata};

impl<I: Io> Recovery<'_, '_, I> {
    /// Makes the directory if a crash came between the topic's creation and the log's.
    pub fn ensure_directory(&mut self, identity: &LogIdentity) -> Result<(), LogError> {
        let directory = self.directory.clone();
        let at = |source| LogError::Io { path: directory.clone(), source };
        let path = directory.join(METADATA_NAME);
        let known = self.startup.read_file(&path).map_err(at)?;
        let known_id = known.as_deref().and_then(partition_metadata::parse);
        if known_id == Some(identity.topic_id) {
            return Ok(());
        }
        if known_id.is_some_and(|known_id| is_another(known_id, identity.topic_id)) {
            self.displace(identity.topic_id).map_err(at)?;
        } else if known.is_some() {
            self.report.rebuilt.push(path);
        } else if is_marked(self.startup, &directory).map_err(at)? {
            remove_directory(self.startup, &directory).map_err(at)?;
        }
        self.make_directory(identity.topic_id).map_err(LogError::of_making(directory))
    }

    fn make_directory(&mut self, topic_id: TopicId) -> Result<(), IoError> {
        self.startup.make_directory(&self.directory)?;
        if let Some(parent) = self.directory.parent() {
            self.startup.sync_directory(parent)?;
        }
        let content = partition_metadata::encode(topic_id);
        self.startup.replace_file(&self.directory.join(METADATA_NAME), content.as_bytes())
    }

    /// Moves away the directory of a deleted topic of the same name.
    fn displace(&mut self, topic_id: TopicId) -> Result<(), IoError> {
        let to = displaced_path(&self.directory, topic_id);
        match remove_directory(self.startup, &to) {
            Err(error) if !error.is_not_found() => return Err(error),
            _ => {}
        }
        self.startup.rename(&self.directory, &to)
    }

    /// Makes the files that a process killed in the middle of making them has left as durable as
    /// they look: records that are acknowledged from now on must not vanish with their names.
    pub fn sync_names(&mut self) -> Result<(), LogError> {
        if self.hints.last_end == LastEnd::Clean {
            return Ok(());
        }
        let at = |source| LogError::Io { path: self.directory.clone(), source };
        self.startup.sync_directory(&self.directory).map_err(at)
    }
}

/// Whether an id is that of another topic. Random ids differ in about half of their bits; one that
/// differs in a few is the same, damaged, and no reason to give up the records.
fn is_another(found: TopicId, expected: TopicId) -> bool {
    const DAMAGED_BITS_MAX: u32 = 16;
    (found.0.as_u128() ^ expected.0.as_u128()).count_ones() > DAMAGED_BITS_MAX
}
