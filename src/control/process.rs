//! What the kernel says about this process, under the names that Prometheus' own clients use.

use crate::metrics::prometheus;
use procfs::process::{LimitValue, Process};
use procfs::{ProcResult, WithCurrentSystemInfo};
use std::fmt::Display;

/// The metrics as Prometheus text; nothing where /proc cannot be read.
pub fn render() -> String {
    let mut text = String::new();
    if let Err(error) = write_all(&mut text) {
        tracing::debug!(%error, "/proc cannot be read: the process's own metrics are left out");
    }
    text
}

fn write_all(text: &mut String) -> ProcResult<()> {
    let process = Process::myself()?;
    let stat = process.stat()?;
    let seconds = |ticks: u64| ticks as f64 / procfs::ticks_per_second() as f64;
    let used = seconds(stat.utime + stat.stime);
    put(text, "cpu_seconds_total", "counter", "Seconds spent on CPUs, user and kernel.", used);
    let resident = stat.rss_bytes().get();
    put(text, "resident_memory_bytes", "gauge", "Bytes of memory that are resident.", resident);
    put(text, "virtual_memory_bytes", "gauge", "Bytes of address space.", stat.vsize);
    let started = procfs::boot_time_secs()? as f64 + seconds(stat.starttime);
    put(text, "start_time_seconds", "gauge", "When it started, seconds since 1970.", started);
    put(text, "open_fds", "gauge", "Open file descriptors.", process.fd_count()?);
    if let LimitValue::Value(max) = process.limits()?.max_open_files.soft_limit {
        put(text, "max_fds", "gauge", "File descriptors that may be open.", max);
    }
    Ok(())
}

fn put(text: &mut String, name: &str, kind: &str, help: &str, value: impl Display) {
    prometheus::write_single(text, &format!("process_{name}"), kind, help, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: every metric is there, with a number that can be.
    #[test]
    fn the_kernel_knows_this_process() {
        let text = render();
        let value = |name: &str| -> f64 {
            let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
            line.unwrap_or_else(|| panic!("{name} is missing in {text}")).parse().unwrap()
        };
        assert!(value("process_cpu_seconds_total") >= 0.0);
        assert!(value("process_resident_memory_bytes") > 1e5);
        assert!(value("process_virtual_memory_bytes") >= value("process_resident_memory_bytes"));
        assert!(value("process_start_time_seconds") > 1e9);
        assert!(value("process_open_fds") >= 3.0);
    }
}
