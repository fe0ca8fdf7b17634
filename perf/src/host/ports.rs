//! Free ports on loopback, and whether somebody listens there.

use crate::error::{Error, Result};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

const CONNECT_LIMIT: Duration = Duration::from_millis(200);

/// A port of 127.0.0.1 that was free just now.
///
/// # Errors
/// If no port is left.
pub fn free() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = listener.and_then(|listener| listener.local_addr());
    address.map(|address| address.port()).map_err(Error::io("a free port"))
}

/// Whether somebody accepts connections at this port of 127.0.0.1.
pub fn is_open(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, CONNECT_LIMIT).is_ok()
}
