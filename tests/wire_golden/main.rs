//! The codec against bytes that Kafka's own Java client wrote.

use pinion::wire::api::fetch::{
    FetchResponse, FetchableTopicResponse, LeaderIdAndEpoch, NodeEndpoint, PartitionData, Records,
};
use pinion::wire::api::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopic, ListOffsetsTopicResponse,
};
use pinion::wire::frame::write_response;
use pinion::wire::header::ResponseHeader;
use pinion::wire::record_batch::compression::decompress;
use pinion::wire::record_batch::{
    Batch, BatchBuilder, Batches, Compression, RecordHeader, inspect_produced,
};
use pinion::wire::{ErrorCode, Message, Writer};
use smallvec::smallvec;
use uuid::Uuid;

const GOLDEN: &str = include_str!("kafka-clients-4.2.0.txt");

fn golden(name: &str) -> Vec<u8> {
    let line = GOLDEN.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let digits = line.unwrap_or_else(|| panic!("no golden bytes called {name}")).as_bytes();
    let digit = |byte: u8| (byte as char).to_digit(16).expect("hex digits") as u8;
    digits.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn encode<'a>(message: &impl Message<'a>, version: i16) -> Vec<u8> {
    let (mut bytes, mut cuts) = (Vec::new(), Vec::new());
    message.encode(&mut Writer::new(&mut bytes, &mut cuts), version);
    bytes
}

/// The records in all golden batches of a producer.
fn builder() -> BatchBuilder {
    let mut builder = BatchBuilder::new().producer(4711, 3, 42);
    let headers: [(&str, Option<&[u8]>); 2] = [("h", Some(b"1")), ("h", None)];
    builder.append(1_700_000_000_000, Some(b"key"), Some(b"value"), &headers);
    builder.append(1_700_000_000_005, None, Some(&[0; 300]), &[]);
    builder.append(1_699_999_999_990, Some(b"gone"), None, &[]);
    builder
}

/// Goal: an uncompressed batch is the same to the last byte.
#[test]
fn a_batch_is_built_as_kafka_builds_it() {
    assert_eq!(builder().build(), golden("batch-none"));
}

/// Goal: whatever the codec, the records are the same.
#[test]
fn batches_of_every_codec_are_read() {
    let plain = builder().build();
    let plain = Batches::new(&plain).next().expect("a batch").expect("valid");
    for compression in Compression::ALL {
        let bytes = golden(&format!("batch-{}", compression.name()));
        let produced = inspect_produced(&bytes).expect("valid");
        assert_eq!(produced.header.compression(), compression);
        let batch = Batch { header: produced.header, bytes: &bytes };
        let records = decompress(compression, batch.body(), 10_000).expect("decompresses");
        assert_eq!(records, plain.body(), "{compression:?}");
    }
    let first = plain.records().next().expect("a record").expect("valid");
    let headers: Vec<RecordHeader> = first.headers.collect();
    assert_eq!(headers[1], RecordHeader { key: b"h", value: None });
}

/// Goal: a marker of a transaction is a control batch, and not accepted from a client.
#[test]
fn control_batches_are_recognised() {
    let bytes = golden("control");
    let batch = Batches::new(&bytes).next().expect("a batch").expect("valid");
    assert!(batch.header.is_control() && batch.header.is_transactional());
    assert_eq!((batch.header.base_offset, batch.header.partition_leader_epoch), (7, 2));
    assert_eq!(batch.verify_crc(), Ok(()));
    let error = inspect_produced(&bytes).expect_err("a control batch");
    assert_eq!(error.error_code(), ErrorCode::InvalidRecord);
}

/// Goal: the version of ListOffsets that the oracle of the other tests lacks.
#[test]
fn list_offsets_11() {
    let partition =
        ListOffsetsPartition { partition_index: 3, current_leader_epoch: 2, timestamp: -3 };
    let request = ListOffsetsRequest {
        replica_id: -1,
        isolation_level: 1,
        topics: smallvec![ListOffsetsTopic { name: "topic", partitions: smallvec![partition] }],
        timeout_ms: 30_000,
    };
    assert_eq!(encode(&request, 11), golden("list-offsets-request-11"));

    let partition = ListOffsetsPartitionResponse {
        partition_index: 3,
        timestamp: 1_700_000_000_000,
        offset: 99,
        leader_epoch: 2,
        ..Default::default()
    };
    let topic = ListOffsetsTopicResponse { name: "topic", partitions: smallvec![partition] };
    let response = ListOffsetsResponse { topics: smallvec![topic], ..Default::default() };
    assert_eq!(encode(&response, 11), golden("list-offsets-response-11"));
}

/// Goal: a whole response with records, an empty set of them, and tagged fields at three levels.
#[test]
fn a_frame_of_fetch_17() {
    let records = golden("batch-none");
    let partitions = smallvec![
        PartitionData {
            partition_index: 1,
            high_watermark: 3,
            last_stable_offset: 3,
            log_start_offset: 0,
            records: Records::Inline(&records),
            ..Default::default()
        },
        PartitionData {
            partition_index: 2,
            error_code: ErrorCode::NotLeaderOrFollower.code(),
            high_watermark: -1,
            current_leader: LeaderIdAndEpoch { leader_id: 5, leader_epoch: 8 },
            aborted_transactions: Some(smallvec![]),
            ..Default::default()
        },
    ];
    let topic_id = Uuid::from_u64_pair(0x0123_4567_89ab_cdef, 0x1122_3344_5566_7788);
    let topic = FetchableTopicResponse { topic_id, partitions, ..Default::default() };
    let response = FetchResponse {
        session_id: 77,
        responses: smallvec![topic],
        node_endpoints: smallvec![NodeEndpoint {
            node_id: 5,
            host: "other",
            port: 9092,
            rack: None
        }],
        ..Default::default()
    };
    let (mut frame, mut cuts) = (Vec::new(), Vec::new());
    let header = ResponseHeader { correlation_id: 9 };
    write_response(&mut frame, &mut cuts, 17, header, &response).expect("a short frame");
    assert_eq!(frame, golden("fetch-response-frame-17"));
}
