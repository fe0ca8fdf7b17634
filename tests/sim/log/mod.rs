//! One log on the simulated disk, without a shard: what it acknowledged survives every crash.

mod process;
mod producers;
mod unsynced;

use crate::ledger::Ledger;
use crate::random::Random;
use crate::report;
use crate::strikes::Victim;
use crate::world::{Crash, Disk, Fault, World};
use pinion::log::{AppendError, FlushPolicy, LastEnd, LogConfig, ReadError};
use process::{Checkpoint, Process};
use producers::{Names, Producer};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What one run does besides dying; all of it follows from the seed.
struct Scenario {
    seed: u64,
    config: Arc<LogConfig>,
    plan: fn(&mut Disk),
}

impl std::fmt::Debug for Scenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let LogConfig { flush_messages, flush_ms, .. } = *self.config;
        let flush = format_args!("flush.messages={flush_messages}, flush.ms={flush_ms}");
        write!(f, "PINION_SIM_SEED={}, {flush}", self.seed)
    }
}

/// What outlives the process: what clients and the shard know.
struct Run {
    world: World,
    random: Random,
    ledger: Ledger,
    producers: Vec<Producer>,
    names: Names,
    checkpoint: Checkpoint,
    starts: i32,
}

fn draw_config(random: &mut Random) -> LogConfig {
    let (flush_messages, flush_ms) =
        random.pick(&[(1, i64::MAX), (1, i64::MAX), (7, 40), (i64::MAX, 30), (i64::MAX, i64::MAX)]);
    LogConfig {
        segment_bytes: random.pick(&[8 << 10, 16 << 10, 40 << 10]),
        index_interval_bytes: random.pick(&[1, 1000, 4096]),
        retention_bytes: random.pick(&[-1, 30 << 10]),
        retention_check_interval_ms: random.pick(&[20, 1000]),
        flush_messages,
        flush_ms,
        file_delete_delay_ms: random.pick(&[0, 50, 10_000]),
        preallocate: random.once_in(3),
        ..LogConfig::default()
    }
}

impl Scenario {
    fn new(seed: u64) -> Scenario {
        let config = Arc::new(draw_config(&mut Random::new(seed)));
        Scenario { seed, config, plan: |_| {} }
    }

    fn begin(&self) -> Run {
        let world = World::with_directory(self.seed, Path::new("/data"));
        (self.plan)(&mut world.machine().disk);
        let mut names = Names::default();
        let idempotent = [(); 2].map(|()| Producer::idempotent(&mut names));
        let producers = idempotent.into_iter().chain([Producer::plain()]).collect();
        Run {
            world,
            random: Random::new(self.seed).fork(),
            ledger: Ledger::default(),
            producers,
            names,
            checkpoint: Checkpoint::default(),
            starts: 0,
        }
    }

    /// Starts a process: makes the log, or recovers it and checks what is there. `None` if the
    /// process dies on the way.
    fn start(&self, run: &mut Run) -> Option<Process> {
        run.starts += 1;
        if !Process::exists(&run.world) && run.ledger.acknowledged_count() == 0 {
            let process = Process::create(&run.world, &self.config);
            run.checkpoint.last_end = LastEnd::Killed;
            return (!process.is_dead()).then_some(process);
        }
        let recovered = Process::recover(&run.world, &self.config, run.starts, run.checkpoint);
        let mut process = match recovered {
            Ok((process, report)) => {
                assert_eq!(report.damage, [], "a crash counts as damage");
                process
            }
            Err(_) if run.world.machine().stations.current().is_empty() => return None,
            Err(error) => panic!("recovery refuses: {error}"),
        };
        run.checkpoint.last_end = LastEnd::Killed;
        self.check(run, &mut process)?;
        Some(process)
    }

    /// Reads everything that a recovered log has and compares it with what was promised.
    fn check(&self, run: &mut Run, process: &mut Process) -> Option<()> {
        let positions = process.log.positions();
        assert_eq!(positions.high_watermark, positions.log_end, "a restart hides records");
        let log_end = positions.log_end.0;
        let mut reads = Vec::new();
        let mut offset = positions.log_start.0;
        while offset < log_end {
            let length_max = run.random.between(1, 20_000) as u32;
            match process.read(offset, length_max, &mut run.ledger) {
                Ok(Some(found)) => {
                    offset += found.len() as i64;
                    reads.extend(found);
                }
                Ok(None) if process.is_dead() => return None,
                Ok(None) => panic!("offset {offset} of {log_end} is not there"),
                Err(ReadError::OffsetOutOfRange { log_start, .. }) if log_start.0 > offset => {
                    offset = log_start.0;
                }
                Err(error) => panic!("recovered, but unreadable: {error}"),
            }
        }
        let log_start = process.log.positions().log_start.0;
        reads.retain(|read| read.offset >= log_start);
        run.ledger.check(log_start, log_end, &reads);
        Some(())
    }

