//! Configs: altered in both of Kafka's ways, and described with where they come from.

use super::*;
use crate::metadata::config_keys;
use crate::metadata::configs::*;
use crate::metadata::describe::{ConfigEntry, describe_broker, describe_cluster, describe_topic};
use crate::metadata::effective::ConfigSource;
use crate::wire::ErrorCode;

/// One broker config from the file, one from AlterConfigs, one override.
fn image() -> Image {
    let fixed = [("log.retention.hours", "2"), ("log.segment.bytes", "2000000")];
    let mut image = Image::empty(started_with(&fixed));
    let set = |key: &str, value: &str| Change::BrokerConfigSet {
        key: key.into(),
        value: Some(value.into()),
    };
    apply_all(&mut image, &[topic_created("orders", 1), set("log.segment.bytes", "3000000")]);
    let changes = alter(&image, "orders", &[("cleanup.policy", AlterOperation::Set, "compact")]);
    apply_all(&mut image, &changes.unwrap());
    image
}

fn alter(
    image: &Image,
    topic: &str,
    alterations: &[(&str, AlterOperation, &str)],
) -> Result<Vec<Change>, (ErrorCode, String)> {
    let alterations: Vec<_> = alterations
        .iter()
        .map(|(name, operation, value)| Alteration {
            name,
            operation: *operation,
            value: Some(value),
        })
        .collect();
    ConfigResource::topic(image, topic)
        .and_then(|resource| alter_configs(image, resource, &alterations))
        .map_err(|error| (error.code(), error.to_string()))
}

fn find<'a>(entries: &'a [ConfigEntry], name: &str) -> &'a ConfigEntry {
    entries.iter().find(|entry| entry.name == name).unwrap()
}

/// Goal: every key of a topic is listed, each with its value, its source, and what it overrides,
/// in the order in which they hold.
#[test]
fn a_topic_is_described_with_sources() {
    let image = image();
    let entries = describe_topic(&image, image.topic("orders").unwrap());
    assert_eq!(entries.len(), config_keys::topic_keys().filter(|key| !key.internal).count());
    let check = |name: &str, value: &str, source, synonyms: &[(&str, &str)]| {
        let entry = find(&entries, name);
        assert_eq!((entry.value.as_deref(), entry.source), (Some(value), source), "{name}");
        let found: Vec<_> = entry
            .synonyms
            .iter()
            .map(|synonym| (synonym.name, synonym.value.as_deref().unwrap()))
            .collect();
        assert_eq!(found, synonyms, "{name}");
        assert_eq!(entry.is_default, source == ConfigSource::Default);
        assert!(!entry.read_only && !entry.sensitive);
    };
    check(
        "cleanup.policy",
        "compact",
        ConfigSource::DynamicTopic,
        &[("cleanup.policy", "compact"), ("log.cleanup.policy", "delete")],
    );
    check(
        "segment.bytes",
        "3000000",
        ConfigSource::DynamicBroker,
        &[
            ("log.segment.bytes", "3000000"),
            ("log.segment.bytes", "2000000"),
            ("log.segment.bytes", "1073741824"),
        ],
    );
    check(
        "retention.ms",
        "7200000",
        ConfigSource::StaticBroker,
        &[("log.retention.hours", "2"), ("log.retention.hours", "168")],
    );
    check("segment.ms", "604800000", ConfigSource::Default, &[("log.roll.hours", "168")]);
    let throttled = "leader.replication.throttled.replicas";
    check(throttled, "", ConfigSource::Default, &[(throttled, "")]);
}

