//! A disk in memory behind the seam.

use crate::base::{Monotonic, Now, Timestamp};
use crate::io::{Completion, DirectoryEntry, File, Io, IoError, Op, OpenMode, Output, Token};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::path::{Path, PathBuf};

/// An operation that fails.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// Fails the operation of this number, counted from the start.
    pub at: usize,
    /// With this error.
    pub errno: i32,
    /// Of a write, this many bytes reach the file all the same.
    pub written: usize,
}

#[derive(Debug, Default, Clone)]
struct Inode {
    cached: Vec<u8>,
    durable: Vec<u8>,
}

/// Chance, the same for the same seed.
#[derive(Debug)]
pub struct Random(pub u64);

impl Random {
    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    /// Heads or tails.
    pub fn chance(&mut self) -> bool {
        self.below(2) == 0
    }
}

impl Inode {
    fn tear(&mut self, random: &mut Random) {
        let mut torn = self.cached.clone();
        for (index, sector) in torn.chunks_mut(512).enumerate() {
            if random.chance() {
                let old = self.durable.get(index * 512..).unwrap_or_default();
                let (kept, lost) = sector.split_at_mut(old.len().min(sector.len()));
                kept.copy_from_slice(&old[..kept.len()]);
                lost.fill(0);
            }
        }
        let length = match random.below(3) {
            0 => self.durable.len(),
            1 => self.cached.len(),
            _ => random.below(self.cached.len() + 1).max(self.durable.len()),
        };
        torn.resize(length, 0);
        self.cached.clone_from(&torn);
        self.durable = torn;
    }
}

/// A change of a directory's entries; a power loss keeps or loses each by itself.
#[derive(Debug, Clone)]
enum NameChange {
    Add(PathBuf, usize),
    Remove(PathBuf),
    Rename(PathBuf, PathBuf, usize),
}

impl NameChange {
    fn path(&self) -> &Path {
        match self {
            NameChange::Add(path, _) | NameChange::Remove(path) => path,
            NameChange::Rename(path, ..) => path,
        }
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            NameChange::Add(path, inode) => drop(names.insert(path.clone(), *inode)),
            NameChange::Remove(path) => drop(names.remove(path)),
            NameChange::Rename(from, to, inode) => {
                names.remove(from);
                names.insert(to.clone(), *inode);
            }
        }
    }
}

/// A file system of two levels of directories. Operations take effect when they are run.
#[derive(Debug, Default)]
pub struct Disk {
    inodes: Vec<Inode>,
    names: BTreeMap<PathBuf, usize>,
    directories: BTreeSet<PathBuf>,
    durable_names: BTreeMap<PathBuf, usize>,
    unsynced_names: Vec<NameChange>,
    durable_directories: BTreeSet<PathBuf>,
    handles: HashMap<File, usize>,
    handle_count: u32,
    queue: VecDeque<(Token, Op)>,
    /// Operations run so far.
    pub run_count: usize,
    /// What is to fail.
    pub faults: Vec<Fault>,
    /// The clocks.
    pub now: Now,
}

impl Disk {
    /// An empty disk with a data directory at `d`.
    pub fn new() -> Disk {
        let now = Now { monotonic: Monotonic(0), wall: Timestamp(1_700_000_000_000) };
        let mut disk = Disk { now, ..Disk::default() };
        disk.directories.insert(PathBuf::from("d"));
        disk.durable_directories.insert(PathBuf::from("d"));
        disk
    }

    /// Moves both clocks.
    pub fn pass(&mut self, millis: u64) {
        self.now.monotonic.0 += millis * 1_000_000;
        self.now.wall.0 += millis as i64;
    }

    /// The end of the process: the page cache stays.
    pub fn crash(&mut self) {
        self.handles.clear();
        self.queue.clear();
        self.faults.clear();
    }

    /// A power loss: what was not synced is gone.
    pub fn lose_power(&mut self) {
        self.crash();
        self.unsynced_names.clear();
        self.names = self.durable_names.clone();
        self.directories = self.durable_directories.clone();
        self.inodes.iter_mut().for_each(|inode| inode.cached.clone_from(&inode.durable));
    }

