//! Scenarios: files that say what work is done. Those of `perf/scenarios/` are built in.

use crate::drivers::{ConsumerOptions, Durability, KafkaClient, ProducerOptions, Start};
use crate::error::{Error, Result};
use crate::host::directory::Disk;
use crate::sweep::{Field, Sweep};
use crate::work::pacer::Pace;
use crate::work::payload::HEADER_SIZE;
use serde::{Deserialize, Serialize};
use std::fmt::Display;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// The scenarios that come with the program.
const BUILT_IN: [&str; 18] = [
    include_str!("../scenarios/paper-produce-batch-1.toml"),
    include_str!("../scenarios/paper-produce-batch-50.toml"),
    include_str!("../scenarios/paper-consume.toml"),
    include_str!("../scenarios/confirmed.toml"),
    include_str!("../scenarios/steady-1k.toml"),
    include_str!("../scenarios/half-load.toml"),
    include_str!("../scenarios/half-load-fsync.toml"),
    include_str!("../scenarios/batches-1k.toml"),
    include_str!("../scenarios/batches-1k-consume.toml"),
    include_str!("../scenarios/saturation.toml"),
    include_str!("../scenarios/partitions.toml"),
    include_str!("../scenarios/producers.toml"),
    include_str!("../scenarios/keyed-small.toml"),
    include_str!("../scenarios/sizes.toml"),
    include_str!("../scenarios/fan-out.toml"),
    include_str!("../scenarios/catch-up.toml"),
    include_str!("../scenarios/restart.toml"),
    include_str!("../scenarios/full-disk.toml"),
];

/// The paper's own experiment: figures 4 and 5.
pub const PAPER: [&str; 3] = ["paper-produce-batch-1", "paper-produce-batch-50", "paper-consume"];

/// Fewer records than this say nothing at all.
const RECORDS_MIN: u64 = 1_000;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Writing; reading back only verifies.
    Produce,
    /// Reading what was written before.
    Consume,
    /// Reading while it is written: the latency is from end to end.
    FanOut,
    /// Reading a backlog, while records are written at a steady rate and read at the end: the
    /// rate is that of the reader of the backlog, the latency that of the others.
    CatchUp,
    /// Writing at a steady rate, while the broker is stopped and started again in the middle, by
    /// clients that send again what was not confirmed; reading back only verifies.
    Restart,
    /// Writing at a steady rate, while the broker's disk is full in the middle, by the same
    /// clients; reading back only verifies.
    FullDisk,
}

impl Kind {
    /// Whether clients are to outlast something that comes in the middle.
    pub fn is_interrupted(self) -> bool {
        matches!(self, Kind::Restart | Kind::FullDisk)
    }

    /// What brokers write to.
    pub fn disk(self) -> Disk {
        if self == Kind::FullDisk { Disk::Small } else { Disk::Shared }
    }
}

/// A field that takes several values, one after the other: each makes a scenario of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vary {
    /// Values of `rate`.
    Rate(Vec<f64>),
    /// Values of `partitions`.
    Partitions(Vec<u32>),
    /// Values of `producers`.
    Producers(Vec<u32>),
    /// Values of `record_bytes`.
    RecordBytes(Vec<u32>),
}

