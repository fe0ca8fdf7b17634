//! CreateTopics, DeleteTopics, CreatePartitions, Metadata and DescribeTopicPartitions.

use crate::support::broker::BrokerOptions;
use crate::wire_client::{WireClient, batch};
use crate::{start, start_with};
use pinion::wire::ErrorCode;
use pinion::wire::api::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use pinion::wire::api::create_topics::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
    CreateTopicsResponse,
};
use pinion::wire::api::delete_topics::DeleteTopicsRequest;
use pinion::wire::api::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsRequest, TopicRequest,
};
use pinion::wire::api::metadata::{MetadataRequest, MetadataRequestTopic};
use smallvec::smallvec;
use std::fs;
use uuid::Uuid;

fn topic(name: &str) -> CreatableTopic<'_> {
    CreatableTopic { name, num_partitions: 1, replication_factor: 1, ..Default::default() }
}

fn create(client: &mut WireClient, topic: CreatableTopic<'_>) -> ErrorCode {
    let request = CreateTopicsRequest { topics: smallvec![topic], ..Default::default() };
    let response = client.call(7, &request);
    let result = &response.topics[0];
    let error = ErrorCode::from(result.error_code);
    assert_eq!(error == ErrorCode::None, result.error_message.is_none(), "{result:?}");
    error
}

/// The names of the topics in the answer.
fn names(client: &mut WireClient, version: i16, request: &MetadataRequest<'_>) -> Vec<String> {
    let response = client.call(version, request);
    response.topics.iter().map(|topic| topic.name.unwrap_or_default().to_owned()).collect()
}

/// The errors of the topics in the answer.
fn errors(client: &mut WireClient, version: i16, request: &MetadataRequest<'_>) -> Vec<ErrorCode> {
    client.call(version, request).topics.iter().map(|topic| topic.error_code.into()).collect()
}

/// Goal: each way for a topic to be impossible has Kafka's error code, and makes nothing.
#[test]
fn topics_that_cannot_be_created() {
    let (_broker, mut client) = start();
    assert_eq!(create(&mut client, topic("t")), ErrorCode::None);
    let long = "x".repeat(250);
    let config = |name, value| CreatableTopic {
        configs: smallvec![CreatableTopicConfig { name, value }],
        ..topic("new")
    };
    let assigned = |broker_ids: &[i32]| CreatableTopic {
        num_partitions: -1,
        replication_factor: -1,
        assignments: smallvec![CreatableReplicaAssignment {
            partition_index: 0,
            broker_ids: broker_ids.iter().copied().collect(),
        }],
        ..topic("new")
    };
    let name = ErrorCode::InvalidTopicException;
    let count = ErrorCode::InvalidPartitions;
    let replicas = ErrorCode::InvalidReplicationFactor;
    let cases = [
        (topic("t"), ErrorCode::TopicAlreadyExists),
        (topic(""), name),
        (topic("."), name),
        (topic(".."), name),
        (topic("a/b"), name),
        (topic("a b"), name),
        (topic("größe"), name),
        (topic("nul\0"), name),
        (topic(&long), name),
        (CreatableTopic { num_partitions: 0, ..topic("new") }, count),
        (CreatableTopic { num_partitions: -2, ..topic("new") }, count),
        (CreatableTopic { num_partitions: i32::MAX, ..topic("new") }, count),
        (CreatableTopic { replication_factor: 3, ..topic("new") }, replicas),
        (CreatableTopic { replication_factor: 0, ..topic("new") }, replicas),
        (config("no.such.config", Some("1")), ErrorCode::InvalidConfig),
        (config("retention.ms", Some("many")), ErrorCode::InvalidConfig),
        (config("retention.ms", Some("-5")), ErrorCode::InvalidConfig),
        (config("segment.bytes", Some("1048575")), ErrorCode::InvalidConfig),
        (config("internal.segment.bytes", Some("0")), ErrorCode::InvalidConfig),
        (config("cleanup.policy", Some("burn")), ErrorCode::InvalidConfig),
        (config("retention.ms", None), ErrorCode::InvalidConfig),
        (assigned(&[99]), ErrorCode::InvalidReplicaAssignment),
        (assigned(&[]), ErrorCode::InvalidReplicaAssignment),
    ];
    for (topic, error) in cases {
        let text = format!("{topic:?}");
        assert_eq!(create(&mut client, topic), error, "{text}");
    }
    assert_eq!(client.topic_names(), ["t"]);
}

