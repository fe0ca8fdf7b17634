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

/// A file system of two levels of directories. Operations take effect when they are run.
#[derive(Debug, Default)]
pub struct Disk {
    inodes: Vec<Inode>,
    names: BTreeMap<PathBuf, usize>,
    directories: BTreeSet<PathBuf>,
    durable_names: BTreeMap<PathBuf, usize>,
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
        self.names = self.durable_names.clone();
        self.directories = self.durable_directories.clone();
        self.inodes.iter_mut().for_each(|inode| inode.cached.clone_from(&inode.durable));
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
                self.names.insert(path, self.inodes.len() - 1);
                self.inodes.len() - 1
            }
        };
        if mode == OpenMode::CreateEmpty {
            self.inodes[inode].cached.clear();
        }
        self.handle_count += 1;
        self.handles.insert(File(self.handle_count), inode);
        Ok(File(self.handle_count))
    }

    fn sync_directory(&mut self, directory: &Path) {
        let is_inside = |path: &PathBuf| path.parent() == Some(directory);
        self.durable_names.retain(|path, _| !is_inside(path));
        let names = self.names.iter().filter(|(path, _)| is_inside(path));
        self.durable_names.extend(names.map(|(path, inode)| (path.clone(), *inode)));
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
        let inode = self.names.remove(from);
        let inode = inode.ok_or(IoError { operation: "rename", errno: libc::ENOENT })?;
        self.names.insert(to, inode);
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
                self.names.remove(&path).ok_or(missing("unlink"))?;
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
