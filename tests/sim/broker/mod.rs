//! Whole brokers on the simulated machine, with clients that check what they are promised.
//!
//! **What runs.** A run is a few lives of one data directory. In each, a process starts with the
//! real shards, logs and metadata; an auditor reads everything; then producers, readers and an
//! operator work until the process is killed, the power fails, or it ends cleanly. Shards take
//! turns on one thread, and clock, network and disk are simulated, so that a run depends on its
//! seed alone. The seed decides how many shards and clients there are, how fast everything is,
//! which operations fail, when the disk is full, and when it all ends, be it within a write, whose
//! unsynced bytes are then kept, lost or torn.
//!
//! **What is checked.** By readers and the auditor: nothing acknowledged is lost, as far as the
//! topic's flush policy and the kind of crash promise that; an offset never has two records;
//! offsets have no gap; every record is one that was sent, whole; those of an idempotent producer
//! come once and in order; nothing at or above the high watermark is served; the log start moves
//! forward only, never back over what DeleteRecords has answered, and only over records that were
//! deleted or that retention may take; the leader epoch never goes back. By the producers: each
//! request has its one response, in order, and no batch is refused without a reason. By the world:
//! the shards keep the contract of the seam. By the test: all that [`coverage`] lists did happen.
//!
//! **How to run it.** `PINION_SIM_SEEDS=5000 cargo test --release --test sim broker` runs more
//! seeds than usual. A failure prints its seed and the command that runs it again:
//! `PINION_SIM_SEED=17 …` runs that one alone and tells what happens, `PINION_SIM_TRACE=1` besides
//! prints every operation.
//!
//! | file | what it knows |
//! |---|---|
//! | `run` | the lives of a run, and what each end means |
//! | `node` | a process: its shards, and whose turn it is |
//! | `trouble` | what goes wrong with the disk |
//! | `topics` | what the clients know, and what they were promised |
//! | `producer`, `reader`, `admin`, `auditor` | the clients; `client` and `line` are what they share |
//! | `coverage`, `hearing` | what has happened, and what the broker said |

mod admin;
mod auditor;
mod client;
mod coverage;
mod hearing;
mod line;
mod node;
mod producer;
mod reader;
mod run;
mod topics;
mod trouble;

use crate::report;
use crate::world::Disk;
use coverage::Coverage;
use run::{Figures, Run};

/// The seeds that the test command runs, and after which everything must have happened.
const SEEDS: u64 = 300;

/// A whole run. With a `bug`, something is wrong with the disk that nobody is told of.
fn run(seed: u64, bug: Option<fn(&mut Disk)>) -> Figures {
    let command = "cargo test --release --test sim brokers_keep -- --nocapture";
    let _guard = report::on_failure(format!("PINION_SIM_SEED={seed} {command}"));
    let mut run = Run::new(seed, report::is_single());
    if let Some(bug) = bug {
        run.tamper(bug);
    }
    run.go()
}

/// Goal: one seed is one run.
#[test]
fn one_seed_is_one_run() {
    for seed in 1..6 {
        assert_eq!(run(seed, None), run(seed, None), "seed {seed}");
    }
}

/// Goal: whatever happens, brokers keep what they promise.
#[test]
fn brokers_keep_their_promises() {
    let seeds = report::seeds(SEEDS);
    let count = seeds.end - seeds.start;
    let mut coverage = Coverage::default();
    let (mut crashes, mut acknowledged, mut read, mut hours) = (0, 0, 0, 0.0);
    for seed in seeds {
        let figures = run(seed, None);
        crashes += figures.crashes;
        acknowledged += figures.acknowledged;
        read += figures.read;
        hours += figures.nanos as f64 / 3.6e12;
        coverage.merge(&figures.coverage);
    }
    report::print(&format!(
        "sim: brokers: {count} seeds, {hours:.2} simulated hours, {crashes} crashes, \
         {acknowledged} records acknowledged, {read} read"
    ));
    if report::is_single() {
        report::print(&format!("{coverage:#?}"));
    } else if count >= SEEDS {
        coverage.check();
    }
}

/// Has the seeds run on a disk with a bug until a check notices it.
fn expect_noticed(what: &str, bug: fn(&mut Disk)) {
    let expected =
        ["was lost", "came back", "does not start", "cannot be audited", "given to two", "anew"];
    let seed = std::sync::atomic::AtomicU64::new(0);
    report::expect_noticed(&expected, || {
        for next in 0..20 {
            seed.store(next, std::sync::atomic::Ordering::Relaxed);
            run(next, Some(bug));
        }
    });
    let count = seed.into_inner() + 1;
    report::print(&format!("sim: brokers: {what}, noticed within {count} seeds"));
}

/// Goal: a disk that only says that it has synced is noticed within a few seeds.
#[test]
fn a_lying_disk_is_noticed() {
    expect_noticed("syncs lie", |disk| disk.faults.syncs_lie = true);
}

/// Goal: so is one that forgets the names of files.
#[test]
fn a_forgetful_directory_is_noticed() {
    expect_noticed("syncs of directories lie", |disk| disk.faults.directory_syncs_lie = true);
}
