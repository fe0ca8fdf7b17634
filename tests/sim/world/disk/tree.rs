//! Names, directories and inodes.

use super::content::Content;
use super::directory::{Directory, InodeId};
use crate::random::Random;
use pinion::io::{DirectoryEntry, OpenMode};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

/// All files and directories, reachable or only held open.
#[derive(Debug, Clone)]
pub struct Tree {
    nodes: BTreeMap<InodeId, Node>,
    node_count: u64,
}

/// What an inode is.
#[derive(Debug, Clone)]
pub enum Node {
    File(Content),
    Directory(Directory),
}

const ROOT: InodeId = InodeId(0);

impl Default for Tree {
    fn default() -> Self {
        let nodes = BTreeMap::from([(ROOT, Node::Directory(Directory::default()))]);
        Tree { nodes, node_count: 1 }
    }
}

/// Paths are absolute, or relative to the root.
fn names(path: &Path) -> impl Iterator<Item = &str> {
    path.components().filter_map(move |component| match component {
        Component::Normal(name) => Some(name.to_str().expect("simulated names are UTF-8")),
        Component::ParentDir => panic!("no path goes up: {path:?}"),
        _ => None,
    })
}

impl Tree {
    /// The inode at `path`; the errors of these functions are error numbers.
    pub fn find(&self, path: &Path) -> Result<InodeId, i32> {
        names(path).try_fold(ROOT, |at, name| match &self.nodes[&at] {
            Node::Directory(directory) => {
                directory.entries().get(name).copied().ok_or(libc::ENOENT)
            }
            Node::File(_) => Err(libc::ENOTDIR),
        })
    }

