//! DescribeConfigs, AlterConfigs and IncrementalAlterConfigs.

use crate::support::broker::BrokerOptions;
use crate::wire_client::{WireClient, batch_of};
use crate::{start, start_with};
use pinion::wire::ErrorCode;
use pinion::wire::api::alter_configs::{
    AlterConfigsRequest, AlterConfigsResource as Replaced, AlterableConfig as Replacement,
};
use pinion::wire::api::describe_configs::{DescribeConfigsRequest, DescribeConfigsResource};
use pinion::wire::api::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use smallvec::smallvec;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

/// Where a value comes from, as DescribeConfigs tells it.
const FROM_TOPIC: i8 = 1;
const FROM_BROKER: i8 = 2;
const FROM_CLUSTER: i8 = 3;
const FROM_BROKER_FILE: i8 = 4;
const FROM_DEFAULT: i8 = 5;

/// Above what some alterations make of `max.compaction.lag.ms`.
const LAG_MIN: Alteration<'static> = ("min.compaction.lag.ms", SET, Some("10"));

/// A key, what to do, and a value to do it with.
type Alteration<'a> = (&'a str, i8, Option<&'a str>);

fn alter(
    client: &mut WireClient,
    (resource_type, resource_name): (i8, &str),
    alterations: &[Alteration<'_>],
) -> ErrorCode {
    let config = |&(name, config_operation, value): &(_, _, _)| AlterableConfig {
        name,
        config_operation,
        value,
    };
    let resource = AlterConfigsResource {
        resource_type,
        resource_name,
        configs: alterations.iter().map(config).collect(),
    };
    let request =
        IncrementalAlterConfigsRequest { resources: smallvec![resource], ..Default::default() };
    client.call(1, &request).responses[0].error_code.into()
}

fn replace(client: &mut WireClient, topic: &str, configs: &[(&str, &str)]) -> ErrorCode {
    let config = |&(name, value): &(_, _)| Replacement { name, value: Some(value) };
    let resource = Replaced {
        resource_type: TOPIC,
        resource_name: topic,
        configs: configs.iter().map(config).collect(),
    };
    let request = AlterConfigsRequest { resources: smallvec![resource], ..Default::default() };
    client.call(2, &request).responses[0].error_code.into()
}

/// Goal: every config of a topic and of the broker is listed, with its value's source; resources
/// that do not exist are errors.
#[test]
fn describe_lists_every_config() {
    let (_broker, mut client) =
        start_with(BrokerOptions::default().set("log.segment.bytes", 99_999_999));
    client.create_topic("t", 1, &[("retention.ms", "9000")]);
    assert_eq!(client.topic_config("t", "retention.ms"), ("9000".into(), FROM_TOPIC));
    assert_eq!(client.topic_config("t", "segment.bytes"), ("99999999".into(), FROM_BROKER_FILE));
    assert_eq!(client.topic_config("t", "flush.messages"), ("1".into(), FROM_DEFAULT));
    let resource = |resource_type, resource_name| DescribeConfigsResource {
        resource_type,
        resource_name,
        configuration_keys: None,
    };
    let request = DescribeConfigsRequest {
        resources: smallvec![
            resource(TOPIC, "t"),
            resource(BROKER, "1"),
            resource(TOPIC, "absent"),
            resource(BROKER, "99"),
            resource(77, "t"),
            resource(TOPIC, "no such name"),
            resource(TOPIC, ""),
        ],
        include_synonyms: true,
        include_documentation: true,
    };
    for version in 1..=4 {
        let response = client.call(version, &request);
        let [topic, broker, absent, other, unknown, misnamed, unnamed] = &response.results[..]
        else {
            panic!("seven results: {response:?}");
        };
        assert!(topic.configs.len() > 20 && broker.configs.len() > 20);
        assert!(topic.configs.iter().all(|config| config.value.is_some()));
        assert_eq!(ErrorCode::from(absent.error_code), ErrorCode::UnknownTopicOrPartition);
        assert_ne!(other.error_code, 0);
        assert_ne!(unknown.error_code, 0);
        for result in [misnamed, unnamed] {
            let error = ErrorCode::from(result.error_code);
            assert_eq!(error, ErrorCode::InvalidTopicException);
        }
    }
}

/// Goal: a segment has a minimum, for the topic and for the broker, however it is set; the key for
/// tests has none, and is shown where it is set.
#[test]
fn segments_have_a_minimum() {
    let (_broker, mut client) = start();
    client.create_topic("t", 1, &[("internal.segment.bytes", "4096")]);
    assert_eq!(client.topic_config("t", "internal.segment.bytes"), ("4096".into(), FROM_TOPIC));
    assert_eq!(client.topic_config("t", "segment.bytes"), ("1073741824".into(), FROM_DEFAULT));
    let refused = [ErrorCode::InvalidConfig, ErrorCode::InvalidConfig, ErrorCode::InvalidRequest];
    for (value, expected) in [("1048575", refused), ("1048576", [ErrorCode::None; 3])] {
        let seen = [
            alter(&mut client, (TOPIC, "t"), &[("segment.bytes", SET, Some(value))]),
            replace(&mut client, "t", &[("segment.bytes", value)]),
            alter(&mut client, (BROKER, "1"), &[("log.segment.bytes", SET, Some(value))]),
        ];
        assert_eq!(seen, expected, "{value}");
    }
}

/// Goal: single configs are set and taken back; lists are added to and taken from; what is not
/// named stays; bad values change nothing.
#[test]
fn incremental_alterations() {
    let (mut broker, mut client) = start();
    client.create_topic("t", 1, &[("retention.ms", "9000")]);
    let topic = (TOPIC, "t");
    let value = |client: &mut WireClient, key| client.topic_config("t", key).0;

    assert_eq!(alter(&mut client, topic, &[("retention.bytes", SET, Some("77"))]), ErrorCode::None);
    assert_eq!(value(&mut client, "retention.bytes"), "77");
    assert_eq!(value(&mut client, "retention.ms"), "9000");
    let both = [("retention.bytes", DELETE, None), ("retention.ms", SET, Some("8000"))];
    assert_eq!(alter(&mut client, topic, &both), ErrorCode::None);
    assert_eq!(value(&mut client, "retention.bytes"), "-1");
    let compact = [("cleanup.policy", APPEND, Some("compact"))];
    assert_eq!(alter(&mut client, topic, &compact), ErrorCode::None);
    assert_eq!(value(&mut client, "cleanup.policy"), "delete,compact");
    let subtract = [("cleanup.policy", SUBTRACT, Some("compact"))];
    assert_eq!(alter(&mut client, topic, &subtract), ErrorCode::None);
    assert_eq!(value(&mut client, "cleanup.policy"), "delete");

    let invalid = ErrorCode::InvalidConfig;
    let malformed = ErrorCode::InvalidRequest;
    let bad: [(&[Alteration], ErrorCode); 9] = [
        (&[("retention.ms", SET, Some("soon"))], invalid),
        (&[("retention.ms", SET, Some("-9"))], invalid),
        (&[("retention.ms", SET, None)], malformed),
        (&[("no.such", SET, Some("1"))], invalid),
        (&[("retention.bytes", SET, Some("5")), ("retention.ms", SET, Some("x"))], invalid),
        (&[("retention.ms", 9, Some("1"))], malformed),
        (&[LAG_MIN, ("max.compaction.lag.ms", SET, Some("5"))], invalid),
        (&[("remote.storage.enable", SET, Some("true"))], invalid),
        (&[("local.retention.ms", SET, Some("5"))], invalid),
    ];
    for (alterations, error) in bad {
        let seen = alter(&mut client, topic, alterations);
        assert_eq!(seen, error, "{alterations:?}");
    }
    let harmless: [Alteration; 4] = [
        LAG_MIN,
        ("no.such", DELETE, None),
        ("remote.storage.enable", SET, Some("false")),
        ("local.retention.ms", SET, Some("-2")),
    ];
    assert_eq!(alter(&mut client, topic, &harmless), ErrorCode::None);
    let below_min = [("max.compaction.lag.ms", SET, Some("9"))];
    assert_eq!(alter(&mut client, topic, &below_min), invalid);
    assert_eq!(alter(&mut client, (TOPIC, ""), &[LAG_MIN]), malformed);
    let bad_value = [("log.retention.ms", SET, Some("soon"))];
    assert_eq!(alter(&mut client, (BROKER, "1"), &bad_value), malformed);
    let absent = alter(&mut client, (TOPIC, "absent"), &[("retention.ms", SET, Some("1"))]);
    assert_eq!(absent, ErrorCode::UnknownTopicOrPartition);

    broker.kill();
    broker.restart();
    let mut client = WireClient::connect(&broker.bootstrap());
    assert_eq!(value(&mut client, "retention.ms"), "8000");
    assert_eq!(value(&mut client, "retention.bytes"), "-1");
    assert_eq!(value(&mut client, "cleanup.policy"), "delete");
}

/// Goal: AlterConfigs replaces all overrides of a topic.
#[test]
fn alter_configs_replaces_everything() {
    let (_broker, mut client) = start();
    client.create_topic("t", 1, &[("retention.ms", "9000"), ("retention.bytes", "77")]);
    assert_eq!(replace(&mut client, "t", &[("retention.ms", "8000")]), ErrorCode::None);
    assert_eq!(client.topic_config("t", "retention.ms"), ("8000".into(), FROM_TOPIC));
    assert_eq!(client.topic_config("t", "retention.bytes"), ("-1".into(), FROM_DEFAULT));
    assert_eq!(replace(&mut client, "t", &[("retention.ms", "x")]), ErrorCode::InvalidConfig);
    assert_eq!(client.topic_config("t", "retention.ms").0, "8000");
}

/// Goal: an altered config has its effect at once, on every shard, without a restart.
#[test]
fn alterations_take_effect() {
    let (_broker, mut client) = start();
    client.create_topic("t", 4, &[]);
    let large = batch_of(&[vec![b'x'; 5000]]);
    for partition in 0..4 {
        client.append(("t", partition), &large);
    }
    assert_eq!(client.set_topic_config("t", "max.message.bytes", "1000"), ErrorCode::None);
    for partition in 0..4 {
        let produced = client.produce(("t", partition), &large);
        assert_eq!(produced.error, ErrorCode::MessageTooLarge, "partition {partition}");
    }
    assert_eq!(
        alter(&mut client, (BROKER, ""), &[("message.max.bytes", SET, Some("2000"))]),
        ErrorCode::None
    );
    assert_eq!(
        alter(&mut client, (TOPIC, "t"), &[("max.message.bytes", DELETE, None)]),
        ErrorCode::None
    );
    assert_eq!(client.topic_config("t", "max.message.bytes").0, "2000");
    let produced = client.produce(("t", 0), &large);
    assert_eq!(produced.error, ErrorCode::MessageTooLarge);
}

/// Goal: what is set for all brokers stays when a broker's own value goes.
#[test]
fn configs_of_the_cluster_and_of_a_broker() {
    let (_broker, mut client) = start();
    client.create_topic("t", 1, &[]);
    let key = "log.retention.ms";
    for (broker, value) in [("", "111111"), ("1", "222222")] {
        assert_eq!(
            alter(&mut client, (BROKER, broker), &[(key, SET, Some(value))]),
            ErrorCode::None
        );
    }
    assert_eq!(client.topic_config("t", "retention.ms"), ("222222".into(), FROM_BROKER));
    assert_eq!(alter(&mut client, (BROKER, "1"), &[(key, DELETE, None)]), ErrorCode::None);
    assert_eq!(client.topic_config("t", "retention.ms"), ("111111".into(), FROM_CLUSTER));
}

/// Goal: `validate_only` checks and changes nothing.
#[test]
fn validation_alone_changes_nothing() {
    let (_broker, mut client) = start();
    client.create_topic("t", 1, &[]);
    let config = AlterableConfig { name: "retention.ms", config_operation: SET, value: Some("5") };
    let resource = AlterConfigsResource {
        resource_type: TOPIC,
        resource_name: "t",
        configs: smallvec![config],
    };
    let request =
        IncrementalAlterConfigsRequest { resources: smallvec![resource], validate_only: true };
    assert_eq!(client.call(1, &request).responses[0].error_code, 0);
    assert_eq!(client.topic_config("t", "retention.ms").1, FROM_DEFAULT);
}
