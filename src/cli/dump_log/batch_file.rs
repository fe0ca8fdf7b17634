//! The batches of a segment file, one after another, without reading the file whole.

use super::CliError;
use crate::wire::record_batch::{BatchError, BatchHeader, HEADER_SIZE};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

const BUFFER_SIZE: usize = 1 << 20;

/// Reads a segment from its start.
pub struct BatchFile {
    path: String,
    file: BufReader<File>,
    position: u64,
    length: u64,
}

/// What stands at a position of a segment.
pub enum Found {
    /// A batch; its bytes are read or skipped next.
    Batch(BatchHeader),
    /// Nothing but zeros to the end: room that was reserved, or that a crash left unwritten.
    Zeros(u64),
    /// Something else: what follows cannot be told apart.
    Fault(String),
    /// The end of the file.
    End,
}

impl BatchFile {
    /// Opens a segment.
    pub fn open(path: &Path) -> Result<BatchFile, CliError> {
        let name = path.display().to_string();
        let opened = File::open(path).and_then(|file| {
            let length = file.metadata()?.len();
            Ok((BufReader::with_capacity(BUFFER_SIZE, file), length))
        });
        match opened {
            Ok((file, length)) => Ok(BatchFile { path: name, file, position: 0, length }),
            Err(source) => Err(CliError::File { path: name, source }),
        }
    }

    /// Where the next batch begins, in bytes.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Looks at what comes next.
    pub fn next(&mut self) -> Result<Found, CliError> {
        let left = self.length.saturating_sub(self.position);
        if left == 0 {
            return Ok(Found::End);
        }
        let mut header = vec![0; HEADER_SIZE.min(left as usize)];
        self.at_position(|file| file.read_exact(&mut header))?;
        // Fewer bytes than a header may be the zeros that a batch begins with.
        let is_reserved = header.len() == HEADER_SIZE && header.iter().all(|byte| *byte == 0);
        if is_reserved && self.is_zero_to_the_end()? {
            return Ok(Found::Zeros(left));
        }
        Ok(match BatchHeader::parse(&header) {
            Ok(header) if header.size() as u64 > left => {
                Found::Fault(format!("a batch of {} bytes is cut short at {left}", header.size()))
            }
            Ok(header) => Found::Batch(header),
            Err(BatchError::Truncated { .. }) => {
                Found::Fault(format!("a batch is cut short after {left} bytes"))
            }
            Err(error) => Found::Fault(error.to_string()),
        })
    }

    /// Reads the batch whose header was found.
    pub fn read(&mut self, header: &BatchHeader) -> Result<Vec<u8>, CliError> {
        let mut bytes = vec![0; header.size()];
        self.at_position(|file| file.read_exact(&mut bytes))?;
        self.skip(header);
        Ok(bytes)
    }

    /// Leaves the batch whose header was found unread.
    pub fn skip(&mut self, header: &BatchHeader) {
        self.position += header.size() as u64;
    }

    fn is_zero_to_the_end(&mut self) -> Result<bool, CliError> {
        self.at_position(|file| {
            for byte in file.bytes() {
                if byte? != 0 {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    fn at_position<T>(
        &mut self,
        read: impl FnOnce(&mut BufReader<File>) -> io::Result<T>,
    ) -> Result<T, CliError> {
        let result = seek(&mut self.file, self.position).and_then(|()| read(&mut self.file));
        result.map_err(|source| CliError::File { path: self.path.clone(), source })
    }
}

/// Moves within the buffer where that suffices.
fn seek(file: &mut BufReader<File>, position: u64) -> io::Result<()> {
    let current = file.stream_position()?;
    let distance = i64::try_from(i128::from(position) - i128::from(current));
    match distance {
        Ok(distance) => file.seek_relative(distance),
        Err(_) => file.seek(SeekFrom::Start(position)).map(drop),
    }
}
