//! What a process group costs: CPU time, memory and disk, from `/proc`.

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
        let Ok(processes) = fs::read_dir("/proc") else { return Usage::default() };
        let ticks_per_second = rustix::param::clock_ticks_per_second();
        let mut usage = Usage::default();
        for process in processes.flatten() {
            let Some((group, ticks)) = group_and_ticks(&process.path()) else { continue };
            if group != leader {
                continue;
            }
            usage.cpu += Duration::from_millis(ticks * 1000 / ticks_per_second);
            let resident = field(&process.path().join("status"), "VmRSS:").unwrap_or(0);
            usage.resident_bytes += resident * BYTES_PER_KIBIBYTE;
            usage.written_bytes += field(&process.path().join("io"), "write_bytes:").unwrap_or(0);
        }
        usage
    }

    /// CPU time of this process.
    pub fn of_process() -> Duration {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
        Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), nanos)
    }
}

/// The process group, and the CPU time of the process and its ended children.
fn group_and_ticks(process: &Path) -> Option<(u32, u64)> {
    parse_stat(&fs::read_to_string(process.join("stat")).ok()?)
}

/// Reads the line of `/proc/PID/stat`. Its second field, in parentheses, may hold spaces.
fn parse_stat(line: &str) -> Option<(u32, u64)> {
    let fields: Vec<&str> = line.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = fields.get(11..15)?.iter().filter_map(|field| field.parse::<u64>().ok()).sum();
    Some((fields.get(2)?.parse().ok()?, ticks))
}

fn field(path: &Path, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: fields are counted from behind the name, whatever it holds.
    #[test]
    fn a_stat_line_is_read() {
        let line = "42 (a) b) S 1 40 40 0 -1 4194304 1 2 3 4 100 20 3 4 20 0 1 0 9";
        assert_eq!(parse_stat(line), Some((40, 127)));
        assert_eq!(parse_stat("42"), None);
    }
}
