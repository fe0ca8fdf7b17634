//! A log on a disk in memory, driven step by step.

use super::disk::Disk;
use crate::base::{LeaderEpoch, Offset, PartitionIndex, Timestamp, TopicId};
use crate::io::{Op, Startup};
use crate::log::{
    AppendError, Appended, LastEnd, Log, LogConfig, LogFact, LogIdentity, LogOut, LogToken,
    OffsetStep, ReadError, ReadPlan, ReadStep, RecoveryHints, RecoveryReport, TimestampQuery,
};
use crate::wire::record_batch::{BatchBuilder, BatchHeader, Batches};
use bytes::Bytes;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A batch of records with these values, of no producer, made now.
pub fn batch(values: &[&str]) -> Vec<u8> {
    batch_at(values, &vec![1_700_000_000_000; values.len()])
}

/// A batch of records with these values and timestamps.
pub fn batch_at(values: &[&str], timestamps: &[i64]) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    for (value, timestamp) in values.iter().zip(timestamps) {
        builder.append(*timestamp, Some(b"key"), Some(value.as_bytes()), &[]);
    }
    builder.build()
}

/// A batch of one record of an idempotent producer.
pub fn idempotent(producer_id: i64, epoch: i16, sequence: i32, value: &str) -> Vec<u8> {
    let mut builder = BatchBuilder::new().producer(producer_id, epoch, sequence);
    builder.append(1_700_000_000_000, None, Some(value.as_bytes()), &[]);
    builder.build()
}

/// The log of `t-0` on a disk.
#[derive(Debug)]
pub struct Bench {
    pub disk: Disk,
    pub log: Log,
    pub config: Arc<LogConfig>,
    pub in_flight: Vec<(LogToken, Op)>,
    pub facts: Vec<LogFact>,
    pub epoch: i32,
    /// Which topic has the name `t`.
    pub topic: u64,
    out: LogOut,
}

fn identity(topic: u64) -> LogIdentity {
    LogIdentity {
        topic: "t".into(),
        topic_id: TopicId::from_random(
            topic.wrapping_mul(0x9E37_79B9_7F4A_7C15),
            topic.wrapping_mul(0xD1B5_4A32_D192_ED03),
        ),
        partition: PartitionIndex(0),
        directory: PathBuf::from("d/t-0"),
    }
}

impl Bench {
    /// A created log.
    pub fn new(config: LogConfig) -> Bench {
        let mut bench = Bench::creating(config);
        bench.settle();
        assert!(bench.facts.contains(&LogFact::Opened));
        bench.facts.clear();
        bench
    }

    /// A log whose creation has just begun.
    pub fn creating(config: LogConfig) -> Bench {
        Bench::creating_on(Disk::new(), 1, config)
    }

    /// A new topic's log in the place of this one.
    pub fn created_anew(self, topic: u64) -> Bench {
        Bench::creating_on(self.disk, topic, LogConfig::clone(&self.config))
    }

    fn creating_on(disk: Disk, topic: u64, config: LogConfig) -> Bench {
        let config = Arc::new(config);
        let mut out = LogOut::default();
        let log =
            Log::create(identity(topic), Arc::clone(&config), LeaderEpoch(0), disk.now, &mut out);
        let in_flight = out.ops.drain(..).collect();
        Bench { disk, log, config, in_flight, facts: Vec::new(), epoch: 0, topic, out }
    }

    /// Takes out what the log wants.
    fn drain(&mut self) {
        self.in_flight.append(&mut self.out.ops);
        self.facts.append(&mut self.out.facts);
    }

    /// Appends a batch as it would come from a producer.
    pub fn append(&mut self, batch: Vec<u8>) -> Result<Appended, AppendError> {
        let header = BatchHeader::parse(&batch).unwrap();
        self.log.append(&header, Bytes::from(batch), self.disk.now)
    }

    /// Ends a turn.
    pub fn end_of_tick(&mut self) {
        self.log.end_of_tick(self.disk.now, &mut self.out);
        self.drain();
    }

    /// Runs the operation in flight at `index`.
    pub fn complete(&mut self, index: usize) {
        let (token, op) = self.in_flight.remove(index);
        let result = self.disk.run(op);
        self.log.on_completion(token, result, self.disk.now, &mut self.out);
        self.drain();
    }

    /// Runs turns until nothing is in flight.
    pub fn settle(&mut self) {
        self.end_of_tick();
        while !self.in_flight.is_empty() {
            self.complete(0);
            self.end_of_tick();
        }
    }

    /// Appends and waits for the disk.
    pub fn put(&mut self, batch: Vec<u8>) -> Offset {
        let appended = self.append(batch).unwrap();
        self.settle();
        assert!(self.log.acknowledged() > appended.last_offset, "{:?}", self.log.positions());
        appended.base_offset
    }

    /// Lets time pass and runs the timer.
    pub fn pass(&mut self, millis: u64) {
        self.disk.pass(millis);
        self.log.on_timer(self.disk.now, &mut self.out);
        self.drain();
        self.settle();
        let next = self.log.next_deadline();
        assert!(next.is_none_or(|next| next > self.disk.now.monotonic), "the timer runs for ever");
    }

