//! `pinion topic create`.

use super::super::client::{ClientArgs, ClientError, Cluster};
use super::super::error::CliError;
use super::super::output::Output;
use super::super::partitions::{partition_count, partitions_in_words};
use super::super::topic_name::TopicName;
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
    #[command(flatten)]
    topic: TopicName,

    /// Number of partitions; the broker's num.partitions if not given
    #[arg(
        short,
        long,
        value_name = "N",
        allow_negative_numbers = true,
        value_parser = partition_count()
    )]
    partitions: Option<i32>,

    /// Number of replicas; the broker's default if not given
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        value_parser = clap::value_parser!(i16).range(1..=i64::from(i16::MAX))
    )]
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
            let count =
                partitions.map(|count| format!(" with {}", partitions_in_words(count as usize)));
            let count = count.unwrap_or_default();
            output.line(format_args!("created topic {}{count}", args.topic.name()))?;
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
            name: args.topic.name(),
            num_partitions: args.partitions.unwrap_or(i32::from(BROKER_DEFAULT)),
            replication_factor: args.replication_factor.unwrap_or(BROKER_DEFAULT),
            configs: configs.collect(),
            ..Default::default()
        }],
        timeout_ms: cluster.wait_max_ms(),
        validate_only: false,
    };
    let response = cluster.controller()?.call(&request)?;
    let subject = subject(args.topic.name());
    let Some(result) = response.topics.first() else {
        return Err(ClientError::missing(&subject));
    };
    ClientError::check(&subject, result.error_code, result.error_message)?;
    Ok((result.num_partitions > 0).then_some(result.num_partitions))
}
