//! ActiveMQ with a KahaDB store, on the jars of Maven Central: `Broker.java` sets up what the
//! shipped `activemq.xml` does, `Client.java` is its side of the driver `openwire`.

use super::{Running, Setting, System};
use crate::drivers::openwire::{OpenWireBroker, Program};
use crate::drivers::{Broker, Durability, KafkaClient};
use crate::error::Result;
use crate::host::debian::JAVA;
use crate::host::ports;
use crate::host::server::Server;
use std::path::PathBuf;
use std::process::Command;

const VERSION: &str = "6.1.6";

/// From `bin/env` of the distribution.
const JVM_OPTIONS: [&str; 2] = ["-Xms64M", "-Xmx1G"];

const SOURCES: [(&str, &str); 2] =
    [("Broker.java", include_str!("Broker.java")), ("Client.java", include_str!("Client.java"))];

/// ActiveMQ Classic.
#[derive(Debug)]
pub struct ActiveMq;

impl System for ActiveMq {
    fn name(&self) -> &'static str {
        "activemq"
    }

    fn durabilities(&self) -> &'static [Durability] {
        &[Durability::Memory, Durability::PageCache, Durability::Fsync]
    }

    fn is_log(&self) -> bool {
        false
    }

    /// Those that are confirmed are transactions.
    fn has_batches(&self, confirm: bool) -> bool {
        confirm
    }

    fn install(&self, setting: &Setting) -> Result<String> {
        class_path(setting)?;
        setting.installs.programs(&[JAVA])?;
        Ok(VERSION.to_owned())
    }

    fn start(&self, setting: &Setting, durability: Durability) -> Result<Running> {
        let directory = setting.directory()?;
        let port = ports::free()?;
        let class_path = class_path(setting)?;
        let mut command = Command::new("java");
        command.args(JVM_OPTIONS).arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn");
        command.arg("-cp").arg(&class_path).arg("Broker").arg(port.to_string());
        command.arg(directory.data()).arg(sync_strategy(durability));
        command.current_dir(directory.path());
        let mut server = Server::start(command, directory, &setting.cores)?;
        server.await_ready(|| ports::is_open(port))?;
        let broker = self.connect(setting, &format!("127.0.0.1:{port}"))?;
        Ok(Running { server, broker })
    }

    fn connect(&self, setting: &Setting, address: &str) -> Result<Box<dyn Broker>> {
        let program = Program { class_path: class_path(setting)?, class: "Client" };
        Ok(Box::new(OpenWireBroker::new(program, address)))
    }

    fn client(&self, _: KafkaClient) -> &'static str {
        crate::drivers::openwire::CLIENT
    }

    fn settings(&self, durability: Durability) -> String {
        let delivery = match durability {
            Durability::Memory => "NON_PERSISTENT, async send",
            _ => "PERSISTENT, async send, confirmed batches of a closed loop as transactions",
        };
        let strategy = sync_strategy(durability);
        format!("KahaDB, journalDiskSyncStrategy={strategy}, {delivery}; {}", JVM_OPTIONS.join(" "))
    }
}

fn sync_strategy(durability: Durability) -> &'static str {
    if durability == Durability::Fsync { "always" } else { "never" }
}

/// Jars and classes, as `java -cp` takes them.
fn class_path(setting: &Setting) -> Result<String> {
    let project = include_str!("pom.xml").replace("ACTIVEMQ_VERSION", VERSION);
    let jars: PathBuf = setting.installs.maven("activemq", &project)?;
    let classes = setting.installs.javac("activemq-classes", &SOURCES, &jars)?;
    Ok(format!("{}:{}", classes.display(), jars.join("*").display()))
}
