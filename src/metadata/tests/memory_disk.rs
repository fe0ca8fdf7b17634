//! A disk in memory that does at once, and durably, what it is told.

use crate::base::{Monotonic, Now};
use crate::io::{Completion, File, Io, IoError, Op, OpenMode, Output, Token};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Debug, Default)]
pub struct MemoryDisk {
    pub files: BTreeMap<PathBuf, Vec<u8>>,
    opened: Vec<PathBuf>,
    completions: Vec<Completion>,
}

impl MemoryDisk {
    pub fn bytes(&mut self, path: &str) -> &mut Vec<u8> {
        self.files.get_mut(Path::new(path)).unwrap()
    }

    fn content(&mut self, file: File) -> &mut Vec<u8> {
        let path = &self.opened[file.0 as usize];
        self.files.get_mut(path).unwrap()
    }

    pub fn run(&mut self, op: Op) -> Result<Output, IoError> {
        let missing = Err(IoError { operation: "test", errno: libc::ENOENT });
        match op {
            Op::Open { path, mode } => {
                match mode {
                    OpenMode::Read | OpenMode::ReadWrite if !self.files.contains_key(&path) => {
                        return missing;
                    }
                    OpenMode::CreateEmpty => drop(self.files.insert(path.clone(), Vec::new())),
                    _ => drop(self.files.entry(path.clone()).or_default()),
                }
                self.opened.push(path);
                return Ok(Output::Opened(File(self.opened.len() as u32 - 1)));
            }
            Op::Read { file, position, mut buffer, length } => {
                let content = self.content(file);
                let from = content.len().min(position as usize);
                buffer.extend(content[from..].iter().take(length));
                return Ok(Output::Read(buffer));
            }
            Op::Write { file, position, data } => {
                let content = self.content(file);
                content.truncate(position as usize);
                data.slices().for_each(|slice| content.extend(slice));
                return Ok(Output::Written(data));
            }
            Op::Length { file } => return Ok(Output::Length(self.content(file).len() as u64)),
            Op::Truncate { file, length } => self.content(file).truncate(length as usize),
            Op::Rename { from, to } => {
                let Some(content) = self.files.remove(&from) else { return missing };
                self.files.insert(to, content);
            }
            Op::Unlink { path } => {
                if self.files.remove(&path).is_none() {
                    return missing;
                }
            }
            Op::Sync { .. }
            | Op::SyncDirectory { .. }
            | Op::MakeDirectory { .. }
            | Op::Allocate { .. }
            | Op::CloseFile { .. } => {}
            other => panic!("metadata does not need {other:?}"),
        }
        Ok(Output::Done)
    }
}

impl Io for MemoryDisk {
    fn submit(&mut self, token: Token, op: Op) {
        let result = self.run(op);
        self.completions.push(Completion { token, result, more: false });
    }

    fn wait(&mut self, _until: Option<Monotonic>, completions: &mut Vec<Completion>) {
        completions.append(&mut self.completions);
    }

    fn now(&mut self) -> Now {
        Now::default()
    }
}
