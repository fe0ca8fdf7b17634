//! Images: what changes add up to, and the bytes of both.

use super::*;
use crate::base::ProducerId;
use crate::metadata::codec::{decode_changes, decode_state, encode_changes, encode_state};
use crate::metadata::image::{ChangeMisfit, ImageState, TopicState};
use crate::metadata::producer_ids;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

/// Goal: an image once shared never changes, and topics are found by name and id, in order.
#[test]
fn images_are_immutable_once_shared() {
    let old = image_with(&["b", "a"]);
    let mut new = old.clone();
    let deleted = Change::TopicDeleted { id: id(1) };
    apply_all(&mut new, &[deleted.clone(), topic_created("c", 3)]);
    let names = |image: &Image| image.topics().map(|t| t.name.to_string()).collect::<Vec<_>>();
    assert_eq!(names(&old), ["a", "b"]);
    assert_eq!(names(&new), ["a", "c"]);
    assert_eq!((old.version, new.version), (2, 4));
    assert_eq!(old.topic_by_id(id(1)).unwrap().ordinal, 0);
    assert_eq!(new.topic_by_id(id(3)).unwrap().ordinal, 2);
    assert!(new.topic("b").is_none() && new.topic_by_id(id(1)).is_none());
    assert_eq!(new.apply(&deleted), Err(ChangeMisfit::NoSuchTopic(id(1))));
    assert_eq!(new.version, 4);
}

/// Goal: what does not fit is refused, and leaves the image alone.
#[test]
fn misfits_are_refused() {
    let mut image = image_with(&["a"]);
    let created = Change::ClusterCreated { cluster_id: "x".into() };
    apply_all(&mut image, std::slice::from_ref(&created));
    let state = image.state();
    let config = |key: &str, value: &str| Change::TopicConfigSet {
        id: id(1),
        key: key.into(),
        value: Some(value.into()),
    };
    for change in [
        created,
        topic_created("a", 2),
        topic_created("b", 1),
        Change::PartitionsAdded { id: id(1), partition_count: 1 },
        Change::PartitionsAdded { id: id(2), partition_count: 2 },
        Change::ProducerIdsAllocated { next: ProducerId(0) },
        config("no.such.key", "1"),
        config("retention.ms", "soon"),
        Change::BrokerConfigSet { key: "no.such.key".into(), value: None },
    ] {
        image.apply(&change).expect_err(&format!("{change:?}"));
        assert_eq!(image.state(), state);
    }
}

/// Goal: topics without an override share one log config, so that thousands cost little.
#[test]
fn log_configs_are_shared() {
    let image = image_with(&["a", "b"]);
    let config = |name: &str| &image.topic(name).unwrap().log_config;
    assert!(Arc::ptr_eq(config("a"), config("b")));
}

/// Goal: producer ids are handed out once.
#[test]
fn producer_ids_are_unique() {
    let mut image = image_with(&[]);
    let (first, change) = producer_ids::allocate(&image);
    apply_all(&mut image, &[change]);
    let (second, _) = producer_ids::allocate(&image);
    assert_eq!((first, second), (0..1000, 1000..2000));
}

fn any_text() -> impl Strategy<Value = String> {
    "\\PC{0,20}"
}

fn any_id() -> impl Strategy<Value = TopicId> {
    any::<[u64; 2]>().prop_map(|[high, low]| TopicId::from_random(high, low))
}

fn any_configs() -> impl Strategy<Value = BTreeMap<String, String>> {
    btree_map(any_text(), any_text(), 0..4)
}

fn any_change() -> impl Strategy<Value = Change> {
    let value = || proptest::option::of(any_text());
    prop_oneof![
        any_text().prop_map(|id| Change::ClusterCreated { cluster_id: id.into() }),
        Just(Change::BrokerStarted),
        (any_text(), any_id(), any::<i32>(), any_configs()).prop_map(
            |(name, id, partition_count, configs)| Change::TopicCreated {
                name: name.into(),
                id,
                partition_count,
                configs
            }
        ),
        any_id().prop_map(|id| Change::TopicDeleted { id }),
        (any_id(), any::<i32>())
            .prop_map(|(id, partition_count)| Change::PartitionsAdded { id, partition_count }),
        (any_id(), any_text(), value()).prop_map(|(id, key, value)| Change::TopicConfigSet {
            id,
            key,
            value
        }),
        (any_text(), value()).prop_map(|(key, value)| Change::BrokerConfigSet { key, value }),
        (any_text(), value()).prop_map(|(key, value)| Change::ClusterConfigSet { key, value }),
        any::<i64>().prop_map(|next| Change::ProducerIdsAllocated { next: ProducerId(next) }),
    ]
}

fn any_state() -> impl Strategy<Value = ImageState> {
    let topic = (any_text(), any_id(), any::<u64>(), any::<i32>(), any_configs()).prop_map(
        |(name, id, ordinal, partition_count, configs)| TopicState {
            name: name.into(),
            id,
            ordinal,
            partition_count,
            configs,
        },
    );
    let numbers = any::<(u64, i32, u64, i64)>();
    (numbers, any_text(), [any_configs(), any_configs()], vec(topic, 0..4)).prop_map(
        |((version, incarnation, next_ordinal, next_id), cluster_id, configs, topics)| {
            let [broker_configs, cluster_configs] = configs;
            ImageState {
                version,
                cluster_id: cluster_id.into(),
                incarnation,
                next_ordinal,
                next_producer_id: ProducerId(next_id),
                broker_configs,
                cluster_configs,
                topics,
            }
        },
    )
}

proptest! {
    /// Goal: what is encoded is decoded, and every shorter or longer body is refused.
    #[test]
    fn changes_survive_encoding(changes in vec(any_change(), 0..5)) {
        let mut bytes = Vec::new();
        encode_changes(&changes, &mut bytes);
        prop_assert_eq!(decode_changes(&bytes), Ok(changes));
        for length in 0..bytes.len() {
            prop_assert!(decode_changes(&bytes[..length]).is_err());
        }
        bytes.push(0);
        prop_assert!(decode_changes(&bytes).is_err());
    }

    /// Goal: the same for snapshots.
    #[test]
    fn snapshots_survive_encoding(state in any_state()) {
        let mut bytes = Vec::new();
        encode_state(&state, &mut bytes);
        prop_assert_eq!(decode_state(&bytes), Ok(state));
        bytes.push(0);
        prop_assert!(decode_state(&bytes).is_err());
    }

    /// Goal: a snapshot of before there were configs of the cluster is read.
    #[test]
    fn snapshots_without_cluster_configs_are_read(mut state in any_state()) {
        state.cluster_configs.clear();
        let mut bytes = Vec::new();
        encode_state(&state, &mut bytes);
        bytes.truncate(bytes.len() - 4);
        prop_assert_eq!(decode_state(&bytes), Ok(state));
    }

    /// Goal: bytes that nobody wrote are refused without harm.
    #[test]
    fn noise_is_refused(bytes in vec(any::<u8>(), 0..64)) {
        let _ = decode_changes(&bytes);
        let _ = decode_state(&bytes);
    }
}
