//! Lines of input, read ahead.

use super::CliError;
use super::limit::Limit;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Lines read ahead of the broker.
const LINES_AHEAD_MAX: usize = 1024;

/// How far the bytes of a line that is too long are counted, as some have no end.
const COUNTED_MAX: usize = i32::MAX as usize;

/// A line without its end, or why there are no more.
pub type Line = Result<Vec<u8>, CliError>;

/// Where lines come from: a file, or standard input.
pub struct Input {
    name: String,
    reader: Box<dyn BufRead + Send>,
}

impl Input {
    /// Opens the file, or standard input if none is named.
    pub fn open(file: Option<&Path>) -> Result<Input, CliError> {
        let name = file.map_or("standard input".to_owned(), |path| path.display().to_string());
        let reader: Box<dyn Read + Send> = match file {
            Some(path) => match File::open(path) {
                Ok(file) => Box::new(file),
                Err(source) => return Err(CliError::File { path: name, source }),
            },
            None => Box::new(io::stdin()),
        };
        Ok(Input { name, reader: Box::new(BufReader::new(reader)) })
    }

    /// Reads on a thread of its own, since reading may wait while a batch is due. A line above the
    /// limit ends it.
    pub fn read_ahead(self, limit: Limit) -> Receiver<Line> {
        let (sender, receiver) = sync_channel(LINES_AHEAD_MAX);
        thread::spawn(move || self.forward(&limit, &sender));
        receiver
    }

    fn forward(mut self, limit: &Limit, sender: &SyncSender<Line>) {
        for number in 1_u64.. {
            let line = match read_line(&mut self.reader, limit.bytes) {
                Ok(Found::End) => return,
                Ok(Found::Line(line)) => Ok(line),
                Ok(Found::TooLong(size)) => {
                    let at_least = if size < COUNTED_MAX { "" } else { "more than " };
                    let place = format!("line {number} of {}", self.name);
                    let size = size.min(COUNTED_MAX);
                    Err(CliError::failure(format!("{place}: {at_least}{size} bytes, {limit}")))
                }
                Err(source) => Err(CliError::File { path: self.name.clone(), source }),
            };
            let is_last = line.is_err();
            if sender.send(line).is_err() || is_last {
                return;
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Found {
    Line(Vec<u8>),
    /// So many bytes without their end: as far as they were counted.
    TooLong(usize),
    End,
}

/// Reads a line of at most `size_max` bytes and its end, and never holds more.
fn read_line(input: &mut dyn BufRead, size_max: usize) -> io::Result<Found> {
    let mut line = Vec::new();
    let size_read = input.take(size_max as u64 + 1).read_until(b'\n', &mut line)?;
    if size_read == 0 {
        return Ok(Found::End);
    }
    let is_whole = line.pop_if(|last| *last == b'\n').is_some();
    if is_whole || line.len() <= size_max {
        return Ok(Found::Line(line));
    }
    let mut size = line.len();
    while size <= COUNTED_MAX {
        let bytes = input.fill_buf()?;
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let count = end.unwrap_or(bytes.len());
        let is_end = end.is_some() || count == 0;
        input.consume(count);
        size += count;
        if is_end {
            break;
        }
    }
    Ok(Found::TooLong(size))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: lines up to the limit come whole, whether the last has an end or not; a longer one
    /// is counted.
    #[test]
    fn lines_are_read_up_to_a_limit() {
        let mut input = &b"abc\n\nabcd\nlast"[..];
        assert_eq!(read_line(&mut input, 4).unwrap(), Found::Line(b"abc".to_vec()));
        assert_eq!(read_line(&mut input, 4).unwrap(), Found::Line(Vec::new()));
        assert_eq!(read_line(&mut input, 4).unwrap(), Found::Line(b"abcd".to_vec()));
        assert_eq!(read_line(&mut input, 4).unwrap(), Found::Line(b"last".to_vec()));
        assert_eq!(read_line(&mut input, 4).unwrap(), Found::End);
        let mut input = BufReader::with_capacity(4, &b"0123456789\nnext"[..]);
        assert_eq!(read_line(&mut input, 3).unwrap(), Found::TooLong(10));
    }
}
