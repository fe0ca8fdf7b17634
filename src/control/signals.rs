//! SIGTERM and SIGINT: the first drains, a later one ends at once. SIGHUP is reserved.

use super::http::Shared;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;
use tracing::{info, warn};

/// The exit code of a process that a second signal ended before it had drained.
const EXIT_HURRIED: i32 = 1;

/// Signals that come so soon after the first are that same wish once more: timeout(1) and others
/// signal a process and then its whole group.
const ECHO_MAX: Duration = Duration::from_secs(1);

/// The signals that this process handles.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Takes over the signals. Needs to be called on the runtime.
    pub fn install() -> io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Handles signals as they come; never returns.
    pub async fn watch(mut self, shared: Arc<Shared>) {
        let mut first: Option<Instant> = None;
        loop {
            let name = tokio::select! {
                _ = self.terminate.recv() => "SIGTERM",
                _ = self.interrupt.recv() => "SIGINT",
                _ = self.hang_up.recv() => {
                    info!("SIGHUP: there is nothing to reload");
                    continue;
                }
            };
            if let Some(first) = first {
                if first.elapsed() < ECHO_MAX {
                    continue;
                }
                warn!("{name} again: ending at once, without a clean shutdown");
                shared.log_output.end();
                std::process::exit(EXIT_HURRIED);
            }
            first = Some(Instant::now());
            shared.is_stopping.store(true, Ordering::Relaxed);
            info!("{name}: draining; a second signal, a second later, ends at once");
            shared.fleet.begin_shutdown();
        }
    }
}
