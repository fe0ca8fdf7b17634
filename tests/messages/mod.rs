//! Every message of `pinion::wire`, and arbitrary values of each, for the tests of the codec.
//!
//! May use `pinion::wire` only. Never knows the oracle, nor what a test wants to show.

// Each test binary compiles this module for itself and uses a part of it.
#![allow(dead_code, unused_imports)]

mod extremes;
mod forger;
mod tape;

pub use extremes::{EXTREMES, put_extreme};
use forger::Forger;
use pinion::wire::{ApiKey, DecodeError, Reader, Writer};
use std::ops::RangeInclusive;
pub use tape::Tape;

/// Calls the macro `$callback` with the module, key, request and response of every API.
macro_rules! for_each_api {
    ($callback:ident) => {
        $callback! {
            alter_configs: AlterConfigs AlterConfigsRequest AlterConfigsResponse;
            api_versions: ApiVersions ApiVersionsRequest ApiVersionsResponse;
            create_partitions: CreatePartitions CreatePartitionsRequest CreatePartitionsResponse;
            create_topics: CreateTopics CreateTopicsRequest CreateTopicsResponse;
            delete_records: DeleteRecords DeleteRecordsRequest DeleteRecordsResponse;
            delete_topics: DeleteTopics DeleteTopicsRequest DeleteTopicsResponse;
            describe_cluster: DescribeCluster DescribeClusterRequest DescribeClusterResponse;
            describe_configs: DescribeConfigs DescribeConfigsRequest DescribeConfigsResponse;
            describe_log_dirs: DescribeLogDirs DescribeLogDirsRequest DescribeLogDirsResponse;
            describe_producers: DescribeProducers
                DescribeProducersRequest DescribeProducersResponse;
            describe_topic_partitions: DescribeTopicPartitions
                DescribeTopicPartitionsRequest DescribeTopicPartitionsResponse;
            fetch: Fetch FetchRequest FetchResponse;
            find_coordinator: FindCoordinator FindCoordinatorRequest FindCoordinatorResponse;
            incremental_alter_configs: IncrementalAlterConfigs
                IncrementalAlterConfigsRequest IncrementalAlterConfigsResponse;
            init_producer_id: InitProducerId InitProducerIdRequest InitProducerIdResponse;
            list_offsets: ListOffsets ListOffsetsRequest ListOffsetsResponse;
            metadata: Metadata MetadataRequest MetadataResponse;
            offset_for_leader_epoch: OffsetForLeaderEpoch
                OffsetForLeaderEpochRequest OffsetForLeaderEpochResponse;
            produce: Produce ProduceRequest ProduceResponse;
        }
    };
}
pub(crate) use for_each_api;

/// A message type, behind functions that do not name it.
pub struct Codec {
    pub name: &'static str,
    pub key: ApiKey,
    pub versions: RangeInclusive<i16>,
    /// Encodes the value that the bytes of a [`Tape`] make, in the given version.
    pub encode_from: fn(&[u8], i16) -> Vec<u8>,
    /// A message of about so many bytes, nearly all of them elements of the array of that number,
    /// if it has so many arrays in the given version.
    pub forge: fn(usize, usize, i16) -> Option<Vec<u8>>,
    /// Decodes a message in the given version, drops it, and tells how many bytes it took.
    pub decode: fn(&[u8], i16) -> Result<usize, DecodeError>,
}

/// Every request and every response.
pub fn codecs() -> Vec<Codec> {
    let mut codecs = Vec::new();
    macro_rules! list {
        ($( $module:ident: $key:ident $request:ident $response:ident; )*) => { $(
            codecs.push(codec!($module, $request));
            codecs.push(codec!($module, $response));
        )* };
    }
    macro_rules! codec {
        ($module:ident, $message:ident) => {{
            use pinion::wire::Message;
            use pinion::wire::api::$module::$message;
            Codec {
                name: stringify!($message),
                key: <$message as Message>::KEY,
                versions: <$message as Message>::VERSIONS,
                encode_from: |tape, version| {
                    let value: $message = Message::decode(&mut Tape::new(tape), version)
                        .expect("a tape yields a value");
                    encode(|writer| value.encode(writer, version))
                },
                forge: |size_max, array, version| {
                    let mut forger = Forger::new(size_max, array);
                    let _: $message =
                        Message::decode(&mut forger, version).expect("a forger makes up a value");
                    forger.into_frame()
                },
                decode: |bytes, version| {
                    let mut reader = Reader::new(bytes);
                    let _: $message = Message::decode(&mut reader, version)?;
                    Ok(bytes.len() - reader.remaining().len())
                },
            }
        }};
    }
    for_each_api!(list);
    codecs
}

/// The bytes that `message` writes.
pub fn encode(message: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let (mut bytes, mut cuts) = (Vec::new(), Vec::new());
    message(&mut Writer::new(&mut bytes, &mut cuts));
    assert_eq!(cuts, [], "arbitrary records are inline");
    bytes
}
