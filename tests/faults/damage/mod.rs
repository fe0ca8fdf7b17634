//! Damage on the disk: bytes of a broker's files are flipped while it is stopped, by SIGTERM or
//! SIGKILL, or under a running one. What is hurt is reported by its file's name and never served;
//! the rest is served as ever.
//!
//! `docs/FORMAT.md` and `docs/METADATA_FORMAT.md` say what each file promises.

mod beside;
mod live;
mod logs;
mod metadata;

use crate::support::broker::{Broker, BrokerOptions};
use crate::wire_client::{Fetch, Fetched, TIMESTAMP, WireClient, verified_batches};
use pinion::wire::ErrorCode;
use pinion::wire::record_batch::{BatchBuilder, BatchHeader, Batches};
use std::fs;
use std::path::{Path, PathBuf};

/// The topic whose partitions are hurt.
const TOPIC: &str = "t";

/// Batches in each partition: half of them of the broker's first start, half of the second.
const BATCHES: i64 = 40;

/// Records in each batch.
const RECORDS: i64 = 4;

/// The log's end.
const END: i64 = BATCHES * RECORDS;

/// How the broker ends before its files are hurt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// SIGTERM.
    Terminate,
    /// SIGKILL.
    Kill,
}

/// A broker with full partitions of several segments each.
struct Victim {
    broker: Broker,
    producer: (i64, i16),
}

impl Victim {
    /// Fills so many partitions, over two starts of the broker.
    fn start(partitions: i32) -> Victim {
        let mut broker = Broker::start(BrokerOptions::default());
        let mut client = WireClient::connect(&broker.bootstrap());
        let configs = [("internal.segment.bytes", "4096"), ("index.interval.bytes", "500")];
        client.create_topic(TOPIC, partitions, &configs);
        let producer = client.init_producer_id();
        fill(&mut client, producer, partitions, 0..BATCHES / 2);
        assert!(broker.terminate().success());
        broker.restart();
        let mut client = WireClient::connect(&broker.bootstrap());
        fill(&mut client, producer, partitions, BATCHES / 2..BATCHES);
        Victim { broker, producer }
    }

    fn end(&mut self, end: End) {
        match end {
            End::Terminate => assert!(self.broker.terminate().success()),
            End::Kill => self.broker.kill(),
        }
    }

    /// Starts the broker again, with its files as they are now.
    fn restart(&mut self) -> WireClient {
        self.broker.restart();
        WireClient::connect(&self.broker.bootstrap())
    }

    /// The directory of a partition.
    fn partition(&self, partition: i32) -> PathBuf {
        self.broker.data_dir().join(format!("{TOPIC}-{partition}"))
    }

    /// The files of a partition whose names end so, in the order of their offsets.
    fn files(&self, partition: i32, suffix: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.partition(partition)).expect("the partition is there");
        let paths = entries.map(|entry| entry.expect("it can be listed").path());
        let is_wanted = |path: &PathBuf| path.to_string_lossy().ends_with(suffix);
        let mut files: Vec<PathBuf> = paths.filter(is_wanted).collect();
        files.sort();
        assert!(!files.is_empty(), "no {suffix} in partition {partition}");
        files
    }

    /// Whether the broker has said something about this file since `before`, a length of its log.
    fn has_reported(&self, file: &Path, before: usize) -> bool {
        let log = self.broker.log();
        let name = file.to_string_lossy();
        let is_about = |line: &str| line.contains(&*name) && line.contains("damaged");
        log[before..].lines().any(is_about)
    }
}

fn fill(
    client: &mut WireClient,
    producer: (i64, i16),
    partitions: i32,
    batches: std::ops::Range<i64>,
) {
    for partition in 0..partitions {
        for number in batches.clone() {
            let offset = client.append((TOPIC, partition), &batch(producer, number));
            assert_eq!(offset, number * RECORDS);
        }
    }
}

/// The batch of this number. What is in it follows from the offsets of its records.
fn batch((producer_id, epoch): (i64, i16), number: i64) -> Vec<u8> {
    let first = number * RECORDS;
    let sequence = i32::try_from(first).expect("few records");
    let mut builder = BatchBuilder::new().producer(producer_id, epoch, sequence);
    for offset in first..first + RECORDS {
        builder.append(*TIMESTAMP + offset, None, Some(value(offset).as_bytes()), &[]);
    }
    builder.build()
}

fn value(offset: i64) -> String {
    format!("the value at offset {offset} {}", "and more of it ".repeat(4))
}

/// Inverts some bits of a byte.
fn flip(path: &Path, position: usize, bits: u8) {
    let mut bytes = fs::read(path).expect("the file is there");
    bytes[position] ^= bits;
    // Written in place, as a disk would do it: a broker may have the file open.
    let file = fs::File::options().write(true).open(path).expect("it can be written");
    let byte = &bytes[position..=position];
    std::os::unix::fs::FileExt::write_all_at(&file, byte, position as u64).expect("it is written");
}

/// Where each batch of a segment begins, with its header.
fn batches_in(segment: &Path) -> Vec<(usize, BatchHeader)> {
    let bytes = fs::read(segment).expect("the segment is there");
    let mut position = 0;
    let place = |batch: Result<pinion::wire::record_batch::Batch<'_>, _>| {
        let batch = batch.expect("a sound segment");
        position += batch.bytes.len();
        (position - batch.bytes.len(), batch.header)
    };
    Batches::new(&bytes).map(place).collect()
}

/// Reads one batch at `offset`.
fn fetch_one(client: &mut WireClient, partition: i32, offset: i64) -> Fetched {
    client.fetch(&Fetch::from(TOPIC, partition, offset).partition_max_bytes(1))
}

/// Checks that what was served is what was sent, without a gap from `offset` on; gives the offset
/// after it.
fn check_served(fetched: &Fetched, offset: i64) -> i64 {
    let values = fetched.values();
    let first = values.first().expect("a fetch below the end has records").0;
    assert!((0..RECORDS).contains(&(offset - first)), "{first} is served for {offset}");
    for ((at, found), expected) in values.iter().zip(first..) {
        assert_eq!((*at, found), (expected, &value(expected)));
    }
    for batch in verified_batches(&fetched.records) {
        let end = batch.header.base_offset + RECORDS - 1;
        assert_eq!(batch.header.max_timestamp, *TIMESTAMP + end);
    }
    first + values.len() as i64
}

/// Checks that all of a partition is served.
fn check_whole(client: &mut WireClient, partition: i32, start: i64) {
    assert_eq!(client.end_offset((TOPIC, partition)), END, "partition {partition}");
    let mut next = start;
    while next < END {
        let fetched = client.fetch(&Fetch::from(TOPIC, partition, next));
        assert_eq!(fetched.error, ErrorCode::None, "partition {partition} at {next}");
        next = check_served(&fetched, next);
    }
}