    /// Sends again what is not known to have arrived, in order, as clients do. False if the log
    /// does not take it.
    fn resend(&self, run: &mut Run, process: &mut Process, index: usize) -> bool {
        let producer = &mut run.producers[index];
        producer.is_behind = true;
        for (ids, sender) in producer.again() {
            match process.append(&ids, sender, index) {
                Ok(_) => {}
                Err(AppendError::Failed | AppendError::NoSpace | AppendError::Io(_)) => {
                    return false;
                }
                Err(error) => panic!("{ids:?} sent again: {error}"),
            }
        }
        producer.is_behind = false;
        true
    }

    /// Appends, reads, deletes and waits, as the seed has it.
    fn work(&self, run: &mut Run, process: &mut Process, steps: u64) {
        for index in 0..run.producers.len() {
            self.resend(run, process, index);
        }
        for _ in 0..steps {
            if process.is_dead() {
                return;
            }
            match run.random.below(20) {
                0..10 => self.append(run, process),
                10..13 => process.turn(None, &mut run.ledger),
                13 => {
                    let duration = Duration::from_micros(run.random.below(5000));
                    process.run_for(duration, &mut run.ledger);
                }
                14 => process.run_for(Duration::from_millis(30), &mut run.ledger),
                15..17 => self.read(run, process),
                17 => self.delete_records(run, process),
                18 => run.checkpoint = process.checkpoint(),
                _ => self.repeat(run, process),
            }
            producers::take_replies(&mut run.producers, process.take_replies());
        }
        process.run_idle(&mut run.ledger);
        producers::take_replies(&mut run.producers, process.take_replies());
    }

    fn append(&self, run: &mut Run, process: &mut Process) {
        let index = run.random.index(run.producers.len());
        if run.producers[index].is_behind && !self.resend(run, process, index) {
            return process.turn(None, &mut run.ledger);
        }
        let Run { producers, names, random, ledger, .. } = run;
        let Some((ids, sender)) = producers[index].next_batch(names, random, ledger) else {
            return process.turn(None, ledger);
        };
        match process.append(&ids, sender, index) {
            Ok(appended) => assert!(!appended.duplicate, "{ids:?} were never sent before"),
            Err(AppendError::Failed | AppendError::NoSpace | AppendError::Io(_)) => {
                producers[index].is_behind = true;
            }
            Err(error) => panic!("{ids:?}: {error}"),
        }
    }

    /// Sends an acknowledged batch again: it must be recognised.
    fn repeat(&self, run: &mut Run, process: &mut Process) {
        let index = run.random.index(run.producers.len());
        let Some((ids, sender, base_offset)) = run.producers[index].last() else { return };
        if run.producers[index].is_waiting() || base_offset < run.ledger.deleted_to() {
            return;
        }
        match process.append(&ids, sender, index) {
            Ok(appended) => assert!(
                appended.duplicate && appended.base_offset.0 == base_offset,
                "{ids:?} was at {base_offset}, and is now {appended:?}"
            ),
            Err(AppendError::Failed) => {}
            Err(error) => panic!("{ids:?} sent again: {error}"),
        }
    }

    fn read(&self, run: &mut Run, process: &mut Process) {
        let positions = process.log.positions();
        let (start, end) = (positions.log_start.0, positions.high_watermark.0);
        let offset = run.random.between(start as u64, end as u64) as i64;
        let length_max = run.random.between(1, 10_000) as u32;
        match process.read(offset, length_max, &mut run.ledger) {
            // The log may have begun to forget it meanwhile.
            Ok(_) | Err(ReadError::OffsetOutOfRange { .. }) => {}
            Err(error) => panic!("offset {offset}: {error}"),
        }
    }

