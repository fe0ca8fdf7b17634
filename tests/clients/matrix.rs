//! Each client runs the contract on a broker of its own; then other clients read what it wrote.

use std::process::Command;
use std::time::Duration;

use super::support::broker::BrokerOptions;
use super::support::program;
use super::target::{self, Target};
use super::toolchain;

/// How long one program may run.
const PROGRAM_LIMIT: Duration = Duration::from_secs(300);

/// The codecs of the contract: the ends of the names of the topics that a client leaves.
const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

/// A client of the matrix.
#[derive(Clone, Copy, Debug)]
enum Client {
    Kcat,
    ConfluentKafka,
    KafkaPython,
    Aiokafka,
    FranzGo,
    KafkaJs,
    Java39,
    Java4,
}

impl Client {
    /// Its name, as good in a topic's name as in a message.
    fn name(self) -> &'static str {
        match self {
            Client::Kcat => "kcat",
            Client::ConfluentKafka => "confluent-kafka",
            Client::KafkaPython => "kafka-python",
            Client::Aiokafka => "aiokafka",
            Client::FranzGo => "franz-go",
            Client::KafkaJs => "kafkajs",
            Client::Java39 => "java-3.9",
            Client::Java4 => "java-4",
        }
    }

    /// The profile of the records that it writes.
    fn profile(self) -> &'static str {
        match self {
            Client::Kcat => "plain",
            Client::KafkaPython | Client::KafkaJs => "no-null-headers",
            _ => "full",
        }
    }

    /// Its program, installed where it is not yet.
    fn command(self) -> Command {
        match self {
            Client::Kcat => toolchain::kcat(),
            Client::ConfluentKafka | Client::KafkaPython | Client::Aiokafka => {
                toolchain::python(self.name())
            }
            Client::FranzGo => toolchain::go(),
            Client::KafkaJs => toolchain::node(),
            Client::Java39 => toolchain::java("kafka-3.9"),
            Client::Java4 => toolchain::java("kafka-4"),
        }
    }
}

/// Runs the contract on `client`, then lets each of `readers` read all that it wrote.
///
/// # Panics
/// At the first failure, with the client, what its program printed and the broker's log.
fn check(client: Client, readers: &[Client]) {
    // kcat's topics come from the broker's auto-creation.
    let target = Target::start(BrokerOptions::default().set("num.partitions", 3));
    let prefix = target::unique_prefix(client.name());
    let mut contract = client.command();
    contract.args(["check", &target.bootstrap(), &prefix]);
    run(client, "contract", &mut contract);
    for reader in readers {
        let mut reading = reader.command();
        reading.args(["read", &target.bootstrap(), client.profile()]);
        reading.args(CODECS.map(|codec| format!("{prefix}-{codec}")));
        run(*reader, &format!("reading what {} wrote", client.name()), &mut reading);
    }
}

fn run(client: Client, what: &str, command: &mut Command) {
    // Cargo puts build folders there, with a librdkafka that is not the client's own.
    command.env_remove("LD_LIBRARY_PATH");
    match program::run(command, PROGRAM_LIMIT) {
        Ok(printed) => println!("--- {}: {what}\n{printed}", client.name()),
        Err(story) => panic!("{}: {what}: {story}", client.name()),
    }
}

#[test]
fn kcat() {
    check(Client::Kcat, &[Client::Java4, Client::Aiokafka]);
}

#[test]
fn confluent_kafka() {
    check(Client::ConfluentKafka, &[Client::Java39, Client::Kcat]);
}

#[test]
fn kafka_python() {
    check(Client::KafkaPython, &[Client::FranzGo]);
}

#[test]
fn aiokafka() {
    check(Client::Aiokafka, &[Client::Kcat]);
}

#[test]
fn franz_go() {
    check(Client::FranzGo, &[Client::KafkaPython]);
}

/// Its consumer needs a group, so reading is the others' part altogether.
#[test]
fn kafkajs() {
    check(Client::KafkaJs, &[Client::ConfluentKafka, Client::Java4]);
}

#[test]
fn java_3_9() {
    check(Client::Java39, &[Client::FranzGo]);
}

#[test]
fn java_4() {
    check(Client::Java4, &[Client::Aiokafka]);
}
