//! Free ports on loopback, and whether somebody listens there.

use crate::error::{Error, Result};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const CONNECT_LIMIT: Duration = Duration::from_millis(200);

/// Ports below those that the kernel gives to outgoing connections: one of these would be taken
/// by the time a slow broker listens.
const PORTS: std::ops::Range<u16> = 15_000..32_000;

/// A port of 127.0.0.1 that was free just now, and that no call gave before.
///
/// # Errors
/// If no port is left.
pub fn free() -> Result<u16> {
    // Two harnesses at once begin in different places.
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(97);
    let mut failed = None;
    for _ in PORTS {
        let step = first.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed));
        let place = step % u32::from(PORTS.end - PORTS.start);
        let port = PORTS.start + u16::try_from(place).expect("less than the range's length");
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(_) => return Ok(port),
            Err(error) => failed = Some(error),
        }
    }
    let failed = failed.unwrap_or_else(|| ErrorKind::AddrInUse.into());
    Err(Error::io("a free port")(failed))
}

/// Whether somebody accepts connections at this port of 127.0.0.1.
pub fn is_open(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, CONNECT_LIMIT).is_ok()
}