/// One piece of work, the same for every system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The name on the command line and in results.
    pub name: String,
    /// A line for people.
    pub title: String,
    /// What is measured.
    pub kind: Kind,
    /// The classes to run in; a system runs in those that it offers.
    pub durability: Vec<Durability>,
    /// Records in all, but for a backlog; those of `seconds` if that is given.
    #[serde(default)]
    pub records: u64,
    /// How long records are sent at `rate`.
    pub seconds: Option<f64>,
    /// How long, in seconds at `rate`, the warm-up takes at least, where five are not enough.
    #[serde(default)]
    pub warm_up_seconds: f64,
    /// Records that are there before anything is measured; for [`Kind::CatchUp`].
    #[serde(default)]
    pub backlog: u64,
    /// Bytes of a payload.
    pub record_bytes: usize,
    /// Producers, each with a connection and a thread.
    #[serde(default = "one")]
    pub producers: u32,
    /// Partitions of the topic.
    #[serde(default = "one")]
    pub partitions: u32,
    /// Keys of the records, drawn evenly: a key stays on its partition. Without keys, partitions
    /// take turns.
    pub keys: Option<u64>,
    /// Readers that each read everything while it is written; for [`Kind::FanOut`].
    #[serde(default = "one")]
    pub readers: u32,
    /// The field that takes several values.
    pub vary: Option<Vary>,
    /// Which of these values this is, once it is one of them.
    #[serde(skip)]
    pub sweep: Option<Sweep>,
    /// Records in a batch at most; left to the client library if absent.
    pub batch: Option<u32>,
    /// Whether producers wait for confirmations.
    pub confirm: bool,
    /// Unconfirmed records of a producer at most (closed loop).
    pub window: Option<u64>,
    /// Records per second of all producers together (open loop).
    pub rate: Option<f64>,
    /// Records that the consumer fetches ahead.
    #[serde(default = "prefetch_records")]
    pub prefetch_records: u32,
    /// Bytes that the consumer fetches at once.
    #[serde(default = "prefetch_bytes")]
    pub prefetch_bytes: u32,
    /// The client of systems that speak Kafka's protocol.
    #[serde(default)]
    pub kafka_client: KafkaClient,
}

fn one() -> u32 {
    1
}

/// Records that librdkafka fetches ahead by default.
pub const PREFETCH_RECORDS: u32 = 100_000;

/// Bytes that librdkafka fetches at once by default.
pub const PREFETCH_BYTES: u32 = 1 << 20;

fn prefetch_records() -> u32 {
    PREFETCH_RECORDS
}

fn prefetch_bytes() -> u32 {
    PREFETCH_BYTES
}

impl Scenario {
    /// The scenarios of a built-in name or in a file: one, or one for each value of what it
    /// varies.
    ///
    /// # Errors
    /// If there is neither, or the file is not a scenario.
    pub fn find(name: &str) -> Result<Vec<Scenario>> {
        let expanded = Scenario::find_one(name)?.expanded().into_iter();
        Ok(expanded.map(Scenario::timed).collect())
    }

    /// The scenario with as many records as its rate brings in its seconds.
    fn timed(mut self) -> Scenario {
        if let Some((rate, seconds)) = self.rate.zip(self.seconds.take()) {
            self.records = (rate * seconds).round() as u64;
        }
        self
    }

    fn expanded(mut self) -> Vec<Scenario> {
        match self.vary.take() {
            None => vec![self],
            Some(Vary::Rate(values)) => {
                self.variants(Field::Rate, values, |variant, rate| variant.rate = Some(rate))
            }
            Some(Vary::Partitions(values)) => {
                self.variants(Field::Partitions, values, |variant, count| {
                    variant.partitions = count
                })
            }
            Some(Vary::Producers(values)) => {
                self.variants(Field::Producers, values, |variant, count| variant.producers = count)
            }
            Some(Vary::RecordBytes(values)) => {
                self.variants(Field::RecordBytes, values, |variant, bytes| {
                    variant.record_bytes = bytes as usize
                })
            }
        }
    }

    /// A scenario for each value of a field.
    fn variants<V: Display + Copy + Into<f64>>(
        &self,
        field: Field,
        values: Vec<V>,
        set: impl Fn(&mut Scenario, V),
    ) -> Vec<Scenario> {
        let variant = |value: V| {
            let mut variant = self.clone();
            let (name, title) = (self.name.clone(), self.title.clone());
            variant.name = format!("{name}-{}-{value}", field.name());
            variant.title = format!("{title}: {} {value}", field.name());
            variant.sweep = Some(Sweep { name, title, field, value: value.into() });
            set(&mut variant, value);
            variant
        };
        values.into_iter().map(variant).collect()
    }

