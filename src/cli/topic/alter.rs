//! `pinion topic alter`.

use super::super::client::{ClientArgs, ClientError, Cluster, RESOURCE_TOPIC};
use super::super::error::CliError;
use super::super::output::Output;
use super::super::partitions::partition_count;
use super::super::topic_name::TopicName;
use super::{parse_config, subject};
use crate::wire::api::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use crate::wire::api::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use clap::Args;
use smallvec::smallvec;

/// Operations of IncrementalAlterConfigs (KIP-339).
const OPERATION_SET: i8 = 0;
const OPERATION_DELETE: i8 = 1;

const AFTER_HELP: &str = "\
Examples:
  pinion topic alter orders --partitions 12
  pinion topic alter orders --set retention.ms=3600000 --unset segment.bytes";

/// What to change.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
#[group(id = "change", required = true, multiple = true, args = ["partitions", "set", "unset"])]
pub struct AlterArgs {
    #[command(flatten)]
    topic: TopicName,

    /// New number of partitions, more than before; keys may move to other partitions
    #[arg(
        short,
        long,
        value_name = "N",
        allow_negative_numbers = true,
        value_parser = partition_count()
    )]
    partitions: Option<i32>,

    /// Set a config
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_config)]
    set: Vec<(String, String)>,

    /// Return a config to its default
    #[arg(long, value_name = "KEY")]
    unset: Vec<String>,

    #[command(flatten)]
    client: ClientArgs,
}

/// Changes the configs, then the number of partitions.
pub fn run(args: &AlterArgs) -> Result<(), CliError> {
    let mut cluster = args.client.connect()?;
    if !args.set.is_empty() || !args.unset.is_empty() {
        cluster.retry(|cluster| alter_configs(cluster, args))?;
    }
    if let Some(count) = args.partitions {
        cluster.retry(|cluster| add_partitions(cluster, args.topic.name(), count))?;
    }
    let mut output = Output::new();
    output.line(format_args!("altered topic {}", args.topic.name()))?;
    output.flush()
}

fn alter_configs(cluster: &mut Cluster, args: &AlterArgs) -> Result<(), ClientError> {
    let set = args.set.iter().map(|(name, value)| AlterableConfig {
        name,
        config_operation: OPERATION_SET,
        value: Some(value),
    });
    let unset = args.unset.iter().map(|name| AlterableConfig {
        name,
        config_operation: OPERATION_DELETE,
        value: None,
    });
    let request = IncrementalAlterConfigsRequest {
        resources: smallvec![AlterConfigsResource {
            resource_type: RESOURCE_TOPIC,
            resource_name: args.topic.name(),
            configs: set.chain(unset).collect(),
        }],
        validate_only: false,
    };
    let response = cluster.controller()?.call(&request)?;
    let subject = subject(args.topic.name());
    match response.responses.first() {
        Some(result) => ClientError::check(&subject, result.error_code, result.error_message),
        None => Err(ClientError::missing(&subject)),
    }
}

fn add_partitions(cluster: &mut Cluster, name: &str, count: i32) -> Result<(), ClientError> {
    let request = CreatePartitionsRequest {
        topics: smallvec![CreatePartitionsTopic { name, count, assignments: None }],
        timeout_ms: cluster.wait_max_ms(),
        validate_only: false,
    };
    let response = cluster.controller()?.call(&request)?;
    let subject = subject(name);
    match response.results.first() {
        Some(result) => ClientError::check(&subject, result.error_code, result.error_message),
        None => Err(ClientError::missing(&subject)),
    }
}
