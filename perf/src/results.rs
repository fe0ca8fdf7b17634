//! What a run leaves behind: `results.json`, and the files beside it.

use crate::drivers::Durability;
use crate::error::{Error, Result};
use crate::host::stamp::Stamp;
use crate::scenario::{Kind, Scenario};
use crate::sweep::Sweep;
use crate::work::latency::{LatencySeries, Percentiles};
use crate::work::verifier::Verdict;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The file's name in the output folder.
pub const FILE: &str = "results.json";

/// Everything of one invocation.
#[derive(Debug, Serialize, Deserialize)]
pub struct Results {
    /// Where and when.
    pub stamp: Stamp,
    /// Version of each system.
    pub versions: BTreeMap<String, String>,
    /// One for each system, scenario and durability class that ran.
    pub results: Vec<Outcome>,
    /// What systems use at rest.
    #[serde(default)]
    pub idle: Vec<Idle>,
    /// What could not be run, or failed while it ran.
    pub failures: Vec<Failure>,
}

/// What a system uses when it has nothing to do, behind the last of its scenarios.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Idle {
    /// The system's name.
    pub system: String,
    /// The class that it was started for.
    pub durability: Durability,
    /// CPU time in percent of a core, one figure for each start.
    pub cpu_percent: Vec<f64>,
}

/// The runs of one system on one scenario in one class.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    /// The system's name.
    pub system: String,
    /// The scenario's name.
    pub scenario: String,
    /// The scenario's line for people.
    pub title: String,
    /// The class.
    pub durability: Durability,
    /// What was done, with the number of records that it came to; absent if the results are older,
    /// or come from a version whose scenarios have other fields.
    #[serde(default, deserialize_with = "scenario_if_known")]
    pub work: Option<Scenario>,
    /// Which value of which field this is, if the scenario is one of several.
    #[serde(default)]
    pub sweep: Option<Sweep>,
    /// What ends the latencies.
    #[serde(default)]
    pub latency_until: Until,
    /// The client library that carried the records.
    #[serde(default)]
    pub client: String,
    /// The system's settings for the class.
    pub settings: String,
    /// Whether every run was clean.
    pub verified: bool,
    /// Each run, in the order in which they ran.
    pub runs: Vec<Run>,
    /// The median of each figure over the runs.
    pub median: Figures,
}

/// What ends a latency, which begins when a record is due.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Until {
    /// Its confirmation came to its producer.
    #[default]
    Confirmed,
    /// It came to a reader.
    Read,
}

/// Which latencies an HdrHistogram log holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LatencyLog {
    /// Those of [`Figures::latency_us`].
    Counted,
    /// Those of [`Figures::latency_until_confirmed_us`].
    UntilConfirmed,
}

/// One run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Run {
    /// What was measured.
    #[serde(flatten)]
    pub figures: Figures,
    /// What became of the records.
    pub verification: Verdict,
}

/// What was measured.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Figures {
    /// Records, each 200 bytes or whatever the scenario says.
    pub records_per_second: f64,
    /// Payload, in 10^6 bytes.
    pub mb_per_second: f64,
    /// CPU time of the broker's processes per 10^9 bytes of payload.
    pub broker_cpu_seconds_per_gb: f64,
    /// CPU time of the broker's processes per 10^6 records.
    pub broker_cpu_seconds_per_million: f64,
    /// CPU time of the harness per 10^6 records: the client library included, wherever it runs.
    pub client_cpu_seconds_per_million: f64,
    /// Resident memory of the broker's processes at the end, in 10^6 bytes.
    pub rss_mb: f64,
    /// Bytes that the broker wrote to files per byte of payload.
    pub disk_bytes_per_byte: f64,
    /// From the time at which a record was due until what [`Outcome::latency_until`] says; absent
    /// without confirmations.
    pub latency_us: Option<Percentiles>,
    /// To its confirmation, where `latency_us` is something else and this was noted, too.
    #[serde(default)]
    pub latency_until_confirmed_us: Option<Percentiles>,
    /// To its confirmation, but from the time at which it was really sent.
    pub latency_from_send_us: Option<Percentiles>,
    /// How the restart went, if there was one.
    #[serde(default)]
    pub restart: Option<Restart>,
    /// How it went on a full disk, if it was one.
    #[serde(default)]
    pub full_disk: Option<FullDisk>,
}

/// A restart, as the broker's process and as producers saw it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Restart {
    /// From SIGTERM to the end of the process, in milliseconds.
    pub stop_ms: f64,
    /// The longest time in which a producer's records waited and none was confirmed, in
    /// milliseconds: the end, the start and the client's way back.
    pub silence_ms: f64,
}

