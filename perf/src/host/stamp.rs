//! What results depend on: the machine, its disk, and the versions.

use super::cores::Cores;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const SYNC_SAMPLES: usize = 50;
const SYNC_WRITE_SIZE: usize = 4096;

/// The circumstances of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stamp {
    /// When the run began, as RFC 3339.
    pub started: String,
    /// The kernel's release.
    pub kernel: String,
    /// What paces TCP connections, loopback's included, unless a program asks for another.
    #[serde(default)]
    pub congestion_control: String,
    /// The CPU's model name, and how many of it may be used.
    pub cpu: String,
    /// Memory of the machine, in MiB.
    pub memory_mib: u64,
    /// Type and mount options of the file system that data lies on.
    pub file_system: String,
    /// Median of writing 4 KiB and fdatasync, in microseconds.
    pub fdatasync_us: f64,
    /// Who ran where.
    pub cores: Cores,
    /// Load average when the run began: what else the machine was doing.
    pub load_average: String,
    /// The checkout that the harness was built from.
    pub commit: String,
    /// The harness's command line.
    pub command: String,
}

impl Stamp {
    /// Looks at the machine; `data` is the folder where brokers keep their data.
    ///
    /// # Errors
    /// If nothing can be written there.
    pub fn take(data: &Path, cores: &Cores) -> Result<Stamp> {
        fs::create_dir_all(data).map_err(Error::file(data))?;
        let cpu_info = read("/proc/cpuinfo");
        let model = value_of(&cpu_info, "model name").unwrap_or("unknown");
        let used: BTreeSet<&usize> = cores.broker.iter().chain(&cores.client).collect();
        let memory = value_of(&read("/proc/meminfo"), "MemTotal").and_then(|text| {
            text.split_whitespace().next().and_then(|number| number.parse::<u64>().ok())
        });
        Ok(Stamp {
            started: printed("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"]),
            kernel: read("/proc/sys/kernel/osrelease"),
            congestion_control: read("/proc/sys/net/ipv4/tcp_congestion_control"),
            cpu: format!("{model}, {} cores used", used.len()),
            memory_mib: memory.unwrap_or(0) / 1024,
            file_system: file_system(data),
            fdatasync_us: sync_latency(data)?.as_nanos() as f64 / 1e3,
            cores: cores.clone(),
            load_average: read("/proc/loadavg"),
            commit: printed("git", &["describe", "--always", "--dirty"]),
            command: std::env::args().skip(1).collect::<Vec<_>>().join(" "),
        })
    }
}

/// Median of a small write with fdatasync.
fn sync_latency(data: &Path) -> Result<Duration> {
    let mut file: File = tempfile::tempfile_in(data).map_err(Error::file(data))?;
    let mut samples = Vec::with_capacity(SYNC_SAMPLES);
    for _ in 0..SYNC_SAMPLES {
        let start = Instant::now();
        file.write_all(&[1; SYNC_WRITE_SIZE]).map_err(Error::file(data))?;
        file.sync_data().map_err(Error::file(data))?;
        samples.push(start.elapsed());
    }
    samples.sort();
    Ok(samples[SYNC_SAMPLES / 2])
}

/// Type and options of the mount that holds a path: the longest that is in front of it.
fn file_system(path: &Path) -> String {
    let Ok(path) = path.canonicalize() else { return "unknown".to_owned() };
    let mounts = read("/proc/mounts");
    let fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let holders = fields.filter(|fields| fields.len() > 3 && path.starts_with(fields[1]));
    let mount = holders.max_by_key(|fields| fields[1].len());
    mount.map_or("unknown".to_owned(), |fields| format!("{} ({})", fields[2], fields[3]))
}

fn value_of<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let line = text.lines().find(|line| line.starts_with(key))?;
    line.split_once(':').map(|(_, value)| value.trim())
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn printed(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_else(|_| "unknown".to_owned())
}
