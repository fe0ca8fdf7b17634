//! Frames: four bytes of length, big-endian, and that many bytes of header and body.

use super::header::{RequestHeader, ResponseHeader};
use super::{Cut, Message, Request, Writer};
use thiserror::Error;

/// The size of the length in front of a frame, in bytes.
pub const LENGTH_SIZE: usize = 4;

/// A length that no frame may have. The stream cannot be understood beyond it: close the
/// connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FrameError {
    /// Below zero.
    #[error("frame length {length} is negative")]
    Negative { length: i32 },
    /// Above the limit.
    #[error("frame of {length} bytes, at most {max} are allowed")]
    TooLarge { length: u32, max: u32 },
}

/// A frame of 2 GiB or more, whose length does not fit its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a frame of {length} bytes, more than its length can say")]
pub struct FrameTooLong {
    /// What the length would be.
    pub length: u64,
}

/// The length of the frame at the start of `bytes`, without its own [`LENGTH_SIZE`] bytes; `None`
/// if there are too few bytes yet to tell.
pub fn frame_length(bytes: &[u8], max: u32) -> Result<Option<u32>, FrameError> {
    let Some(length) = bytes.first_chunk::<LENGTH_SIZE>() else { return Ok(None) };
    let length = i32::from_be_bytes(*length);
    match u32::try_from(length) {
        Err(_) => Err(FrameError::Negative { length }),
        Ok(length) if length > max => Err(FrameError::TooLarge { length, max }),
        Ok(length) => Ok(Some(length)),
    }
}

/// A frame that is being written to the end of a buffer, its length still blank.
#[derive(Debug)]
#[must_use = "a frame that is not ended has no length"]
pub struct OpenFrame {
    start: usize,
}

impl OpenFrame {
    /// Begins a frame at the end of `buffer`.
    pub fn begin(buffer: &mut Vec<u8>) -> Self {
        let start = buffer.len();
        buffer.extend_from_slice(&[0; LENGTH_SIZE]);
        Self { start }
    }

    /// Ends the frame at the end of `buffer`, and fills in its length: what was written since
    /// [`Self::begin`], and `deferred` bytes that will be spliced in. Returns the bytes that the
    /// frame takes on the wire, its length included.
    ///
    /// # Errors
    /// [`FrameTooLong`]; nothing of the frame is left in the buffer then.
    pub fn end(self, buffer: &mut Vec<u8>, deferred: u64) -> Result<u64, FrameTooLong> {
        let body = self.start + LENGTH_SIZE;
        let length = (buffer.len() - body) as u64 + deferred;
        let Ok(field) = i32::try_from(length) else {
            buffer.truncate(self.start);
            return Err(FrameTooLong { length });
        };
        buffer[self.start..body].copy_from_slice(&field.to_be_bytes());
        Ok(length + LENGTH_SIZE as u64)
    }
}

/// Appends a whole response to `buffer`: length, header, body. Adds to `cuts` where deferred
/// records belong. Returns the bytes that the frame takes on the wire, deferred ones too.
///
/// # Errors
/// [`FrameTooLong`]; nothing of the response is left in `buffer` and `cuts` then.
pub fn write_response<'a, M: Message<'a>>(
    buffer: &mut Vec<u8>,
    cuts: &mut Vec<Cut>,
    version: i16,
    header: ResponseHeader,
    body: &M,
) -> Result<u64, FrameTooLong> {
    let cuts_before = cuts.len();
    let frame = OpenFrame::begin(buffer);
    let mut writer = Writer::new(buffer, cuts);
    header.encode(&mut writer, M::KEY, version);
    body.encode(&mut writer, version);
    let deferred = cuts[cuts_before..].iter().map(|cut| u64::from(cut.length)).sum();
    let size = frame.end(buffer, deferred);
    if size.is_err() {
        cuts.truncate(cuts_before);
    }
    size
}

