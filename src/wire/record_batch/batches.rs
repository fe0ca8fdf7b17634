//! Batches one after another, as in a segment or in a fetch response.

use super::{BatchError, BatchHeader, HEADER_SIZE, Records, verify_crc};

/// A whole batch, borrowed from the bytes that it was found in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch<'a> {
    /// Its header.
    pub header: BatchHeader,
    /// All of its bytes, the header's too.
    pub bytes: &'a [u8],
}

impl<'a> Batch<'a> {
    /// The bytes after the header: the records, possibly compressed.
    pub fn body(&self) -> &'a [u8] {
        &self.bytes[HEADER_SIZE..]
    }

    /// Checks the checksum.
    pub fn verify_crc(&self) -> Result<(), BatchError> {
        verify_crc(self.bytes)
    }

    /// The records of an uncompressed batch.
    pub fn records(&self) -> Records<'a> {
        Records::new(&self.header, self.body())
    }
}

/// Iterates over concatenated batches. Ends at a batch that is cut short, as the last one of a
/// fetch response may be, and after the first error. Checksums are not checked.
#[derive(Debug, Clone)]
pub struct Batches<'a> {
    bytes: &'a [u8],
    is_failed: bool,
}

impl<'a> Batches<'a> {
    /// Iterates over the batches in `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, is_failed: false }
    }

    /// The bytes not iterated over: at the end, those of a batch that is cut short or wrong.
    pub fn remainder(&self) -> &'a [u8] {
        self.bytes
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<Batch<'a>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_failed {
            return None;
        }
        let header = match BatchHeader::parse(self.bytes) {
            Ok(header) => header,
            Err(BatchError::Truncated { .. }) => return None,
            Err(error) => {
                self.is_failed = true;
                return Some(Err(error));
            }
        };
        let (bytes, rest) = self.bytes.split_at_checked(header.size())?;
        self.bytes = rest;
        Some(Ok(Batch { header, bytes }))
    }
}
