//! No system, but the ceiling of the generator: the broker of [`crate::ceiling`], which does next
//! to nothing.

use super::{Running, Setting, System};
use crate::drivers::{Broker, Durability, KafkaClient};
use crate::error::Result;
use crate::host::ports;
use crate::host::server::Server;
use std::process::Command;

/// What results near it say nothing about the broker.
#[derive(Debug)]
pub struct Ceiling;

/// Its name.
pub const NAME: &str = "ceiling";
/// Also if it has been built again meanwhile.
const THIS_PROGRAM: &str = "/proc/self/exe";
/// The command of this program that runs it.
pub const COMMAND: &str = "ceiling-broker";

impl System for Ceiling {
    fn name(&self) -> &'static str {
        NAME
    }

    /// One is enough: it does the same in each.
    fn durabilities(&self) -> &'static [Durability] {
        &[Durability::PageCache]
    }

    fn is_ceiling(&self) -> bool {
        true
    }

    fn install(&self, _: &Setting) -> Result<String> {
        Ok(env!("CARGO_PKG_VERSION").to_owned())
    }

    fn start(&self, setting: &Setting, _: Durability) -> Result<Running> {
        let directory = setting.directory()?;
        let bootstrap = format!("127.0.0.1:{}", ports::free()?);
        let mut command = Command::new(THIS_PROGRAM);
        command.args([COMMAND, &bootstrap]);
        let server = Server::start(command, directory, &setting.cores)?;
        Running::speaking_kafka(server, bootstrap)
    }

    fn connect(&self, _: &Setting, address: &str) -> Result<Box<dyn Broker>> {
        Ok(super::kafka_at(address))
    }

    fn client(&self, kafka: KafkaClient) -> &'static str {
        kafka.name()
    }

    fn settings(&self, _: Durability) -> String {
        "keeps records in memory, checks nothing".to_owned()
    }
}
