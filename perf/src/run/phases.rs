//! The phases that kinds of work are made of, each with its threads.

use super::Shared;
use super::consuming::{self, Consumed, Counted, Reading};
use super::producing::{self, Assignment, Produced};
use crate::drivers::{Broker, Consumer, ConsumerOptions, Producer, ProducerOptions, Start, Topic};
use crate::error::{Error, Result};
use crate::host::interrupt;
use crate::host::server::Server;
use crate::scenario::{PREFETCH_BYTES, PREFETCH_RECORDS, Scenario};
use crate::work::latency::LatencySeries;
use crate::work::pacer::Pacer;
use crate::work::spread::Spread;
use indicatif::ProgressBar;
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::Duration;

const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// Client libraries look for a topic's partitions in the background: readers have found them by
/// then, so that the first records do not wait for that.
pub const READERS_CONNECT: Duration = Duration::from_secs(2);

/// A producer that is ready to start.
pub struct Writer {
    producer: Box<dyn Producer>,
    assignment: Assignment,
}

/// What a broker and its producers are at while something else is done.
pub struct Meanwhile<'a> {
    /// The broker's process.
    pub server: &'a mut Server,
    /// The clock, and the failure that ends everything.
    pub shared: &'a Shared,
    phase: &'a Phase<'a>,
    are_finished: &'a dyn Fn() -> bool,
}

impl Meanwhile<'_> {
    /// Shows progress until this time, or the producers are done; stops them if the broker ends.
    pub fn watch_until(&mut self, at: Duration) {
        let Meanwhile { server, shared, phase, are_finished } = self;
        phase.watch(server, shared, || shared.now() >= at || are_finished());
    }

    /// Shows progress until there was none for so long, or the producers are done; the broker may
    /// end.
    pub fn wait_until_nothing_moves_for(&mut self, limit: Duration) {
        let Meanwhile { shared, phase, are_finished, .. } = self;
        let (mut records, mut moved) = (shared.records(), shared.now());
        while shared.check().is_ok() && shared.now() - moved < limit && !are_finished() {
            phase.show(shared);
            if shared.records() != records {
                (records, moved) = (shared.records(), shared.now());
            }
        }
    }
}

/// What every phase works with.
pub struct Phase<'a> {
    /// Clients' way to the broker.
    pub broker: &'a dyn Broker,
    /// The work.
    pub scenario: &'a Scenario,
    /// Where records go.
    pub topic: &'a Topic,
    /// What shows progress.
    pub bar: &'a ProgressBar,
}

