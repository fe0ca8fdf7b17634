//! SIGTERM and SIGINT: the first drains, the second ends at once. SIGHUP is reserved.

use super::http::Shared;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{info, warn};

/// The exit code of a process that a second signal ended before it had drained.
const EXIT_HURRIED: i32 = 1;

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
        loop {
            let name = tokio::select! {
                _ = self.terminate.recv() => "SIGTERM",
                _ = self.interrupt.recv() => "SIGINT",
                _ = self.hang_up.recv() => {
                    info!("SIGHUP: there is nothing to reload");
                    continue;
                }
            };
            if shared.is_stopping.swap(true, Ordering::Relaxed) {
                warn!("{name} again: ending at once, without a clean shutdown");
                shared.log_output.end();
                std::process::exit(EXIT_HURRIED);
            }
            info!("{name}: draining; a second signal ends at once");
            shared.fleet.begin_shutdown();
        }
    }
}