/// Goal: a config that this broker refuses is named, with its value and with what is allowed:
/// batches are stored as they came, so there is no other codec than the producer's.
#[test]
fn a_refused_config_is_named() {
    let (_broker, mut client) = start();
    let config = CreatableTopicConfig { name: "compression.type", value: Some("lz4") };
    let request = CreateTopicsRequest {
        topics: smallvec![CreatableTopic { configs: smallvec![config], ..topic("t") }],
        ..Default::default()
    };
    let response = client.call(7, &request);
    let text = response.topics[0].error_message.expect("a reason");
    for part in ["compression.type", "lz4", "producer"] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
}

/// Goal: one topic's failure is not another's; the same name twice in a request is refused; and
/// `validate_only` says what would happen and does nothing.
#[test]
fn several_topics_in_one_request() {
    let (_broker, mut client) = start();
    let request = |validate_only| CreateTopicsRequest {
        topics: smallvec![topic("a"), topic("bad name"), topic("b"), topic("b"), topic("c")],
        validate_only,
        ..Default::default()
    };
    for validate_only in [true, false] {
        let response = client.call(7, &request(validate_only));
        let mut seen: Vec<(String, ErrorCode)> = response
            .topics
            .iter()
            .map(|t| (t.name.to_owned(), ErrorCode::from(t.error_code)))
            .collect();
        drop(response);
        seen.dedup();
        let error_of = |name: &str| seen.iter().find(|(n, _)| n == name).unwrap().1;
        assert_eq!(error_of("a"), ErrorCode::None);
        assert_eq!(error_of("c"), ErrorCode::None);
        assert_eq!(error_of("bad name"), ErrorCode::InvalidTopicException);
        assert_eq!(error_of("b"), ErrorCode::InvalidRequest);
        let made: &[&str] = if validate_only { &[] } else { &["a", "c"] };
        assert_eq!(client.topic_names(), made);
    }
}

/// Goal: the answer tells id, partitions and configs of the new topic; −1 takes the defaults.
#[test]
fn a_new_topic_is_described() {
    let (_broker, mut client) = start_with(BrokerOptions::default().set("num.partitions", 3));
    let wanted = CreatableTopic {
        num_partitions: -1,
        replication_factor: -1,
        configs: smallvec![CreatableTopicConfig { name: "retention.ms", value: Some("9000") }],
        ..topic("t")
    };
    let request = CreateTopicsRequest { topics: smallvec![wanted], ..Default::default() };
    let response = client.call(7, &request);
    let made = &response.topics[0];
    assert_eq!((made.num_partitions, made.replication_factor), (3, 1));
    assert!(!made.topic_id.is_nil());
    let configs = made.configs.as_ref().expect("configs are told");
    let retention = configs.iter().find(|config| config.name == "retention.ms").unwrap();
    assert_eq!((retention.value, retention.config_source), (Some("9000"), 1));
}

