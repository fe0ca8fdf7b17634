//! What a broker demands of a batch before it appends it.

use super::{
    BatchError, BatchHeader, Compression, HEADER_SIZE, RecordsSummary, summarize, verify_crc,
};

/// A batch that may be appended, as far as its own bytes can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Produced {
    /// Its header.
    pub header: BatchHeader,
    /// What its records are like, if they are not compressed: compressed ones are stored as they
    /// come, and not looked into here.
    pub records: Option<RecordsSummary>,
}

/// Checks that `bytes` are exactly one batch that a client may append: format 2, base offset 0, at
/// least one record, offsets without gaps, the right checksum, no control batch; and if it is not
/// compressed, that its records add up.
///
/// Kafka's rules, with two differences: bytes after the batch that are not a whole batch are
/// refused here, and ignored there; and Kafka repairs wrong offset deltas of compressed records.
/// What depends on the topic or the version of the request stays with the caller: keys, timestamps,
/// sizes, and that zstd needs Produce 7.
pub fn inspect_produced(bytes: &[u8]) -> Result<Produced, BatchError> {
    if bytes.is_empty() {
        return Err(BatchError::Empty);
    }
    let header = BatchHeader::parse(bytes)?;
    let size = header.size();
    if bytes.len() < size {
        return Err(BatchError::Truncated { needed: size, available: bytes.len() });
    }
    if bytes.len() > size {
        return Err(BatchError::MoreThanOneBatch { bytes: bytes.len() - size });
    }
    // The checksum first: a damaged batch has nothing to say about what its producer got wrong.
    verify_crc(bytes)?;
    check_header(&header)?;
    let records = match header.compression() {
        Compression::None => Some(summarize(&header, &bytes[HEADER_SIZE..])?),
        _ => None,
    };
    Ok(Produced { header, records })
}

/// [`inspect_produced`], for callers who do not need to know about the records.
pub fn validate_produced(bytes: &[u8]) -> Result<BatchHeader, BatchError> {
    inspect_produced(bytes).map(|produced| produced.header)
}

fn check_header(header: &BatchHeader) -> Result<(), BatchError> {
    let BatchHeader { base_offset, last_offset_delta, producer_id, base_sequence, .. } = *header;
    let count = header.records_count;
    if base_offset != 0 {
        return Err(BatchError::BaseOffset { base_offset });
    }
    if count <= 0 {
        return Err(BatchError::Count { count });
    }
    if last_offset_delta != count - 1 {
        return Err(BatchError::LastOffsetDelta { last_offset_delta, count });
    }
    if header.has_producer_id() && base_sequence < 0 {
        return Err(BatchError::Sequence { producer_id, base_sequence });
    }
    if header.is_control() {
        return Err(BatchError::Control);
    }
    Ok(())
}
