//! Hostile bytes for every API and version, requests and responses: never a panic, and never more
//! memory than a fixed multiple of the frame.
//!
//! One test at a time measures memory, since the allocator counts for the whole process.

#[path = "../messages/mod.rs"]
mod messages;

use messages::{Codec, EXTREMES, codecs, put_extreme};
use peak_alloc::PeakAlloc;
use pinion::wire::{DecodeError, Reader};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use std::sync::{Mutex, MutexGuard};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Held by whoever looks at the allocator.
static MEASURING: Mutex<()> = Mutex::new(());

/// Memory that decoding may take, as a multiple of the frame's size.
const MEMORY_PER_FRAME_MAX: usize = 64;
/// Memory that decoding may take beyond that: a test's own, such as the message of a panic.
const MEMORY_SLACK_MAX: usize = 1 << 14;

const SAMPLES: usize = 2;
const TAPE_SIZE_MAX: usize = 300;

fn alone() -> MutexGuard<'static, ()> {
    // A panic of another test says nothing about the allocator.
    MEASURING.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Decodes hostile bytes, and checks that this takes little memory.
fn decode(codec: &Codec, version: i16, bytes: &[u8]) -> Result<usize, DecodeError> {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let result = (codec.decode)(bytes, version);
    let memory = ALLOCATOR.peak_usage().saturating_sub(before);
    let memory_max = bytes.len() * MEMORY_PER_FRAME_MAX + MEMORY_SLACK_MAX;
    assert!(
        memory <= memory_max,
        "{} {version}: {memory} bytes for a frame of {}: {:?}",
        codec.name,
        bytes.len(),
        &bytes[..bytes.len().min(64)],
    );
    result
}

/// Valid messages of every kind, from fixed seeds.
fn for_each_sample(mut check: impl FnMut(&Codec, i16, Vec<u8>)) {
    let _alone = alone();
    let mut runner = TestRunner::new_with_rng(
        Default::default(),
        TestRng::deterministic_rng(RngAlgorithm::ChaCha),
    );
    let tapes = prop::collection::vec(any::<u8>(), TAPE_SIZE_MAX / 2..TAPE_SIZE_MAX);
    for codec in codecs() {
        for version in codec.versions.clone() {
            for _ in 0..SAMPLES {
                let tape = tapes.new_tree(&mut runner).expect("bytes can be made").current();
                let bytes = (codec.encode_from)(&tape, version);
                check(&codec, version, bytes);
            }
        }
    }
}

/// Goal: a message cut short anywhere is an error.
#[test]
fn truncation_at_every_byte() {
    for_each_sample(|codec, version, bytes| {
        assert_eq!(decode(codec, version, &bytes), Ok(bytes.len()));
        for size in 0..bytes.len() {
            let result = decode(codec, version, &bytes[..size]);
            assert!(result.is_err(), "{} {version} cut at {size}: {bytes:?}", codec.name);
        }
    });
}

/// Goal: bytes after a message are left alone.
#[test]
fn trailing_bytes() {
    for_each_sample(|codec, version, mut bytes| {
        let size = bytes.len();
        bytes.extend([0xff; 9]);
        assert_eq!(decode(codec, version, &bytes), Ok(size), "{} {version}", codec.name);
    });
}

/// Goal: extreme values at any place, whatever stands there, are bounded.
#[test]
fn extremes_at_every_byte() {
    for_each_sample(|codec, version, bytes| {
        for at in 0..bytes.len() {
            for extreme in EXTREMES {
                let mut hostile = bytes.clone();
                put_extreme(&mut hostile, at, extreme);
                let _ = decode(codec, version, &hostile);
            }
        }
    });
}

/// Goal: bytes of no message at all are bounded.
#[test]
fn random_bytes() {
    let noise = prop::collection::vec(any::<u8>(), 1000);
    let mut runner = TestRunner::new_with_rng(
        Default::default(),
        TestRng::deterministic_rng(RngAlgorithm::ChaCha),
    );
    for_each_sample(|codec, version, mut bytes| {
        let noise = noise.new_tree(&mut runner).expect("bytes can be made").current();
        let _ = decode(codec, version, &noise);
        bytes.truncate(bytes.len() / 2);
        bytes.extend(noise);
        let _ = decode(codec, version, &bytes);
    });
}

/// Goal: the densest frames there are, with one array of as many of the smallest elements as fit,
/// are either decoded within the bound or refused for their number of elements.
#[test]
fn arrays_of_the_smallest_elements() {
    const FRAME_SIZE: usize = 1 << 16;
    let _alone = alone();
    for codec in codecs() {
        for version in codec.versions.clone() {
            for frame in (0..).map_while(|array| (codec.forge)(FRAME_SIZE, array, version)) {
                let result = decode(&codec, version, &frame);
                let refused = matches!(result, Err(DecodeError::TooManyElements { .. }));
                assert!(
                    refused || result == Ok(frame.len()),
                    "{} {version}: {result:?}",
                    codec.name
                );
            }
        }
    }
}

/// Goal: the headers, too, are errors when cut short, and bounded.
#[test]
fn request_headers() {
    use pinion::wire::header::RequestHeader;
    let header =
        RequestHeader { api_key: 3, api_version: 9, correlation_id: -1, client_id: Some("client") };
    let mut bytes = messages::encode(|writer| header.encode(writer));
    bytes.pop();
    bytes.extend([2, 0, 3, 1, 2, 3, 0xff, 0xff, 0xff, 0xff, 0x0f, 0]);
    for size in 0..bytes.len() {
        assert!(RequestHeader::decode(&mut Reader::new(&bytes[..size])).is_err());
        for extreme in [0x00, 0x7f, 0x80, 0xff] {
            let mut hostile = bytes.clone();
            hostile[size] = extreme;
            let _ = RequestHeader::decode(&mut Reader::new(&hostile));
        }
    }
    assert_eq!(RequestHeader::decode(&mut Reader::new(&bytes)), Ok(header));
}
