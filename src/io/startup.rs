//! Operations one after the other, for start-up, when nobody else waits.

use super::jobs::with_suffix;
use super::{Completion, DirectoryEntry, File, Gather, Io, IoError, Op, OpenMode, Output, Token};
use std::path::Path;

/// Runs operations to their end, one at a time, so that recovery reads as straight-line code and
/// still passes through the seam.
///
/// Lives from the opening of the data directory to the first accept; nothing else may be in
/// flight on the same [`Io`].
pub struct Startup<'io, I: Io> {
    io: &'io mut I,
    completions: Vec<Completion>,
}

const TOKEN: Token = Token(u64::MAX - 1);

impl<'io, I: Io> Startup<'io, I> {
    /// Borrows the seam until recovery is done.
    pub fn new(io: &'io mut I) -> Self {
        Startup { io, completions: Vec::new() }
    }

    /// Runs one operation to its completion.
    ///
    /// # Errors
    /// The operation's own.
    pub fn run(&mut self, op: Op) -> Result<Output, IoError> {
        self.io.submit(TOKEN, op);
        loop {
            self.io.wait(None, &mut self.completions);
            for completion in self.completions.drain(..) {
                if completion.token == TOKEN {
                    return completion.result;
                }
            }
        }
    }

    /// The clocks.
    pub fn now(&mut self) -> crate::base::Now {
        self.io.now()
    }

    /// Opens a file.
    ///
    /// # Errors
    /// The operation's own.
    pub fn open(&mut self, path: &Path, mode: OpenMode) -> Result<File, IoError> {
        match self.run(Op::Open { path: path.to_owned(), mode })? {
            Output::Opened(file) => Ok(file),
            other => unreachable!("open gave {other:?}"),
        }
    }

    /// Closes a file.
    ///
    /// # Errors
    /// The operation's own.
    pub fn close(&mut self, file: File) -> Result<(), IoError> {
        self.run(Op::CloseFile { file }).map(drop)
    }

    /// Reads up to `length` bytes at `position`; fewer only at the end of the file.
    ///
    /// # Errors
    /// The operation's own.
    pub fn read(&mut self, file: File, position: u64, length: usize) -> Result<Vec<u8>, IoError> {
        let mut bytes = Vec::with_capacity(length);
        while bytes.len() < length {
            let before = bytes.len();
            let position = position + before as u64;
            let rest = length - before;
            match self.run(Op::Read { file, position, buffer: bytes, length: rest })? {
                Output::Read(buffer) => bytes = buffer,
                other => unreachable!("read gave {other:?}"),
            }
            if bytes.len() == before {
                break;
            }
        }
        Ok(bytes)
    }

    /// Reads a whole file; `None` if it does not exist.
    ///
    /// # Errors
    /// The operations' own, but for a missing file.
    pub fn read_file(&mut self, path: &Path) -> Result<Option<Vec<u8>>, IoError> {
        let file = match self.open(path, OpenMode::Read) {
            Ok(file) => file,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error),
        };
        let length = self.length(file)?;
        let bytes = self.read(file, 0, usize::try_from(length).unwrap_or(usize::MAX));
        self.close(file)?;
        bytes.map(Some)
    }

    /// Replaces a file's content, so that a crash leaves the old or the new, never a mixture.
    ///
    /// # Errors
    /// The operations' own.
    pub fn replace_file(&mut self, path: &Path, content: &[u8]) -> Result<(), IoError> {
        let temporary = with_suffix(path, ".tmp");
        let file = self.open(&temporary, OpenMode::CreateEmpty)?;
        let mut data = Gather::default();
        data.push_copied(content);
        self.write(file, 0, data)?;
        self.sync(file)?;
        self.close(file)?;
        self.rename(&temporary, path)?;
        match path.parent() {
            Some(parent) => self.sync_directory(parent),
            None => Ok(()),
        }
    }

    /// Writes everything at `position`.
    ///
    /// # Errors
    /// The operation's own.
    pub fn write(&mut self, file: File, position: u64, data: Gather) -> Result<(), IoError> {
        self.run(Op::Write { file, position, data }).map(drop)
    }

    /// Makes a file's data durable.
    ///
    /// # Errors
    /// The operation's own.
    pub fn sync(&mut self, file: File) -> Result<(), IoError> {
        self.run(Op::Sync { file }).map(drop)
    }

    /// Makes a directory's entries durable.
    ///
    /// # Errors
    /// The operation's own.
    pub fn sync_directory(&mut self, path: &Path) -> Result<(), IoError> {
        self.run(Op::SyncDirectory { path: path.to_owned() }).map(drop)
    }

    /// Sets a file's length.
    ///
    /// # Errors
    /// The operation's own.
    pub fn truncate(&mut self, file: File, length: u64) -> Result<(), IoError> {
        self.run(Op::Truncate { file, length }).map(drop)
    }

    /// A file's length in bytes.
    ///
    /// # Errors
    /// The operation's own.
    pub fn length(&mut self, file: File) -> Result<u64, IoError> {
        match self.run(Op::Length { file })? {
            Output::Length(length) => Ok(length),
            other => unreachable!("length gave {other:?}"),
        }
    }

    /// Renames a file or directory.
    ///
    /// # Errors
    /// The operation's own.
    pub fn rename(&mut self, from: &Path, to: &Path) -> Result<(), IoError> {
        self.run(Op::Rename { from: from.to_owned(), to: to.to_owned() }).map(drop)
    }

    /// Removes a file; one that is not there is success.
    ///
    /// # Errors
    /// The operation's own, but for a missing file.
    pub fn unlink(&mut self, path: &Path) -> Result<(), IoError> {
        match self.run(Op::Unlink { path: path.to_owned() }) {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    /// Makes a directory unless it exists.
    ///
    /// # Errors
    /// The operation's own.
    pub fn make_directory(&mut self, path: &Path) -> Result<(), IoError> {
        self.run(Op::MakeDirectory { path: path.to_owned() }).map(drop)
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// The operation's own.
    pub fn remove_directory(&mut self, path: &Path) -> Result<(), IoError> {
        self.run(Op::RemoveDirectory { path: path.to_owned() }).map(drop)
    }

    /// A directory's entries, sorted by name.
    ///
    /// # Errors
    /// The operation's own.
    pub fn read_directory(&mut self, path: &Path) -> Result<Vec<DirectoryEntry>, IoError> {
        match self.run(Op::ReadDirectory { path: path.to_owned() })? {
            Output::Directory(mut entries) => {
                entries.sort_by(|a, b| a.name.cmp(&b.name));
                Ok(entries)
            }
            other => unreachable!("read_directory gave {other:?}"),
        }
    }
}
