//! The phases of a run, each with its threads: writing, reading, both at once, and both beside the
//! draining of a backlog.

use super::Shared;
use super::consuming::{self, Consumed, Counted, Reading};
use super::producing::{self, Assignment, Produced};
use crate::drivers::{Broker, Consumer, ConsumerOptions, Producer, ProducerOptions, Start, Topic};
use crate::error::{Error, Result};
use crate::host::interrupt;
use crate::host::server::Server;
use crate::scenario::Scenario;
use crate::work::pacer::{Pace, Pacer};
use crate::work::spread::Spread;
use indicatif::ProgressBar;
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::Duration;

const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// Client libraries look for a topic's partitions in the background: readers have found them by
/// then, so that the first records do not wait for that.
const READERS_CONNECT: Duration = Duration::from_secs(2);
/// Unconfirmed records while a backlog is written: enough for any broker's batches.
const BACKLOG_WINDOW: u64 = 10_000;

/// A producer that is ready to start.
pub struct Writer {
    producer: Box<dyn Producer>,
    assignment: Assignment,
}

/// What a drained backlog leaves to be told.
#[derive(Debug)]
pub struct CaughtUp {
    /// The writing meanwhile.
    pub produced: Vec<Produced>,
    /// The reader that stayed at the end.
    pub followed: Consumed,
    /// The reader that began with the backlog.
    pub drained: Consumed,
}