    fn find_one(name: &str) -> Result<Scenario> {
        let built_in = all().into_iter().find(|scenario| scenario.name == name);
        if let Some(scenario) = built_in {
            return Ok(scenario);
        }
        let path = Path::new(name);
        if path.extension().is_none_or(|extension| extension != "toml") {
            let names: Vec<String> = all().into_iter().map(|scenario| scenario.name).collect();
            let names = names.join(", ");
            return Err(Error::Input(format!(
                "no scenario {name}; there are: {names}, or a .toml"
            )));
        }
        let text = fs::read_to_string(path).map_err(Error::file(path))?;
        Scenario::parse(&text).map_err(|error| Error::Input(format!("{name}: {error}")))
    }

    /// The scenario with its records multiplied by `scale`.
    pub fn scaled(mut self, scale: f64) -> Scenario {
        let scaled = |records: u64| ((records as f64 * scale).round() as u64).max(RECORDS_MIN);
        self.records = scaled(self.records);
        self.warm_up_seconds *= scale;
        if self.backlog > 0 {
            self.backlog = scaled(self.backlog);
        }
        self
    }

    /// Whether another scenario is the same work, but for the size of batches.
    pub fn is_but_for_batches(&self, other: &Scenario) -> bool {
        let Scenario { name, title, batch, .. } = other.clone();
        Scenario { name, title, batch, ..self.clone() } == *other
    }

    /// Whether several readers read the same records.
    pub fn needs_log(&self) -> bool {
        self.readers > 1 || self.kind == Kind::CatchUp
    }

    /// How each of the producers paces its share.
    pub fn pace(&self) -> Pace {
        match self.rate {
            Some(rate) => Pace::Open { rate: rate / f64::from(self.producers) },
            None => Pace::Closed { window: self.window.unwrap_or(u64::MAX) },
        }
    }

    /// The records of one producer: an equal share, the first ones taking the remainder.
    pub fn share(&self, producer: u32) -> u64 {
        let producers = u64::from(self.producers);
        self.records / producers + u64::from(u64::from(producer) < self.records % producers)
    }

    /// How long records are due; nothing in a closed loop.
    pub fn schedule(&self) -> Duration {
        let seconds = self.rate.map_or(0.0, |rate| self.records as f64 / rate);
        Duration::from_secs_f64(seconds)
    }

    /// How producers send.
    pub fn producer_options(&self) -> ProducerOptions {
        ProducerOptions {
            batch: self.batch,
            confirm: self.confirm,
            window: self.window,
            sends_again: self.kind.is_interrupted(),
            kafka_client: self.kafka_client,
        }
    }

    /// How the consumer that is measured reads.
    pub fn consumer_options(&self, start: Start) -> ConsumerOptions {
        ConsumerOptions {
            prefetch_records: self.prefetch_records,
            prefetch_bytes: self.prefetch_bytes,
            start,
            kafka_client: self.kafka_client,
        }
    }

    fn parse(text: &str) -> Result<Scenario> {
        let scenario: Scenario =
            toml::from_str(text).map_err(|error| Error::Input(error.to_string()))?;
        scenario.checked()
    }

    /// The scenario, if it makes sense.
    ///
    /// # Errors
    /// If it does not.
    pub fn checked(self) -> Result<Scenario> {
        match self.nonsense() {
            Some(reason) => Err(Error::Input(reason.to_owned())),
            None => Ok(self),
        }
    }

    fn varies_rate(&self) -> bool {
        matches!(self.vary, Some(Vary::Rate(_)))
    }