/// Goal: an internal key is shown where it is set, and nowhere else.
#[test]
fn internal_keys_are_shown_where_they_are_set() {
    let mut image = image();
    let set = |value: Option<&str>| {
        let key = "internal.segment.bytes".into();
        Change::TopicConfigSet { id: id(1), key, value: value.map(str::to_owned) }
    };
    let shown = |image: &Image| {
        let entries = describe_topic(image, image.topic("orders").unwrap());
        let internal = entries.into_iter().find(|entry| entry.name == "internal.segment.bytes");
        internal.map(|entry| (entry.value.unwrap(), entry.source))
    };
    assert_eq!(shown(&image), None);
    apply_all(&mut image, &[set(Some("100"))]);
    assert_eq!(image.topic("orders").unwrap().log_config.segment_bytes, 100);
    assert_eq!(shown(&image), Some(("100".into(), ConfigSource::DynamicTopic)));
    apply_all(&mut image, &[set(None)]);
    assert_eq!(image.topic("orders").unwrap().log_config.segment_bytes, 3_000_000);
}

/// Goal: segments smaller than Kafka's minimum are refused, and those that are in a metadata log
/// already are kept.
#[test]
fn a_segment_size_below_the_minimum_is_history() {
    let mut image = image();
    let set = ("segment.bytes", AlterOperation::Set, "1048575");
    let refused = alter(&image, "orders", &[set]).unwrap_err();
    assert_eq!(refused.0, ErrorCode::InvalidConfig);
    let (key, value) = ("segment.bytes".to_owned(), Some("1048575".to_owned()));
    apply_all(&mut image, &[Change::TopicConfigSet { id: id(1), key, value }]);
    assert_eq!(image.topic("orders").unwrap().log_config.segment_bytes, 1_048_575);
}

/// Goal: the broker's keys say which of them may change while it runs.
#[test]
fn the_broker_is_described() {
    let image = image();
    let entries = describe_broker(&image);
    assert_eq!(entries.len(), config_keys::broker_keys().count());
    assert!(find(&entries, "num.partitions").read_only);
    assert!(!find(&entries, "log.segment.bytes").read_only);
    assert_eq!(find(&entries, "log.retention.ms").value, None);
    let hours = find(&entries, "log.retention.hours");
    assert_eq!((hours.value.as_deref(), hours.source), (Some("2"), ConfigSource::StaticBroker));
}

/// Goal: set, delete, append and subtract do what they say, and nothing where nothing changes.
#[test]
fn incremental_alterations() {
    let image = image();
    let set = |value: Option<&str>| {
        let (key, value) = ("cleanup.policy".to_owned(), value.map(str::to_owned));
        Ok(vec![Change::TopicConfigSet { id: id(1), key, value }])
    };
    let one = |operation, value| alter(&image, "orders", &[("cleanup.policy", operation, value)]);
    assert_eq!(one(AlterOperation::Set, "delete"), set(Some("delete")));
    assert_eq!(one(AlterOperation::Delete, ""), set(None));
    assert_eq!(one(AlterOperation::Append, "delete"), set(Some("compact,delete")));
    assert_eq!(one(AlterOperation::Append, "compact"), Ok(vec![]));
    assert_eq!(one(AlterOperation::Subtract, "compact,delete"), set(Some("")));
    assert_eq!(one(AlterOperation::Set, "compact"), Ok(vec![]));
    let other = |alterations: &[_]| alter(&image, "orders", alterations).unwrap_err();
    let append = ("retention.ms", AlterOperation::Append, "5");
    assert_eq!(other(&[append]).0, ErrorCode::InvalidConfig);
    let twice = ("retention.ms", AlterOperation::Set, "5");
    assert_eq!(other(&[twice, twice]).0, ErrorCode::InvalidRequest);
    let bad = ("retention.ms", AlterOperation::Set, "soon");
    assert!(other(&[bad]).1.ends_with("Not a number of type LONG"));
    let unknown = ("retention.hours", AlterOperation::Set, "5");
    assert_eq!(other(&[unknown]).1, "Unknown topic config name: retention.hours");
    assert_eq!(alter(&image, "nope", &[]).unwrap_err().0, ErrorCode::UnknownTopicOrPartition);
    assert!(AlterOperation::from_code(4).is_err());
}

