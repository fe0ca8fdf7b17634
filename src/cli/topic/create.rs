//! `pinion topic create`.

use super::super::client::{ClientArgs, ClientError, Cluster};
use super::super::error::CliError;
use super::super::output::Output;
use super::{parse_config, subject};
use crate::wire::ErrorCode;
use crate::wire::api::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use clap::Args;
use smallvec::smallvec;

/// Stands for the broker's default, in partitions and replicas (KIP-464).
const BROKER_DEFAULT: i16 = -1;

const AFTER_HELP: &str = "\
Examples:
  pinion topic create orders
  pinion topic create orders --partitions 6 --config retention.ms=86400000
  pinion topic create orders --if-not-exists --bootstrap 10.0.0.7:9092";

/// The topic to create.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct CreateArgs {
    /// Name of the topic
    name: String,

    /// Number of partitions; the broker's num.partitions if not given
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,

    /// Number of replicas; the broker's default if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i16).range(1..))]
    replication_factor: Option<i16>,

    /// A config of the topic
    #[arg(short, long = "config", value_name = "KEY=VALUE", value_parser = parse_config)]
    configs: Vec<(String, String)>,

    /// Succeed if the topic exists already, whatever it looks like
    #[arg(long)]
    if_not_exists: bool,

    #[command(flatten)]
    client: ClientArgs,
}

/// Creates the topic.
pub fn run(args: &CreateArgs) -> Result<(), CliError> {
    let mut cluster = args.client.connect()?;
    match cluster.retry(|cluster| create(cluster, args)) {
        Err(error) if args.if_not_exists && error.is_code(ErrorCode::TopicAlreadyExists) => Ok(()),
        Err(error) => Err(error.into()),
        Ok(partitions) => {
            let mut output = Output::new();
            let count = partitions.map_or_else(String::new, |n| format!(" with {n} partitions"));
            output.line(format_args!("created topic {}{count}", args.name))?;
            output.flush()
        }
    }
}

/// Creates the topic; gives the number of partitions where the broker tells it.
fn create(cluster: &mut Cluster, args: &CreateArgs) -> Result<Option<i32>, ClientError> {
    let configs = args.configs.iter();
    let configs = configs.map(|(name, value)| CreatableTopicConfig { name, value: Some(value) });
    let request = CreateTopicsRequest {
        topics: smallvec![CreatableTopic {
            name: &args.name,
            num_partitions: args.partitions.unwrap_or(i32::from(BROKER_DEFAULT)),
            replication_factor: args.replication_factor.unwrap_or(BROKER_DEFAULT),
            configs: configs.collect(),
            ..Default::default()
        }],
        timeout_ms: cluster.wait_max_ms(),
        validate_only: false,
    };
    let response = cluster.controller()?.call(&request)?;
    let subject = subject(&args.name);
    let Some(result) = response.topics.first() else {
        return Err(ClientError::missing(&subject));
    };
    ClientError::check(&subject, result.error_code, result.error_message)?;
    Ok((result.num_partitions > 0).then_some(result.num_partitions))
}
