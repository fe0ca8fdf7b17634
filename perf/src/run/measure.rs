//! One scenario on one running system: warm up, write, read back, and what that cost.

use super::phases::{self, CaughtUp, Phase, Written};
use super::producing::Produced;
use crate::drivers::{ConsumerOptions, Durability, KafkaClient, Start, Topic};
use crate::error::Result;
use crate::host::helper::Helper;
use crate::host::interrupt;
use crate::host::server::Server;
use crate::host::usage::Usage;
use crate::results::{Figures, Restart, Run};
use crate::scenario::{Kind, PREFETCH_BYTES, PREFETCH_RECORDS, Scenario};
use crate::systems::Running;
use crate::work::latency::LatencySeries;
use crate::work::verifier::Verdict;
use indicatif::ProgressBar;
use std::thread;
use std::time::{Duration, Instant};

/// The part of the work that is done once more before it, on a topic of its own.
const WARM_UP_PART: f64 = 0.1;
const WARM_UP_RECORDS_MIN: f64 = 20_000.0;
/// In an open loop, where latency is what is measured, compilers at run time have this long.
const WARM_UP_SECONDS_MIN: f64 = 5.0;
/// A broker that uses less of a core than this has digested what it was given.
const SETTLED_CPU: f64 = 0.1;
const SETTLE_INTERVAL: Duration = Duration::from_millis(200);
const SETTLE_LIMIT: Duration = Duration::from_secs(10);
const BYTES_PER_MB: f64 = 1e6;
const BYTES_PER_GB: f64 = 1e9;
const MILLION: f64 = 1e6;
const MILLIS_PER_SECOND: f64 = 1e3;

/// How what is read only to verify is fetched: librdkafka's defaults.
const VERIFYING: ConsumerOptions = ConsumerOptions {
    prefetch_records: PREFETCH_RECORDS,
    prefetch_bytes: PREFETCH_BYTES,
    start: Start::First,
    kafka_client: KafkaClient::Native,
};

/// A run, and its latencies second by second.
#[derive(Debug)]
pub struct Measured {
    /// The figures and the verdict.
    pub run: Run,
    /// Those of [`Figures::latency_us`], if there are any.
    pub latency: LatencySeries,
    /// Those of [`Figures::latency_until_confirmed_us`], if there are any.
    pub latency_until_confirmed: LatencySeries,
}

/// What is to be measured.
#[derive(Debug, Clone, Copy)]
pub struct Work<'a> {
    /// What is done.
    pub scenario: &'a Scenario,
    /// What acknowledgements mean.
    pub durability: Durability,
    /// Which of the runs it is.
    pub round: u32,
    /// Whether it is no system that is measured, but how far its client gets: then records that
    /// are not read to be measured are not read at all.
    pub is_ceiling: bool,
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
pub fn run(running: &mut Running, work: Work<'_>, bar: &ProgressBar) -> Result<Measured> {
    let Work { scenario, durability, round, is_ceiling } = work;
    let run = std::process::id();
    let topic = |part: &str| Topic {
        // Of this run alone, since a broker may have been here before.
        name: format!("{}-{part}-{run}-{round}", scenario.name),
        partitions: scenario.partitions,
        durability,
        is_kept: !is_ceiling || scenario.kind != Kind::Produce,
    };
    let records = scenario.records as f64;
    let warm_up_records = (records * WARM_UP_PART)
        .max(WARM_UP_RECORDS_MIN)
        .max(scenario.rate.unwrap_or(0.0) * WARM_UP_SECONDS_MIN)
        .min(records);
    let mut warm_up = scenario.clone().scaled(warm_up_records / records);
    if warm_up.kind == Kind::Restart {
        warm_up.kind = Kind::Produce;
    }
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
    let phase = Phase { broker: broker.as_ref(), scenario, topic, bar };
    let measured = match scenario.kind {
        Kind::FanOut => fan_out(server, &phase),
        Kind::CatchUp => catch_up(server, &phase),
        Kind::Produce | Kind::Consume | Kind::Restart => one_after_the_other(server, &phase),
    }?;
    // What stays would take disk and page cache from those behind it.
    broker.delete_topic(topic)?;
    settle(server);
    Ok(measured)
}

fn one_after_the_other(server: &mut Server, phase: &Phase<'_>) -> Result<Measured> {
    let scenario = phase.scenario;
    let writers = phase.writers(server)?;
    let (written, Written { produced, stop }) = costing(server, |server| {
        let written = phase.produce(server, writers)?;
        Ok((phases::span_of(&written.produced), written))
    })?;
    if !phase.topic.is_kept {
        let latency = merged(produced.iter().map(|produced| &produced.latency));
        let figures = figures(scenario, scenario.records, &written);
        let run = Run { figures, verification: Verdict::default() };
        return Ok(Measured { run, latency, latency_until_confirmed: LatencySeries::default() });
    }
    let (read, verification) = read(server, phase)?;
    let cost = if scenario.kind == Kind::Consume { &read } else { &written };
    let mut figures = figures(scenario, scenario.records, cost);
    let mut latency = LatencySeries::default();
    if scenario.kind != Kind::Consume {
        latency = merged(produced.iter().map(|produced| &produced.latency));
        let from_send = merged(produced.iter().map(|produced| &produced.latency_from_send));
        figures.latency_us = latency.percentiles();
        figures.latency_from_send_us = from_send.percentiles();
        figures.restart = stop.map(|stop| restart(stop, &produced));
    }
    let run = Run { figures, verification };
    Ok(Measured { run, latency, latency_until_confirmed: LatencySeries::default() })
}

