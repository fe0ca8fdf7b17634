//! The headers in front of requests and responses.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages as oracle;
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use pinion::wire::header::{RequestHeader, ResponseHeader};
use pinion::wire::{ApiKey, Reader};

use crate::messages::encode;

/// Every version of every API, and the oracle's versions of its request and response headers.
fn header_versions() -> impl Iterator<Item = (ApiKey, i16, i16, i16)> {
    let versions = |&key: &ApiKey| key.versions().map(move |version| (key, version));
    ApiKey::ALL.iter().flat_map(versions).map(|(key, version)| {
        let theirs = oracle::ApiKey::try_from(key.code()).expect("the oracle knows all APIs");
        (
            key,
            version,
            theirs.request_header_version(version),
            theirs.response_header_version(version),
        )
    })
}

/// Goal: request headers of both versions are written and read as the oracle does.
#[test]
fn requests() {
    for (key, version, header_version, _) in header_versions() {
        for client_id in [None, Some(""), Some("größer")] {
            let (api_key, api_version, correlation_id) = (key.code(), version, -7);
            let header = RequestHeader { api_key, api_version, correlation_id, client_id };
            let theirs = oracle::RequestHeader::default()
                .with_request_api_key(key.code())
                .with_request_api_version(version)
                .with_correlation_id(-7)
                .with_client_id(client_id.map(|id| StrBytes::from_string(id.to_owned())));
            let bytes = encode(|writer| header.encode(writer));
            let mut encoded = BytesMut::new();
            theirs.encode(&mut encoded, header_version).expect("the oracle can encode it");
            assert_eq!(encoded, bytes, "{key} {version}");
            assert_eq!(RequestHeader::decode(&mut Reader::new(&encoded)), Ok(header));
        }
    }
}

/// Goal: response headers of both versions are written and read as the oracle does.
#[test]
fn responses() {
    for (key, version, _, header_version) in header_versions() {
        let header = ResponseHeader { correlation_id: 7 };
        let bytes = encode(|writer| header.encode(writer, key, version));
        let mut unread = Bytes::copy_from_slice(&bytes);
        let theirs = oracle::ResponseHeader::decode(&mut unread, header_version);
        assert_eq!(theirs.expect("the oracle can decode it").correlation_id, 7);
        assert!(unread.is_empty(), "{key} {version}");
        assert_eq!(ResponseHeader::decode(&mut Reader::new(&bytes), key, version), Ok(header));
    }
}
