//! Requests that are small, sound, and ask for the same large thing again and again: they are
//! answered, or refused, without taking memory or time out of all proportion.

use crate::process::peak_memory;
use crate::support::broker::{Broker, BrokerOptions};
use crate::wire_client::{Fetch, WireClient, batch_of, idempotent_batch};
use pinion::wire::Array;
use pinion::wire::Request;
use pinion::wire::api::create_topics::{CreatableTopic, CreateTopicsRequest};
use pinion::wire::api::describe_configs::{DescribeConfigsRequest, DescribeConfigsResource};
use pinion::wire::api::describe_log_dirs::{DescribableLogDirTopic, DescribeLogDirsRequest};
use pinion::wire::api::describe_producers::{DescribeProducersRequest, TopicRequest};
use pinion::wire::api::fetch::FetchTopic;
use pinion::wire::api::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use pinion::wire::api::metadata::{MetadataRequest, MetadataRequestTopic};
use smallvec::smallvec;
use std::time::Duration;

/// How often a request names the same thing.
const TIMES: usize = 50_000;

/// Memory that the broker may take for one such request.
const MEMORY_MAX: u64 = 512 << 20;

/// Nothing of this takes minutes unless it is quadratic.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// Sends a request twice on connections of its own, and checks that the broker gets over it.
fn survive<'r, R: Request<'r>>(broker: &Broker, version: i16, request: &R) {
    for _ in 0..2 {
        let mut client = WireClient::connect(&broker.bootstrap());
        client.set_limit(ANSWER_LIMIT);
        client.send(version, request).expect("the request is legal");
        match client.read_frame() {
            Ok(frame) => println!("{} {version}: {} bytes", R::KEY, frame.len()),
            Err(error) => {
                let timed_out = error.kind() == std::io::ErrorKind::WouldBlock;
                assert!(!timed_out, "{} {version} is not answered", R::KEY);
                println!("{} {version}: {error}", R::KEY);
            }
        }
    }
    let memory = peak_memory(broker);
    assert!(memory <= MEMORY_MAX, "{} {version} took {memory} bytes", R::KEY);
}

/// The same again and again.
fn many<T: Clone>(item: T, times: usize) -> Array<T> {
    std::iter::repeat_n(item, times).collect()
}

fn start() -> (Broker, WireClient) {
    let broker = Broker::start(BrokerOptions::default());
    let client = WireClient::connect(&broker.bootstrap());
    (broker, client)
}

/// Goal: a topic of many partitions is described once, however often it is named.
#[test]
fn one_topic_in_metadata() {
    let (broker, mut client) = start();
    client.create_topic("wide", 1000, &[]);
    let topic = MetadataRequestTopic { name: Some("wide"), ..Default::default() };
    let topics = Some(many(topic, TIMES));
    for version in [1, 12] {
        survive(
            &broker,
            version,
            &MetadataRequest { topics: topics.clone(), ..Default::default() },
        );
    }
}

/// Goal: the configs of a resource are listed once, however often it is named.
#[test]
fn one_resource_in_describe_configs() {
    let (broker, mut client) = start();
    client.create_topic("t", 1, &[]);
    for (resource_type, resource_name) in [(4, ""), (2, "t"), (2, "absent")] {
        let resource =
            DescribeConfigsResource { resource_type, resource_name, configuration_keys: None };
        let request = DescribeConfigsRequest {
            resources: many(resource, TIMES),
            include_synonyms: true,
            include_documentation: true,
        };
        survive(&broker, 4, &request);
    }
}

/// Goal: the producers of a partition are listed once, however often it is named.
#[test]
fn one_partition_in_describe_producers() {
    let (broker, mut client) = start();
    client.create_topic("t", 1, &[]);
    for id in 0..300 {
        client.append(("t", 0), &idempotent_batch((id, 0), 0, &["value"]));
    }
    let topic = TopicRequest { name: "t", partition_indexes: many(0, TIMES) };
    survive(&broker, 0, &DescribeProducersRequest { topics: smallvec![topic] });
    let topic = TopicRequest { name: "t", partition_indexes: smallvec![0] };
    let topics = many(topic, TIMES);
    survive(&broker, 0, &DescribeProducersRequest { topics });
}