/// Goal: topics are gone once deleted, by name or id, with their data; the name is free again.
#[test]
fn deleted_topics() {
    let (_broker, mut client) = start();
    client.create_topic("t", 2, &[]);
    client.append(("t", 1), &batch("old", 3));
    assert_eq!(client.delete_topic("t"), ErrorCode::None);
    assert_eq!(client.delete_topic("t"), ErrorCode::UnknownTopicOrPartition);
    let produced = client.produce(("t", 1), &batch("v", 1));
    assert_eq!(produced.error, ErrorCode::UnknownTopicOrPartition);
    client.create_topic("t", 2, &[]);
    assert_eq!(client.append(("t", 1), &batch("new", 1)), 0);
    assert_eq!(client.read_from(("t", 1), 0), [(0, "new-0".to_owned())]);
    for version in 1..=5 {
        let request = DeleteTopicsRequest { topic_names: smallvec!["t"], ..Default::default() };
        let error = ErrorCode::from(client.call(version, &request).responses[0].error_code);
        let wanted = match version {
            1 => ErrorCode::None,
            _ => ErrorCode::UnknownTopicOrPartition,
        };
        assert_eq!(error, wanted, "DeleteTopics {version}");
    }
    let mut by_id = DeleteTopicsRequest::default();
    by_id.topics.push(Default::default());
    by_id.topics[0].topic_id = Uuid::max();
    let error = ErrorCode::from(client.call(6, &by_id).responses[0].error_code);
    assert_eq!(error, ErrorCode::UnknownTopicId);
}

/// Goal: a deleted partition leaves nothing on the disk, whatever its log had made, and nothing
/// that an operator would take for a fault.
#[test]
fn deletion_leaves_no_files() {
    let (mut broker, mut client) = start();
    client.create_topic("t", 1, &[("segment.bytes", "94371840")]);
    // Enough for a segment with a checkpoint in it, and another.
    let batch = batch(&"x".repeat(900_000), 1);
    for _ in 0..190 {
        client.append(("t", 0), &batch);
    }
    assert_eq!(client.delete_topic("t"), ErrorCode::None);
    assert!(broker.terminate().success());
    let names = |entries: fs::ReadDir| entries.map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = names(fs::read_dir(broker.data_dir()).unwrap())
        .filter(|name| name.to_string_lossy().starts_with("t-"))
        .collect();
    assert!(left.is_empty(), "left: {left:?}");
    assert!(!broker.log().contains("ERROR"), "{}", broker.log_tail());
}

/// Goal: partitions can be added and never taken away; new ones are empty and usable at once.
#[test]
fn more_partitions() {
    let (_broker, mut client) = start();
    client.create_topic("t", 2, &[]);
    client.append(("t", 1), &batch("v", 3));
    let mut grow = |name, count, validate_only| {
        let topic = CreatePartitionsTopic { name, count, ..Default::default() };
        let topics = smallvec![topic];
        let request = CreatePartitionsRequest { topics, validate_only, ..Default::default() };
        ErrorCode::from(client.call(3, &request).results[0].error_code)
    };
    assert_eq!(grow("t", 2, false), ErrorCode::InvalidPartitions);
    assert_eq!(grow("t", 1, false), ErrorCode::InvalidPartitions);
    assert_eq!(grow("t", 0, false), ErrorCode::InvalidPartitions);
    assert_eq!(grow("absent", 5, false), ErrorCode::UnknownTopicOrPartition);
    assert_eq!(grow("t", 4, true), ErrorCode::None);
    assert_eq!(grow("t", 5, false), ErrorCode::None);
    assert_eq!(client.append(("t", 4), &batch("v", 1)), 0);
    assert_eq!(client.end_offset(("t", 1)), 3);
    let produced = client.produce(("t", 5), &batch("v", 1));
    assert_eq!(produced.error, ErrorCode::UnknownTopicOrPartition);
}

fn ask<'a>(names: &[&'a str]) -> MetadataRequest<'a> {
    let topic = |name: &&'a str| MetadataRequestTopic { name: Some(name), ..Default::default() };
    MetadataRequest {
        topics: Some(names.iter().map(topic).collect()),
        allow_auto_topic_creation: false,
        ..Default::default()
    }
}

