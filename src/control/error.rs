//! Why the control thread could not start.

use std::io;
use std::net::SocketAddr;
use thiserror::Error;

/// A failure at the start of the control thread; there are none later.
#[derive(Debug, Error)]
pub enum ControlError {
    /// The address is taken, forbidden or not this machine's.
    #[error("pinion.metrics.listen: cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The reason.
        source: io::Error,
    },
    /// The thread or its runtime could not be made.
    #[error("cannot start the control thread: {0}")]
    Start(#[source] io::Error),
}
