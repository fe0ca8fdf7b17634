//! One scenario on one running system: warm up, write, read back, and what that cost.

use super::Shared;
use super::consuming::{self, Consumed};
use super::producing::{self, Assignment, Produced};
use crate::drivers::{Broker, ConsumerOptions, Durability, Topic};
use crate::error::{Error, Result};
use crate::host::interrupt;
use crate::host::server::Server;
use crate::host::usage::Usage;
use crate::results::{Figures, Run};
use crate::scenario::{Kind, Scenario};
use crate::systems::Running;
use crate::work::latency::LatencySeries;
use crate::work::pacer::Pacer;
use indicatif::ProgressBar;
use std::thread;
use std::time::{Duration, Instant};

/// The part of the work that is done once more before it, on a topic of its own.
const WARM_UP_PART: f64 = 0.1;
const WARM_UP_RECORDS_MIN: f64 = 20_000.0;
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// A broker that uses less of a core than this has digested what it was given.
const SETTLED_CPU: f64 = 0.1;
const SETTLE_INTERVAL: Duration = Duration::from_millis(200);
const SETTLE_LIMIT: Duration = Duration::from_secs(10);
const BYTES_PER_MB: f64 = 1e6;
const BYTES_PER_GB: f64 = 1e9;
const MILLION: f64 = 1e6;

/// How what is read only to verify is fetched: librdkafka's defaults.
const VERIFYING: ConsumerOptions =
    ConsumerOptions { prefetch_records: 100_000, prefetch_bytes: 1 << 20 };

/// A run, and its latencies second by second.
#[derive(Debug)]
pub struct Measured {
    /// The figures and the verdict.
    pub run: Run,
    /// From due time to confirmation, if there were confirmations.
    pub latency: LatencySeries,
}

/// What a phase took: time, and CPU time of broker and harness.
struct Cost {
    span: Duration,
    broker: Usage,
    client_cpu: Duration,
}

/// Runs a scenario, whose topics get names that end in `round`.
///
/// # Errors
/// If broker or client fail, or the run is interrupted. Lost records are no error but a verdict.
pub fn run(
    running: &mut Running,
    scenario: &Scenario,
    durability: Durability,
    round: u32,
    bar: &ProgressBar,
) -> Result<Measured> {
    let run = std::process::id();
    let topic = |part: &str| Topic {
        // Of this run alone, since a broker may have been here before.
        name: format!("{}-{part}-{run}-{round}", scenario.name),
        partitions: scenario.partitions,
        durability,
    };
    let records = scenario.records as f64;
    let warm_up = scenario
        .clone()
        .scaled((records * WARM_UP_PART).max(WARM_UP_RECORDS_MIN).min(records) / records);
    bar.set_message("warming up");
    once(running, &warm_up, &topic("warm-up"), bar)?;
    once(running, scenario, &topic("run"), bar)
}

/// Writes all records to a new topic and reads them back.
fn once(
    running: &mut Running,
    scenario: &Scenario,
    topic: &Topic,
    bar: &ProgressBar,
) -> Result<Measured> {
    let Running { server, broker } = running;
    broker.create_topic(topic)?;
    let (written, produced) = costing(server, |server| {
        let produced = produce(server, broker.as_ref(), scenario, topic, bar)?;
        Ok((span_of(&produced), produced))
    })?;
    let options = match scenario.kind {
        Kind::Produce => VERIFYING,
        Kind::Consume => scenario.consumer_options(),
    };
    let (read, consumed) = costing(server, |server| {
        let consumed = consume(server, broker.as_ref(), scenario, topic, options, bar)?;
        Ok((consumed.span.1 - consumed.span.0, consumed))
    })?;
    if server.is_elsewhere() {
        broker.delete_topic(topic)?;
    }
    let (mut latency, mut from_send) = (LatencySeries::default(), LatencySeries::default());
    for produced in &produced {
        latency.merge(&produced.latency);
        from_send.merge(&produced.latency_from_send);
    }
    let mut figures = match scenario.kind {
        Kind::Produce => figures(scenario, &written),
        Kind::Consume => figures(scenario, &read),
    };
    if scenario.kind == Kind::Produce {
        figures.latency_us = latency.percentiles();
        figures.latency_from_send_us = from_send.percentiles();
    }
    Ok(Measured { run: Run { figures, verification: consumed.verdict }, latency })
}

