//! What a process group costs: CPU time, memory and disk, from `/proc`.

use super::group;
use std::fs;
use std::path::Path;
use std::time::Duration;

const BYTES_PER_KIBIBYTE: u64 = 1024;

/// Costs of all processes of a group, so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// User and system time, of ended children too; in the kernel's ticks, usually 10 ms.
    pub cpu: Duration,
    /// Resident memory at this moment.
    pub resident_bytes: u64,
    /// What the processes caused to be written to disk, at the time that the kernel counts it:
    /// when pages become dirty.
    pub written_bytes: u64,
}

impl Usage {
    /// The costs of the group that the process `leader` leads.
    pub fn of_group(leader: u32) -> Usage {
        let mut usage = Usage::default();
        for member in group::members(leader) {
            usage.cpu += time_of(member.ticks);
            let resident = field(&member.folder.join("status"), "VmRSS:").unwrap_or(0);
            usage.resident_bytes += resident * BYTES_PER_KIBIBYTE;
            usage.written_bytes += field(&member.folder.join("io"), "write_bytes:").unwrap_or(0);
        }
        usage
    }

    /// CPU time of a child that was not waited for.
    pub fn of_child(process: u32) -> Duration {
        group::ticks_of(process).map_or(Duration::ZERO, time_of)
    }

    /// CPU time of this process.
    pub fn of_process() -> Duration {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
        Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), nanos)
    }
}

fn time_of(ticks: u64) -> Duration {
    Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second())
}

fn field(path: &Path, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}