/// Goal: an empty list means all topics in version 0 and none after; null means all.
#[test]
fn metadata_of_all_or_none() {
    let (_broker, mut client) = start();
    client.create_topic("a", 1, &[]);
    client.create_topic("b", 3, &[]);
    assert_eq!(names(&mut client, 0, &ask(&[])), ["a", "b"]);
    for version in 1..=13 {
        assert_eq!(names(&mut client, version, &ask(&[])), [""; 0], "Metadata {version}");
        let all = MetadataRequest { topics: None, ..Default::default() };
        assert_eq!(names(&mut client, version, &all), ["a", "b"], "Metadata {version}");
    }
    let response = client.call(12, &ask(&["b"]));
    let partitions = &response.topics[0].partitions;
    assert_eq!(partitions.iter().map(|p| p.partition_index).collect::<Vec<_>>(), [0, 1, 2]);
    assert!(partitions.iter().all(|p| p.leader_id == response.brokers[0].node_id));
    assert!(partitions.iter().all(|p| p.isr_nodes == p.replica_nodes && p.leader_epoch >= 0));
}

/// Goal: unknown topics, bad names and unknown ids have their errors, each for itself.
#[test]
fn metadata_of_what_is_not_there() {
    let (_broker, mut client) = start();
    client.create_topic("t", 1, &[]);
    let seen = errors(&mut client, 9, &ask(&["t", "absent", "bad name"]));
    assert_eq!(
        seen,
        [ErrorCode::None, ErrorCode::UnknownTopicOrPartition, ErrorCode::InvalidTopicException]
    );
    let known = client.call(12, &ask(&["t"])).topics[0].topic_id;
    for (id, error) in [(known, ErrorCode::None), (Uuid::max(), ErrorCode::UnknownTopicId)] {
        let topic = MetadataRequestTopic { topic_id: id, name: None };
        let request = MetadataRequest { topics: Some(smallvec![topic]), ..ask(&[]) };
        assert_eq!(errors(&mut client, 12, &request), [error]);
        assert_eq!(client.call(12, &request).topics[0].topic_id, id);
    }
    assert_eq!(client.topic_names(), ["t"]);
}

/// Goal: topics that a client asks for are created where client and broker agree to it, and can be
/// produced to as soon as they are told.
#[test]
fn metadata_creates_topics() {
    let (_broker, mut client) = start();
    for (version, name) in [(0, "v0"), (3, "v3"), (4, "v4"), (13, "v13")] {
        let request = MetadataRequest { allow_auto_topic_creation: true, ..ask(&[name]) };
        // Kafka may first say that it is not there yet; clients ask again.
        let is_there = (0..100).any(|_| client.call(version, &request).topics[0].error_code == 0);
        assert!(is_there, "Metadata {version} creates its topic");
        assert_eq!(client.append((name, 0), &batch("v", 1)), 0);
    }
    let error = client.call(4, &ask(&["not-wanted"])).topics[0].error_code;
    assert_eq!(ErrorCode::from(error), ErrorCode::UnknownTopicOrPartition);
}

/// Goal: `auto.create.topics.enable=false` is respected.
#[test]
fn metadata_creates_nothing_where_it_is_switched_off() {
    let options = BrokerOptions::default().set("auto.create.topics.enable", false);
    let (_broker, mut client) = start_with(options);
    let request = MetadataRequest { allow_auto_topic_creation: true, ..ask(&["t"]) };
    for version in [0, 9] {
        let seen = errors(&mut client, version, &request);
        assert_eq!(seen, [ErrorCode::UnknownTopicOrPartition]);
    }
    assert_eq!(client.topic_names(), [""; 0]);
}

type Place = (String, i32);

/// One page of all topics' partitions, and where the next one begins.
fn page(
    client: &mut WireClient,
    response_partition_limit: i32,
    cursor: Option<Cursor<'_>>,
) -> (Vec<Place>, Option<Place>) {
    let request =
        DescribeTopicPartitionsRequest { response_partition_limit, cursor, ..Default::default() };
    let response = client.call(0, &request);
    let mut seen = Vec::new();
    for topic in &response.topics {
        let name = topic.name.expect("a name");
        seen.extend(topic.partitions.iter().map(|p| (name.to_owned(), p.partition_index)));
    }
    let next = response.next_cursor.as_ref();
    (seen, next.map(|next| (next.topic_name.to_owned(), next.partition_index)))
}

