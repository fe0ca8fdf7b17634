//! Requests for topics: what is accepted, and the error for what is not.

use super::*;
use crate::metadata::topics::*;
use crate::wire::ErrorCode;

fn created(image: &Image, new: &NewTopic<'_>) -> Result<i32, ErrorCode> {
    match create_topic(image, BROKER, new, id(9)) {
        Ok(changes) => match &changes[..] {
            [Change::TopicCreated { partition_count, .. }] => Ok(*partition_count),
            other => panic!("{other:?}"),
        },
        Err(error) => Err(error.code()),
    }
}

/// Goal: the rules for names are Kafka's: characters, duplicates, and dots against underscores.
#[test]
fn names_are_checked() {
    let image = image_with(&["orders", "a.b_c"]);
    for (name, expected) in [
        ("payments", Ok(1)),
        ("a.b_c.d", Ok(1)),
        ("orders", Err(ErrorCode::TopicAlreadyExists)),
        ("a_b.c", Err(ErrorCode::InvalidTopicException)),
        ("a/b", Err(ErrorCode::InvalidTopicException)),
        ("", Err(ErrorCode::InvalidTopicException)),
        ("__cluster_metadata", Err(ErrorCode::InvalidRequest)),
    ] {
        assert_eq!(created(&image, &plain(name)), expected, "{name:?}");
    }
    let text = create_topic(&image, BROKER, &plain("a_b.c"), id(9)).unwrap_err().to_string();
    assert_eq!(text, "Topic 'a_b.c' collides with existing topic: a.b_c");
}

/// Goal: −1 takes the broker's default; nothing below 1 and nothing above the bounds.
#[test]
fn counts_are_checked() {
    let defaults = Image::empty(started_with(&[("num.partitions", "6")]));
    let with = |partition_count, replication_factor| {
        created(&defaults, &NewTopic { partition_count, replication_factor, ..plain("t") })
    };
    assert_eq!(with(-1, -1), Ok(6));
    assert_eq!(with(3, 1), Ok(3));
    assert_eq!(with(PARTITIONS_PER_TOPIC_MAX, 1), Ok(PARTITIONS_PER_TOPIC_MAX));
    for count in [0, -2, PARTITIONS_PER_TOPIC_MAX + 1] {
        assert_eq!(with(count, 1), Err(ErrorCode::InvalidPartitions), "{count}");
    }
    for factor in [0, -2, 2, 3] {
        assert_eq!(with(1, factor), Err(ErrorCode::InvalidReplicationFactor), "{factor}");
    }
    let three = NewTopic { replication_factor: 3, ..plain("t") };
    let text = create_topic(&defaults, BROKER, &three, id(9)).unwrap_err().to_string();
    assert!(text.contains("The target replication factor of 3 cannot be reached"), "{text}");
}

/// Goal: a broker does not take more partitions than it has room for.
#[test]
fn all_partitions_together_are_bounded() {
    let mut image = image_with(&[]);
    let per_topic = i64::from(PARTITIONS_PER_TOPIC_MAX);
    for number in 0..(PARTITIONS_MAX / per_topic) as u64 {
        let name = format!("t{number}");
        let new = NewTopic { partition_count: PARTITIONS_PER_TOPIC_MAX, ..plain(&name) };
        let changes = create_topic(&image, BROKER, &new, id(number)).unwrap();
        apply_all(&mut image, &changes);
    }
    assert_eq!(image.partition_count(), PARTITIONS_MAX);
    assert_eq!(created(&image, &plain("more")), Err(ErrorCode::PolicyViolation));
    apply_all(&mut image, &[Change::TopicDeleted { id: id(0) }]);
    assert_eq!(created(&image, &plain("more")), Ok(1));
}