/// Goal: AlterConfigs replaces all overrides, and changes only what differs.
#[test]
fn replacing_alterations() {
    let mut image = image();
    let resource = ConfigResource::topic(&image, "orders").unwrap();
    let wanted = [("retention.ms", Some("5"))];
    let changes = replace_configs(&image, resource, &wanted).unwrap();
    assert_eq!(changes.len(), 2);
    apply_all(&mut image, &changes);
    let topic = image.topic("orders").unwrap();
    assert_eq!(topic.configs, BTreeMap::from([("retention.ms".into(), "5".into())]));
    assert_eq!(topic.log_config.retention_ms, 5);
    let resource = ConfigResource::Topic(topic);
    assert_eq!(replace_configs(&image, resource, &wanted), Ok(vec![]));
    assert!(replace_configs(&image, resource, &[("retention.ms", None)]).is_err());
}

/// Goal: the broker answers to its number and to nothing; keys read at the start are refused; a
/// change reaches the logs of topics without an override.
#[test]
fn broker_alterations() {
    let mut image = image();
    assert!(ConfigResource::broker("2", BROKER).is_err());
    let resource = ConfigResource::broker("1", BROKER).unwrap();
    let alteration = |name, value| Alteration { name, operation: AlterOperation::Set, value };
    let refused = alter_configs(&image, resource, &[alteration("num.partitions", Some("3"))]);
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::InvalidRequest);
    assert_eq!(refused.to_string(), "Cannot update these configs dynamically: num.partitions");

    let resource = ConfigResource::broker("1", BROKER).unwrap();
    let alteration = alteration("log.retention.ms", Some("1234"));
    let changes = alter_configs(&image, resource, &[alteration]).unwrap();
    let before = image.topic("orders").unwrap().log_config.clone();
    apply_all(&mut image, &changes);
    assert_eq!(before.retention_ms, 7_200_000);
    assert_eq!(image.topic("orders").unwrap().log_config.retention_ms, 1234);
    let removed = replace_configs(&image, ConfigResource::Broker, &[]).unwrap();
    apply_all(&mut image, &removed);
    assert_eq!(image.dynamic_configs().broker.len(), 0);
    assert_eq!(image.topic("orders").unwrap().log_config.segment_bytes, 2_000_000);
}

/// Goal: what is set for the cluster and for the broker are two layers, of which the broker's goes
/// first; taking one away leaves the other.
#[test]
fn cluster_and_broker_are_two_layers() {
    use ConfigSource::{Default, DynamicBroker, DynamicDefaultBroker};
    let mut image = Image::empty(started_with(&[]));
    let set = |image: &mut Image, resource: &str, operation, value| {
        let alteration = Alteration { name: "log.retention.ms", operation, value: Some(value) };
        let resource = ConfigResource::broker(resource, BROKER).unwrap();
        let changes = alter_configs(image, resource, &[alteration]).unwrap();
        apply_all(image, &changes);
    };
    let seen = |entries: &[ConfigEntry]| {
        let entry = find(entries, "log.retention.ms");
        (entry.value.clone(), entry.synonyms.iter().map(|s| s.source).collect::<Vec<_>>())
    };
    set(&mut image, "", AlterOperation::Set, "111");
    set(&mut image, "1", AlterOperation::Set, "222");
    let both = vec![DynamicBroker, DynamicDefaultBroker];
    assert_eq!(seen(&describe_broker(&image)), (Some("222".into()), both));
    let cluster = (Some("111".into()), vec![DynamicDefaultBroker]);
    assert_eq!(seen(&describe_cluster(&image)), cluster);
    assert_eq!(describe_cluster(&image).len(), 1);
    set(&mut image, "1", AlterOperation::Delete, "");
    assert_eq!(seen(&describe_broker(&image)), cluster);
    let restored = Image::restore(image.state(), started_with(&[])).unwrap();
    assert_eq!(seen(&describe_broker(&restored)), cluster);
    set(&mut image, "", AlterOperation::Delete, "");
    assert_eq!(describe_cluster(&image), []);
    assert_eq!(find(&describe_broker(&image), "log.retention.ms").source, Default);
}
