//! The scenarios, one file each: what is sent, against which server, and what is printed.

pub mod cold_reader;
pub mod fetch;
pub mod idle;
pub mod produce;

use crate::machine::{self, Cores};

/// What all scenarios are run with.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Where servers and load run.
    pub cores: Cores,
    /// Runs of each system.
    pub rounds: usize,
    /// A smoke test: everything a tenth as long.
    pub is_quick: bool,
}

impl Plan {
    /// `amount`, or a tenth of it in a smoke test.
    pub fn scaled(&self, amount: u64) -> u64 {
        if self.is_quick { (amount / 10).max(1) } else { amount }
    }

    /// Runs `load` on a thread of the load generator's core. Servers are started elsewhere: they
    /// would inherit the core.
    pub fn on_client_core<R: Send>(&self, load: impl FnOnce() -> R + Send) -> R {
        let core = self.cores.client;
        let pinned = move || {
            machine::pin(core);
            load()
        };
        let outcome = std::thread::scope(|scope| scope.spawn(pinned).join());
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}
