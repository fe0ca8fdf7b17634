//! `load`: work of one's own on any Kafka endpoint, measured and verified as in a comparison.

use super::compare;
use super::endpoint_address;
use crate::drivers::{Durability, KafkaClient};
use crate::error::Result;
use crate::host::cores::Cores;
use crate::host::directory::Disk;
use crate::host::install::Installs;
use crate::run::plan::Plan;
use crate::scenario::{self, Kind, Scenario};
use crate::systems::Setting;
use crate::systems::endpoint::{KafkaEndpoint, NAME};
use clap::{Args, ValueEnum};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Work {
    /// Writing; the records are read back to verify them.
    Produce,
    /// Reading what was written before.
    Consume,
    /// One after the other.
    Both,
}

/// The work, and where.
#[derive(Debug, Args)]
pub struct LoadArgs {
    /// What is measured.
    #[arg(value_enum, default_value_t = Work::Both)]
    work: Work,
    /// The broker.
    #[arg(long, visible_alias = "bootstrap-server", default_value = "127.0.0.1:9092",
          value_name = "HOST:PORT", value_parser = endpoint_address)]
    bootstrap: String,
    /// Records in all.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    records: u64,
    /// Bytes of a record's payload; at least 24.
    #[arg(long, default_value_t = 1024)]
    record_bytes: usize,
    /// Producers, each with a connection and a thread.
    #[arg(long, default_value_t = 1)]
    producers: u32,
    /// Partitions of the topic, which is created, and deleted in the end.
    #[arg(long, default_value_t = 1)]
    partitions: u32,
    /// Keys, drawn evenly; records have none if absent.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    keys: Option<u64>,
    /// Records in a batch at most; the client library's default if absent.
    #[arg(long)]
    batch: Option<u32>,
    /// Records per second, of all producers together; as fast as it goes if absent.
    #[arg(long, conflicts_with = "window")]
    rate: Option<f64>,
    /// Unconfirmed records of a producer at most.
    #[arg(long)]
    window: Option<u64>,
    /// The client: librdkafka finds every broker of a cluster, the native one takes the broker it
    /// is given for all of it.
    #[arg(long, value_enum, default_value_t = KafkaClient::Librdkafka)]
    kafka_client: KafkaClient,
    /// Sends with acks=0.
    #[arg(long)]
    no_acks: bool,
    /// What the topic's acknowledgements shall mean (flush.messages).
    #[arg(long, value_enum, default_value_t = Durability::PageCache)]
    durability: Durability,
    /// Runs; the medians are shown.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Where results go.
    #[arg(long, default_value = "perf-results", value_name = "DIR")]
    out: PathBuf,
}

/// Runs the work.
///
/// # Errors
/// If the arguments make no sense, results cannot be written, or on Ctrl-C.
pub fn run(args: &LoadArgs) -> Result<ExitCode> {
    let kinds: &[(Kind, &str)] = match args.work {
        Work::Produce => &[(Kind::Produce, "load-produce")],
        Work::Consume => &[(Kind::Consume, "load-consume")],
        Work::Both => &[(Kind::Produce, "load-produce"), (Kind::Consume, "load-consume")],
    };
    let scenarios: Result<Vec<Scenario>> =
        kinds.iter().map(|(kind, name)| scenario(args, *kind, name)).collect();
    // The endpoint may be on this machine: its cores are not known, so clients get all of them.
    let cores = Cores::all()?;
    let setting = Setting {
        installs: Installs::of_user()?,
        data: std::env::temp_dir(),
        cores,
        pinion: None,
        endpoints: BTreeMap::from([(NAME.to_owned(), args.bootstrap.clone())]),
        disk: Disk::Shared,
    };
    let plan = Plan {
        systems: vec![&KafkaEndpoint],
        scenarios: scenarios?,
        rounds: args.runs,
        out: args.out.clone(),
        setting,
    };
    compare::run_plan(&plan)
}

fn scenario(args: &LoadArgs, kind: Kind, name: &str) -> Result<Scenario> {
    let acks = if args.no_acks { "no acknowledgements" } else { "every record confirmed" };
    let LoadArgs { producers, partitions, record_bytes, .. } = args;
    let scenario = Scenario {
        name: name.to_owned(),
        title: format!(
            "{producers} producer(s), {partitions} partition(s), {record_bytes} bytes, {acks}"
        ),
        kind,
        durability: vec![args.durability],
        records: args.records,
        seconds: None,
        warm_up_seconds: 0.0,
        backlog: 0,
        record_bytes: *record_bytes,
        producers: *producers,
        partitions: *partitions,
        keys: args.keys,
        readers: 1,
        vary: None,
        sweep: None,
        batch: args.batch,
        confirm: !args.no_acks,
        window: args.window,
        rate: args.rate,
        prefetch_records: scenario::PREFETCH_RECORDS,
        prefetch_bytes: scenario::PREFETCH_BYTES,
        kafka_client: args.kafka_client,
    };
    scenario.checked()
}
