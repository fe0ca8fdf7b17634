//! The codec against an independent one, the crate `kafka-protocol`.
//!
//! For every API and version, requests and responses: arbitrary values are encoded, decoded by the
//! oracle, compared field by field, encoded by the oracle, and compared byte by byte; so each side
//! has read what the other wrote. The values come from a fixed seed; `PROPTEST_CASES` sets how
//! many of them, and each version gets a quarter.

#[path = "../messages/mod.rs"]
mod messages;
mod headers;
mod normal_form;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages as oracle;
use kafka_protocol::protocol::{Decodable, Encodable, Message as OracleMessage};
use messages::{Tape, encode, for_each_api};
use normal_form::normal_form;
use pinion::wire::{ApiKey, Message, Reader};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::ops::RangeInclusive;

/// The versions that the oracle does not have: only the codec that wrote them reads them back.
const GAPS: [(ApiKey, i16, &str); 1] =
    [(ApiKey::ListOffsets, 11, "the oracle ends at 10; see wire_golden")];

/// The longest tape: enough for arrays of several elements in arrays of several elements.
const TAPE_SIZE_MAX: usize = 600;

/// Runs `check` on arbitrary tapes for each version.
fn for_arbitrary_values(versions: RangeInclusive<i16>, check: fn(&[u8], i16)) {
    for version in versions {
        let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let config = Config::default();
        let cases = config.cases / 4;
        let config = Config { failure_persistence: None, cases, ..config };
        let tapes = prop::collection::vec(any::<u8>(), 0..TAPE_SIZE_MAX);
        let result = TestRunner::new_with_rng(config, rng).run(&tapes, |tape| {
            check(&tape, version);
            Ok(())
        });
        if let Err(error) = result {
            panic!("version {version}: {error}");
        }
    }
}

/// Has the oracle decode `bytes` to the value that `debug` describes, and encode it again.
fn check_oracle<O: Decodable + Encodable + std::fmt::Debug>(
    bytes: &[u8],
    version: i16,
    debug: &str,
) {
    let mut unread = Bytes::copy_from_slice(bytes);
    let value = O::decode(&mut unread, version).expect("the oracle can decode it");
    assert!(unread.is_empty(), "the oracle leaves {} bytes", unread.len());
    assert_eq!(normal_form(debug), normal_form(&format!("{value:?}")));
    let mut encoded = BytesMut::new();
    value.encode(&mut encoded, version).expect("the oracle can encode it");
    assert_eq!(encoded, bytes, "the oracle encodes {debug} otherwise");
}

fn is_gap(key: ApiKey, version: i16) -> bool {
    GAPS.iter().any(|&(api, gap, _)| (api, gap) == (key, version))
}

macro_rules! tests {
    ($( $module:ident: $key:ident $request:ident $response:ident; )*) => {
        $( mod $module {
            tests! { @message $module, requests, $request }
            tests! { @message $module, responses, $response }
        } )*

        /// Goal: no API is forgotten here.
        #[test]
        fn every_api_is_tested() {
            let mut tested = vec![$( ApiKey::$key ),*];
            tested.sort();
            assert_eq!(tested, ApiKey::ALL);
        }

        /// Goal: the list of gaps is complete, and goes away when the oracle fills them.
        #[test]
        fn the_oracle_lacks_the_listed_versions_only() {
            $(
                let theirs = <oracle::$request as OracleMessage>::VERSIONS;
                for version in ApiKey::$key.versions() {
                    let lacks = !(theirs.min..=theirs.max).contains(&version);
                    assert_eq!(lacks, is_gap(ApiKey::$key, version), "{} {version}", ApiKey::$key);
                }
            )*
        }
    };
    (@message $module:ident, $test:ident, $message:ident) => {
        #[test]
        fn $test() {
            use super::*;
            use pinion::wire::api::$module::$message;

            for_arbitrary_values(<$message as Message>::VERSIONS, |tape, version| {
                let value: $message =
                    Message::decode(&mut Tape::new(tape), version).expect("a tape yields a value");
                let bytes = encode(|writer| value.encode(writer, version));
                let debug = format!("{value:?}");
                let mut reader = Reader::new(&bytes);
                let decoded: $message =
                    Message::decode(&mut reader, version).expect("what was encoded can be decoded");
                assert_eq!(format!("{decoded:?}"), debug);
                assert_eq!(encode(|writer| decoded.encode(writer, version)), bytes);
                assert!(reader.remaining().is_empty());
                if !is_gap(<$message as Message>::KEY, version) {
                    check_oracle::<oracle::$message>(&bytes, version, &debug);
                }
            });
        }
    };
}

for_each_api!(tests);