/// Goal: a long list of partitions is compared with the logs in less than quadratic time.
#[test]
fn long_lists_in_describe_log_dirs() {
    let (broker, mut client) = start();
    client.create_topic("wide", 2000, &[]);
    let topic = DescribableLogDirTopic { topic: "wide", partitions: smallvec![5000] };
    let topics = Some(many(topic, TIMES));
    survive(&broker, 4, &DescribeLogDirsRequest { topics });
    let topic = DescribableLogDirTopic { topic: "wide", partitions: many(1, 10 * TIMES) };
    survive(&broker, 4, &DescribeLogDirsRequest { topics: Some(smallvec![topic]) });
}

/// Goal: a topic named again and again in CreateTopics is refused in less than quadratic time.
#[test]
fn one_topic_in_create_topics() {
    let (broker, _client) = start();
    let topic = CreatableTopic {
        name: "t",
        num_partitions: 1,
        replication_factor: 1,
        ..Default::default()
    };
    let topics = many(topic, TIMES * 2);
    survive(&broker, 7, &CreateTopicsRequest { topics, ..Default::default() });
}

/// A broker that was started again over a partition of several segments, so that searches read.
fn with_segments() -> Broker {
    let mut broker = Broker::start(BrokerOptions::default());
    let mut client = WireClient::connect(&broker.bootstrap());
    client.create_topic("t", 1, &[("internal.segment.bytes", "100000")]);
    for _ in 0..100 {
        client.append(("t", 0), &batch_of(&vec![vec![b'x'; 1000]; 5]));
    }
    broker.terminate();
    broker.restart();
    broker
}

/// Goal: as many searches by timestamp as a request holds do not all read at once.
#[test]
fn many_timestamps_in_list_offsets() {
    let broker = with_segments();
    let partition = ListOffsetsPartition {
        timestamp: *crate::wire_client::TIMESTAMP + 2,
        ..Default::default()
    };
    let topic = ListOffsetsTopic { name: "t", partitions: many(partition, TIMES) };
    let request = ListOffsetsRequest { topics: smallvec![topic], ..Default::default() };
    survive(&broker, 9, &request);
}

/// Goal: as many fetches of the same partition as a request holds read and send no more than the
/// response may have.
#[test]
fn one_partition_in_fetch() {
    let broker = with_segments();
    let mut request = Fetch::from("t", 0, 7).max_bytes(1 << 20).request();
    let one: FetchTopic<'_> = request.topics[0].clone();
    request.topics[0].partitions = many(one.partitions[0].clone(), TIMES);
    survive(&broker, 12, &request);
    request.topics = many(one, TIMES);
    survive(&broker, 12, &request);
}

/// Goal: a fetch of many partitions that have to be read and tested first takes the memory of a
/// few of them, and returns as much as it may.
#[test]
fn many_partitions_in_fetch_after_a_restart() {
    const PARTITIONS: i32 = 150;
    let options = BrokerOptions::default().set("log.flush.interval.messages", i64::MAX);
    let mut broker = Broker::start(options);
    let mut client = WireClient::connect(&broker.bootstrap());
    client.create_topic("t", PARTITIONS, &[]);
    for partition in 0..PARTITIONS {
        client.append(("t", partition), &batch_of(&[vec![b'x'; 900_000]]));
    }
    broker.terminate();
    broker.restart();
    let before = peak_memory(&broker);
    let mut client = WireClient::connect(&broker.bootstrap());
    let all = (1..PARTITIONS).fold(Fetch::from("t", 0, 0), |fetch, other| fetch.and(other, 0));
    let fetched = client.fetch_all(&all.max_bytes(10_000_000));
    let found: usize = fetched.iter().map(|fetched| fetched.values().len()).sum();
    assert!(found >= 10, "{found} batches");
    let grown = peak_memory(&broker) - before;
    assert!(grown < 80 << 20, "the fetch took {grown} bytes");
}