/// Goal: replicas chosen by hand are taken where they name this broker and leave no gap.
#[test]
fn assignments_are_checked() {
    let image = image_with(&[]);
    let assign = |partitions: &[(i32, &'static [BrokerId])], partition_count| {
        let assignments: Vec<_> = partitions
            .iter()
            .map(|(partition, brokers)| Assignment { partition: *partition, brokers })
            .collect();
        created(&image, &NewTopic { partition_count, assignments: &assignments, ..plain("t") })
    };
    assert_eq!(assign(&[(1, &[BROKER]), (0, &[BROKER])], -1), Ok(2));
    for bad in [&[(1, &[BROKER][..])][..], &[(0, &[]), (1, &[BROKER])], &[(0, &[BrokerId(2)])]] {
        assert_eq!(assign(bad, -1), Err(ErrorCode::InvalidReplicaAssignment), "{bad:?}");
    }
    let twice = &[(0, &[BROKER, BROKER][..])];
    assert_eq!(assign(twice, -1), Err(ErrorCode::InvalidReplicaAssignment));
    assert_eq!(assign(&[(0, &[BROKER])], 1), Err(ErrorCode::InvalidRequest));
}

/// Goal: overrides are checked one by one.
#[test]
fn configs_are_checked() {
    let image = image_with(&[]);
    let with = |configs: &[(&str, Option<&str>)]| {
        create_topic(&image, BROKER, &NewTopic { configs, ..plain("t") }, id(9))
            .map_err(|error| (error.code(), error.to_string()))
    };
    let good = with(&[("retention.ms", Some("5")), ("cleanup.policy", Some("compact"))]).unwrap();
    assert!(matches!(&good[..], [Change::TopicCreated { configs, .. }] if configs.len() == 2));
    for (configs, text) in [
        (
            ("retention.ms", Some("-5")),
            "Invalid value -5 for configuration retention.ms: Value must be at least -1",
        ),
        (("retention.hours", Some("5")), "Unknown topic config name: retention.hours"),
        (("retention.ms", None), "Null value not supported for topic configs: retention.ms"),
    ] {
        let (code, found) = with(&[configs]).unwrap_err();
        assert_eq!((code, found.as_str()), (ErrorCode::InvalidConfig, text));
    }
}

/// Goal: topics are deleted by name or id, unless that is switched off.
#[test]
fn deletions_are_checked() {
    let image = image_with(&["orders"]);
    let gone = vec![Change::TopicDeleted { id: id(1) }];
    assert_eq!(delete_topic(&image, "orders"), Ok(gone.clone()));
    assert_eq!(delete_topic_by_id(&image, id(1)), Ok(gone));
    let code = |result: Result<_, crate::metadata::MetadataError>| result.unwrap_err().code();
    assert_eq!(code(delete_topic(&image, "nope")), ErrorCode::UnknownTopicOrPartition);
    assert_eq!(code(delete_topic_by_id(&image, id(2))), ErrorCode::UnknownTopicId);
    let mut kept = Image::empty(started_with(&[("delete.topic.enable", "false")]));
    apply_all(&mut kept, &[topic_created("orders", 1)]);
    assert_eq!(code(delete_topic(&kept, "orders")), ErrorCode::TopicDeletionDisabled);
}

/// Goal: the number of partitions only grows.
#[test]
fn partitions_only_grow() {
    let mut image = image_with(&["orders"]);
    apply_all(&mut image, &[Change::PartitionsAdded { id: id(1), partition_count: 3 }]);
    let grow = |count, assignments| {
        create_partitions(&image, BROKER, "orders", count, assignments)
            .map_err(|error| (error.code(), error.to_string()))
    };
    let grown = Change::PartitionsAdded { id: id(1), partition_count: 5 };
    assert_eq!(grow(5, None), Ok(vec![grown.clone()]));
    assert_eq!(grow(5, Some(&[&[BROKER], &[BROKER]])), Ok(vec![grown]));
    let (code, text) = grow(2, None).unwrap_err();
    assert_eq!(code, ErrorCode::InvalidPartitions);
    assert!(text.contains("currently has 3 partition(s); 2 would not be an increase"), "{text}");
    assert_eq!(grow(3, None).unwrap_err().1, "Topic already has 3 partition(s).");
    assert_eq!(grow(i32::MAX, None).unwrap_err().0, ErrorCode::InvalidPartitions);
    assert_eq!(grow(i32::MIN, None).unwrap_err().0, ErrorCode::InvalidPartitions);
    for bad in [&[&[BROKER][..]][..], &[&[BROKER], &[BrokerId(7)]]] {
        assert_eq!(grow(5, Some(bad)).unwrap_err().0, ErrorCode::InvalidReplicaAssignment);
    }
    let unknown = create_partitions(&image, BROKER, "nope", 5, None).unwrap_err();
    assert_eq!(unknown.code(), ErrorCode::UnknownTopicOrPartition);
}
