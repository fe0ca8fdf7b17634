//! The directories that deleted partitions still have, and the partitions that wait for them.

use super::ask::PartitionKey;
use crate::base::PartitionIndex;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What a partition's directory is named after: its topic's name, which another topic may have
/// later, and its index.
pub type DirectoryName = (Arc<str>, PartitionIndex);

/// The directories of one shard whose owner is deleted.
///
/// Invariant: a partition waits only for a directory that is being deleted, and at most one does.
#[derive(Debug, Default)]
pub struct Directories {
    deleting: HashSet<DirectoryName>,
    waiting: HashMap<DirectoryName, PartitionKey>,
}

impl Directories {
    /// Notes that a directory is being removed.
    ///
    /// # Panics
    /// If that was noted already: no partition is made in such a directory.
    pub fn begin_deletion(&mut self, name: DirectoryName) {
        assert!(self.deleting.insert(name), "a directory has one owner");
    }

    /// Lets a new partition wait if its directory is still being removed; says whether it waits.
    pub fn must_wait(&mut self, name: &DirectoryName, partition: PartitionKey) -> bool {
        let is_taken = self.deleting.contains(name);
        if is_taken {
            self.waiting.insert(name.clone(), partition);
        }
        is_taken
    }

    /// Forgets a partition that waits; its topic is gone.
    pub fn cancel(&mut self, name: &DirectoryName) {
        self.waiting.remove(name);
    }

    /// Forgets all partitions that wait.
    pub fn cancel_all(&mut self) {
        self.waiting.clear();
    }

    /// Notes that a directory is gone, and gives the partition that has waited for that.
    pub fn end_deletion(&mut self, name: &DirectoryName) -> Option<PartitionKey> {
        self.deleting.remove(name);
        self.waiting.remove(name)
    }

    /// Whether a partition waits.
    pub fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::TopicId;

    /// Goal: of the topics that have a name one after the other, the last one gets the directory.
    #[test]
    fn the_newest_namesake_gets_the_directory() {
        let name: DirectoryName = (Arc::from("t"), PartitionIndex(0));
        let [first, second, third] =
            [1, 2, 3].map(|id| PartitionKey { topic: TopicId::from_random(id, id), index: name.1 });
        let mut directories = Directories::default();
        assert!(!directories.must_wait(&name, first));
        directories.begin_deletion(name.clone());
        assert!(directories.must_wait(&name, second));
        directories.cancel(&name);
        assert!(!directories.has_waiting());
        assert!(directories.must_wait(&name, third));
        assert!(!directories.must_wait(&(Arc::from("t"), PartitionIndex(1)), third));
        assert_eq!(directories.end_deletion(&name), Some(third));
        assert!(!directories.has_waiting() && !directories.must_wait(&name, third));
    }
}
