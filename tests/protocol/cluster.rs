//! DescribeCluster and DescribeLogDirs.

use crate::support::broker::BrokerOptions;
use crate::wire_client::{WireClient, batch, batch_of};
use crate::{start, start_with};
use pinion::wire::api::describe_cluster::DescribeClusterRequest;
use pinion::wire::api::describe_log_dirs::{DescribableLogDirTopic, DescribeLogDirsRequest};
use pinion::wire::api::metadata::MetadataRequest;
use smallvec::smallvec;

/// Goal: cluster, controller and broker are the ones of Metadata, and the id lasts.
#[test]
fn the_cluster_is_described() {
    let (mut broker, mut client) = start();
    let port = broker.bootstrap().rsplit_once(':').unwrap().1.to_owned();
    let metadata = client.call(12, &MetadataRequest { topics: None, ..Default::default() });
    let id = metadata.cluster_id.expect("a cluster id").to_owned();
    let node = metadata.brokers[0].node_id;
    drop(metadata);
    for version in 0..=2 {
        let response = client.call(version, &DescribeClusterRequest::default());
        assert_eq!((response.error_code, response.cluster_id), (0, &id[..]));
        assert_eq!(response.controller_id, node);
        let [broker] = &response.brokers[..] else { panic!("one broker: {response:?}") };
        assert_eq!((broker.broker_id, broker.host), (node, "127.0.0.1"));
        assert_eq!(broker.port.to_string(), port);
    }
    broker.kill();
    broker.restart();
    let mut client = WireClient::connect(&broker.bootstrap());
    let response = client.call(0, &DescribeClusterRequest::default());
    assert_eq!(response.cluster_id, id);
}

/// Goal: the rack that the broker stands in is told, for clients that choose by it.
#[test]
fn the_rack_is_told() {
    let (_broker, mut client) = start_with(BrokerOptions::default().set("broker.rack", "zone-b"));
    let metadata = client.call(12, &MetadataRequest::default());
    assert_eq!(metadata.brokers[0].rack, Some("zone-b"));
    drop(metadata);
    let cluster = client.call(0, &DescribeClusterRequest::default());
    assert_eq!(cluster.brokers[0].rack, Some("zone-b"));
}

/// Goal: clients that ask what they may do hear of everything, and others of nothing.
#[test]
fn all_operations_are_allowed() {
    const ALL_ON_TOPIC: i32 = 0b1101_1111_1000;
    const ALL_ON_CLUSTER: i32 = 0b1_1111_1010_0000;
    let (_broker, mut client) = start();
    client.create_topic("a", 1, &[]);
    for (asked, on_topic, on_cluster) in
        [(true, ALL_ON_TOPIC, ALL_ON_CLUSTER), (false, i32::MIN, i32::MIN)]
    {
        let request = MetadataRequest {
            topics: None,
            include_cluster_authorized_operations: asked,
            include_topic_authorized_operations: asked,
            ..Default::default()
        };
        let metadata = client.call(10, &request);
        assert_eq!(metadata.topics[0].topic_authorized_operations, on_topic);
        assert_eq!(metadata.cluster_authorized_operations, on_cluster);
        drop(metadata);
        let include_cluster_authorized_operations = asked;
        let request =
            DescribeClusterRequest { include_cluster_authorized_operations, ..Default::default() };
        let cluster = client.call(0, &request);
        assert_eq!(cluster.cluster_authorized_operations, on_cluster);
    }
}

/// Goal: sizes of all partitions, or of those asked for, and the disk's.
#[test]
fn log_directories_are_described() {
    let (broker, mut client) = start();
    client.create_topic("a", 3, &[]);
    client.create_topic("b", 1, &[]);
    let sent = batch_of(&[vec![b'x'; 10_000]]);
    client.append(("a", 1), &sent);
    client.append(("b", 0), &batch("v", 1));
    for version in 1..=4 {
        let response = client.call(version, &DescribeLogDirsRequest { topics: None });
        let [directory] = &response.results[..] else { panic!("one: {response:?}") };
        assert_eq!(directory.error_code, 0);
        assert_eq!(directory.log_dir, broker.data_dir().canonicalize().unwrap().to_str().unwrap());
        if version == 4 {
            assert!(directory.usable_bytes > 0 && directory.total_bytes > directory.usable_bytes);
        }
        let a = directory.topics.iter().find(|topic| topic.name == "a").unwrap();
        let mut sizes: Vec<_> =
            a.partitions.iter().map(|p| (p.partition_index, p.partition_size)).collect();
        sizes.sort_unstable();
        assert_eq!(sizes, [(0, 0), (1, sent.len() as i64), (2, 0)]);
        assert_eq!(directory.topics.len(), 2);
    }
    let topic = DescribableLogDirTopic { topic: "a", partitions: smallvec![1, 7] };
    let request = DescribeLogDirsRequest { topics: Some(smallvec![topic]) };
    let response = client.call(4, &request);
    let topics = &response.results[0].topics;
    let seen: Vec<i32> = topics[0].partitions.iter().map(|p| p.partition_index).collect();
    assert_eq!((topics.len(), seen), (1, vec![1]));
}
