//! All brokers of a cluster: finds them, and keeps a connection to each that is asked.

use super::patience::Patience;
use super::{ClientError, Connection, TopicMetadata};
use crate::wire::ErrorCode;
use crate::wire::api::metadata::{MetadataRequest, MetadataRequestTopic};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::thread;
use std::time::Duration;

/// A cluster, seen from outside.
pub struct Cluster {
    bootstrap: Vec<String>,
    wait_max: Duration,
    brokers: BTreeMap<i32, String>,
    controller: Option<i32>,
    connections: BTreeMap<String, Connection>,
}

impl Cluster {
    /// Connects to the first of `bootstrap` that answers. Nothing later takes longer than
    /// `wait_max`.
    pub fn connect(bootstrap: Vec<String>, wait_max: Duration) -> Result<Cluster, ClientError> {
        let mut cluster = Cluster {
            bootstrap,
            wait_max,
            brokers: BTreeMap::new(),
            controller: None,
            connections: BTreeMap::new(),
        };
        cluster.any()?;
        Ok(cluster)
    }

    /// The longest wait for one thing.
    pub fn wait_max(&self) -> Duration {
        self.wait_max
    }

    /// The longest wait for one thing, in the milliseconds of a request's field.
    pub fn wait_max_ms(&self) -> i32 {
        self.wait_max.as_millis().try_into().unwrap_or(i32::MAX)
    }

    /// A connection to any broker.
    pub fn any(&mut self) -> Result<&mut Connection, ClientError> {
        let known = self.bootstrap.iter().chain(self.brokers.values()).cloned();
        let addresses: Vec<String> = known.collect();
        let mut failure = None;
        for address in addresses {
            match self.prepare(&address) {
                Ok(()) => return self.connection(&address),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        Err(failure.unwrap_or_else(|| ClientError::Unreachable {
            address: "(none)".to_owned(),
            source: io::Error::other("no bootstrap address is given"),
        }))
    }

    /// A connection to the controller, which changes topics; to any broker if it is not known.
    pub fn controller(&mut self) -> Result<&mut Connection, ClientError> {
        if self.controller.is_none() {
            self.metadata(Some(&[]), false)?;
        }
        match self.controller {
            Some(id) if self.brokers.contains_key(&id) => self.broker(id),
            _ => self.any(),
        }
    }

    /// A connection to the broker with this id, which leads a partition; below 0 none does.
    pub fn broker(&mut self, id: i32) -> Result<&mut Connection, ClientError> {
        if id < 0 {
            ClientError::check("partition", ErrorCode::LeaderNotAvailable as i16, None)?;
        }
        match self.brokers.get(&id).cloned() {
            Some(address) => self.connection(&address),
            None => Err(ClientError::Unreachable {
                address: format!("(broker {id})"),
                source: io::Error::other("the cluster does not tell its address"),
            }),
        }
    }

    /// The topics with these names, or all.
    pub fn metadata(
        &mut self,
        names: Option<&[&str]>,
        may_create: bool,
    ) -> Result<Vec<TopicMetadata>, ClientError> {
        let request = MetadataRequest {
            topics: names.map(|names| names.iter().map(|name| named(name)).collect()),
            allow_auto_topic_creation: may_create,
            ..Default::default()
        };
        let response = self.any()?.call(&request)?;
        let brokers = response.brokers.iter();
        let brokers = brokers.map(|b| (b.node_id, format!("{}:{}", b.host, b.port))).collect();
        let controller = (response.controller_id >= 0).then_some(response.controller_id);
        let topics = response.topics.iter().map(TopicMetadata::of).collect();
        drop(response);
        self.brokers = brokers;
        self.controller = controller;
        Ok(topics)
    }

    /// One topic. An error of the topic as a whole, such as that it does not exist, is an error.
    pub fn topic(&mut self, name: &str, may_create: bool) -> Result<TopicMetadata, ClientError> {
        let topics = self.metadata(Some(&[name]), may_create)?;
        let subject = format!("topic \"{name}\"");
        match topics.into_iter().find(|topic| topic.name == name) {
            Some(topic) => ClientError::check(&subject, topic.error_code, None).map(|()| topic),
            None => Err(ClientError::missing(&subject)),
        }
    }

    /// Tries until it works, fails for good, or the time is up.
    pub fn retry<T>(
        &mut self,
        mut attempt: impl FnMut(&mut Cluster) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let mut patience = Patience::new(self.wait_max);
        loop {
            match attempt(self) {
                Err(error) => match patience.pause_after(&error) {
                    Some(pause) => thread::sleep(pause),
                    None => return Err(error),
                },
                result => return result,
            }
        }
    }

    fn connection(&mut self, address: &str) -> Result<&mut Connection, ClientError> {
        self.prepare(address)?;
        Ok(self.connections.get_mut(address).expect("it was prepared just now"))
    }

    /// Makes sure that there is a whole connection.
    fn prepare(&mut self, address: &str) -> Result<(), ClientError> {
        match self.connections.entry(address.to_owned()) {
            Entry::Occupied(entry) if !entry.get().is_broken() => {}
            Entry::Occupied(mut entry) => {
                entry.insert(Connection::open(address, self.wait_max)?);
            }
            Entry::Vacant(entry) => {
                entry.insert(Connection::open(address, self.wait_max)?);
            }
        }
        Ok(())
    }
}

fn named(name: &str) -> MetadataRequestTopic<'_> {
    MetadataRequestTopic { name: Some(name), ..Default::default() }
}
