//! Kills under load: the broker dies by SIGKILL in the middle of everything, starts again, and
//! must still have all that it promised.
//!
//! [`load`] is the clients, [`topics`] those that create and delete topics, [`check`] reads
//! everything back and compares it with the ledgers. `PINION_CRASH_ROUNDS` sets the number of
//! kills in all, `PINION_CRASH_SEED` repeats a failed series.

mod check;
mod load;
mod producers;
mod topics;

use crate::ledger::Ledger;
use crate::random::Random;
use crate::support::broker::{Broker, BrokerOptions};
use crate::wire_client::WireClient;
use load::Load;
use std::sync::Mutex;
use std::time::Duration;

/// The topic that the ledgers are about.
const TOPIC: &str = "ledger";

/// Its partitions; [`load`] says who writes to which.
const PARTITIONS: usize = 4;

/// Rounds of one broker; then a new one begins with an empty directory and other settings.
const ROUNDS_PER_SERIES: u64 = 10;

/// Rounds in all where `PINION_CRASH_ROUNDS` does not say.
const ROUNDS: u64 = if cfg!(debug_assertions) { 20 } else { 200 };

/// Acks from the page cache: Kafka's default.
const PAGE_CACHE: i64 = i64::MAX;

/// What is left to chance about one series.
struct Series {
    seed: u64,
    rounds: u64,
    flush_messages: i64,
}

/// How a round ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// SIGKILL.
    Kill,
    /// SIGKILL, and again while the next start recovers.
    KillTwice,
    /// SIGTERM.
    Terminate,
}

/// Goal: with every batch on the disk before its ack (`flush.messages=1`, the default), kills
/// lose no promise.
#[test]
fn kills_with_batches_on_disk() {
    run_all(1, 1);
}

/// Goal: with acks from the page cache (Kafka's default), kills lose no promise either: the
/// process dies, not the machine.
#[test]
fn kills_with_batches_in_the_page_cache() {
    run_all(PAGE_CACHE, 2);
}

/// Goal: with a policy in between (`flush.messages=50`), kills lose no promise.
#[test]
fn kills_with_batches_synced_now_and_then() {
    run_all(50, 3);
}

/// Runs this mode's share of the rounds. `mode` is 1 to 3.
fn run_all(flush_messages: i64, mode: u64) {
    const MODES: u64 = 3;
    let total = number("PINION_CRASH_ROUNDS").unwrap_or(ROUNDS);
    let seed = number("PINION_CRASH_SEED").unwrap_or(0x50_49_4e_49_4f_4e);
    let mut left = (total + mode - 1) / MODES;
    let (mut kills, mut acknowledged) = (0, 0);
    for series in 0.. {
        let rounds = left.min(ROUNDS_PER_SERIES);
        if rounds == 0 {
            break;
        }
        left -= rounds;
        let seed = seed.wrapping_add(series << 8).wrapping_add(mode);
        let done = Series { seed, rounds, flush_messages }.run();
        kills += done.kills;
        acknowledged += done.acknowledged;
    }
    println!("flush.messages={flush_messages}: {kills} kills, {acknowledged} records acknowledged");
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number, not {text:?}")))
}

/// What a series has done.
struct Done {
    kills: u64,
    acknowledged: u64,
}

impl Series {
    fn run(&self) -> Done {
        let seed = self.seed;
        println!("series with flush.messages={}, seed {seed}", self.flush_messages);
        let mut random = Random::new(seed);
        let mut broker = Broker::start(self.options(&mut random));
        let segment_bytes = random.pick(&["16384", "65536", "1048576", "1073741824"]);
        let topics = topics::Topics::default();
        let ledgers: [Mutex<Ledger>; PARTITIONS] = Default::default();
        let mut client = WireClient::connect(&broker.bootstrap());
        client.create_topic(TOPIC, PARTITIONS as i32, &[("internal.segment.bytes", segment_bytes)]);
        let mut load = Load::new(&mut client, random.fork());
        drop(client);
        let mut kills = 0;
        for round in 0..self.rounds {
            let end = match random.below(8) {
                0 => End::Terminate,
                1 | 2 => End::KillTwice,
                _ => End::Kill,
            };
            let moment = Duration::from_millis(random.between(20, 140));
            load.run(&broker.bootstrap(), &ledgers, &topics, || {
                std::thread::sleep(moment);
                end_broker(&mut broker, end, &mut random);
            });
            kills += match end {
                End::Terminate => 0,
                End::Kill => 1,
                End::KillTwice => 2,
            };
            println!("round {round}: {end:?} after {moment:?}");
            broker.restart();
            let mut client = WireClient::connect(&broker.bootstrap());
            check::ledgers(&mut client, &ledgers);
            topics.check(&mut client);
        }
        let acknowledged = ledgers.iter().map(|l| l.lock().unwrap().acknowledged_count()).sum();
        Done { kills, acknowledged }
    }

    fn options(&self, random: &mut Random) -> BrokerOptions {
        let options = BrokerOptions { shards: random.pick(&[1, 2, 3]), ..Default::default() };
        options
            .set("log.flush.interval.messages", self.flush_messages)
            .set("log.index.interval.bytes", random.pick(&[0, 1000, 4096]))
            .set("log.segment.delete.delay.ms", random.pick(&[0, 50, 60_000]))
            .set("log.flush.offset.checkpoint.interval.ms", random.pick(&[20, 100, 60_000]))
    }
}

fn end_broker(broker: &mut Broker, end: End, random: &mut Random) {
    if end == End::Terminate {
        let status = broker.terminate();
        assert!(status.success(), "a clean end: {status}");
        return;
    }
    broker.kill();
    if end == End::KillTwice {
        broker.spawn();
        std::thread::sleep(Duration::from_millis(random.between(0, 40)));
        broker.kill();
    }
}