/// A full disk, as producers saw it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FullDisk {
    /// From the time at which there was room again to the next confirmation, in milliseconds.
    pub resume_ms: f64,
    /// Whether the broker had ended, and was started again when there was room; in a median,
    /// whether it had in any run.
    pub has_ended: bool,
}

/// A system that was left out, or failed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Failure {
    /// The system's name.
    pub system: String,
    /// The scenario's name, if it came to one.
    pub scenario: Option<String>,
    /// What happened, with the end of the broker's log where there is one.
    pub reason: String,
}

impl Results {
    /// None yet, under these circumstances.
    pub fn of(stamp: Stamp) -> Results {
        let versions = BTreeMap::new();
        Results { stamp, versions, results: Vec::new(), idle: Vec::new(), failures: Vec::new() }
    }

    /// Notes what a system used at rest.
    pub fn add_idle(&mut self, system: &str, durability: Durability, cpu_percent: f64) {
        let is_same = |idle: &&mut Idle| idle.system == system && idle.durability == durability;
        match self.idle.iter_mut().find(is_same) {
            Some(idle) => idle.cpu_percent.push(cpu_percent),
            None => self.idle.push(Idle {
                system: system.to_owned(),
                durability,
                cpu_percent: vec![cpu_percent],
            }),
        }
    }

    /// Writes `results.json`.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(FILE);
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| Error::Input(format!("{FILE}: {error}")))?;
        fs::write(&path, text).map_err(Error::file(&path))
    }

    /// Reads the `results.json` of a folder.
    ///
    /// # Errors
    /// If there is none, or it is damaged or not ours.
    pub fn read(folder: &Path) -> Result<Results> {
        let path = folder.join(FILE);
        let text = fs::read_to_string(&path).map_err(Error::file(&path))?;
        Results::parse(&text).map_err(|error| {
            Error::Input(format!("{}: these are no results of a run: {error}", path.display()))
        })
    }

    fn parse(text: &str) -> serde_json::Result<Results> {
        serde_json::from_str(text)
    }
}

/// A scenario, unless it has fields that this version does not know.
fn scenario_if_known<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<Scenario>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).ok())
}

impl Until {
    /// What ends the latencies of a kind of work.
    pub fn of(kind: Kind) -> Until {
        match kind {
            Kind::Produce | Kind::Consume | Kind::Restart | Kind::FullDisk => Until::Confirmed,
            Kind::FanOut | Kind::CatchUp => Until::Read,
        }
    }

    /// The word in tables.
    pub fn name(self) -> &'static str {
        match self {
            Until::Confirmed => "confirmed",
            Until::Read => "read",
        }
    }
}

impl Outcome {
    /// The name of a run's HdrHistogram log; runs count from 0.
    pub fn log_name(
        log: LatencyLog,
        system: &str,
        scenario: &str,
        durability: Durability,
        run: u32,
    ) -> String {
        let suffix = match log {
            LatencyLog::Counted => "",
            LatencyLog::UntilConfirmed => "-confirmed",
        };
        format!("{scenario}-{}-{system}-{}{suffix}.hlog", durability.name(), run + 1)
    }

    /// The latencies of all runs, from their logs in `folder`, if they have any.
    pub fn read_latency(&self, log: LatencyLog, folder: &Path) -> Option<LatencySeries> {
        let mut whole = LatencySeries::default();
        for run in 0..u32::try_from(self.runs.len()).ok()? {
            let name = Outcome::log_name(log, &self.system, &self.scenario, self.durability, run);
            let text = fs::read_to_string(folder.join(name)).ok()?;
            whole.merge(&LatencySeries::from_log(&text)?);
        }
        whole.percentiles().map(|_| whole)
    }
}

impl Figures {
    /// The median of each figure, each for itself.
    pub fn median(runs: &[Run]) -> Figures {
        let of = |pick: fn(&Figures) -> f64| median(runs.iter().map(|run| pick(&run.figures)));
        Figures {
            records_per_second: of(|figures| figures.records_per_second),
            mb_per_second: of(|figures| figures.mb_per_second),
            broker_cpu_seconds_per_gb: of(|figures| figures.broker_cpu_seconds_per_gb),
            broker_cpu_seconds_per_million: of(|figures| figures.broker_cpu_seconds_per_million),
            client_cpu_seconds_per_million: of(|figures| figures.client_cpu_seconds_per_million),
            rss_mb: of(|figures| figures.rss_mb),
            disk_bytes_per_byte: of(|figures| figures.disk_bytes_per_byte),
            latency_us: median_latency(runs, |figures| figures.latency_us),
            latency_until_confirmed_us: median_latency(runs, |figures| {
                figures.latency_until_confirmed_us
            }),
            latency_from_send_us: median_latency(runs, |figures| figures.latency_from_send_us),
            restart: median_restart(runs),
            full_disk: median_full_disk(runs),
        }
    }
}

