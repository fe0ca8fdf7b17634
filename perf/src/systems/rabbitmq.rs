//! RabbitMQ with classic queues, and with streams: Debian's packages, unpacked into a folder and
//! never installed, so that no daemon is started and nothing is left on the machine.
//!
//! Its node needs a port mapper (`epmd`), which would go on alone; ours is a child on a port of
//! its own.

use super::{Running, Setting, System};
use crate::drivers::amqp::AmqpBroker;
use crate::drivers::streams::StreamBroker;
use crate::drivers::{Broker, Durability, KafkaClient};
use crate::error::{Error, Result};
use crate::host::server::Server;
use crate::host::{install, ports};
use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// RabbitMQ and the parts of Erlang that it loads.
const PACKAGES: [&str; 15] = [
    "rabbitmq-server",
    "erlang-base",
    "erlang-asn1",
    "erlang-crypto",
    "erlang-eldap",
    "erlang-inets",
    "erlang-mnesia",
    "erlang-os-mon",
    "erlang-parsetools",
    "erlang-public-key",
    "erlang-runtime-tools",
    "erlang-ssl",
    "erlang-syntax-tools",
    "erlang-tools",
    "erlang-xmerl",
];

/// Classic queues of RabbitMQ as its package ships it, with other ports and directories.
#[derive(Debug)]
pub struct RabbitMq;

/// Streams of RabbitMQ: the same, with the plugin that speaks their protocol.
#[derive(Debug)]
pub struct RabbitMqStreams;

impl System for RabbitMq {
    fn name(&self) -> &'static str {
        "rabbitmq"
    }

    fn durabilities(&self) -> &'static [Durability] {
        &[Durability::Memory, Durability::PageCache, Durability::Fsync]
    }

    fn is_log(&self) -> bool {
        false
    }

    fn can_fill_up(&self) -> bool {
        true
    }

    fn has_batches(&self, _: bool) -> bool {
        false
    }

    fn install(&self, setting: &Setting) -> Result<String> {
        install::debian_version(&tree(setting)?, PACKAGES[0])
    }

    fn start(&self, setting: &Setting, _: Durability) -> Result<Running> {
        let port = ports::free()?;
        let mut server = start_node(setting, port, "[].", "")?;
        let broker = AmqpBroker::new(&format!("127.0.0.1:{port}"));
        server.await_ready(|| ports::is_open(port) && broker.answers())?;
        Ok(Running { server, broker: Box::new(broker) })
    }

    fn connect(&self, _: &Setting, address: &str) -> Result<Box<dyn Broker>> {
        Ok(Box::new(AmqpBroker::new(address)))
    }

    fn client(&self, _: KafkaClient) -> &'static str {
        crate::drivers::amqp::CLIENT
    }

    fn settings(&self, durability: Durability) -> String {
        let text = match durability {
            Durability::Memory => "queue not durable, messages transient",
            Durability::PageCache => {
                "durable classic queue, messages persistent; a scenario with confirmations gets \
                 more than this class asks for, since they wait for fsync"
            }
            Durability::Fsync => {
                "durable classic queue, messages persistent; confirmations wait for fsync"
            }
        };
        text.to_owned()
    }
}

impl System for RabbitMqStreams {
    fn name(&self) -> &'static str {
        "rabbitmq-streams"
    }

    /// Streams are never synced on purpose: replicas are what they rely on.
    fn durabilities(&self) -> &'static [Durability] {
        &[Durability::PageCache]
    }

    fn can_fill_up(&self) -> bool {
        true
    }

    fn install(&self, setting: &Setting) -> Result<String> {
        RabbitMq.install(setting)
    }

    fn start(&self, setting: &Setting, _: Durability) -> Result<Running> {
        let port = ports::free()?;
        let listener = format!(
            "stream.listeners.tcp.1 = 127.0.0.1:{port}\n\
             stream.advertised_host = 127.0.0.1\nstream.advertised_port = {port}\n"
        );
        let mut server = start_node(setting, ports::free()?, "[rabbitmq_stream].", &listener)?;
        let broker = StreamBroker::new(&format!("127.0.0.1:{port}"))?;
        server.await_ready(|| ports::is_open(port) && broker.answers())?;
        Ok(Running { server, broker: Box::new(broker) })
    }

    fn connect(&self, _: &Setting, address: &str) -> Result<Box<dyn Broker>> {
        Ok(Box::new(StreamBroker::new(address)?))
    }

    fn client(&self, _: KafkaClient) -> &'static str {
        crate::drivers::streams::CLIENT
    }

    fn settings(&self, _: Durability) -> String {
        "stream of one replica; every record is confirmed, asked or not".to_owned()
    }
}