/// Reads everything back. Where that is what is measured, and the driver can count for less than it
/// costs to look at every record, counting is measured, and another reading verifies.
fn read(server: &mut Server, phase: &Phase<'_>) -> Result<(Cost, Verdict)> {
    let Scenario { kind, kafka_client, .. } = *phase.scenario;
    let verifying = ConsumerOptions { kafka_client, ..VERIFYING };
    let options = match kind {
        Kind::Consume => phase.scenario.consumer_options(Start::First),
        _ => verifying,
    };
    let mut reader = phase.reader(options)?;
    if kind != Kind::Consume || reader.counter().is_none() {
        let (cost, consumed) = costing(server, |server| {
            let consumed = phase.consume(server, reader)?;
            Ok((consumed.span.1 - consumed.span.0, consumed))
        })?;
        return Ok((cost, consumed.verdict));
    }
    let (cost, ()) = costing(server, |server| {
        let (start, end) = phase.count(server, reader)?.span;
        Ok((end - start, ()))
    })?;
    let consumed = phase.consume(server, phase.reader(verifying)?)?;
    Ok((cost, consumed.verdict))
}

fn restart(stop: Duration, produced: &[Produced]) -> Restart {
    let silence = produced.iter().map(|produced| produced.silence_max).max().unwrap_or_default();
    let millis = |time: Duration| time.as_secs_f64() * MILLIS_PER_SECOND;
    Restart { stop_ms: millis(stop), silence_ms: millis(silence) }
}

/// Everything at once: the rate counts what readers got, all of them together.
fn fan_out(server: &mut Server, phase: &Phase<'_>) -> Result<Measured> {
    let scenario = phase.scenario;
    let (cost, readers) = costing(server, |server| {
        let readers = phase.fan_out(server)?;
        let start = readers.iter().map(|reader| reader.span.0).min().unwrap_or_default();
        let end = readers.iter().map(|reader| reader.span.1).max().unwrap_or_default();
        Ok((end - start, readers))
    })?;
    let latency = merged(readers.iter().map(|reader| &reader.latency));
    let mut verification = Verdict::default();
    readers.iter().for_each(|reader| verification.add(&reader.verdict));
    let mut figures = figures(scenario, verification.received, &cost);
    figures.latency_us = latency.percentiles();
    let run = Run { figures, verification };
    Ok(Measured { run, latency, latency_until_confirmed: LatencySeries::default() })
}

/// The rate is that of the drained backlog, the latency that of the reader at the end; the cost is
/// shared by everything that readers got.
fn catch_up(server: &mut Server, phase: &Phase<'_>) -> Result<Measured> {
    let scenario = phase.scenario;
    phase.write_backlog(server)?;
    settle(server);
    let (cost, caught_up) = costing(server, |server| {
        let caught_up = phase.catch_up(server)?;
        let (start, end) = caught_up.drained.span;
        Ok((caught_up.drained.backlog_end.unwrap_or(end) - start, caught_up))
    })?;
    let CaughtUp { produced, followed, drained } = caught_up;
    let mut verification = followed.verdict;
    verification.add(&drained.verdict);
    let rates = figures(scenario, scenario.backlog, &cost);
    let mut figures = Figures {
        records_per_second: rates.records_per_second,
        mb_per_second: rates.mb_per_second,
        ..figures(scenario, verification.received, &cost)
    };
    figures.latency_us = followed.latency.percentiles();
    let confirmed = merged(produced.iter().map(|produced| &produced.latency));
    figures.latency_until_confirmed_us = confirmed.percentiles();
    let from_send = merged(produced.iter().map(|produced| &produced.latency_from_send));
    figures.latency_from_send_us = from_send.percentiles();
    let run = Run { figures, verification };
    Ok(Measured { run, latency: followed.latency, latency_until_confirmed: confirmed })
}

fn merged<'s>(series: impl Iterator<Item = &'s LatencySeries>) -> LatencySeries {
    let mut whole = LatencySeries::default();
    series.for_each(|one| whole.merge(one));
    whole
}

/// Does a phase, and tells what it cost until the broker had come to rest.
fn costing<T>(
    server: &mut Server,
    phase: impl FnOnce(&mut Server) -> Result<(Duration, T)>,
) -> Result<(Cost, T)> {
    let (broker, client) = (server.usage(), client_cpu());
    let (span, result) = phase(server)?;
    let client_cpu = client_cpu().saturating_sub(client);
    settle(server);
    let mut usage = server.usage();
    usage.cpu = usage.cpu.saturating_sub(broker.cpu);
    usage.written_bytes = usage.written_bytes.saturating_sub(broker.written_bytes);
    Ok((Cost { span, broker: usage, client_cpu }, result))
}

/// CPU time of the harness, the processes of its drivers included.
fn client_cpu() -> Duration {
    Usage::of_process() + Helper::spent()
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

/// The figures of a phase that passed so many records on.
fn figures(scenario: &Scenario, records: u64, cost: &Cost) -> Figures {
    let (records, seconds) = (records as f64, cost.span.as_secs_f64().max(1e-9));
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
        latency_until_confirmed_us: None,
        latency_from_send_us: None,
        restart: None,
    }
}