    /// Why it makes no sense, if so.
    fn nonsense(&self) -> Option<&'static str> {
        let is_interrupted = self.kind.is_interrupted();
        let checks = [
            (
                (self.records > 0) != self.seconds.is_some(),
                "either records, at least 1, or seconds",
            ),
            (self.seconds.is_none_or(|seconds| seconds > 0.0), "seconds must be more than 0"),
            (
                self.seconds.is_none() || self.rate.is_some() || self.varies_rate(),
                "seconds need a rate",
            ),
            (self.producers > 0, "producers must be at least 1"),
            (self.partitions > 0, "partitions must be at least 1"),
            (self.readers > 0, "readers must be at least 1"),
            (self.keys != Some(0), "keys must be at least 1"),
            (self.record_bytes >= HEADER_SIZE, "record_bytes must be at least 24"),
            (self.rate.is_none_or(|rate| rate > 0.0), "rate must be more than 0"),
            (self.rate.is_none() || self.window.is_none(), "rate and window exclude"),
            (
                (self.kind == Kind::CatchUp) == (self.backlog > 0),
                "a backlog is for catch-up, which needs one",
            ),
            (self.kind != Kind::CatchUp || self.rate.is_some(), "catch-up needs a rate"),
            (!is_interrupted || self.rate.is_some(), "an interruption needs a rate"),
            (!is_interrupted || self.confirm, "an interruption needs confirmations"),
            (
                !is_interrupted || self.kafka_client == KafkaClient::Librdkafka,
                "an interruption needs the client librdkafka: the native one does not send again",
            ),
            (
                self.warm_up_seconds == 0.0 || self.rate.is_some() || self.varies_rate(),
                "warm_up_seconds need a rate",
            ),
            (!self.durability.is_empty(), "durability must name a class"),
        ];
        checks.iter().find(|(holds, _)| !holds).map(|(_, reason)| *reason)
    }
}

/// The built-in scenarios.
pub fn all() -> Vec<Scenario> {
    let parse = |text: &&str| Scenario::parse(text).expect("a test reads the built-in scenarios");
    BUILT_IN.iter().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_scenarios_are_found() {
        assert_eq!(all().len(), BUILT_IN.len());
        for name in PAPER {
            assert_eq!(Scenario::find(name).expect("a built-in scenario")[0].name, name);
        }
        assert!(Scenario::find("nonsense").is_err());
    }

    #[test]
    fn a_varied_scenario_is_one_for_each_value() {
        let scenarios = Scenario::find("partitions").expect("a built-in scenario");
        let counts: Vec<u32> = scenarios.iter().map(|scenario| scenario.partitions).collect();
        assert_eq!(counts, [1, 100, 1000, 5000]);
        assert_eq!(scenarios[1].name, "partitions-partitions-100");
        let sweep = scenarios[1].sweep.as_ref().expect("one value of a sweep");
        assert_eq!((sweep.name.as_str(), sweep.field), ("partitions", Field::Partitions));
        assert_eq!(sweep.value, 100.0);
    }

    #[test]
    fn seconds_are_records_at_a_rate() {
        let scenarios = Scenario::find("saturation").expect("a built-in scenario");
        let records: Vec<u64> = scenarios.iter().map(|scenario| scenario.records).collect();
        assert_eq!(records, [100_000, 200_000, 500_000, 1_000_000, 2_000_000, 4_000_000]);
    }

    /// Goal: only what differs by batches is the same work.
    #[test]
    fn batches_do_not_make_other_work() {
        let paper = PAPER.map(|name| Scenario::find(name).expect("a built-in scenario").remove(0));
        assert!(paper[0].is_but_for_batches(&paper[1]));
        assert!(!paper[1].is_but_for_batches(&paper[2]));
        assert!(!paper[0].is_but_for_batches(&paper[1].clone().scaled(0.5)));
    }

    #[test]
    fn shares_add_up() {
        let mut scenario = all().remove(0).scaled(0.000_100_3);
        scenario.producers = 7;
        let shares: Vec<u64> = (0..7).map(|producer| scenario.share(producer)).collect();
        assert_eq!(shares.iter().sum::<u64>(), 1003);
        assert!(shares.iter().all(|share| (143..=144).contains(share)), "{shares:?}");
    }

    #[test]
    fn nonsense_is_refused() {
        let good = BUILT_IN[0];
        assert!(Scenario::parse(&good.replace("200", "20")).is_err());
        assert!(Scenario::parse(&format!("{good}producers = 0")).is_err());
        assert!(Scenario::parse(&format!("{good}recrods = 1")).is_err());
    }
}
