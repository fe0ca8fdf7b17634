//! `pinion consume`: the records of a topic on standard output.

mod batches;
mod fetch;
mod format;
mod place;
mod position;
mod reader;

use super::client::{ClientArgs, ClientError, Cluster, LATEST, TopicMetadata, list_offsets};
use super::error::CliError;
use super::output::Output;
use super::partitions::{partition_index, partitions_in_words};
use super::topic_name::TopicName;
use clap::Args;
use format::{Format, Layout};
use place::Place;
use position::Position;
use reader::Reader;
use std::collections::BTreeMap;

const AFTER_HELP: &str = "\
Examples:
  pinion consume orders
  pinion consume orders --from end --format '%p %o %k: %s\\n'
  pinion consume orders --from 2026-01-31T00:00:00Z --exit-at-end --json
  pinion consume orders --partition 0 --from -10 --count 10

Format: %s value, %S its size, %k key, %K its size, %t topic, %p partition, %o offset,
%T timestamp in milliseconds, %h headers, %% a percent sign; \\n, \\r, \\t, \\\\, \\xHH.";

/// What to read, and how to print it.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct ConsumeArgs {
    #[command(flatten)]
    topic: TopicName,

    /// Where to start: start, end, an offset, -N for the last N of each partition, or a time
    /// (RFC 3339, or @ and milliseconds since 1970). A partition without that offset is read from
    /// the nearest that it has
    #[arg(long, value_name = "PLACE", default_value = "start", allow_hyphen_values = true)]
    from: Place,

    /// The same as --from start, as Kafka's console consumer takes it
    #[arg(long, conflicts_with = "from", hide = true)]
    from_beginning: bool,

    /// Read these partitions only
    #[arg(
        short,
        long,
        value_name = "N",
        value_delimiter = ',',
        allow_negative_numbers = true,
        value_parser = partition_index()
    )]
    partition: Vec<i32>,

    /// Stop after this many records
    #[arg(short, long, alias = "max-messages", value_name = "N")]
    count: Option<u64>,

    /// Wait for new records: the default
    #[arg(long, conflicts_with = "exit_at_end")]
    follow: bool,

    /// Stop at what was the end when the command started
    #[arg(short, long)]
    exit_at_end: bool,

    /// How to print a record
    #[arg(short, long, value_name = "FORMAT", default_value = "%s\\n", conflicts_with = "json")]
    format: Layout,

    /// One JSON object a line, with kcat's names; bytes that are not UTF-8 are replaced
    #[arg(long)]
    json: bool,

    /// What to print for a null key or value
    #[arg(short, long, value_name = "TEXT", default_value = "")]
    null_marker: String,

    #[command(flatten)]
    client: ClientArgs,
}

/// Prints records until the count, the end, or an interrupt.
pub fn run(args: &ConsumeArgs) -> Result<(), CliError> {
    let mut cluster = args.client.connect()?;
    let (topic, positions) = cluster.retry(|cluster| positions(cluster, args))?;
    check_partitions(args, &topic)?;
    let format = Format {
        topic: args.topic.name().to_owned(),
        layout: (!args.json).then(|| args.format.clone()),
        null_marker: args.null_marker.clone(),
    };
    let mut output = Output::new();
    let mut reader = Reader::new(cluster, topic, positions);
    let mut left = args.count.unwrap_or(u64::MAX);
    while left > 0 && !reader.is_done() {
        reader.poll(&mut |partition, kind, record| {
            if left > 0 {
                left -= 1;
                format.print(partition, kind, record, &mut output)?;
            }
            Ok(())
        })?;
        output.flush()?;
    }
    output.flush()?;
    if left > 0 { reader.finish() } else { Ok(()) }
}

fn check_partitions(args: &ConsumeArgs, topic: &TopicMetadata) -> Result<(), CliError> {
    let count = partitions_in_words(topic.partitions.len());
    let has = |wanted: &&i32| topic.partitions.iter().any(|partition| partition.index == **wanted);
    match args.partition.iter().find(|wanted| !has(wanted)) {
        Some(missing) => {
            let message = format!("partition {missing} of a topic with {count}: they count from 0");
            Err(CliError::usage(message))
        }
        None => Ok(()),
    }
}

/// The topic, and where to start and stop in each partition that is wanted.
fn positions(
    cluster: &mut Cluster,
    args: &ConsumeArgs,
) -> Result<(TopicMetadata, Vec<Position>), ClientError> {
    let mut topic = cluster.topic(args.topic.name(), false)?;
    let all = topic.clone();
    topic.partitions.retain(|p| args.partition.is_empty() || args.partition.contains(&p.index));
    let ends = if args.exit_at_end {
        let latest = topic.partitions.iter().map(|p| (p.index, LATEST)).collect();
        list_offsets(cluster, &topic, &latest)?
    } else {
        BTreeMap::new()
    };
    // Last, so that its notes are not repeated where another step is.
    let starts = args.from.resolve(cluster, &topic)?;
    let position = |(index, next): (i32, i64)| {
        Position::new(index, next, ends.get(&index).map(|end| end.offset))
    };
    Ok((all, starts.into_iter().map(position).collect()))
}

/// The subject of an error at an offset.
fn place_of(topic: &str, partition: i32, offset: i64) -> String {
    format!("partition {partition} of topic \"{topic}\" at offset {offset}")
}