impl Phase<'_> {
    /// Writes all records.
    ///
    /// # Errors
    /// If broker or a client fails, or the run is interrupted.
    pub fn produce(&self, server: &mut Server, writers: Vec<Writer>) -> Result<Vec<Produced>> {
        self.produce_while(server, writers, |_| Ok(())).map(|(produced, ())| produced)
    }

    /// Writes all records, and does something else at the same time.
    ///
    /// # Errors
    /// As [`Phase::produce`], or if the other thing fails.
    pub fn produce_while<T>(
        &self,
        server: &mut Server,
        writers: Vec<Writer>,
        work: impl FnOnce(Meanwhile<'_>) -> Result<T>,
    ) -> Result<(Vec<Produced>, T)> {
        self.begin("writing", self.scenario.records);
        let shared = Shared::start();
        thread::scope(|scope| {
            let threads = spawn_writers(scope, writers, &shared);
            let are_finished = || are_finished(&threads);
            let meanwhile =
                Meanwhile { server, shared: &shared, phase: self, are_finished: &are_finished };
            let done = shared.keep_failure(work(meanwhile));
            self.watch(server, &shared, are_finished);
            let produced = join(threads, &shared)?;
            Ok((produced, done.expect("a failure is an outcome")))
        })
    }

    /// Counts what was written, with a consumer that can.
    ///
    /// # Errors
    /// As [`Phase::produce`].
    ///
    /// # Panics
    /// If the consumer cannot count.
    pub fn count(&self, server: &mut Server, mut consumer: Box<dyn Consumer>) -> Result<Counted> {
        let records = self.scenario.records;
        self.begin("reading", records);
        let shared = Shared::start();
        thread::scope(|scope| {
            let shared = &shared;
            let counter = consumer.as_mut();
            let mut run = move || {
                let counter = counter.counter().expect("the caller has asked");
                consuming::count(counter, records, shared)
            };
            let threads = vec![scope.spawn(move || shared.keep_failure(run()))];
            self.watch(server, shared, || are_finished(&threads));
            join(threads, shared).map(|mut all| all.remove(0))
        })
    }

    /// Reads back what was written.
    ///
    /// # Errors
    /// As [`Phase::produce`].
    pub fn consume(
        &self,
        server: &mut Server,
        mut consumer: Box<dyn Consumer>,
    ) -> Result<Consumed> {
        let sent = self.sent();
        self.begin("reading", self.scenario.records);
        let shared = Shared::start();
        thread::scope(|scope| {
            let (shared, sent) = (&shared, &sent);
            let reading = Reading { sent, is_live: false, backlog_of: None };
            let threads = vec![spawn_reader(scope, &mut consumer, reading, shared)];
            self.watch(server, shared, || are_finished(&threads));
            join(threads, shared).map(|mut all| all.remove(0))
        })
    }

    /// Connects a reader.
    ///
    /// # Errors
    /// If a client fails.
    pub fn reader(&self, options: ConsumerOptions) -> Result<Box<dyn Consumer>> {
        self.broker.consumer(self.topic, options)
    }

    /// Reads back what was written, as what is read only to verify is fetched: with librdkafka's
    /// defaults.
    ///
    /// # Errors
    /// As [`Phase::produce`].
    pub fn verify(&self, server: &mut Server) -> Result<Consumed> {
        let options = ConsumerOptions {
            prefetch_records: PREFETCH_RECORDS,
            prefetch_bytes: PREFETCH_BYTES,
            start: Start::First,
            kafka_client: self.scenario.kafka_client,
        };
        self.consume(server, self.reader(options)?)
    }

    /// Connects every producer and has it build what it builds ahead.
    ///
    /// # Errors
    /// If broker or a client fails, or the run is interrupted.
    pub fn writers(&self, server: &mut Server) -> Result<Vec<Writer>> {
        self.begin("preparing", self.scenario.records);
        let options = self.scenario.producer_options();
        let numbers = 0..self.scenario.producers;
        numbers.map(|number| self.writer(server, options, self.assignment(number))).collect()
    }

    /// Connects a producer, likewise.
    ///
    /// # Errors
    /// As [`Phase::writers`].
    pub fn writer(
        &self,
        server: &mut Server,
        options: ProducerOptions,
        mut assignment: Assignment,
    ) -> Result<Writer> {
        let mut producer = self.broker.producer(self.topic, options)?;
        producing::prepare(producer.as_mut(), &mut assignment, |records| {
            self.bar.set_position(records);
            interrupt::check()?;
            server.check_alive()
        })?;
        Ok(Writer { producer, assignment })
    }

    /// What each producer sends.
    pub fn sent(&self) -> Vec<u64> {
        (0..self.scenario.producers).map(|number| self.scenario.share(number)).collect()
    }

    /// What one of them is to do.
    pub fn assignment(&self, producer: u32) -> Assignment {
        let scenario = self.scenario;
        Assignment {
            producer,
            pacer: Pacer::new(scenario.pace(), scenario.share(producer)),
            spread: Spread::new(scenario.partitions, scenario.keys),
            record_bytes: scenario.record_bytes,
            confirm: scenario.confirm,
            is_prepared: false,
        }
    }

    /// Starts the bar anew.
    pub fn begin(&self, what: &'static str, records: u64) {
        self.bar.set_length(records);
        self.bar.set_position(0);
        self.bar.set_message(what);
    }

    /// Shows progress until the threads are done; stops them if the broker ends.
    pub fn watch(&self, server: &mut Server, shared: &Shared, is_finished: impl Fn() -> bool) {
        while !is_finished() {
            self.show(shared);
            shared.keep_failure(server.check_alive());
        }
    }

    /// Shows progress, and waits a little.
    fn show(&self, shared: &Shared) {
        thread::sleep(POLL_INTERVAL);
        self.bar.set_position(shared.records());
    }
}

/// A thread for each producer.
pub fn spawn_writers<'scope>(
    scope: &'scope Scope<'scope, '_>,
    writers: Vec<Writer>,
    shared: &'scope Shared,
) -> Vec<ScopedJoinHandle<'scope, Option<Produced>>> {
    let threads = writers.into_iter().map(|Writer { mut producer, assignment }| {
        let run = move || producing::run(producer.as_mut(), assignment, shared);
        scope.spawn(move || shared.keep_failure(run()))
    });
    threads.collect()
}

/// A thread for a reader.
pub fn spawn_reader<'scope>(
    scope: &'scope Scope<'scope, '_>,
    consumer: &'scope mut Box<dyn Consumer>,
    reading: Reading<'scope>,
    shared: &'scope Shared,
) -> ScopedJoinHandle<'scope, Option<Consumed>> {
    let mut run = move || consuming::run(consumer.as_mut(), reading, shared);
    scope.spawn(move || shared.keep_failure(run()))
}

/// Whether all of them are.
pub fn are_finished<T>(threads: &[ScopedJoinHandle<'_, T>]) -> bool {
    threads.iter().all(ScopedJoinHandle::is_finished)
}

/// The results of all threads, or the first failure of the whole run.
///
/// # Errors
/// That failure.
pub fn join<T>(threads: Vec<ScopedJoinHandle<'_, Option<T>>>, shared: &Shared) -> Result<Vec<T>> {
    let results: Vec<_> = threads.into_iter().map(ScopedJoinHandle::join).collect();
    shared.outcome()?;
    let panicked = || Error::Input("a thread of the harness panicked".to_owned());
    results.into_iter().map(|result| result.ok().flatten().ok_or_else(panicked)).collect()
}

/// From the first producer's start to the last one's end.
pub fn span_of(produced: &[Produced]) -> Duration {
    let start = produced.iter().map(|produced| produced.span.0).min().unwrap_or_default();
    let end = produced.iter().map(|produced| produced.span.1).max().unwrap_or_default();
    end - start
}

/// The latencies of several threads.
pub fn merged<'s>(series: impl Iterator<Item = &'s LatencySeries>) -> LatencySeries {
    let mut whole = LatencySeries::default();
    series.for_each(|one| whole.merge(one));
    whole
}