fn median_latency(runs: &[Run], pick: fn(&Figures) -> Option<Percentiles>) -> Option<Percentiles> {
    let all: Vec<Percentiles> = runs.iter().filter_map(|run| pick(&run.figures)).collect();
    let of = |pick: fn(&Percentiles) -> f64| median(all.iter().map(pick));
    (!all.is_empty()).then(|| Percentiles {
        p50: of(|p| p.p50),
        p90: of(|p| p.p90),
        p99: of(|p| p.p99),
        p99_9: of(|p| p.p99_9),
        p99_99: of(|p| p.p99_99),
        max: of(|p| p.max),
        count: all.iter().map(|p| p.count).sum(),
    })
}

fn median_restart(runs: &[Run]) -> Option<Restart> {
    let all: Vec<Restart> = runs.iter().filter_map(|run| run.figures.restart).collect();
    let of = |pick: fn(&Restart) -> f64| median(all.iter().map(pick));
    (!all.is_empty()).then(|| Restart {
        stop_ms: of(|restart| restart.stop_ms),
        silence_ms: of(|restart| restart.silence_ms),
    })
}

fn median_full_disk(runs: &[Run]) -> Option<FullDisk> {
    let all: Vec<FullDisk> = runs.iter().filter_map(|run| run.figures.full_disk).collect();
    (!all.is_empty()).then(|| FullDisk {
        resume_ms: median(all.iter().map(|full_disk| full_disk.resume_ms)),
        has_ended: all.iter().any(|full_disk| full_disk.has_ended),
    })
}

/// The middle value, or the mean of the two in the middle; 0 of nothing.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        count if count % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(records_per_second: f64, p99: Option<f64>) -> Run {
        let latency_us = p99.map(|p99| Percentiles { p99, count: 10, ..Percentiles::default() });
        let figures = Figures { records_per_second, latency_us, ..Figures::default() };
        Run { figures, verification: Verdict::default() }
    }

    /// Goal: one bad run moves no median, and latencies have theirs.
    #[test]
    fn medians_are_taken_of_each_figure() {
        let median = Figures::median(&[run(5.0, Some(1.0)), run(1.0, Some(9.0)), run(4.0, None)]);
        assert_eq!(median.records_per_second, 4.0);
        let latency = median.latency_us.expect("two runs have latencies");
        assert_eq!((latency.p99, latency.count), (5.0, 20));
        assert!(Figures::median(&[run(1.0, None)]).latency_us.is_none());
    }

    const OLD: &str = r#"{
        "stamp": {"started": "", "kernel": "", "cpu": "", "memory_mib": 1, "file_system": "",
            "fdatasync_us": 1.0, "cores": {"broker": [0], "client": [1]}, "load_average": "",
            "commit": "", "command": ""},
        "versions": {},
        "results": [{"system": "pinion", "scenario": "confirmed", "title": "",
            "durability": "fsync", "settings": "", "verified": true, "runs": [],
            "median": {"records_per_second": 1.0, "mb_per_second": 1.0,
                "broker_cpu_seconds_per_gb": 1.0, "broker_cpu_seconds_per_million": 1.0,
                "client_cpu_seconds_per_million": 1.0, "rss_mb": 1.0, "disk_bytes_per_byte": 1.0,
                "latency_us": null, "latency_from_send_us": null}}],
        "failures": []}"#;

    /// Goal: results that were written before fields were added are read, and what is cut off or
    /// something else is refused with the place.
    #[test]
    fn old_results_are_read_and_damaged_ones_refused() {
        let results = Results::parse(OLD).expect("results of the first format");
        let outcome = &results.results[0];
        assert!(outcome.work.is_none() && outcome.sweep.is_none());
        assert_eq!(outcome.latency_until, Until::Confirmed);
        let other = OLD.replace("\"runs\"", "\"work\": {\"seconds\": 9}, \"runs\"");
        let other = Results::parse(&other).expect("results of another version");
        assert!(other.results[0].work.is_none());
        for bad in [&OLD[..OLD.len() / 2], "", "[]", &OLD.replace("\"fsync\"", "\"disk\"")] {
            let error = Results::parse(bad).expect_err("these are no results").to_string();
            assert!(error.contains("line"), "{error}");
        }
    }
}