    fn parent<'a>(&mut self, path: &'a Path) -> Result<(&mut Directory, &'a str), i32> {
        let name = names(path).last().ok_or(libc::EINVAL)?;
        let parent = path.parent().ok_or(libc::EINVAL)?;
        Ok((self.directory_mut(parent)?, name))
    }

    /// The directory at `path`.
    pub fn directory(&self, path: &Path) -> Result<&Directory, i32> {
        match &self.nodes[&self.find(path)?] {
            Node::Directory(directory) => Ok(directory),
            Node::File(_) => Err(libc::ENOTDIR),
        }
    }

    /// The directory at `path`, to change it.
    pub fn directory_mut(&mut self, path: &Path) -> Result<&mut Directory, i32> {
        match self.node_mut(self.find(path)?) {
            Node::Directory(directory) => Ok(directory),
            Node::File(_) => Err(libc::ENOTDIR),
        }
    }

    /// What an inode is.
    pub fn node_mut(&mut self, inode: InodeId) -> &mut Node {
        self.nodes.get_mut(&inode).expect("an inode in use is kept")
    }

    /// The bytes of a file.
    pub fn content(&self, inode: InodeId) -> &Content {
        match &self.nodes[&inode] {
            Node::File(content) => content,
            Node::Directory(_) => panic!("{inode:?} is a directory"),
        }
    }

    /// The bytes of a file, to change them.
    pub fn content_mut(&mut self, inode: InodeId) -> &mut Content {
        match self.node_mut(inode) {
            Node::File(content) => content,
            Node::Directory(_) => panic!("{inode:?} is a directory"),
        }
    }

    fn insert(&mut self, path: &Path, node: Node) -> Result<InodeId, i32> {
        let inode = InodeId(self.node_count);
        let (parent, name) = self.parent(path)?;
        parent.add(name, inode);
        self.node_count += 1;
        self.nodes.insert(inode, node);
        Ok(inode)
    }

    /// Finds or makes a file; without `room`, none is made.
    pub fn open(&mut self, path: &Path, mode: OpenMode, room: bool) -> Result<InodeId, i32> {
        match self.find(path) {
            Ok(inode) => match self.node_mut(inode) {
                Node::Directory(_) => Err(libc::EISDIR),
                Node::File(content) => {
                    if mode == OpenMode::CreateEmpty && !content.cached().is_empty() {
                        content.set_length(0);
                    }
                    Ok(inode)
                }
            },
            Err(libc::ENOENT) if matches!(mode, OpenMode::Create | OpenMode::CreateEmpty) => {
                if room {
                    self.insert(path, Node::File(Content::default()))
                } else {
                    Err(libc::ENOSPC)
                }
            }
            Err(errno) => Err(errno),
        }
    }

    /// Renames a file or directory; replaces a file, or an empty directory.
    pub fn rename(&mut self, from: &Path, to: &Path) -> Result<(), i32> {
        let inode = self.find(from)?;
        if let Ok(replaced) = self.find(to) {
            match (&self.nodes[&inode], &self.nodes[&replaced]) {
                (Node::File(_), Node::Directory(_)) => return Err(libc::EISDIR),
                (Node::Directory(_), Node::File(_)) => return Err(libc::ENOTDIR),
                (_, Node::Directory(old)) if !old.entries().is_empty() => {
                    return Err(libc::ENOTEMPTY);
                }
                _ => {}
            }
        }
        if from.parent() == to.parent() {
            let (parent, name) = self.parent(from)?;
            parent.rename(name, names(to).last().ok_or(libc::EINVAL)?, inode);
            return Ok(());
        }
        let (target, name) = self.parent(to)?;
        target.add(name, inode);
        let (source, name) = self.parent(from)?;
        source.remove(name);
        Ok(())
    }

    /// Removes a file's name.
    pub fn unlink(&mut self, path: &Path) -> Result<(), i32> {
        let inode = self.find(path)?;
        if matches!(self.nodes[&inode], Node::Directory(_)) {
            return Err(libc::EISDIR);
        }
        let (parent, name) = self.parent(path)?;
        parent.remove(name);
        Ok(())
    }

    /// Makes a directory unless there is one.
    pub fn make_directory(&mut self, path: &Path) -> Result<(), i32> {
        match self.find(path) {
            Ok(inode) => match self.nodes[&inode] {
                Node::Directory(_) => Ok(()),
                Node::File(_) => Err(libc::EEXIST),
            },
            Err(libc::ENOENT) => self.insert(path, Node::Directory(Directory::default())).map(drop),
            Err(errno) => Err(errno),
        }
    }

    /// Removes an empty directory.
    pub fn remove_directory(&mut self, path: &Path) -> Result<(), i32> {
        if !self.directory(path)?.entries().is_empty() {
            return Err(libc::ENOTEMPTY);
        }
        let (parent, name) = self.parent(path)?;
        parent.remove(name);
        Ok(())
    }

    /// A directory's entries.
    pub fn list(&self, path: &Path) -> Result<Vec<DirectoryEntry>, i32> {
        let entries = self.directory(path)?.entries();
        Ok(entries
            .iter()
            .map(|(name, inode)| match &self.nodes[inode] {
                Node::File(content) => DirectoryEntry {
                    name: name.clone(),
                    is_directory: false,
                    length: content.cached().len() as u64,
                },
                Node::Directory(_) => {
                    DirectoryEntry { name: name.clone(), is_directory: true, length: PAGE_LENGTH }
                }
            })
            .collect())
    }

    /// The room that files hold which are reachable or in `open`.
    pub fn footprint(&self, open: impl Iterator<Item = InodeId>) -> u64 {
        let mut inodes = self.reachable();
        inodes.extend(open);
        inodes
            .iter()
            .map(|inode| match &self.nodes[inode] {
                Node::File(content) => content.footprint(),
                Node::Directory(_) => 0,
            })
            .sum()
    }

    fn reachable(&self) -> BTreeSet<InodeId> {
        let mut found = BTreeSet::from([ROOT]);
        let mut pending = vec![ROOT];
        while let Some(inode) = pending.pop() {
            if let Node::Directory(directory) = &self.nodes[&inode] {
                let entries = directory.entries().values().copied();
                pending.extend(entries.filter(|&inode| found.insert(inode)));
            }
        }
        found
    }

    /// The paths of all files, sorted.
    pub fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        let mut pending = vec![(String::new(), ROOT)];
        while let Some((path, inode)) = pending.pop() {
            match &self.nodes[&inode] {
                Node::File(_) => paths.push(path),
                Node::Directory(directory) => pending.extend(
                    directory.entries().iter().map(|(name, at)| (format!("{path}/{name}"), *at)),
                ),
            }
        }
        paths.sort();
        paths
    }

    /// Applies a power loss to every directory and file.
    pub fn lose_power(&mut self, random: &mut Random) {
        for node in self.nodes.values_mut() {
            match node {
                Node::File(content) => content.lose_power(random),
                Node::Directory(directory) => directory.lose_power(random),
            }
        }
        let reachable = self.reachable();
        self.nodes.retain(|inode, _| reachable.contains(inode));
    }
}

const PAGE_LENGTH: u64 = super::PAGE;
