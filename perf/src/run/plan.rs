//! Goes through systems, scenarios and rounds, and keeps going where one of them fails.

use super::cost;
use super::measure::{self, Measured, Work};
use crate::drivers::Durability;
use crate::error::{Error, Result};
use crate::host::directory::Disk;
use crate::host::interrupt;
use crate::host::server::Server;
use crate::host::stamp::Stamp;
use crate::results::{Failure, Figures, LatencyLog, Outcome, Results, Run, Until};
use crate::scenario::{Kind, Scenario};
use crate::systems::{Running, Setting, System};
use indicatif::{ProgressBar, ProgressStyle};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const BAR: &str = "{prefix:32} {msg:10} {wide_bar} {human_pos}/{human_len} {per_sec} {elapsed}";
const BAR_TICK: Duration = Duration::from_millis(250);

/// What to run.
pub struct Plan {
    /// On what.
    pub systems: Vec<&'static dyn System>,
    /// The work, already scaled.
    pub scenarios: Vec<Scenario>,
    /// Runs of each; at least 1.
    pub rounds: u32,
    /// Where results go.
    pub out: PathBuf,
    /// What systems need.
    pub setting: Setting,
}

/// One system with one class of durability on one disk: it is started once in each round.
struct Lane {
    system: &'static dyn System,
    durability: Durability,
    disk: Disk,
    failed: bool,
}

impl Plan {
    /// Runs everything and writes `results.json` and the HdrHistogram logs.
    ///
    /// The order of systems changes from round to round, and each starts empty in each round, so
    /// that none has the better place.
    ///
    /// # Errors
    /// If interrupted, or results cannot be written. A system's failure stands in the results.
    pub fn run(&self) -> Result<Results> {
        fs::create_dir_all(&self.out).map_err(Error::file(&self.out))?;
        let stamp = Stamp::take(&self.setting.data, &self.setting.cores)?;
        let mut results = Results::of(stamp);
        // On all cores; whatever runs from here on has its own.
        let mut lanes = self.install(&mut results)?;
        self.setting.cores.enter_client()?;
        for round in 0..self.rounds {
            let first = round as usize % lanes.len().max(1);
            lanes.rotate_left(first);
            for index in 0..lanes.len() {
                if is_wanted(&lanes, index) {
                    self.run_lane(&mut lanes[index], round, &mut results)?;
                }
            }
            lanes.rotate_right(first);
        }
        for outcome in &mut results.results {
            outcome.median = Figures::median(&outcome.runs);
        }
        results.results.sort_by_key(|outcome| self.place_of(outcome));
        results.write(&self.out)?;
        Ok(results)
    }

    /// Scenarios and systems stand in the order in which they were asked for.
    fn place_of(&self, outcome: &Outcome) -> (Option<usize>, Durability, Option<usize>) {
        let is_scenario = |scenario: &Scenario| scenario.name == outcome.scenario;
        let is_system = |system: &&dyn System| system.name() == outcome.system;
        let scenario = self.scenarios.iter().position(is_scenario);
        (scenario, outcome.durability, self.systems.iter().position(is_system))
    }

    /// Installs every system that has something to do; the lanes of those that are there.
    fn install(&self, results: &mut Results) -> Result<Vec<Lane>> {
        let mut lanes = Vec::new();
        for &system in &self.systems {
            interrupt::check()?;
            let wanted: Vec<Lane> = self.lanes_of(system).collect();
            if wanted.is_empty() {
                continue;
            }
            let bar = bar(system.name());
            bar.set_message("installing");
            let installed = match self.setting.endpoints.get(system.name()) {
                Some(address) => Ok(format!("at {address}")),
                None => system.install(&self.setting),
            };
            bar.finish_and_clear();
            match installed {
                Ok(version) => {
                    results.versions.insert(system.name().to_owned(), version);
                    lanes.extend(wanted);
                }
                Err(error) => results.failures.push(failure(system, None, &error)),
            }
        }
        Ok(lanes)
    }

    /// The lanes of a system that have something to do.
    fn lanes_of(&self, system: &'static dyn System) -> impl Iterator<Item = Lane> {
        let classes = system.durabilities().iter();
        let lanes = classes.flat_map(move |&durability| {
            let on = move |disk| Lane { system, durability, disk, failed: false };
            [on(Disk::Shared), on(Disk::Small)]
        });
        lanes.filter(|lane| self.scenarios_of(lane).next().is_some())
    }

