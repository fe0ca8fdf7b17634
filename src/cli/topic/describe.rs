//! `pinion topic describe`.

use super::super::client::{
    ClientArgs, ClientError, Cluster, EARLIEST, LATEST, PartitionMetadata, TopicConfig,
    TopicMetadata, describe_topic_configs, list_offsets,
};
use super::super::error::CliError;
use super::super::output::Output;
use super::super::table::Table;
use super::super::topic_name::TopicNames;
use clap::Args;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const AFTER_HELP: &str = "\
Examples:
  pinion topic describe orders
  pinion topic describe orders payments --all-configs --json";

/// What to describe.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct DescribeArgs {
    #[command(flatten)]
    topics: TopicNames,

    /// All configs, not only those that were set on the topic
    #[arg(long)]
    all_configs: bool,

    /// JSON instead of tables
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    client: ClientArgs,
}

/// All that is told of a topic.
struct Description {
    topic: TopicMetadata,
    /// First and next offset of each partition that has a leader.
    offsets: BTreeMap<i32, (i64, i64)>,
    configs: Vec<TopicConfig>,
}

/// Describes the topics one after another.
pub fn run(args: &DescribeArgs) -> Result<(), CliError> {
    let mut cluster = args.client.connect()?;
    let mut output = Output::new();
    let mut described = Vec::new();
    for (index, name) in args.topics.names().enumerate() {
        let mut description = cluster.retry(|cluster| describe(cluster, name))?;
        description.configs.retain(|config| args.all_configs || config.is_own);
        if args.json {
            described.push(to_json(&description));
        } else {
            if index > 0 {
                output.line("")?;
            }
            print(&description, &mut output)?;
        }
    }
    if args.json {
        output.json(&Value::Array(described))?;
    }
    output.flush()
}

fn describe(cluster: &mut Cluster, name: &str) -> Result<Description, ClientError> {
    let topic = cluster.topic(name, false)?;
    let mut reachable = topic.clone();
    reachable.partitions.retain(|partition| partition.leader >= 0);
    let at = |timestamp| reachable.partitions.iter().map(move |p| (p.index, timestamp)).collect();
    let earliest = list_offsets(cluster, &reachable, &at(EARLIEST))?;
    let latest = list_offsets(cluster, &reachable, &at(LATEST))?;
    let range = |(partition, start): (&i32, &super::super::client::FoundOffset)| {
        Some((*partition, (start.offset, latest.get(partition)?.offset)))
    };
    let offsets = earliest.iter().filter_map(range).collect();
    let configs = describe_topic_configs(cluster, name)?;
    Ok(Description { topic, offsets, configs })
}

fn print(description: &Description, output: &mut Output) -> Result<(), CliError> {
    let topic = &description.topic;
    let count = topic.partitions.len();
    let replicas = topic.replication_factor();
    let id = crate::base::TopicId(topic.id);
    output.line(format_args!(
        "topic {} id {id} partitions {count} replicas {replicas}",
        topic.name
    ))?;
    for config in &description.configs {
        let value = config.value.as_deref().unwrap_or("(secret)");
        output.line(format_args!("config {}={value}", config.name))?;
    }
    let mut table = Table::new(&["#PARTITION", "#LEADER", "REPLICAS", "IN SYNC", "#START", "#END"]);
    for partition in &topic.partitions {
        table.row(row(partition, description.offsets.get(&partition.index)));
    }
    output.table(&table)
}

fn row(partition: &PartitionMetadata, offsets: Option<&(i64, i64)>) -> [String; 6] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    [
        partition.index.to_string(),
        or_dash((partition.leader >= 0).then(|| partition.leader.to_string())),
        ids(&partition.replicas),
        ids(&partition.in_sync),
        or_dash(offsets.map(|(start, _)| start.to_string())),
        or_dash(offsets.map(|(_, end)| end.to_string())),
    ]
}

fn ids(brokers: &[i32]) -> String {
    let ids: Vec<String> = brokers.iter().map(i32::to_string).collect();
    ids.join(",")
}

fn to_json(description: &Description) -> Value {
    let partitions = description.topic.partitions.iter().map(|partition| {
        let offsets = description.offsets.get(&partition.index);
        json!({
            "partition": partition.index,
            "leader": partition.leader,
            "replicas": partition.replicas,
            "in_sync": partition.in_sync,
            "start_offset": offsets.map(|(start, _)| start),
            "end_offset": offsets.map(|(_, end)| end),
        })
    });
    let configs = description.configs.iter().map(|c| (c.name.clone(), json!(c.value)));
    json!({
        "name": description.topic.name,
        "id": crate::base::TopicId(description.topic.id).to_string(),
        "partitions": partitions.collect::<Vec<_>>(),
        "configs": configs.collect::<serde_json::Map<_, _>>(),
    })
}