/// Starts a node that listens for AMQP at `port`, with these plugins and more configuration.
fn start_node(setting: &Setting, port: u16, plugins: &str, more: &str) -> Result<Server> {
    let tree = tree(setting)?;
    let directory = setting.directory()?;
    let folder = directory.path();
    let erlang = tree.join("usr/lib/erlang");
    let machine = only_folder(&erlang, "erts-")?.join("bin");
    let script = only_folder(&tree.join("usr/lib/rabbitmq/lib"), "rabbitmq_server-")?
        .join("sbin/rabbitmq-server");
    let mapper_port = ports::free()?;
    write_launcher(folder, &erlang, &machine)?;
    let configuration = format!("listeners.tcp.1 = 127.0.0.1:{port}\n{more}");
    write(&folder.join("rabbitmq.conf"), &configuration)?;
    write(&folder.join("enabled_plugins"), plugins)?;

    let mut mapper = Command::new(machine.join("epmd"));
    mapper.args(["-address", "127.0.0.1", "-port", &mapper_port.to_string()]);
    let mapper = Server::start_helper(&mut mapper, &folder.join("epmd.log"), &setting.cores)?;
    let mut command = Command::new(script);
    environment(&mut command, folder, &directory.data(), mapper_port, ports::free()?);
    let mut server = Server::start(command, directory, &setting.cores)?;
    server.keep(mapper);
    Ok(server)
}

/// Puts everything that the node would look for elsewhere into its folder.
fn environment(
    command: &mut Command,
    folder: &Path,
    data: &Path,
    mapper_port: u16,
    node_port: u16,
) {
    let path = env::var("PATH").unwrap_or_default();
    command
        .current_dir(folder)
        .env("HOME", folder)
        .env("PATH", format!("{}:{path}", folder.display()))
        .env("ERL_EPMD_PORT", mapper_port.to_string())
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_NODENAME", "pinion-perf@localhost")
        .env("RABBITMQ_DIST_PORT", node_port.to_string())
        .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}")
        .env("RABBITMQ_BASE", folder)
        .env("RABBITMQ_MNESIA_BASE", data)
        .env("RABBITMQ_LOG_BASE", folder.join("log"))
        .env("RABBITMQ_LOGS", "-")
        .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
        .env("RABBITMQ_CONFIG_FILE", folder.join("rabbitmq.conf"))
        .env("RABBITMQ_ADVANCED_CONFIG_FILE", folder.join("advanced.config"))
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("enabled_plugins"));
}

/// Debian's `erl` has its own place written into it: this one finds the unpacked tree.
fn write_launcher(folder: &Path, erlang: &Path, machine: &Path) -> Result<()> {
    let launcher = folder.join("erl");
    let text = format!(
        "#!/bin/sh\nexport ROOTDIR='{}' BINDIR='{bin}' EMU=beam PROGNAME=erl\n\
         exec '{bin}/erlexec' \"$@\"\n",
        erlang.display(),
        bin = machine.display()
    );
    write(&launcher, &text)?;
    fs::set_permissions(&launcher, Permissions::from_mode(0o755)).map_err(Error::file(&launcher))
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(Error::file(path))
}

/// The folder in `parent` whose name is `prefix` and a version.
fn only_folder(parent: &Path, prefix: &str) -> Result<PathBuf> {
    let entries = fs::read_dir(parent).map_err(Error::file(parent))?;
    let matches = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix))
    };
    let found = entries.flatten().map(|entry| entry.path()).find(matches);
    found.ok_or_else(|| Error::Install(format!("{}: no {prefix}…", parent.display())))
}

fn tree(setting: &Setting) -> Result<PathBuf> {
    setting.installs.debian("rabbitmq", &PACKAGES)
}