    /// What a lane's system runs: it needs to keep what is read where several read it, and to be
    /// ours where it is interrupted. A ceiling is that of a rate which is not given.
    fn scenarios_of<'a>(&'a self, lane: &Lane) -> impl Iterator<Item = &'a Scenario> + use<'a> {
        let Lane { system, durability, disk, .. } = *lane;
        let is_ours = !self.setting.endpoints.contains_key(system.name());
        let fits = move |scenario: &&Scenario| {
            scenario.durability.contains(&durability)
                && scenario.kind.disk() == disk
                && (!scenario.needs_log() || system.is_log())
                && (!scenario.kind.is_interrupted() || is_ours)
                && (scenario.kind != Kind::Restart || system.can_restart())
                && (scenario.kind != Kind::FullDisk || system.can_fill_up())
                && (!system.is_ceiling() || scenario.rate.is_none())
        };
        self.scenarios.iter().filter(fits)
    }

    /// Starts a system, or connects to where it runs already.
    fn start(&self, lane: &Lane) -> Result<Running> {
        let Some(address) = self.setting.endpoints.get(lane.system.name()) else {
            let setting = Setting { disk: lane.disk, ..self.setting.clone() };
            return lane.system.start(&setting, lane.durability);
        };
        let broker = lane.system.connect(&self.setting, address)?;
        Ok(Running { server: Server::elsewhere(), broker })
    }

    /// Starts a system, runs every scenario of its class on it, and stops it.
    fn run_lane(&self, lane: &mut Lane, round: u32, results: &mut Results) -> Result<()> {
        interrupt::check()?;
        let bar = bar(lane.system.name());
        bar.set_message("starting");
        let mut running = match self.start(lane) {
            Ok(running) => running,
            Err(Error::Interrupted) => return Err(Error::Interrupted),
            Err(error) => {
                lane.failed = true;
                results.failures.push(failure(lane.system, None, &error));
                return Ok(());
            }
        };
        let scenarios: Vec<&Scenario> = self.scenarios_of(lane).collect();
        for same in scenarios.chunk_by(|a, b| is_same_work(lane.system, a, b)) {
            let scenario = same[0];
            bar.set_prefix(format!("{} {} #{}", lane.system.name(), scenario.name, round + 1));
            let work = Work {
                scenario,
                durability: lane.durability,
                round,
                is_ceiling: lane.system.is_ceiling(),
            };
            match measure::run(&mut running, work, &bar) {
                Ok(measured) => {
                    for scenario in same {
                        self.write_logs(lane, scenario, round, &measured)?;
                        add(results, lane, scenario, measured.run.clone());
                    }
                }
                Err(error) => {
                    // The signal may have reached the broker first: then that is the reason.
                    interrupt::check()?;
                    let error = match running.server.check_alive_soon() {
                        Err(died) => died,
                        Ok(()) => error,
                    };
                    lane.failed = true;
                    results.failures.push(failure(lane.system, Some(scenario), &error));
                    break;
                }
            }
        }
        if !lane.failed && !lane.system.is_ceiling() {
            bar.set_message("resting");
            if let Some(percent) = cost::idle_percent(&running.server) {
                results.add_idle(lane.system.name(), lane.durability, percent);
            }
        }
        bar.finish_and_clear();
        Ok(())
    }

    fn write_logs(
        &self,
        lane: &Lane,
        scenario: &Scenario,
        round: u32,
        measured: &Measured,
    ) -> Result<()> {
        let system = lane.system.name();
        let logs = [
            (LatencyLog::Counted, &measured.latency),
            (LatencyLog::UntilConfirmed, &measured.latency_until_confirmed),
        ];
        for (log, latency) in logs.iter().filter(|(_, latency)| latency.percentiles().is_some()) {
            let name = Outcome::log_name(*log, system, &scenario.name, lane.durability, round);
            write(&self.out.join(name), &latency.to_log(system))?;
        }
        Ok(())
    }
}

/// Whether one run stands for both of these scenarios.
fn is_same_work(system: &dyn System, a: &Scenario, b: &Scenario) -> bool {
    !system.has_batches(a.confirm) && a.is_but_for_batches(b)
}

/// Whether a lane is still to be run: a ceiling is, while there is somebody to compare with it.
fn is_wanted(lanes: &[Lane], index: usize) -> bool {
    let Lane { system, failed, .. } = lanes[index];
    let has_peer = || lanes.iter().any(|lane| lane.system.speaks_kafka() && !lane.failed);
    !failed && (!system.is_ceiling() || has_peer())
}

fn add(results: &mut Results, lane: &Lane, scenario: &Scenario, run: Run) {
    let name = lane.system.name();
    let is_same = |outcome: &&mut Outcome| {
        outcome.system == name
            && outcome.scenario == scenario.name
            && outcome.durability == lane.durability
    };
    if let Some(outcome) = results.results.iter_mut().find(is_same) {
        outcome.verified &= run.verification.is_clean();
        outcome.runs.push(run);
        return;
    }
    results.results.push(Outcome {
        system: name.to_owned(),
        scenario: scenario.name.clone(),
        title: scenario.title.clone(),
        durability: lane.durability,
        work: Some(scenario.clone()),
        sweep: scenario.sweep.clone(),
        latency_until: Until::of(scenario.kind),
        client: lane.system.client(scenario.kafka_client).to_owned(),
        settings: lane.system.settings(lane.durability),
        verified: run.verification.is_clean(),
        runs: vec![run],
        median: Figures::default(),
    });
}

fn failure(system: &dyn System, scenario: Option<&Scenario>, error: &Error) -> Failure {
    Failure {
        system: system.name().to_owned(),
        scenario: scenario.map(|scenario| scenario.name.clone()),
        reason: error.to_string(),
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(Error::file(path))
}

fn bar(name: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(BAR).expect("the template is well formed");
    let bar = ProgressBar::no_length().with_style(style).with_prefix(name.to_owned());
    bar.enable_steady_tick(BAR_TICK);
    bar
}