/// Appends a whole request to `buffer`: length, header, body.
///
/// # Panics
/// If the request is 2 GiB or longer: no broker takes one.
pub fn write_request<'a, R: Request<'a>>(
    buffer: &mut Vec<u8>,
    version: i16,
    correlation_id: i32,
    client_id: Option<&str>,
    body: &R,
) {
    let api_key = R::KEY.code();
    let header = RequestHeader { api_key, api_version: version, correlation_id, client_id };
    let mut cuts = Vec::new();
    let frame = OpenFrame::begin(buffer);
    let mut writer = Writer::new(buffer, &mut cuts);
    header.encode(&mut writer);
    body.encode(&mut writer, version);
    debug_assert!(cuts.is_empty(), "no request has deferred records");
    frame.end(buffer, 0).expect("no request is that long");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::api::fetch::{FetchResponse, FetchableTopicResponse, PartitionData, Records};
    use crate::wire::{ApiKey, Reader};
    use smallvec::smallvec;

    #[test]
    fn a_length_is_known_once_four_bytes_are_there() {
        assert_eq!(frame_length(&[0, 0, 1], 1000), Ok(None));
        assert_eq!(frame_length(&[0, 0, 1, 0, 9], 1000), Ok(Some(256)));
        assert_eq!(frame_length(&[0, 0, 0, 0], 1000), Ok(Some(0)));
    }

    #[test]
    fn a_negative_or_oversized_length_is_refused() {
        let error = FrameError::Negative { length: -1 };
        assert_eq!(frame_length(&[0xff; 4], 1000), Err(error));
        let error = FrameError::TooLarge { length: 1001, max: 1000 };
        assert_eq!(frame_length(&1001u32.to_be_bytes(), 1000), Err(error));
        assert_eq!(frame_length(&1000u32.to_be_bytes(), 1000), Ok(Some(1000)));
    }

    fn fetch_response(records: Records) -> FetchResponse {
        let partition = PartitionData { high_watermark: 9, records, ..Default::default() };
        let topic = FetchableTopicResponse {
            topic: "t",
            partitions: smallvec![partition.clone(), partition],
            ..Default::default()
        };
        FetchResponse { responses: smallvec![topic], ..Default::default() }
    }

    /// Goal: a response whose length has no room in its field is an error that leaves nothing
    /// behind, and one of just the largest length is none.
    #[test]
    fn a_response_that_is_too_long_is_refused() {
        let header = ResponseHeader { correlation_id: 3 };
        let (mut buffer, mut cuts) = (b"before".to_vec(), Vec::new());
        let body = fetch_response(Records::Deferred { length: 1 << 30 });
        let refused = write_response(&mut buffer, &mut cuts, 12, header, &body);
        let FrameTooLong { length } = refused.expect_err("2 GiB of records and more");
        assert!(length > 1 << 31, "{length}");
        assert_eq!((&buffer[..], &cuts[..]), (&b"before"[..], &[][..]));

        let rest = length - (1 << 31);
        let frame = OpenFrame::begin(&mut buffer);
        buffer.resize(b"before".len() + LENGTH_SIZE + rest as usize, 0);
        let deferred = i32::MAX as u64 - rest;
        assert_eq!(frame.end(&mut buffer, deferred), Ok(i32::MAX as u64 + LENGTH_SIZE as u64));
    }

    /// Splicing the records in at the cuts yields the very bytes of a response with the records in
    /// it, for a version without and one with tagged fields after the records.
    #[test]
    fn deferred_records_leave_a_hole_of_the_right_size_in_the_right_place() {
        let records = b"records from a file";
        for version in [11, 12] {
            let header = ResponseHeader { correlation_id: 3 };
            let (mut whole, mut cuts) = (b"before".to_vec(), Vec::new());
            let body = fetch_response(Records::Inline(records));
            write_response(&mut whole, &mut cuts, version, header, &body).expect("short");
            assert_eq!(cuts, []);

            let mut prefix = b"before".to_vec();
            let body = fetch_response(Records::Deferred { length: records.len() as u32 });
            let size =
                write_response(&mut prefix, &mut cuts, version, header, &body).expect("short");
            assert_eq!(cuts.len(), 2);
            for cut in cuts.iter().rev() {
                assert_eq!(cut.length as usize, records.len());
                prefix.splice(cut.at..cut.at, *records);
            }
            assert_eq!(prefix, whole);
            assert_eq!(size as usize, whole.len() - b"before".len());
        }
    }

    #[test]
    fn an_empty_deferred_set_is_no_cut() {
        let (mut buffer, mut cuts) = (Vec::new(), Vec::new());
        let body = fetch_response(Records::Deferred { length: 0 });
        write_response(&mut buffer, &mut cuts, 11, ResponseHeader::default(), &body)
            .expect("short");
        assert_eq!(cuts, []);
    }

    #[test]
    fn a_request_can_be_read_back() {
        let mut buffer = Vec::new();
        let body = crate::wire::api::api_versions::ApiVersionsRequest {
            client_software_name: "pinion",
            client_software_version: "1",
        };
        write_request(&mut buffer, 3, 42, Some("cli"), &body);
        let length = frame_length(&buffer, 1000).expect("valid").expect("whole");
        assert_eq!(length as usize, buffer.len() - LENGTH_SIZE);
        let mut reader = Reader::new(&buffer[LENGTH_SIZE..]);
        let header = RequestHeader::decode(&mut reader).expect("header");
        assert_eq!((header.api(), header.correlation_id), (Some(ApiKey::ApiVersions), 42));
        let decoded = Message::decode(&mut reader, header.api_version);
        assert_eq!(decoded, Ok(body));
    }
}
