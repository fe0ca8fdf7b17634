//! What a phase costs broker and client, and the figures that follow from it.

use crate::error::Result;
use crate::host::helper::Helper;
use crate::host::interrupt;
use crate::host::server::Server;
use crate::host::usage::Usage;
use crate::results::Figures;
use crate::scenario::Scenario;
use std::thread;
use std::time::{Duration, Instant};

/// A broker that uses less of a core than this has digested what it was given.
const SETTLED_CPU: f64 = 0.1;
const SETTLE_INTERVAL: Duration = Duration::from_millis(200);
const SETTLE_LIMIT: Duration = Duration::from_secs(10);
/// How long a broker is watched at rest: what it uses is counted in the kernel's ticks of 10 ms.
const IDLE_SPAN: Duration = Duration::from_secs(1);
const BYTES_PER_MB: f64 = 1e6;
const BYTES_PER_GB: f64 = 1e9;
const MILLION: f64 = 1e6;

/// What a phase took: time, and CPU time of broker and harness.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    span: Duration,
    broker: Usage,
    client_cpu: Duration,
}

impl Cost {
    /// Does a phase, which tells how long its records took, and tells what it cost until the
    /// broker had come to rest.
    ///
    /// # Errors
    /// Those of the phase.
    pub fn of<T>(
        server: &mut Server,
        phase: impl FnOnce(&mut Server) -> Result<(Duration, T)>,
    ) -> Result<(Cost, T)> {
        let (before, client) = (server.usage(), client_cpu());
        let (span, result) = phase(server)?;
        let client_cpu = client_cpu().saturating_sub(client);
        settle(server);
        let mut broker = server.usage();
        broker.cpu = broker.cpu.saturating_sub(before.cpu);
        broker.written_bytes = broker.written_bytes.saturating_sub(before.written_bytes);
        Ok((Cost { span, broker, client_cpu }, result))
    }

    /// The figures of a phase that passed so many records on.
    pub fn figures(&self, scenario: &Scenario, records: u64) -> Figures {
        let (records, seconds) = (records as f64, self.span.as_secs_f64().max(1e-9));
        let bytes = records * scenario.record_bytes as f64;
        let cpu = self.broker.cpu.as_secs_f64();
        Figures {
            records_per_second: records / seconds,
            mb_per_second: bytes / BYTES_PER_MB / seconds,
            broker_cpu_seconds_per_gb: cpu / (bytes / BYTES_PER_GB),
            broker_cpu_seconds_per_million: cpu / (records / MILLION),
            client_cpu_seconds_per_million: self.client_cpu.as_secs_f64() / (records / MILLION),
            rss_mb: self.broker.resident_bytes as f64 / BYTES_PER_MB,
            disk_bytes_per_byte: self.broker.written_bytes as f64 / bytes,
            ..Figures::default()
        }
    }
}

/// CPU time of the harness, the processes of its drivers included.
fn client_cpu() -> Duration {
    Usage::of_process() + Helper::spent()
}

/// Waits until the broker has digested what it was given: without acknowledgements, the client
/// is done long before.
pub fn settle(server: &Server) {
    if server.is_elsewhere() {
        return;
    }
    let deadline = Instant::now() + SETTLE_LIMIT;
    let mut before = server.usage().cpu;
    while Instant::now() < deadline && interrupt::check().is_ok() {
        thread::sleep(SETTLE_INTERVAL);
        let now = server.usage().cpu;
        if now.saturating_sub(before) < SETTLE_INTERVAL.mul_f64(SETTLED_CPU) {
            return;
        }
        before = now;
    }
}

/// CPU time that a broker which has come to rest uses, in percent of a core; none if somebody else
/// runs it.
pub fn idle_percent(server: &Server) -> Option<f64> {
    if server.is_elsewhere() {
        return None;
    }
    let (start, before) = (Instant::now(), server.usage().cpu);
    thread::sleep(IDLE_SPAN);
    let used = server.usage().cpu.saturating_sub(before);
    Some(100.0 * used.as_secs_f64() / start.elapsed().as_secs_f64())
}