/// What a written topic leaves to be told.
#[derive(Debug)]
pub struct Written {
    /// What each producer did.
    pub produced: Vec<Produced>,
    /// From SIGTERM to the end of the broker's process, if it was restarted.
    pub stop: Option<Duration>,
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
    /// Writes all records; restarts the broker meanwhile, if the scenario says so.
    ///
    /// # Errors
    /// If broker or a client fails, or the run is interrupted.
    pub fn produce(&self, server: &mut Server, writers: Vec<Writer>) -> Result<Written> {
        self.begin("writing", self.scenario.records);
        let shared = Shared::start();
        thread::scope(|scope| {
            let threads = spawn_writers(scope, writers, &shared);
            let mut stop = None;
            if let Some(at) = self.scenario.restart_at() {
                self.watch(server, &shared, || shared.now() >= at || are_finished(&threads));
                stop = shared.keep_failure(shared.check().and_then(|()| server.restart()));
            }
            self.watch(server, &shared, || are_finished(&threads));
            join(threads, &shared).map(|produced| Written { produced, stop })
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

    /// Writes all records while every reader reads all of them.
    ///
    /// # Errors
    /// As [`Phase::produce`].
    pub fn fan_out(&self, server: &mut Server) -> Result<Vec<Consumed>> {
        let sent = self.sent();
        let options = self.scenario.consumer_options(Start::First);
        let mut consumers: Vec<Box<dyn Consumer>> = Vec::new();
        for _ in 0..self.scenario.readers {
            consumers.push(self.reader(options)?);
        }
        thread::sleep(READERS_CONNECT);
        let writers = self.writers(server)?;
        self.begin("fan-out", self.scenario.records * (1 + u64::from(self.scenario.readers)));
        let shared = Shared::start();
        thread::scope(|scope| {
            let shared = &shared;
            let reading = Reading { sent: &sent, is_live: true, backlog_of: None };
            let readers: Vec<_> = consumers
                .iter_mut()
                .map(|consumer| spawn_reader(scope, consumer, reading, shared))
                .collect();
            let writers = spawn_writers(scope, writers, shared);
            self.watch(server, shared, || are_finished(&readers) && are_finished(&writers));
            join(writers, shared)?;
            join(readers, shared)
        })
    }

    /// Writes the backlog, as a producer of its own.
    ///
    /// # Errors
    /// As [`Phase::produce`].
    pub fn write_backlog(&self, server: &mut Server) -> Result<()> {
        let Scenario { backlog, kafka_client, .. } = *self.scenario;
        let window = Some(BACKLOG_WINDOW);
        let (batch, confirm, outlasts_restart) = (None, true, false);
        let options = ProducerOptions { batch, confirm, window, outlasts_restart, kafka_client };
        let assignment = Assignment {
            producer: self.backlog_producer(),
            pacer: Pacer::new(Pace::Closed { window: BACKLOG_WINDOW }, backlog),
            confirm,
            ..self.assignment(0)
        };
        let writer = self.writer(server, options, assignment)?;
        self.begin("backlog", backlog);
        let shared = Shared::start();
        thread::scope(|scope| {
            let threads = spawn_writers(scope, vec![writer], &shared);
            self.watch(server, &shared, || are_finished(&threads));
            join(threads, &shared).map(drop)
        })
    }

    /// Writes all records while one reader stays at their end, and another drains the backlog
    /// and goes on until it has all of them, too.
    ///
    /// # Errors
    /// As [`Phase::produce`].
    pub fn catch_up(&self, server: &mut Server) -> Result<CaughtUp> {
        let Scenario { records, backlog, .. } = *self.scenario;
        let live = self.sent();
        let all = [live.as_slice(), &[backlog]].concat();
        let at_the_end = self.scenario.consumer_options(Start::End);
        let mut follower = self.reader(at_the_end)?;
        thread::sleep(READERS_CONNECT);
        let writers = self.writers(server)?;
        let from_the_first = self.scenario.consumer_options(Start::First);
        let mut drainer = self.reader(from_the_first)?;
        self.begin("catch-up", backlog + 3 * records);
        let shared = Shared::start();
        thread::scope(|scope| {
            let shared = &shared;
            let reading = Reading { sent: &live, is_live: true, backlog_of: None };
            let following = spawn_reader(scope, &mut follower, reading, shared);
            let backlog_of = Some(self.backlog_producer());
            let reading = Reading { sent: &all, is_live: false, backlog_of };
            let draining = spawn_reader(scope, &mut drainer, reading, shared);
            let readers = vec![following, draining];
            let writers = spawn_writers(scope, writers, shared);
            self.watch(server, shared, || are_finished(&readers) && are_finished(&writers));
            let produced = join(writers, shared)?;
            let [followed, drained] = <[Consumed; 2]>::try_from(join(readers, shared)?)
                .expect("as many results as threads");
            Ok(CaughtUp { produced, followed, drained })
        })
    }

    /// The number of the producer behind the last of the others.
    fn backlog_producer(&self) -> u32 {
        self.scenario.producers
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

    fn writer(
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
    fn sent(&self) -> Vec<u64> {
        (0..self.scenario.producers).map(|number| self.scenario.share(number)).collect()
    }

    fn assignment(&self, producer: u32) -> Assignment {
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

    fn begin(&self, what: &'static str, records: u64) {
        self.bar.set_length(records);
        self.bar.set_position(0);
        self.bar.set_message(what);
    }

    /// Shows progress until the threads are done; stops them if the broker ends.
    fn watch(&self, server: &mut Server, shared: &Shared, is_finished: impl Fn() -> bool) {
        while !is_finished() {
            thread::sleep(POLL_INTERVAL);
            self.bar.set_position(shared.records());
            shared.keep_failure(server.check_alive());
        }
    }
}

fn spawn_writers<'scope>(
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

fn spawn_reader<'scope>(
    scope: &'scope Scope<'scope, '_>,
    consumer: &'scope mut Box<dyn Consumer>,
    reading: Reading<'scope>,
    shared: &'scope Shared,
) -> ScopedJoinHandle<'scope, Option<Consumed>> {
    let mut run = move || consuming::run(consumer.as_mut(), reading, shared);
    scope.spawn(move || shared.keep_failure(run()))
}

fn are_finished<T>(threads: &[ScopedJoinHandle<'_, T>]) -> bool {
    threads.iter().all(ScopedJoinHandle::is_finished)
}

/// The results of all threads, or the first failure of the whole run.
fn join<T>(threads: Vec<ScopedJoinHandle<'_, Option<T>>>, shared: &Shared) -> Result<Vec<T>> {
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