/// Goal: DescribeTopicPartitions goes through all partitions page by page, each exactly once.
#[test]
fn describe_topic_partitions_in_pages() {
    let (_broker, mut client) = start();
    let topics = [("a", 3), ("b", 1), ("c", 7)];
    for (name, partitions) in topics {
        client.create_topic(name, partitions, &[]);
    }
    let wanted: Vec<(String, i32)> = topics
        .iter()
        .flat_map(|(name, count)| (0..*count).map(|i| (name.to_string(), i)))
        .collect();
    for limit in [1, 2, 3, 5, 11, 2000] {
        let (mut seen, mut next) = page(&mut client, limit, None);
        while let Some((name, index)) = &next {
            assert!(seen.len() < wanted.len(), "limit {limit}: pages without an end");
            let cursor = Cursor { topic_name: name, partition_index: *index };
            let (more, after) = page(&mut client, limit, Some(cursor));
            seen.extend(more);
            next = after;
        }
        assert_eq!(seen, wanted, "limit {limit}");
    }
    let request = DescribeTopicPartitionsRequest {
        topics: smallvec![TopicRequest { name: "b" }, TopicRequest { name: "absent" }],
        ..Default::default()
    };
    let response = client.call(0, &request);
    let errors: Vec<_> =
        response.topics.iter().map(|t| (t.name, ErrorCode::from(t.error_code))).collect();
    assert!(errors.contains(&(Some("b"), ErrorCode::None)), "{errors:?}");
    assert!(errors.contains(&(Some("absent"), ErrorCode::UnknownTopicOrPartition)), "{errors:?}");
}

/// Goal: topics and their ids are the same after a kill and after a clean end.
#[test]
fn topics_survive_restarts() {
    let (mut broker, mut client) = start();
    client.create_topic("kept", 3, &[("retention.ms", "9000")]);
    client.create_topic("deleted", 3, &[]);
    assert_eq!(client.delete_topic("deleted"), ErrorCode::None);
    let id = client.call(12, &ask(&["kept"])).topics[0].topic_id;
    for restart in 0..4 {
        if restart % 2 == 0 {
            broker.kill();
        } else {
            broker.terminate();
        }
        broker.restart();
        let mut client = WireClient::connect(&broker.bootstrap());
        assert_eq!(client.topic_names(), ["kept"]);
        assert_eq!(client.call(12, &ask(&["kept"])).topics[0].topic_id, id);
        assert_eq!(client.topic_config("kept", "retention.ms"), ("9000".to_owned(), 1));
    }
}

/// Goal: whoever sees a new topic may append to it at once, even before its creator has the
/// answer. A refusal would make a producer send its first batch behind its second.
#[test]
fn a_topic_takes_records_as_soon_as_it_is_seen() {
    let (broker, mut creator) = start();
    let mut producer = WireClient::connect(&broker.bootstrap());
    for round in 0..50 {
        let name = format!("topic-{round}");
        let topics = smallvec![CreatableTopic {
            name: &name,
            num_partitions: 8,
            replication_factor: 1,
            ..Default::default()
        }];
        let request = CreateTopicsRequest { topics, ..Default::default() };
        let correlation_id = creator.send(7, &request).unwrap();
        while !producer.topic_names().contains(&name) {}
        for partition in 0..8 {
            assert_eq!(producer.append((&name, partition), &batch("v", 1)), 0);
        }
        let created: CreateTopicsResponse<'_> = creator.receive(7, correlation_id).unwrap();
        assert_eq!(created.topics[0].error_code, 0);
    }
}

/// Goal: the topics of coordinators are told apart from those of users.
#[test]
fn internal_topics_are_marked() {
    let (_broker, mut client) = start();
    for (name, is_internal) in [("__consumer_offsets", true), ("__mine", false)] {
        client.create_topic(name, 1, &[]);
        let topic = MetadataRequestTopic { name: Some(name), ..Default::default() };
        let request = MetadataRequest { topics: Some(smallvec![topic]), ..Default::default() };
        assert_eq!(client.call(12, &request).topics[0].is_internal, is_internal, "{name}");
    }
}
