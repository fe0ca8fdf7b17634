//! What the kernel says about the broker's process.

use crate::support::broker::Broker;
use std::fs;

/// The most memory that the process has had resident, in bytes.
pub fn peak_memory(broker: &Broker) -> u64 {
    let path = format!("/proc/{}/status", broker.pid());
    let status = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.and_then(|peak| peak.trim().strip_suffix(" kB"));
    kilobytes.and_then(|text| text.parse::<u64>().ok()).expect("VmHWM in kB") * 1024
}

/// How many descriptors the process has open.
pub fn descriptors(broker: &Broker) -> usize {
    let path = format!("/proc/{}/fd", broker.pid());
    fs::read_dir(&path).unwrap_or_else(|error| panic!("{path}: {error}")).count()
}
