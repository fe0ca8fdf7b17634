//! Apache Kafka: one KRaft node on the jars of Maven Central, with the JVM options of its own
//! start script.

use super::{Running, Setting, System};
use crate::drivers::{Broker, Durability, KafkaClient};
use crate::error::{Error, Result};
use crate::host::debian::JAVA;
use crate::host::server::Server;
use crate::host::{install, ports, warden};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const VERSION: &str = "4.3.1";

/// From `bin/kafka-server-start.sh` and `bin/kafka-run-class.sh`.
const JVM_OPTIONS: [&str; 9] = [
    "-Xmx1G",
    "-Xms1G",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-XX:MaxInlineLevel=15",
    "-Djava.awt.headless=true",
];

/// Kafka as its `config/server.properties` ships it, with other ports and directories.
#[derive(Debug)]
pub struct Kafka;

impl System for Kafka {
    fn name(&self) -> &'static str {
        "kafka"
    }

    fn durabilities(&self) -> &'static [Durability] {
        &[Durability::PageCache, Durability::Fsync]
    }

    fn speaks_kafka(&self) -> bool {
        true
    }

    fn can_restart(&self) -> bool {
        true
    }

    fn install(&self, setting: &Setting) -> Result<String> {
        jars(setting)?;
        setting.installs.programs(&[JAVA])?;
        Ok(VERSION.to_owned())
    }

    fn start(&self, setting: &Setting, _: Durability) -> Result<Running> {
        let directory = setting.directory()?;
        let (port, controller) = (ports::free()?, ports::free()?);
        let properties = directory.path().join("server.properties");
        let text = configuration(port, controller, &directory.data());
        fs::write(&properties, text).map_err(Error::file(&properties))?;
        let jars = jars(setting)?;
        let mut format = java(&jars, "kafka.tools.StorageTool");
        format.args(["format", "-t", "cGluaW9uLXBlcmYtcnVuMA", "-c"]).arg(&properties);
        warden::mark(&mut format, directory.path());
        install::run(&mut format, "java")?;

        let mut command = java(&jars, "kafka.Kafka");
        command.arg(&properties).current_dir(directory.path());
        let server = Server::start(command, directory, &setting.cores)?;
        Running::speaking_kafka(server, format!("127.0.0.1:{port}"))
    }

    fn connect(&self, _: &Setting, address: &str) -> Result<Box<dyn Broker>> {
        Ok(super::kafka_at(address))
    }

    fn client(&self, kafka: KafkaClient) -> &'static str {
        kafka.name()
    }

    fn settings(&self, durability: Durability) -> String {
        let flush = match durability {
            Durability::Fsync => "flush.messages=1",
            _ => "flush.messages=9223372036854775807",
        };
        format!("{flush}; {}", JVM_OPTIONS.join(" "))
    }
}

/// What differs from a fresh `config/server.properties`: one node, its ports, its directory.
fn configuration(port: u16, controller: u16, data: &Path) -> String {
    format!(
        "process.roles=broker,controller\n\
         node.id=1\n\
         controller.quorum.voters=1@127.0.0.1:{controller}\n\
         controller.listener.names=CONTROLLER\n\
         listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n\
         inter.broker.listener.name=PLAINTEXT\n\
         num.network.threads=3\n\
         num.io.threads=8\n\
         socket.send.buffer.bytes=102400\n\
         socket.receive.buffer.bytes=102400\n\
         log.dirs={}\n\
         offsets.topic.replication.factor=1\n\
         transaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\n",
        data.display()
    )
}

fn java(jars: &Path, class: &str) -> Command {
    let mut command = Command::new("java");
    command.args(JVM_OPTIONS).arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn");
    command.arg("-cp").arg(jars.join("*")).arg(class);
    command
}

fn jars(setting: &Setting) -> Result<PathBuf> {
    let project = include_str!("kafka.pom.xml").replace("KAFKA_VERSION", VERSION);
    setting.installs.maven("kafka", &project)
}
