//! Why the control thread could not start.

use std::io;
use std::net::SocketAddr;
use thiserror::Error;

/// A failure at the start of the control thread; there are none later.
#[derive(Debug, Error)]
pub enum ControlError {
    /// The address is taken, forbidden or not this machine's.
    #[error("pinion.metrics.listen: cannot listen on {address}: {source}{}", remedy(source))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The reason.
        source: io::Error,
    },
    /// The thread or its runtime could not be made.
    #[error("cannot start the control thread: {}{}", .0, remedy(.0))]
    Start(#[source] io::Error),
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "; stop the process that listens there (ss -ltnp shows it), or choose another port"
        }
        _ => error.raw_os_error().map_or("", crate::io::remedy),
    }
}
