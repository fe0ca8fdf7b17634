//! NATS JetStream: Debian's package, unpacked into a folder and never installed.

use super::{Running, Setting, System};
use crate::drivers::nats::NatsBroker;
use crate::drivers::{Broker, Durability, KafkaClient};
use crate::error::Result;
use crate::host::server::Server;
use crate::host::{install, ports};
use std::path::PathBuf;
use std::process::Command;

const PACKAGE: &str = "nats-server";

/// NATS as its defaults are, with JetStream switched on.
#[derive(Debug)]
pub struct Nats;

impl System for Nats {
    fn name(&self) -> &'static str {
        "nats"
    }

    /// This version syncs its files every two minutes, whatever it has acknowledged.
    fn durabilities(&self) -> &'static [Durability] {
        &[Durability::Memory, Durability::PageCache]
    }

    fn has_batches(&self, _: bool) -> bool {
        false
    }

    fn install(&self, setting: &Setting) -> Result<String> {
        install::debian_version(&tree(setting)?, PACKAGE)
    }

    fn start(&self, setting: &Setting, _: Durability) -> Result<Running> {
        let tree = tree(setting)?;
        let directory = setting.directory()?;
        let port = ports::free()?;
        let mut command = Command::new(tree.join("usr/sbin/nats-server"));
        command.args(["--addr", "127.0.0.1", "--port", &port.to_string(), "--jetstream"]);
        command.arg("--store_dir").arg(directory.data());
        let mut server = Server::start(command, directory, &setting.cores)?;
        let broker = NatsBroker::new(&format!("127.0.0.1:{port}"));
        server.await_ready(|| ports::is_open(port) && broker.answers())?;
        Ok(Running { server, broker: Box::new(broker) })
    }

    fn connect(&self, _: &Setting, address: &str) -> Result<Box<dyn Broker>> {
        Ok(Box::new(NatsBroker::new(address)))
    }

    fn client(&self, _: KafkaClient) -> &'static str {
        crate::drivers::nats::CLIENT
    }

    fn settings(&self, durability: Durability) -> String {
        match durability {
            Durability::Memory => "stream in memory".to_owned(),
            _ => "stream in files, synced every two minutes".to_owned(),
        }
    }
}

fn tree(setting: &Setting) -> Result<PathBuf> {
    setting.installs.debian("nats", &[PACKAGE])
}
