//! Ctrl-C and SIGTERM: a flag that every loop looks at, so that guards tear everything down.

use crate::error::{Error, Result};
use std::sync::atomic::{AtomicBool, Ordering};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Listens for the signals from here on.
///
/// # Errors
/// If somebody listens already.
pub fn listen() -> Result<()> {
    ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::Relaxed))
        .map_err(|error| Error::Input(format!("signals cannot be handled: {error}")))
}

/// Fails with [`Error::Interrupted`] once a signal came.
pub fn check() -> Result<()> {
    if INTERRUPTED.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
}