fn produce(
    server: &mut Server,
    broker: &dyn Broker,
    scenario: &Scenario,
    topic: &Topic,
    bar: &ProgressBar,
) -> Result<Vec<Produced>> {
    let mut producers = Vec::new();
    for _ in 0..scenario.producers {
        producers.push(broker.producer(topic, scenario.producer_options())?);
    }
    let assignment = |producer: u32| Assignment {
        producer,
        pacer: Pacer::new(scenario.pace(), scenario.share(producer)),
        partitions: scenario.partitions,
        record_bytes: scenario.record_bytes,
        confirm: scenario.confirm,
    };
    begin(bar, "writing", scenario.records);
    let shared = Shared::start();
    thread::scope(|scope| {
        let threads = (0..).zip(&mut producers).map(|(number, producer)| {
            let (shared, assignment) = (&shared, assignment(number));
            scope.spawn(move || producing::run(producer.as_mut(), assignment, shared))
        });
        let threads: Vec<_> = threads.collect();
        let is_finished = || threads.iter().all(thread::ScopedJoinHandle::is_finished);
        let watched = watch(server, &shared, bar, is_finished);
        let results = threads.into_iter().map(|thread| thread.join());
        let results: Result<Vec<Produced>> =
            results.map(|result| result.unwrap_or_else(|_| Err(panicked()))).collect();
        watched.and(results)
    })
}

fn consume(
    server: &mut Server,
    broker: &dyn Broker,
    scenario: &Scenario,
    topic: &Topic,
    options: ConsumerOptions,
    bar: &ProgressBar,
) -> Result<Consumed> {
    let sent: Vec<u64> = (0..scenario.producers).map(|number| scenario.share(number)).collect();
    let mut consumer = broker.consumer(topic, options)?;
    begin(bar, "reading", scenario.records);
    let shared = Shared::start();
    thread::scope(|scope| {
        let thread = scope.spawn(|| consuming::run(consumer.as_mut(), &sent, &shared));
        let watched = watch(server, &shared, bar, || thread.is_finished());
        let result = thread.join().unwrap_or_else(|_| Err(panicked()));
        watched.and(result)
    })
}

/// Shows progress until the threads are done; stops them if the broker ends.
fn watch(
    server: &mut Server,
    shared: &Shared,
    bar: &ProgressBar,
    is_finished: impl Fn() -> bool,
) -> Result<()> {
    while !is_finished() {
        thread::sleep(POLL_INTERVAL);
        bar.set_position(shared.records());
        if let Err(error) = server.check_alive() {
            shared.stop();
            return Err(error);
        }
    }
    Ok(())
}

/// Does a phase, and tells what it cost until the broker had come to rest.
fn costing<T>(
    server: &mut Server,
    phase: impl FnOnce(&mut Server) -> Result<(Duration, T)>,
) -> Result<(Cost, T)> {
    let (broker, client) = (server.usage(), Usage::of_process());
    let (span, result) = phase(server)?;
    let client_cpu = Usage::of_process().saturating_sub(client);
    settle(server);
    let mut usage = server.usage();
    usage.cpu = usage.cpu.saturating_sub(broker.cpu);
    usage.written_bytes = usage.written_bytes.saturating_sub(broker.written_bytes);
    Ok((Cost { span, broker: usage, client_cpu }, result))
}

/// Waits until the broker has digested what it was given: without acknowledgements, the client
/// is done long before.
fn settle(server: &Server) {
    if server.is_elsewhere() {
        return;
    }
    let deadline = Instant::now() + SETTLE_LIMIT;
    let mut before = server.usage().cpu;
    while Instant::now() < deadline && interrupt::check().is_ok() {
        thread::sleep(SETTLE_INTERVAL);
        let now = server.usage().cpu;
        if now.saturating_sub(before) < SETTLE_INTERVAL.mul_f64(SETTLED_CPU) {
            return;
        }
        before = now;
    }
}

fn figures(scenario: &Scenario, cost: &Cost) -> Figures {
    let (records, seconds) = (scenario.records as f64, cost.span.as_secs_f64().max(1e-9));
    let bytes = records * scenario.record_bytes as f64;
    let cpu = cost.broker.cpu.as_secs_f64();
    Figures {
        records_per_second: records / seconds,
        mb_per_second: bytes / BYTES_PER_MB / seconds,
        broker_cpu_seconds_per_gb: cpu / (bytes / BYTES_PER_GB),
        broker_cpu_seconds_per_million: cpu / (records / MILLION),
        client_cpu_seconds_per_million: cost.client_cpu.as_secs_f64() / (records / MILLION),
        rss_mb: cost.broker.resident_bytes as f64 / BYTES_PER_MB,
        disk_bytes_per_byte: cost.broker.written_bytes as f64 / bytes,
        latency_us: None,
        latency_from_send_us: None,
    }
}

/// From the first producer's start to the last one's end.
fn span_of(produced: &[Produced]) -> Duration {
    let start = produced.iter().map(|produced| produced.span.0).min().unwrap_or_default();
    let end = produced.iter().map(|produced| produced.span.1).max().unwrap_or_default();
    end - start
}

fn begin(bar: &ProgressBar, what: &'static str, records: u64) {
    bar.set_length(records);
    bar.set_position(0);
    bar.set_message(what);
}

fn panicked() -> Error {
    Error::Input("a thread of the harness panicked".to_owned())
}