    fn delete_records(&self, run: &mut Run, process: &mut Process) {
        let positions = process.log.positions();
        let (start, end) = (positions.log_start.0, positions.high_watermark.0);
        let before = start + run.random.below((end - start) as u64 / 3 + 1) as i64;
        process.delete_records(before, &mut run.ledger);
    }

    /// The process has died, or dies now.
    fn crash(&self, run: &mut Run, crash: Crash) {
        let is_running = !run.world.machine().stations.current().is_empty();
        if is_running {
            run.world.crash(crash);
        }
        run.ledger.crash(crash);
        if crash == Crash::Power {
            run.checkpoint.last_end = LastEnd::Unknown;
        }
        let loses = self.config.flush_policy() != FlushPolicy::Always;
        if crash == Crash::Power && loses {
            let Run { producers, names, .. } = run;
            producers.iter_mut().for_each(|producer| producer.renew(names));
        }
    }

    fn end_cleanly(&self, run: &mut Run) {
        for _ in 0..2 {
            let mut process = self.start(run).expect("nothing kills it");
            self.work(run, &mut process, 20);
            assert!(process.close(&mut run.ledger), "nothing kills it");
            run.checkpoint = Checkpoint { last_end: LastEnd::Clean, ..process.checkpoint() };
            run.world.shut_down();
        }
        self.start(run).expect("nothing kills it");
    }
}

impl Victim for Scenario {
    fn die_twice(&self, step: u64, crash: Crash) -> u64 {
        let mut run = self.begin();
        let first = run.world.machine().disk_steps() + step;
        run.world.machine().crash_at_step(first, crash);
        if let Some(mut process) = self.start(&mut run) {
            self.work(&mut run, &mut process, 60);
        }
        if run.world.machine().crashes() == 0 {
            return 0;
        }
        self.crash(&mut run, crash);
        let second = run.random.pick(&[Crash::Process, Crash::Power]);
        let at = run.world.machine().disk_steps() + Random::new(step).below(120);
        run.world.machine().crash_at_step(at, second);
        if let Some(mut process) = self.start(&mut run) {
            self.work(&mut run, &mut process, 30);
        }
        self.crash(&mut run, second);
        self.end_cleanly(&mut run);
        2
    }

    fn fail_once(&self, operation: &'static str, call: u64, errno: i32) -> bool {
        let mut run = self.begin();
        let call = run.world.machine().disk.faults.calls(operation) + call;
        let fault = Fault { operation, call, count: 1, errno };
        run.world.machine().disk.faults.plan(fault);
        if let Some(mut process) = self.start(&mut run) {
            self.work(&mut run, &mut process, 60);
        }
        let was_struck = run.world.machine().disk.faults.calls(operation) > call;
        run.world.machine().disk.faults.clear();
        if run.random.once_in(2) {
            // The next process finds a page cache that the disk may never have seen.
            self.crash(&mut run, Crash::Process);
            if let Some(mut process) = self.start(&mut run) {
                self.work(&mut run, &mut process, 30);
            }
        }
        self.crash(&mut run, Crash::Power);
        self.end_cleanly(&mut run);
        was_struck
    }
}

/// Goal: at every crash point, what was acknowledged survives as its flush policy says, offsets
/// have no gap, and producers are recognised.
#[test]
fn acknowledged_records_survive_every_crash_point() {
    let points: u64 = report::seeds(6).map(|seed| Scenario::new(seed).die_everywhere()).sum();
    report::print(&format!("sim: log: {points} crash points"));
}

/// Goal: whichever call fails, nothing acknowledged is lost, and the next start works.
#[test]
fn acknowledged_records_survive_every_failed_call() {
    let operations = ["open", "write", "sync", "sync directory", "rename", "allocate", "unlink"];
    let fail = |seed| Scenario::new(seed).fail_everywhere(&operations);
    let count: u64 = report::seeds(12).map(fail).sum();
    report::print(&format!("sim: log: {count} failed calls"));
}

/// Goal: the checks notice a disk that only says that it has synced.
#[test]
fn a_lying_disk_is_noticed() {
    let plans: [fn(&mut Disk); 2] =
        [|disk| disk.faults.syncs_lie = true, |disk| disk.faults.directory_syncs_lie = true];
    for plan in plans {
        report::expect_noticed(&["was lost", "came back", "unreadable"], || {
            for seed in 0..20 {
                Scenario { plan, ..Scenario::new(seed) }.die_everywhere();
            }
        });
    }
}
