//! `pinion produce`: lines of input as records.

mod batches;
mod input;
mod limit;
mod lines;
mod partitioner;
mod sender;

use super::client::ClientArgs;
use super::error::CliError;
use super::partitions::{partition_index, partitions_in_words};
use super::topic_name::TopicName;
use crate::wire::record_batch::Compression;
use batches::Batches;
use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use input::parse_header;
use limit::Limit;
use lines::{Input, Line};
use partitioner::Partitioner;
use sender::Sender;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

const AFTER_HELP: &str = "\
Examples:
  echo 'hello' | pinion produce greetings
  printf 'de:hallo\\nen:hello\\n' | pinion produce greetings --key-separator :
  pinion produce events --file events.jsonl --compression zstd --header source=import

A topic that does not exist is created, if the broker allows that.
A key goes to the partition that Kafka's Java client would choose. With acks all, the default,
records are written once and in order, even if a request has to be repeated.";

/// How many replicas must have a record before it counts as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Acks {
    /// Nobody: the broker does not even answer
    #[value(name = "0")]
    None,
    /// The leader
    #[value(name = "1")]
    Leader,
    /// All in-sync replicas; also -1
    #[value(alias = "-1")]
    All,
}

/// What to write, and how.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct ProduceArgs {
    #[command(flatten)]
    topic: TopicName,

    /// Read lines from a file instead of standard input
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,

    /// What stands between key and value in a line
    #[arg(short, long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    key_separator: Option<String>,

    /// A key or value of this text is null; a null value is a tombstone
    #[arg(short, long, value_name = "TEXT")]
    null_marker: Option<String>,

    /// A header for every record; without a value it is null
    #[arg(short = 'H', long = "header", value_name = "NAME=VALUE", value_parser = parse_header)]
    headers: Vec<(String, Option<Vec<u8>>)>,

    /// Write everything to this partition
    #[arg(
        short,
        long,
        value_name = "N",
        allow_negative_numbers = true,
        value_parser = partition_index()
    )]
    partition: Option<i32>,

    /// Compression of the batches
    #[arg(
        short = 'z',
        long,
        value_name = "CODEC",
        default_value = "none",
        value_parser = compression()
    )]
    compression: Compression,

    /// Which replicas must have a record before it counts as written
    #[arg(long, value_enum, default_value = "all", allow_negative_numbers = true)]
    acks: Acks,

    /// Bytes of records that make a batch, before compression
    #[arg(
        long,
        value_name = "BYTES",
        default_value = "131072",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    batch_size: u32,

    /// Longest wait for more records before a batch goes that is not full
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "5ms",
        value_parser = humantime::parse_duration
    )]
    linger: Duration,

    #[command(flatten)]
    client: ClientArgs,
}

fn compression() -> impl TypedValueParser<Value = Compression> {
    PossibleValuesParser::new(Compression::ALL.map(Compression::name))
        .map(|name| Compression::from_name(&name).expect("the parser allows these names only"))
}

/// Writes every line, and returns once the last is acknowledged.
pub fn run(args: &ProduceArgs) -> Result<(), CliError> {
    let input = Input::open(args.file.as_deref())?;
    let mut sender = Sender::connect(args)?;
    let partition_count = sender.partition_count();
    if let Some(partition) = args.partition.filter(|partition| *partition >= partition_count) {
        let count = partitions_in_words(partition_count as usize);
        let message = format!("partition {partition} of a topic with {count}: they count from 0");
        return Err(CliError::usage(message));
    }
    // What is compressed may get small enough.
    let line_limit = match args.compression {
        Compression::None => sender.batch_limit().clone(),
        _ => Limit::of_requests(),
    };
    let lines = input.read_ahead(line_limit);
    let mut batches = Batches::new(args, Partitioner::new(partition_count, args.partition));
    let mut oldest: Option<Instant> = None;
    loop {
        let wait = oldest.map_or(Duration::MAX, |at| args.linger.saturating_sub(at.elapsed()));
        match next(&lines, wait) {
            Ok(Err(failure)) => {
                // What came before it counts.
                sender.send(batches.take()?)?;
                return Err(failure);
            }
            Ok(Ok(line)) => {
                let size_max = sender.batch_limit().bytes;
                while !batches.append(&line, sender.producer(), size_max) {
                    sender.send(batches.take()?)?;
                    oldest = None;
                }
                oldest.get_or_insert_with(Instant::now);
                if !batches.is_full() {
                    continue;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return sender.send(batches.take()?),
        }
        sender.send(batches.take()?)?;
        oldest = None;
    }
}

fn next(lines: &Receiver<Line>, wait: Duration) -> Result<Line, RecvTimeoutError> {
    match wait {
        Duration::MAX => lines.recv().map_err(|_| RecvTimeoutError::Disconnected),
        wait => lines.recv_timeout(wait),
    }
}
