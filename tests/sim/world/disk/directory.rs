//! A directory's entries: what lookups see, and what a power loss would leave.

use super::cached::{self, Cached, Change as _, Mark, Survivors};
use crate::random::Random;
use std::collections::BTreeMap;

/// A file or directory, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct InodeId(pub u64);

type Entries = BTreeMap<String, InodeId>;

/// A directory's entries.
///
/// A change of an entry is durable once the directory was synced; before, a power loss keeps or
/// loses each change independently. That is POSIX's promise; journalling file systems keep a
/// prefix of the changes, which is among the outcomes.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    entries: Cached<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Add(String, InodeId),
    Remove(String),
    /// Both names change together or not at all.
    Rename(String, String, InodeId),
}

impl Directory {
    /// The entries that lookups see, by name.
    pub fn entries(&self) -> &Entries {
        self.entries.cached()
    }

    /// Points `name` to `inode`.
    pub fn add(&mut self, name: &str, inode: InodeId) {
        self.entries.change(Change::Add(name.to_owned(), inode));
    }

    /// Removes `name`.
    pub fn remove(&mut self, name: &str) {
        self.entries.change(Change::Remove(name.to_owned()));
    }

    /// Moves what is named `from` to the name `to`.
    pub fn rename(&mut self, from: &str, to: &str, inode: InodeId) {
        self.entries.change(Change::Rename(from.to_owned(), to.to_owned(), inode));
    }

    /// The place up to which a sync that starts now promises durability.
    pub fn mark(&self) -> Mark {
        self.entries.mark()
    }

    /// Makes the changes before `mark` durable.
    pub fn sync(&mut self, mark: Mark) {
        self.entries.sync(mark);
    }

    /// Replaces the entries by ones that a power loss may leave.
    pub fn lose_power(&mut self, random: &mut Random) {
        self.entries.lose_power(|durable, changes| {
            let survivors = Survivors::draw(changes.len(), random);
            for (order, change) in changes.iter().enumerate() {
                let is_kept = match survivors {
                    Survivors::Prefix(count) => order < count,
                    Survivors::Independent => random.once_in(2),
                };
                if is_kept {
                    change.apply(durable);
                }
            }
        });
    }
}

impl cached::Change for Change {
    type State = Entries;

    fn apply(&self, entries: &mut Entries) {
        match self {
            Change::Add(name, inode) => {
                entries.insert(name.clone(), *inode);
            }
            Change::Remove(name) => {
                entries.remove(name);
            }
            Change::Rename(from, to, inode) => {
                entries.remove(from);
                entries.insert(to.clone(), *inode);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: synced entries survive; unsynced ones are kept or lost, each by itself.
    #[test]
    fn unsynced_entries_are_kept_or_lost_independently() {
        let mut outcomes = std::collections::BTreeSet::new();
        for seed in 0..300 {
            let mut directory = Directory::default();
            directory.add("synced", InodeId(1));
            directory.sync(directory.mark());
            directory.add("a", InodeId(2));
            directory.add("b", InodeId(3));
            directory.lose_power(&mut Random::new(seed));
            let has = |name| directory.entries().contains_key(name);
            assert!(has("synced"));
            outcomes.insert((has("a"), has("b")));
        }
        assert_eq!(outcomes.len(), 4);
    }

    /// Goal: a rename over an old file leaves the old or the new one, never none.
    #[test]
    fn a_rename_is_atomic() {
        let mut outcomes = std::collections::BTreeSet::new();
        for seed in 0..100 {
            let mut directory = Directory::default();
            directory.add("a", InodeId(1));
            directory.add("a.tmp", InodeId(2));
            directory.sync(directory.mark());
            directory.rename("a.tmp", "a", InodeId(2));
            directory.remove("a.tmp");
            directory.lose_power(&mut Random::new(seed));
            outcomes.insert(directory.entries()["a"]);
        }
        assert_eq!(outcomes.len(), 2);
    }
}
