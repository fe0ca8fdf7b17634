//! `pinion topic list`.

use super::super::client::ClientArgs;
use super::super::error::CliError;
use super::super::output::Output;
use super::super::table::Table;
use clap::Args;
use serde_json::{Value, json};

const AFTER_HELP: &str = "\
Examples:
  pinion topic list
  pinion topic list --quiet --bootstrap 10.0.0.7:9092";

/// How to list.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct ListArgs {
    /// Names only, one a line
    #[arg(short, long, conflicts_with = "json")]
    quiet: bool,

    /// JSON instead of a table
    #[arg(long)]
    json: bool,

    /// Also the broker's own topics
    #[arg(long)]
    internal: bool,

    #[command(flatten)]
    client: ClientArgs,
}

/// Lists the topics by name.
pub fn run(args: &ListArgs) -> Result<(), CliError> {
    let mut cluster = args.client.connect()?;
    let mut topics = cluster.retry(|cluster| cluster.metadata(None, false))?;
    topics.retain(|topic| args.internal || !topic.is_internal);
    topics.sort_by(|a, b| a.name.cmp(&b.name));

    let mut output = Output::new();
    if args.json {
        let topics = topics.iter().map(|topic| {
            json!({
                "name": topic.name,
                "partitions": topic.partitions.len(),
                "replicas": topic.replication_factor(),
            })
        });
        output.json(&Value::Array(topics.collect()))?;
    } else if args.quiet {
        topics.iter().try_for_each(|topic| output.line(&topic.name))?;
    } else {
        let mut table = Table::new(&["TOPIC", "#PARTITIONS", "#REPLICAS"]);
        for topic in &topics {
            let partitions = topic.partitions.len().to_string();
            table.row([topic.name.clone(), partitions, topic.replication_factor().to_string()]);
        }
        output.table(&table)?;
    }
    output.flush()
}
