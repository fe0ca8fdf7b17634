//! The machine as the bench sees it: cores, CPU time, memory, and what to stamp results with.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The server's core and the load generator's.
#[derive(Debug, Clone, Copy)]
pub struct Cores {
    /// Where the server under test runs.
    pub server: usize,
    /// Where the load is made.
    pub client: usize,
}

impl Cores {
    /// The first two cores that this process may use; one does for both if there is no other.
    pub fn pick() -> Cores {
        let allowed = core_affinity::get_core_ids().unwrap_or_default();
        let server = allowed.first().map_or(0, |core| core.id);
        Cores { server, client: allowed.get(1).map_or(server, |core| core.id) }
    }
}

/// Binds the calling thread, and those it starts from here on, to a core.
pub fn pin(core: usize) {
    if !core_affinity::set_for_current(core_affinity::CoreId { id: core }) {
        eprintln!("core {core} cannot be had: running unpinned");
    }
}

/// CPU time of the calling thread.
pub fn thread_cpu_time() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split_whitespace().next().and_then(|field| field.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}

/// CPU time of a process and of the kernel workers that belong to it, in steps of 10 ms.
pub fn process_cpu_time(process: u32) -> Duration {
    const TICKS_PER_SECOND: u64 = 100;
    let text = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The second field, in parentheses, may hold spaces; user and system time are the 14th and
    // 15th.
    let fields = text.rsplit(") ").next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND)
}

/// Resident memory of a process in bytes.
pub fn resident_bytes(process: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}

/// What results depend on, a line each.
pub fn stamp(data: &Path, cores: Cores) -> Vec<String> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let cpu_info = read("/proc/cpuinfo");
    let model = cpu_info.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown", |rest| rest.trim_start_matches([' ', '\t', ':']));
    let file_system = output("stat", &["-f", "-c", "%T", &data.display().to_string()]);
    vec![
        format!("kernel {}", read("/proc/sys/kernel/osrelease")),
        format!("cpu {model}, {} cores allowed", count_cores()),
        format!("server on core {}, load generator on core {}", cores.server, cores.client),
        format!("file system {file_system}"),
        format!("commit {}", output("git", &["describe", "--always", "--dirty"])),
        format!("load average before the start {}", read("/proc/loadavg")),
    ]
}

fn count_cores() -> usize {
    core_affinity::get_core_ids().map_or(1, |cores| cores.len())
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_else(|_| "unknown".to_owned())
}
