//! `pinion topic`: one file per verb.

mod alter;
mod create;
mod delete;
mod describe;
mod list;

use super::error::CliError;
use clap::{Args, Subcommand};

const AFTER_HELP: &str = "\
Examples:
  pinion topic create orders --partitions 6 --config retention.ms=86400000
  pinion topic list
  pinion topic describe orders
  pinion topic alter orders --partitions 12 --set retention.ms=3600000 --unset segment.bytes
  pinion topic delete orders";

/// What to do with topics.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct TopicArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Create a topic
    Create(create::CreateArgs),
    /// List the topics
    List(list::ListArgs),
    /// Show partitions, leaders, offsets and configs of topics
    Describe(describe::DescribeArgs),
    /// Add partitions, set or unset configs
    Alter(alter::AlterArgs),
    /// Delete topics and their data
    Delete(delete::DeleteArgs),
}

/// Runs the verb.
pub fn run(args: &TopicArgs) -> Result<(), CliError> {
    match &args.verb {
        Verb::Create(args) => create::run(args),
        Verb::List(args) => list::run(args),
        Verb::Describe(args) => describe::run(args),
        Verb::Alter(args) => alter::run(args),
        Verb::Delete(args) => delete::run(args),
    }
}

/// A config `KEY=VALUE`.
fn parse_config(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

/// The subject of an error about a topic.
fn subject(topic: &str) -> String {
    format!("topic \"{topic}\"")
}
