//! The headers in front of the body of a request and of a response.

use super::field::{Decode, Encode};
use super::{ApiKey, DecodeError, Shape, Sink, Source};

/// The header of a request: version 2 where the request's version is flexible, version 1 otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RequestHeader<'a> {
    /// The API's code, which may be one that the codec does not know.
    pub api_key: i16,
    /// The version of the request and of its response, which may be one that the API does not have.
    pub api_version: i16,
    /// What the response is to carry so that the client recognises it.
    pub correlation_id: i32,
    /// What the client calls itself.
    pub client_id: Option<&'a str>,
}

impl<'a> RequestHeader<'a> {
    /// Reads a header. Of an API that is not known, the body starts at an unknown place: the
    /// header's tagged fields, if it has any, are left in the source.
    pub fn decode<S: Source<'a>>(source: &mut S) -> Result<Self, DecodeError> {
        let api_key = Decode::read(source, CLASSIC)?;
        let api_version = Decode::read(source, CLASSIC)?;
        let correlation_id = Decode::read(source, CLASSIC)?;
        let client_id = Decode::read(source, CLASSIC)?;
        let header = Self { api_key, api_version, correlation_id, client_id };
        if header.is_flexible() {
            source.tagged(|_, _| Ok(false))?;
        }
        Ok(header)
    }

    /// Writes a header.
    pub fn encode<S: Sink>(&self, sink: &mut S) {
        self.api_key.write(sink, CLASSIC);
        self.api_version.write(sink, CLASSIC);
        self.correlation_id.write(sink, CLASSIC);
        self.client_id.write(sink, CLASSIC);
        if self.is_flexible() {
            sink.put(&NO_TAGGED_FIELDS);
        }
    }

    /// The API, if the codec knows it.
    pub fn api(&self) -> Option<ApiKey> {
        ApiKey::from_code(self.api_key)
    }

    fn is_flexible(&self) -> bool {
        self.api().is_some_and(|api| api.is_flexible(self.api_version))
    }
}

/// The header of a response: version 1 where the response's version is flexible, version 0
/// otherwise, and always version 0 for ApiVersions (KIP-511).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResponseHeader {
    /// The request's.
    pub correlation_id: i32,
}

impl ResponseHeader {
    /// Reads the header of a response to a request of `api` in `version`.
    pub fn decode<'de, S: Source<'de>>(
        source: &mut S,
        api: ApiKey,
        version: i16,
    ) -> Result<Self, DecodeError> {
        let correlation_id = Decode::read(source, CLASSIC)?;
        if has_tagged_fields(api, version) {
            source.tagged(|_, _| Ok(false))?;
        }
        Ok(Self { correlation_id })
    }

    /// Writes the header of a response to a request of `api` in `version`.
    pub fn encode<S: Sink>(&self, sink: &mut S, api: ApiKey, version: i16) {
        self.correlation_id.write(sink, CLASSIC);
        if has_tagged_fields(api, version) {
            sink.put(&NO_TAGGED_FIELDS);
        }
    }
}

fn has_tagged_fields(api: ApiKey, version: i16) -> bool {
    api != ApiKey::ApiVersions && api.is_flexible(version)
}

/// The fields of a header never have the compact form, not even in its flexible version.
const CLASSIC: Shape = Shape { version: 0, flexible: false, nullable: true };

/// The count of tagged fields where there are none.
const NO_TAGGED_FIELDS: [u8; 1] = [0];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Reader, Writer};

    fn encode(header: &RequestHeader) -> Vec<u8> {
        let (mut bytes, mut cuts) = (Vec::new(), Vec::new());
        header.encode(&mut Writer::new(&mut bytes, &mut cuts));
        bytes
    }

    fn header(api_key: i16, api_version: i16) -> RequestHeader<'static> {
        RequestHeader { api_key, api_version, correlation_id: 7, client_id: Some("me") }
    }

    #[test]
    fn a_flexible_request_has_tagged_fields_in_its_header() {
        let classic = encode(&header(0, 8));
        assert_eq!(classic, [0, 0, 0, 8, 0, 0, 0, 7, 0, 2, b'm', b'e']);
        let flexible = encode(&header(0, 9));
        assert_eq!(flexible, [0, 0, 0, 9, 0, 0, 0, 7, 0, 2, b'm', b'e', 0]);
    }

    #[test]
    fn a_request_header_survives_a_round_trip() {
        for header in [header(0, 8), header(18, 4), header(999, 3), RequestHeader::default()] {
            let bytes = encode(&header);
            let mut reader = Reader::new(&bytes);
            assert_eq!(RequestHeader::decode(&mut reader), Ok(header));
            assert!(reader.remaining().is_empty());
        }
    }

    #[test]
    fn tagged_fields_of_a_request_header_are_skipped() {
        let mut bytes = encode(&header(3, 9));
        bytes.pop();
        bytes.extend([1, 5, 2, 0xaa, 0xbb, 0xcc]);
        let mut reader = Reader::new(&bytes);
        assert_eq!(RequestHeader::decode(&mut reader), Ok(header(3, 9)));
        assert_eq!(reader.remaining(), [0xcc]);
    }

    #[test]
    fn the_response_to_api_versions_never_has_tagged_fields_in_its_header() {
        let size = |api, version| {
            let mut measure = crate::wire::Measure::default();
            ResponseHeader { correlation_id: 1 }.encode(&mut measure, api, version);
            measure.size
        };
        assert_eq!(size(ApiKey::ApiVersions, 4), 4);
        assert_eq!(size(ApiKey::Metadata, 8), 4);
        assert_eq!(size(ApiKey::Metadata, 9), 5);
    }
}
