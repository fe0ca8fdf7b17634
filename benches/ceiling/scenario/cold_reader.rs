//! A consumer that reads from the disk, and what it does to a producer and a tail reader.

use super::{Plan, fetch};
use crate::load::fetch::Reading;
use crate::load::latency::{Latencies, Schedule};
use crate::load::{self};
use crate::report::{self, Comparison, median};
use crate::servers::Server;
use crate::tape::{Shape, Tape};
use rustix::fs::{Advice, fadvise, fdatasync};
use std::fs::File;
use std::io;
use std::time::Duration;

/// The log's old part.
const OLD: Shape = Shape {
    topic: "bench",
    partition_count: 1,
    batch_size: 64 << 10,
    connection_count: 8,
    in_flight: 5,
};

/// What is produced, and read at the tail, while latencies are taken.
const NEW: Shape = Shape { batch_size: 4 << 10, connection_count: 1, ..OLD };

/// Bytes of the log, and of its beginning that the old reader goes through again and again. What
/// lies between is what a broker may still believe to be in the page cache.
const LOG_SIZE: u64 = 1536 << 20;
const OLD_SIZE: u64 = 1024 << 20;

const INTERVAL: Duration = Duration::from_millis(1);

/// p99 with a cold reader against p99 without, of the producer and of the tail reader.
pub fn run(plan: &Plan) -> io::Result<Option<Comparison>> {
    let old_tape = Tape::new(OLD);
    let new_tape = Tape::new(NEW);
    let broker = Server::broker(plan.cores, &[])?;
    broker.create_topic(OLD.topic, 1)?;
    let log_size = if plan.is_quick { 512 << 20 } else { LOG_SIZE };
    let requests = log_size / OLD.batch_size as u64;
    plan.on_client_core(|| load::produce::run(&broker, &old_tape, 0, requests))?;
    let schedule = Schedule { interval: INTERVAL, warm_up: 500, count: plan.scaled(4000) };
    let old_size = if plan.is_quick { 128 << 20 } else { OLD_SIZE };
    let old = Reading { connection_count: 1, ..fetch::reading(&old_tape, old_size) };
    let (mut quiet, mut cold) = (Vec::new(), Vec::new());
    let measure =
        |old| plan.on_client_core(|| load::latency::run(&broker, &new_tape, schedule, old));
    let cold_before = broker.metrics()?.sum(COLD_BYTES.0, COLD_BYTES.1);
    for _ in 0..plan.rounds {
        quiet.push(measure(None)?);
        evict(&broker)?;
        cold.push(measure(Some(old))?);
    }
    let cold_bytes = broker.metrics()?.sum(COLD_BYTES.0, COLD_BYTES.1) - cold_before;
    print(&quiet, &cold, cold_bytes);
    Ok(None)
}

/// The counter of bytes that came from the disk.
const COLD_BYTES: (&str, &str) = ("pinion_file_sent_bytes_total", "cache=\"cold\"");

/// Takes the log out of the page cache.
fn evict(broker: &Server) -> io::Result<()> {
    let directory = broker.data_directory().join(format!("{}-0", OLD.topic));
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            let file = File::options().read(true).write(true).open(path)?;
            fdatasync(&file)?;
            fadvise(&file, 0, None, Advice::DontNeed)?;
        }
    }
    Ok(())
}

fn print(quiet: &[Latencies], cold: &[Latencies], cold_bytes: f64) {
    let middle = |runs: &[Latencies], role: Role, quantile: f64| {
        median(runs.iter().map(|run| role.quantile_us(run, quantile)))
    };
    let roles = [Role::Produce, Role::Tail, Role::Load];
    let worse = roles.map(|role| middle(cold, role, 0.99) / middle(quiet, role, 0.99));
    report::ratio("cold-reader-p99", worse[0].max(worse[1]));
    for (role, ratio) in roles.into_iter().zip(worse) {
        let text = format!(
            "p50 {:.0} µs quiet, {:.0} µs cold; p99 {:.0} and {:.0} µs, {ratio:.2} times; \
             p99 of the runs {} and {}",
            middle(quiet, role, 0.5),
            middle(cold, role, 0.5),
            middle(quiet, role, 0.99),
            middle(cold, role, 0.99),
            role.spread(quiet),
            role.spread(cold),
        );
        report::detail(role.name(), &text);
    }
    let read = cold.iter().map(|run| run.old_bytes).sum::<u64>() as f64;
    let scheduled: u64 = cold.iter().map(|run| run.scheduled).sum();
    let seconds = scheduled as f64 * INTERVAL.as_secs_f64();
    let text = format!(
        "{:.0} MB/s, of which {:.0}% came from the disk",
        read / 1e6 / seconds,
        100.0 * cold_bytes / read
    );
    report::detail("cold reader", &text);
}

/// Whose latency.
#[derive(Debug, Clone, Copy)]
enum Role {
    Produce,
    Tail,
    /// The load generator, which sends late where its core is busy with old records.
    Load,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Role::Produce => "produce",
            Role::Tail => "tail reader",
            Role::Load => "load generator's own",
        }
    }

    fn quantile_us(self, run: &Latencies, quantile: f64) -> f64 {
        let histogram = match self {
            Role::Produce => &run.produce,
            Role::Tail => &run.tail,
            Role::Load => &run.lateness,
        };
        histogram.value_at_quantile(quantile) as f64 / 1000.0
    }

    /// The p99 of every run.
    fn spread(self, runs: &[Latencies]) -> String {
        let texts = runs.iter().map(|run| format!("{:.0}", self.quantile_us(run, 0.99)));
        texts.collect::<Vec<String>>().join(" ")
    }
}