    /// A power loss after which each sector, length and name is, by chance, as it was or as it
    /// should have become.
    pub fn lose_power_partly(&mut self, random: &mut Random) {
        self.crash();
        for change in std::mem::take(&mut self.unsynced_names) {
            if random.chance() {
                change.apply(&mut self.durable_names);
            }
        }
        self.names = self.durable_names.clone();
        for directory in self.directories.clone() {
            if random.chance() {
                self.durable_directories.insert(directory);
            }
        }
        self.directories = self.durable_directories.clone();
        let directories = &self.directories;
        self.names.retain(|path, _| path.parent().is_some_and(|at| directories.contains(at)));
        self.inodes.iter_mut().for_each(|inode| inode.tear(random));
    }

    /// How many files are open.
    pub fn open_count(&self) -> usize {
        self.handles.len()
    }

    /// The names in a directory.
    pub fn list(&self, directory: &Path) -> Vec<String> {
        let inside = |path: &&PathBuf| path.parent() == Some(directory);
        let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        let files = self.names.keys().filter(inside).map(name);
        files.chain(self.directories.iter().filter(inside).map(name)).collect()
    }

    /// A file's bytes.
    pub fn bytes(&self, path: &Path) -> Option<&Vec<u8>> {
        self.names.get(path).map(|inode| &self.inodes[*inode].cached)
    }

    /// A file's bytes, to be changed behind everyone's back; on the disk too.
    pub fn damage(&mut self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let inode = &mut self.inodes[self.names[path]];
        change(&mut inode.cached);
        inode.durable.clone_from(&inode.cached);
    }

    /// Makes a file behind everyone's back.
    pub fn put(&mut self, path: &Path, bytes: Vec<u8>) {
        self.inodes.push(Inode { durable: bytes.clone(), cached: bytes });
        self.names.insert(path.to_owned(), self.inodes.len() - 1);
        self.durable_names.insert(path.to_owned(), self.inodes.len() - 1);
    }

    /// Removes a file behind everyone's back.
    pub fn remove(&mut self, path: &Path) {
        self.names.remove(path);
        self.durable_names.remove(path);
    }

    /// Runs an operation.
    pub fn run(&mut self, op: Op) -> Result<Output, IoError> {
        let number = self.run_count;
        self.run_count += 1;
        if let Some(fault) = self.faults.iter().copied().find(|fault| fault.at == number) {
            return Err(self.fail(op, fault));
        }
        self.perform(op)
    }

    /// Reads, without counting as an operation.
    pub fn read(&mut self, file: File, position: u64, length: usize) -> Vec<u8> {
        match self.perform(Op::Read { file, position, buffer: Vec::new(), length }) {
            Ok(Output::Read(bytes)) => bytes,
            other => panic!("{other:?}"),
        }
    }

    fn fail(&mut self, op: Op, fault: Fault) -> IoError {
        if let Op::Write { file, position, data } = &op {
            let bytes = data.slices().collect::<Vec<_>>().concat();
            self.write(*file, *position, &bytes[..fault.written.min(bytes.len())]);
        }
        IoError { operation: "fault", errno: fault.errno }
    }

    fn inode(&mut self, file: File) -> &mut Inode {
        &mut self.inodes[self.handles[&file]]
    }

    fn write(&mut self, file: File, position: u64, bytes: &[u8]) {
        let cached = &mut self.inode(file).cached;
        let (start, end) = (position as usize, position as usize + bytes.len());
        if cached.len() < end {
            cached.resize(end, 0);
        }
        cached[start..end].copy_from_slice(bytes);
    }

    fn open(&mut self, path: PathBuf, mode: OpenMode) -> Result<File, IoError> {
        let missing = IoError { operation: "open", errno: libc::ENOENT };
        let inode = match self.names.get(&path) {
            Some(inode) => *inode,
            None if matches!(mode, OpenMode::Read | OpenMode::ReadWrite) => return Err(missing),
            None if !self.directories.contains(path.parent().unwrap()) => return Err(missing),
            None => {
                self.inodes.push(Inode::default());
                let inode = self.inodes.len() - 1;
                self.change(NameChange::Add(path, inode));
                inode
            }
        };
        if mode == OpenMode::CreateEmpty {
            self.inodes[inode].cached.clear();
        }
        self.handle_count += 1;
        self.handles.insert(File(self.handle_count), inode);
        Ok(File(self.handle_count))
    }

    fn change(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.unsynced_names.push(change);
    }

