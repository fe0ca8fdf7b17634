//! The systems under test: one file for each says how it is installed, configured and started,
//! which durability classes it offers, and how its settings map to them.
//!
//! Imports `host`, `drivers` and `error`. Never here: what is measured, or how.

pub mod activemq;
pub mod ceiling;
pub mod endpoint;
pub mod kafka;
pub mod nats;
pub mod pinion;
pub mod rabbitmq;

use crate::drivers::kafka::KafkaBroker;
use crate::drivers::{Broker, Durability, KafkaClient};
use crate::error::{Error, Result};
use crate::host::cores::Cores;
use crate::host::directory::{Directory, Disk};
use crate::host::install::Installs;
use crate::host::server::Server;
use crate::host::volume;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What systems need to be installed and started.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Where installs go.
    pub installs: Installs,
    /// The folder that data directories are made in.
    pub data: PathBuf,
    /// Who runs where.
    pub cores: Cores,
    /// Pinion's program, unless the one of this checkout is meant.
    pub pinion: Option<PathBuf>,
    /// Where systems run already, by their names; the others are started.
    pub endpoints: BTreeMap<String, String>,
    /// What brokers write to.
    pub disk: Disk,
}

impl Setting {
    /// A directory for a broker.
    ///
    /// # Errors
    /// If it cannot be made, or there can be no small disk.
    fn directory(&self) -> Result<Directory> {
        if self.disk == Disk::Small {
            self.installs.programs(&volume::REQUIREMENTS)?;
        }
        Directory::create(&self.data, self.disk)
    }
}

/// A system under test.
pub trait System: Sync {
    /// The name on the command line, in files and in tables.
    fn name(&self) -> &'static str;
    /// The classes that its acknowledgements can mean.
    fn durabilities(&self) -> &'static [Durability];
    /// Whether records stay when they are read, so that several readers can read them all.
    fn is_log(&self) -> bool {
        true
    }
    /// Whether one that was stopped goes on where it was, and so do the clients of its driver.
    fn can_restart(&self) -> bool {
        false
    }
    /// Whether clients of its driver go on once a full disk has room again.
    fn can_fill_up(&self) -> bool {
        self.can_restart()
    }
    /// Whether records travel in batches, those that the broker confirms or those that it does not;
    /// if not, one run stands for all scenarios that differ by the size of batches only.
    fn has_batches(&self, _confirm: bool) -> bool {
        true
    }
    /// Whether its clients are those of Kafka, whose ceiling can be measured.
    fn speaks_kafka(&self) -> bool {
        false
    }
    /// Whether it is no competitor, but measures how far the generator gets.
    fn is_ceiling(&self) -> bool {
        false
    }
    /// Fetches what is missing, and gives the version.
    fn install(&self, setting: &Setting) -> Result<String>;
    /// Starts it, empty.
    fn start(&self, setting: &Setting, durability: Durability) -> Result<Running>;
    /// Clients' way to one that runs already, at `HOST:PORT`.
    fn connect(&self, setting: &Setting, address: &str) -> Result<Box<dyn Broker>>;
    /// The client library that carries records, given the one for Kafka's protocol.
    fn client(&self, kafka: KafkaClient) -> &'static str;
    /// The settings that make its acknowledgements mean this class, for the report.
    fn settings(&self, durability: Durability) -> String;
}

/// A system that runs until this is dropped.
pub struct Running {
    /// Its process, if it is ours.
    pub server: Server,
    /// Its clients' way in.
    pub broker: Box<dyn Broker>,
}

impl Running {
    /// One that speaks Kafka's protocol at `bootstrap`, once it is ready.
    ///
    /// # Errors
    /// If it ends or takes too long.
    fn speaking_kafka(mut server: Server, bootstrap: String) -> Result<Running> {
        let broker = KafkaBroker::new(bootstrap);
        server.await_ready(|| broker.answers())?;
        Ok(Running { server, broker: Box::new(broker) })
    }
}

/// Clients' way to one that runs already and speaks Kafka's protocol.
fn kafka_at(address: &str) -> Box<dyn Broker> {
    Box::new(KafkaBroker::new(address.to_owned()))
}

/// All systems, in the order of tables.
pub const ALL: [&dyn System; 6] = [
    &self::pinion::Pinion,
    &kafka::Kafka,
    &rabbitmq::RabbitMq,
    &rabbitmq::RabbitMqStreams,
    &activemq::ActiveMq,
    &nats::Nats,
];

/// What measures the ceiling of the generators that these systems are driven by, as far as that
/// can be done.
pub fn ceiling_of(systems: &[&dyn System]) -> Option<&'static dyn System> {
    let ceiling: &dyn System = &self::ceiling::Ceiling;
    systems.iter().any(|system| system.speaks_kafka()).then_some(ceiling)
}

/// The systems of these names; all of them, if there are no names.
///
/// # Errors
/// If a name is not known.
pub fn named(names: &[String]) -> Result<Vec<&'static dyn System>> {
    if names.is_empty() {
        return Ok(ALL.to_vec());
    }
    let find = |name: &String| {
        let system = ALL.into_iter().find(|system| system.name() == name);
        let known = ALL.map(|system| system.name()).join(", ");
        system.ok_or_else(|| Error::Input(format!("no system {name}; there are: {known}")))
    };
    names.iter().map(find).collect()
}
