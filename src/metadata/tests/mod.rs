//! Metadata as its users see it: requests, images, the log, and what damage does to it.

mod configs;
mod damage;
mod image;
mod log;
mod memory_disk;
mod opening;
mod topics;

use super::{Change, Image, StaticConfig};
use crate::base::{BrokerId, TopicId};
use crate::metadata::config_keys::broker_key;
use crate::metadata::topics::{NewTopic, create_topic};
use std::collections::BTreeMap;
use std::sync::Arc;

const BROKER: BrokerId = BrokerId(1);

fn id(number: u64) -> TopicId {
    TopicId::from_random(number, number)
}

/// What a broker was started with.
fn started_with(settings: &[(&str, &str)]) -> Arc<StaticConfig> {
    let mut config = StaticConfig::default();
    for (name, value) in settings {
        config.set(broker_key(name).unwrap(), value).unwrap();
    }
    Arc::new(config)
}

fn apply_all(image: &mut Image, changes: &[Change]) {
    for change in changes {
        image.apply(change).unwrap();
    }
}

/// A request for a topic without anything special.
fn plain(name: &str) -> NewTopic<'_> {
    let (assignments, configs) = (&[], &[]);
    NewTopic { name, partition_count: -1, replication_factor: -1, assignments, configs }
}

/// An image with topics of these names, numbered from 1.
fn image_with(names: &[&str]) -> Image {
    let mut image = Image::empty(Arc::default());
    for (number, name) in (1..).zip(names) {
        let changes = create_topic(&image, BROKER, &plain(name), id(number)).unwrap();
        apply_all(&mut image, &changes);
    }
    image
}

fn topic_created(name: &str, number: u64) -> Change {
    let (name, configs) = (name.into(), BTreeMap::new());
    Change::TopicCreated { name, id: id(number), partition_count: 1, configs }
}