    fn sync_directory(&mut self, directory: &Path) {
        let is_inside = |path: &PathBuf| path.parent() == Some(directory);
        let is_synced = |change: &mut NameChange| change.path().parent() == Some(directory);
        for change in self.unsynced_names.extract_if(.., is_synced) {
            change.apply(&mut self.durable_names);
        }
        self.durable_directories.retain(|path| !is_inside(path));
        let inside = self.directories.iter().filter(|path| is_inside(path));
        self.durable_directories.extend(inside.cloned());
    }

    fn rename(&mut self, from: &Path, to: PathBuf) -> Result<Output, IoError> {
        if self.directories.remove(from) {
            for names in [&mut self.names, &mut self.durable_names] {
                let inside: Vec<PathBuf> =
                    names.keys().filter(|path| path.parent() == Some(from)).cloned().collect();
                for path in inside {
                    let inode = names.remove(&path).unwrap();
                    names.insert(to.join(path.file_name().unwrap()), inode);
                }
            }
            self.directories.insert(to);
            return Ok(Output::Done);
        }
        let inode = self.names.get(from).copied();
        let inode = inode.ok_or(IoError { operation: "rename", errno: libc::ENOENT })?;
        self.change(NameChange::Rename(from.to_owned(), to, inode));
        Ok(Output::Done)
    }

    fn listing(&self, directory: &Path) -> Vec<DirectoryEntry> {
        let entry = |name: String| {
            let path = directory.join(&name);
            DirectoryEntry {
                length: self.bytes(&path).map_or(0, |bytes| bytes.len() as u64),
                is_directory: self.directories.contains(&path),
                name,
            }
        };
        self.list(directory).into_iter().map(entry).collect()
    }

    fn perform(&mut self, op: Op) -> Result<Output, IoError> {
        let missing = |operation| IoError { operation, errno: libc::ENOENT };
        match op {
            Op::Open { path, mode } => return self.open(path, mode).map(Output::Opened),
            Op::CloseFile { file } => {
                assert!(self.handles.remove(&file).is_some(), "closed twice");
            }
            Op::Read { file, position, mut buffer, length } => {
                let bytes = &self.inode(file).cached;
                let start = bytes.len().min(position as usize);
                let end = bytes.len().min(start + length);
                buffer.extend_from_slice(&bytes[start..end]);
                return Ok(Output::Read(buffer));
            }
            Op::Write { file, position, data } => {
                let bytes = data.slices().collect::<Vec<_>>().concat();
                self.write(file, position, &bytes);
                return Ok(Output::Written(data));
            }
            Op::Sync { file } => {
                let inode = self.inode(file);
                inode.durable.clone_from(&inode.cached);
            }
            Op::SyncDirectory { path } => {
                if !self.directories.contains(&path) {
                    return Err(missing("sync directory"));
                }
                self.sync_directory(&path);
            }
            Op::Truncate { file, length } => self.inode(file).cached.resize(length as usize, 0),
            Op::Allocate { .. } => {}
            Op::Length { file } => return Ok(Output::Length(self.inode(file).cached.len() as u64)),
            Op::Rename { from, to } => return self.rename(&from, to),
            Op::Unlink { path } => {
                self.names.get(&path).ok_or(missing("unlink"))?;
                self.change(NameChange::Remove(path));
            }
            Op::MakeDirectory { path } => {
                self.directories.insert(path);
            }
            Op::RemoveDirectory { path } => {
                if !self.list(&path).is_empty() {
                    return Err(IoError { operation: "rmdir", errno: libc::ENOTEMPTY });
                }
                self.directories.remove(&path);
            }
            Op::ReadDirectory { path } if !self.directories.contains(&path) => {
                return Err(IoError { operation: "open", errno: libc::ENOENT });
            }
            Op::ReadDirectory { path } => return Ok(Output::Directory(self.listing(&path))),
            other => unreachable!("a log does not submit {other:?}"),
        }
        Ok(Output::Done)
    }
}

impl Io for Disk {
    fn submit(&mut self, token: Token, op: Op) {
        self.queue.push_back((token, op));
    }

    fn wait(&mut self, _until: Option<Monotonic>, completions: &mut Vec<Completion>) {
        while let Some((token, op)) = self.queue.pop_front() {
            let result = self.run(op);
            completions.push(Completion { token, result, more: false });
        }
    }

    fn now(&mut self) -> Now {
        self.now
    }
}