    pub fn begin_delete_records(&mut self, before: i64) -> Result<Offset, ReadError> {
        let result = self.log.delete_records(Offset(before), self.disk.now, &mut self.out);
        self.drain();
        result
    }

    pub fn delete_records(&mut self, before: i64) -> Result<Offset, ReadError> {
        let result = self.begin_delete_records(before);
        self.settle();
        result
    }

    pub fn make_room(&mut self) {
        self.log.make_room(self.disk.now, &mut self.out);
        self.drain();
        self.settle();
    }

    pub fn set_config(&mut self, config: LogConfig) {
        self.config = Arc::new(config);
        self.log.set_config(Arc::clone(&self.config), self.disk.now, &mut self.out);
        self.drain();
        self.settle();
    }

    pub fn begin_close(&mut self) {
        self.log.begin_close(self.disk.now, &mut self.out);
        self.drain();
    }

    pub fn begin_delete(&mut self) {
        self.log.begin_delete(self.disk.now, &mut self.out);
        self.drain();
    }

    /// Closes the log and opens it again.
    pub fn restart(&mut self) -> RecoveryReport {
        self.begin_close();
        self.settle();
        assert!(self.facts.contains(&LogFact::Closed), "{:?}", self.facts);
        assert_eq!(self.disk.open_count(), 0);
        let hints = self.hints(true);
        self.recover(hints)
    }

    /// What the checkpoints of the data directory would say.
    pub fn hints(&self, clean: bool) -> RecoveryHints {
        RecoveryHints {
            last_end: if clean { LastEnd::Clean } else { LastEnd::Unknown },
            recovery_point: Some(self.log.recovery_point()),
            log_start: Some(self.log.positions().log_start),
        }
    }

    /// Opens the log anew from what the disk has.
    pub fn recover(&mut self, hints: RecoveryHints) -> RecoveryReport {
        self.disk.crash();
        self.in_flight.clear();
        self.facts.clear();
        self.out = LogOut::default();
        self.epoch += 1;
        let mut startup = Startup::new(&mut self.disk);
        let config = Arc::clone(&self.config);
        let epoch = LeaderEpoch(self.epoch);
        let (log, report) =
            Log::recover(&mut startup, identity(self.topic), config, epoch, hints).unwrap();
        self.log = log;
        report
    }

    /// Follows the steps of a read.
    pub fn plan(&mut self, offset: i64, length_max: u32) -> Result<Option<ReadPlan>, ReadError> {
        let mut step = self.log.read(Offset(offset), length_max, true)?;
        loop {
            match step {
                ReadStep::Nothing => return Ok(None),
                ReadStep::Ready(plan) => return Ok(Some(plan)),
                ReadStep::Lookup(lookup) => {
                    let (file, position, length) = lookup.range();
                    let bytes = self.disk.read(file, position, length);
                    step = self.log.resume_read(lookup, &bytes)?;
                }
            }
        }
    }

    /// The bytes that a fetch would send.
    pub fn fetch(&mut self, offset: i64, length_max: u32) -> Result<Vec<u8>, ReadError> {
        let Some(plan) = self.plan(offset, length_max)? else { return Ok(Vec::new()) };
        assert!(plan.base_offset <= Offset(offset) && plan.length > 0);
        let bytes = self.disk.read(plan.segment.file, plan.position, plan.length as usize);
        assert_eq!(bytes.len(), plan.length as usize, "nothing past the end is planned");
        Ok(bytes)
    }

    /// The values from `offset` on, read as a consumer does.
    pub fn values_from(&mut self, offset: i64) -> Result<Vec<(i64, String)>, ReadError> {
        let mut next = offset;
        let mut values = Vec::new();
        loop {
            let bytes = self.fetch(next, 700)?;
            if bytes.is_empty() {
                return Ok(values);
            }
            for batch in Batches::new(&bytes) {
                let batch = batch.unwrap();
                batch.verify_crc().expect("nothing damaged is served");
                for record in batch.records() {
                    let record = record.unwrap();
                    if record.offset >= next {
                        let value = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
                        values.push((record.offset, value));
                    }
                }
                next = next.max(batch.header.next_offset());
            }
        }
    }

    /// Follows the steps of a search by timestamp.
    pub fn search(
        &mut self,
        query: TimestampQuery,
    ) -> Result<Option<(Offset, Timestamp)>, ReadError> {
        let mut step = self.log.offset_for_timestamp(query);
        loop {
            match step {
                OffsetStep::Done(found) => {
                    return Ok(found.map(|(offset, timestamp, _)| (offset, timestamp)));
                }
                OffsetStep::Lookup(lookup) => {
                    let (file, position, length) = lookup.range();
                    let bytes = self.disk.read(file, position, length);
                    step = self.log.resume_offset(lookup, &bytes)?;
                }
            }
        }
    }

    /// The path of a file of the log.
    pub fn path(&self, name: &str) -> PathBuf {
        Path::new("d/t-0").join(name)
    }
}
