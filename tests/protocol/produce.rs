//! Produce: acks, and the batches that are refused.

use crate::support::broker::BrokerOptions;
use crate::wire_client::{
    Fetch, TIMESTAMP, WireClient, batch, batch_of, values_of, verified_batches,
};
use crate::{start, start_with};
use pinion::wire::ErrorCode;
use pinion::wire::api::api_versions::ApiVersionsRequest;
use pinion::wire::api::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use pinion::wire::record_batch::{BatchBuilder, Compression};
use smallvec::smallvec;

/// Where a batch's header has what the tests change.
const BASE_OFFSET_AT: usize = 0;
const LENGTH_AT: usize = 8;
const MAGIC_AT: usize = 16;
const ATTRIBUTES_AT: usize = 21;
const LAST_OFFSET_DELTA_AT: usize = 23;
const BASE_SEQUENCE_AT: usize = 53;
const MAX_TIMESTAMP_AT: usize = 35;
const PRODUCER_ID_AT: usize = 43;
const COUNT_AT: usize = 57;

/// Overwrites bytes of a batch and makes its checksum right again.
fn with(mut batch: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
    batch[at..at + bytes.len()].copy_from_slice(bytes);
    let crc = crc32c::crc32c(&batch[ATTRIBUTES_AT..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    batch
}

/// Goal: acks 0 gets no answer, 1 and all get one, and all three are appended in order.
#[test]
fn every_kind_of_acks() {
    let (_broker, mut client) = start();
    client.create_topic("t", 1, &[]);
    for round in 0..10 {
        client.begin_produce(("t", 0), &batch("none", 1), 0).unwrap();
        let one = client.try_produce(("t", 0), &batch("one", 1), 1).unwrap();
        let all = client.try_produce(("t", 0), &batch("all", 1), -1).unwrap();
        assert_eq!((one.error, one.base_offset), (ErrorCode::None, round * 3 + 1));
        assert_eq!((all.error, all.base_offset), (ErrorCode::None, round * 3 + 2));
        assert_eq!((all.log_start, all.log_append_time), (0, -1));
    }
    let values = client.read_from(("t", 0), 0);
    let names: Vec<&str> = values.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(names[..3], ["none-0", "one-0", "all-0"]);
    assert_eq!(names.len(), 30);
}

/// Goal: with acks 0 a refusal can only be told by closing the connection.
#[test]
fn a_refusal_without_acks_closes_the_connection() {
    let (broker, mut client) = start();
    client.create_topic("t", 2, &[]);
    for (to, bytes) in [
        (("absent", 0), batch("v", 1)),
        (("t", 2), batch("v", 1)),
        (("t", 0), batch("v", 1)[..70].to_vec()),
    ] {
        let mut client = WireClient::connect(&broker.bootstrap());
        client.begin_produce(to, &bytes, 0).unwrap();
        client.expect_close();
    }
    // What only the partition's owner can refuse, too: on either shard.
    for partition in 0..2 {
        let mut client = WireClient::connect(&broker.bootstrap());
        let large = batch_of(&[vec![b'x'; 2 << 20]]);
        client.begin_produce(("t", partition), &large, 0).unwrap();
        client.expect_close();
    }
}

/// Goal: each way for a batch to be wrong has its error, says why, and appends nothing.
#[test]
fn batches_that_are_refused() {
    let (_broker, mut client) = start();
    client.create_topic("t", 1, &[]);
    let good = || batch("value", 3);
    let two = [good(), good()].concat();
    let length = |delta: i32| (good().len() as i32 - 12 + delta).to_be_bytes();
    let mut wrong_crc = good();
    *wrong_crc.last_mut().unwrap() ^= 1;
    let corrupt = ErrorCode::CorruptMessage;
    let invalid = ErrorCode::InvalidRecord;
    let cases: Vec<(&str, Vec<u8>, ErrorCode)> = vec![
        ("wrong checksum", wrong_crc, corrupt),
        ("magic 3", with(good(), MAGIC_AT, &[3]), corrupt),
        ("magic -1", with(good(), MAGIC_AT, &[0xff]), corrupt),
        ("magic 1", with(good(), MAGIC_AT, &[1]), invalid),
        ("magic 0", with(good(), MAGIC_AT, &[0]), invalid),
        ("base offset 7", with(good(), BASE_OFFSET_AT, &7_i64.to_be_bytes()), invalid),
        ("last offset delta", with(good(), LAST_OFFSET_DELTA_AT, &3_i32.to_be_bytes()), invalid),
        ("negative delta", with(good(), LAST_OFFSET_DELTA_AT, &(-1_i32).to_be_bytes()), invalid),
        ("count 0", with(good(), COUNT_AT, &0_i32.to_be_bytes()), invalid),
        ("count -1", with(good(), COUNT_AT, &(-1_i32).to_be_bytes()), invalid),
        ("count 2^31-1", with(good(), COUNT_AT, &i32::MAX.to_be_bytes()), invalid),
        ("control batch", with(good(), ATTRIBUTES_AT, &0x20_i16.to_be_bytes()), invalid),
        ("producer without sequence", with(good(), PRODUCER_ID_AT, &7_i64.to_be_bytes()), invalid),
        ("two batches", two, invalid),
        ("cut short", good()[..good().len() - 1].to_vec(), invalid),
        ("a header cut short", good()[..60].to_vec(), invalid),
        ("nothing", Vec::new(), invalid),
        ("a byte", vec![0], invalid),
        ("length too long", with(good(), LENGTH_AT, &length(1)), invalid),
        ("length too short", with(good(), LENGTH_AT, &length(-1)), invalid),
        ("length 0", with(good(), LENGTH_AT, &0_i32.to_be_bytes()), corrupt),
        ("length -1", with(good(), LENGTH_AT, &(-1_i32).to_be_bytes()), corrupt),
        ("codec 7", with(good(), ATTRIBUTES_AT, &7_i16.to_be_bytes()), {
            ErrorCode::UnsupportedCompressionType
        }),
    ];
    for (name, bytes, error) in cases {
        let produced = client.produce(("t", 0), &bytes);
        assert_eq!((produced.error, produced.base_offset), (error, -1), "{name}: {produced:?}");
        assert!(produced.message.is_some_and(|text| !text.is_empty()), "{name}: no reason given");
    }
    let sequence = with(good(), BASE_SEQUENCE_AT, &5_i32.to_be_bytes());
    assert_eq!(client.append(("t", 0), &sequence), 0, "a sequence without a producer is nothing");
    assert_eq!(client.end_offset(("t", 0)), 3);
}

/// Goal: a batch without records, or null ones, is refused and not taken for an empty append.
#[test]
fn null_records_are_refused() {
    let (_broker, mut client) = start();
    client.create_topic("t", 1, &[]);
    let request = request_of("t", 0, None, -1);
    let response = client.call(9, &request);
    let partition = &response.responses[0].partition_responses[0];
    assert_eq!(ErrorCode::from(partition.error_code), ErrorCode::InvalidRecord);
}

/// Goal: zstd needs Produce 7 (KIP-110); every codec that is known is stored as it came.
#[test]
fn compressed_batches() {
    let (_broker, mut client) = start();
    client.create_topic("t", 1, &[]);
    let compressed = |codec| {
        let mut builder = BatchBuilder::new();
        for index in 0..50 {
            let value = format!("value {index} value value value");
            builder.append(1_700_000_000_000, None, Some(value.as_bytes()), &[]);
        }
        builder.build_compressed(codec).unwrap()
    };
    for (offset, codec) in (0..).zip(Compression::ALL) {
        let produced = client.append(("t", 0), &compressed(codec));
        assert_eq!(produced, offset * 50, "{}", codec.name());
    }
    let zstd = compressed(Compression::Zstd);
    for version in 3..=12 {
        let response = client.call(version, &request_of("t", 0, Some(&zstd), -1));
        let error = ErrorCode::from(response.responses[0].partition_responses[0].error_code);
        let wanted = match version {
            ..7 => ErrorCode::UnsupportedCompressionType,
            _ => ErrorCode::None,
        };
        assert_eq!(error, wanted, "Produce {version}");
    }
}

/// Goal: unknown topics and partitions are refused one by one; the others are appended.
#[test]
fn unknown_topics_and_partitions() {
    let (_broker, mut client) = start();
    client.create_topic("t", 3, &[]);
    let bytes = batch("v", 2);
    let data = |index| PartitionProduceData { index, records: Some(&bytes) };
    let topic = |name, indexes: &[i32]| TopicProduceData {
        name,
        partition_data: indexes.iter().map(|index| data(*index)).collect(),
        ..Default::default()
    };
    let request = ProduceRequest {
        acks: -1,
        topic_data: smallvec![topic("t", &[2, 3, 0, -1]), topic("absent", &[0])],
        ..Default::default()
    };
    let response = client.call(11, &request);
    let results: Vec<_> = response
        .responses
        .iter()
        .flat_map(|topic| &topic.partition_responses)
        .map(|p| (p.index, ErrorCode::from(p.error_code), p.base_offset))
        .collect();
    let unknown = ErrorCode::UnknownTopicOrPartition;
    let wanted = [
        (2, ErrorCode::None, 0),
        (3, unknown, -1),
        (0, ErrorCode::None, 0),
        (-1, unknown, -1),
        (0, unknown, -1),
    ];
    assert_eq!(results, wanted);
}

/// Goal: acks other than 0, 1 and -1 are an error of each partition, and append nothing.
#[test]
fn acks_that_do_not_exist() {
    let (_broker, mut client) = start();
    client.create_topic("t", 1, &[]);
    for acks in [2, -2, i16::MAX] {
        let produced = client.try_produce(("t", 0), &batch("v", 1), acks).unwrap();
        assert_eq!(produced.error, ErrorCode::InvalidRequiredAcks, "acks {acks}");
    }
    assert_eq!(client.end_offset(("t", 0)), 0);
}

/// Goal: a topic that wants more in-sync replicas than it has is content with those that it has.
#[test]
fn more_replicas_wanted_than_there_are() {
    let (_broker, mut client) = start();
    client.create_topic("t", 1, &[("min.insync.replicas", "2")]);
    assert_eq!(client.topic_config("t", "min.insync.replicas").0, "2");
    assert_eq!(client.append(("t", 0), &batch("v", 1)), 0);
}

/// Goal: sizes are limited by the topic: a batch above `max.message.bytes`, or above a segment.
#[test]
fn batches_that_are_too_large() {
    let (_broker, mut client) = start();
    client.create_topic("small", 1, &[("max.message.bytes", "1000")]);
    let produced = client.produce(("small", 0), &batch_of(&[vec![b'x'; 1000]]));
    assert_eq!(produced.error, ErrorCode::MessageTooLarge);
    client.append(("small", 0), &batch_of(&[vec![b'x'; 900]]));
    client.create_topic("segment", 1, &[("segment.bytes", "1048576")]);
    assert_eq!(client.set_topic_config("segment", "max.message.bytes", "4000000"), ErrorCode::None);
    let produced = client.produce(("segment", 0), &batch_of(&[vec![b'x'; 1_100_000]]));
    assert_eq!(produced.error, ErrorCode::RecordListTooLarge);
    client.append(("segment", 0), &batch_of(&[vec![b'x'; 1_000_000]]));
}

/// Goal: with `message.timestamp.type=LogAppendTime` the broker's time is told and stored; a
/// CreateTime out of bounds is refused.
#[test]
fn timestamps_as_the_topic_wants_them() {
    let (_broker, mut client) = start();
    client.create_topic("append-time", 1, &[("message.timestamp.type", "LogAppendTime")]);
    let produced = client.produce(("append-time", 0), &batch("v", 2));
    assert!(produced.log_append_time > 1_700_000_000_000, "{produced:?}");
    let found = client.list_offset(("append-time", 0), produced.log_append_time);
    assert_eq!((found.offset, found.timestamp), (0, produced.log_append_time));

    client.create_topic("bounded", 1, &[("message.timestamp.before.max.ms", "3600000")]);
    let mut old = BatchBuilder::new();
    old.append(1_000_000, None, Some(b"from 1970"), &[]);
    let produced = client.produce(("bounded", 0), &old.build());
    assert_eq!(produced.error, ErrorCode::InvalidTimestamp);
}

/// Goal: a greatest timestamp that the records do not have is put right in the header, checksum
/// included, so that searches by time find what is there.
#[test]
fn wrong_greatest_timestamps_are_put_right() {
    let (_broker, mut client) = start();
    client.create_topic("t", 1, &[]);
    let sound = batch("v", 3);
    let newest = *TIMESTAMP + 2;
    for wrong in [-1, *TIMESTAMP + 1, i64::MAX, newest] {
        client.append(("t", 0), &with(sound.clone(), MAX_TIMESTAMP_AT, &i64::to_be_bytes(wrong)));
    }
    let fetched = client.fetch(&Fetch::from("t", 0, 0));
    let stored = verified_batches(&fetched.records);
    assert_eq!(stored.len(), 4);
    for batch in stored {
        assert_eq!(batch.header.max_timestamp, newest);
    }
    let found = client.list_offset(("t", 0), newest);
    assert_eq!((found.offset, found.timestamp), (2, newest));
    assert_eq!(client.list_offset(("t", 0), newest + 1).offset, -1);
}

/// Goal: a compacted topic wants keys, and the answer names the records that lack one, so that a
/// client can send the others again.
#[test]
fn keys_as_a_compacted_topic_wants_them() {
    let (_broker, mut client) = start();
    client.create_topic("compacted", 1, &[("cleanup.policy", "compact")]);
    let mut mixed = BatchBuilder::new();
    for key in [Some(&b"key"[..]), None, Some(b""), None] {
        mixed.append(1_700_000_000_000, key, Some(b"value"), &[]);
    }
    let produced = client.produce(("compacted", 0), &mixed.build());
    assert_eq!(produced.error, ErrorCode::InvalidRecord);
    assert_eq!(produced.bad_records, [1, 3]);
    let mut keyed = BatchBuilder::new();
    keyed.append(1_700_000_000_000, Some(b"key"), None, &[]);
    client.append(("compacted", 0), &keyed.build());
}

/// Goal: compressed records are held to the same rule, whatever the codec; damaged ones and those
/// that decompress to far more than is sent are refused.
#[test]
fn compressed_records_of_a_compacted_topic() {
    let (broker, mut client) = start();
    client.create_topic("compacted", 1, &[("cleanup.policy", "compact")]);
    broker.await_log("there is no compaction yet");
    let of = |key: Option<&[u8]>, value: &[u8], codec| {
        let mut batch = BatchBuilder::new();
        batch.append(1_700_000_000_000, Some(b"key"), Some(b"value"), &[]);
        batch.append(1_700_000_000_000, key, Some(value), &[]);
        batch.build_compressed(codec).expect("a codec compresses")
    };
    for codec in Compression::ALL {
        let produced = client.produce(("compacted", 0), &of(None, b"value", codec));
        assert_eq!(produced.error, ErrorCode::InvalidRecord, "{codec:?}");
        assert_eq!(produced.bad_records, [1], "{codec:?}");
        client.append(("compacted", 0), &of(Some(b"key"), b"value", codec));
    }
    let bomb = of(Some(b"key"), &vec![0; 40 << 20], Compression::Zstd);
    assert_eq!(client.produce(("compacted", 0), &bomb).error, ErrorCode::MessageTooLarge);
    let mut damaged = of(Some(b"key"), b"value", Compression::Zstd);
    damaged[70] ^= 0xff;
    let crc = crc32c::crc32c(&damaged[21..]).to_be_bytes();
    damaged[17..21].copy_from_slice(&crc);
    let error = client.produce(("compacted", 0), &damaged).error;
    assert_eq!(error, ErrorCode::CorruptMessage);
    assert_eq!(client.end_offset(("compacted", 0)), 2 * Compression::ALL.len() as i64);
}

/// Goal: large batches from several connections at once come back byte for byte, each whole.
#[test]
fn large_batches_come_back_as_they_were() {
    let (broker, mut client) = start_with(BrokerOptions::default());
    client.create_topic("t", 2, &[]);
    let value = |name: u8| vec![name; 900_000];
    std::thread::scope(|scope| {
        for name in b'a'..b'e' {
            let broker = &broker;
            scope.spawn(move || {
                let mut client = WireClient::connect(&broker.bootstrap());
                for round in 0..4 {
                    client.append(("t", i32::from(name) % 2), &batch_of(&[value(name)]));
                    assert_eq!(client.call(0, &ApiVersionsRequest::default()).error_code, 0);
                    let _ = round;
                }
            });
        }
    });
    for partition in 0..2 {
        let values = client.read_from(("t", partition), 0);
        assert_eq!(values.len(), 8);
        for (_, text) in values {
            assert_eq!(text.as_bytes(), value(text.as_bytes()[0]));
        }
    }
    assert_eq!(values_of(&[]), []);
}

fn request_of<'a>(
    name: &'a str,
    index: i32,
    records: Option<&'a [u8]>,
    acks: i16,
) -> ProduceRequest<'a> {
    let partition_data = smallvec![PartitionProduceData { index, records }];
    let topic = TopicProduceData { name, partition_data, ..Default::default() };
    ProduceRequest { acks, topic_data: smallvec![topic], ..Default::default() }
}
