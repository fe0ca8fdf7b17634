//! `pinion topic delete`.

use super::super::client::{ClientArgs, ClientError, Cluster};
use super::super::error::CliError;
use super::super::output::Output;
use super::super::topic_name::TopicNames;
use super::subject;
use crate::wire::ErrorCode;
use crate::wire::api::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use clap::Args;
use smallvec::smallvec;

const AFTER_HELP: &str = "\
Examples:
  pinion topic delete orders
  pinion topic delete orders payments --if-exists";

/// The topics to delete.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct DeleteArgs {
    #[command(flatten)]
    topics: TopicNames,

    /// Succeed if a topic does not exist
    #[arg(long)]
    if_exists: bool,

    #[command(flatten)]
    client: ClientArgs,
}

/// Deletes the topics one after another, up to the first that fails.
pub fn run(args: &DeleteArgs) -> Result<(), CliError> {
    let mut cluster = args.client.connect()?;
    let mut output = Output::new();
    for name in args.topics.names() {
        match cluster.retry(|cluster| delete(cluster, name)) {
            Err(error) if args.if_exists && error.is_code(MISSING) => continue,
            Err(error) => return Err(error.into()),
            Ok(()) => output.line(format_args!("deleted topic {name}"))?,
        }
    }
    output.flush()
}

const MISSING: ErrorCode = ErrorCode::UnknownTopicOrPartition;

fn delete(cluster: &mut Cluster, name: &str) -> Result<(), ClientError> {
    let request = DeleteTopicsRequest {
        topics: smallvec![DeleteTopicState { name: Some(name), ..Default::default() }],
        topic_names: smallvec![name],
        timeout_ms: cluster.wait_max_ms(),
    };
    let response = cluster.controller()?.call(&request)?;
    let subject = subject(name);
    match response.responses.first() {
        Some(result) => ClientError::check(&subject, result.error_code, result.error_message),
        None => Err(ClientError::missing(&subject)),
    }
}
