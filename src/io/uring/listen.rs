//! Listeners that all shards of a process share, one socket each.

use super::super::Socket;
use super::error::StartError;
use super::sys;
use socket2::{Domain, Protocol, SockAddr, Type};
use std::io;
use std::net::SocketAddr;
use std::os::fd::IntoRawFd;

/// Connections that wait to be accepted; the kernel caps it at net.core.somaxconn.
const BACKLOG: i32 = 4096;

/// The congestion control of connections that do not leave the machine: part of every kernel, and
/// the least costly.
const LOOPBACK_CONGESTION_CONTROL: &[u8] = b"reno";

/// Sockets that listen on one address; the kernel spreads connections over them.
#[derive(Debug)]
pub struct Listeners {
    /// The address, with the port that was found if 0 was asked for.
    pub address: SocketAddr,
    /// One socket for each shard.
    pub sockets: Vec<Socket>,
}

/// Sizes of the kernel's buffers of each accepted connection, in bytes; `None` leaves one to the
/// kernel, which adapts it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SocketBuffers {
    /// SO_SNDBUF.
    pub send: Option<u32>,
    /// SO_RCVBUF.
    pub receive: Option<u32>,
}

/// Opens `count` listeners on `address` with SO_REUSEPORT. Connections accepted on them have
/// Nagle's delay off, keep-alive on, and these buffers; over loopback, no pacing either.
///
/// # Errors
/// The port is in use (by another process of the same user too, which SO_REUSEPORT alone would
/// let pass), needs a privilege, or the address is not this machine's.
pub fn listen(
    address: SocketAddr,
    count: usize,
    buffers: SocketBuffers,
) -> Result<Listeners, StartError> {
    let failed = |error: io::Error| {
        StartError::from_listen(address, error.raw_os_error().unwrap_or(libc::EIO))
    };
    if address.port() != 0 {
        claim(address).map_err(failed)?;
    }
    let mut opened: Vec<socket2::Socket> = Vec::with_capacity(count);
    let mut bound = address;
    for _ in 0..count {
        let socket = open(bound, buffers).map_err(failed)?;
        bound = socket
            .local_addr()
            .and_then(|local| local.as_socket().ok_or(io::ErrorKind::Unsupported.into()))
            .map_err(failed)?;
        opened.push(socket);
    }
    let sockets = opened.into_iter().map(|socket| Socket(socket.into_raw_fd() as u32)).collect();
    Ok(Listeners { address: bound, sockets })
}

impl Listeners {
    /// Closes the sockets; for those that no shard took over.
    pub fn close(self) {
        self.sockets.into_iter().for_each(|socket| sys::close(socket.0));
    }
}

fn stream(address: SocketAddr) -> io::Result<socket2::Socket> {
    let socket =
        socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    Ok(socket)
}

/// Fails if anybody listens there, be it with SO_REUSEPORT.
fn claim(address: SocketAddr) -> io::Result<()> {
    let socket = stream(address)?;
    socket.bind(&SockAddr::from(address))
}

fn open(address: SocketAddr, buffers: SocketBuffers) -> io::Result<socket2::Socket> {
    let socket = stream(address)?;
    socket.set_reuse_port(true)?;
    // Accepted sockets inherit these.
    socket.set_tcp_nodelay(true)?;
    socket.set_keepalive(true)?;
    if address.ip().is_loopback() {
        // There is no network to spare, and a system's default may pace sends by timers, as BBR
        // does. Without, connections are slower and no worse.
        if let Err(error) = socket.set_tcp_congestion(LOOPBACK_CONGESTION_CONTROL) {
            tracing::info!(%error, "loopback keeps the system's congestion control");
        }
    }
    if let Some(size) = buffers.send {
        socket.set_send_buffer_size(size as usize)?;
    }
    if let Some(size) = buffers.receive {
        socket.set_recv_buffer_size(size as usize)?;
    }
    socket.bind(&SockAddr::from(address))?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::{FromRawFd, RawFd};

    /// Goal: all shards share one port, found by the first; a second claim of it is refused.
    #[test]
    fn shares_a_port_and_refuses_a_second_claim() {
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let listeners = listen(any, 3, SocketBuffers::default()).unwrap();
        assert_eq!(listeners.sockets.len(), 3);
        let taken = listeners.address;
        assert_ne!(taken.port(), 0);
        assert_eq!(
            listen(taken, 1, SocketBuffers::default()).unwrap_err(),
            StartError::PortInUse { address: taken }
        );
        listeners.close();
        listen(taken, 1, SocketBuffers::default()).unwrap().close();
    }

    /// Goal: accepted sockets inherit what the listeners are set to.
    #[test]
    fn accepted_sockets_inherit_options() {
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let buffers = SocketBuffers { send: Some(65_536), receive: Some(32_768) };
        let Listeners { address, sockets } = listen(any, 1, buffers).unwrap();
        let _theirs = std::net::TcpStream::connect(address).unwrap();
        // SAFETY: the listener is open and owned by nobody else.
        let listener = unsafe { socket2::Socket::from_raw_fd(sockets[0].0 as RawFd) };
        let (accepted, _) = listener.accept().unwrap();
        assert!(accepted.tcp_nodelay().unwrap() && accepted.keepalive().unwrap());
        // The kernel doubles what it is asked for, for its own use.
        assert_eq!(accepted.send_buffer_size().unwrap(), 2 * 65_536);
        assert_eq!(accepted.recv_buffer_size().unwrap(), 2 * 32_768);
        let congestion_control = accepted.tcp_congestion().unwrap();
        assert!(congestion_control.starts_with(LOOPBACK_CONGESTION_CONTROL));
    }

    #[test]
    fn refuses_an_address_of_somebody_else() {
        let address: SocketAddr = "192.0.2.1:9092".parse().unwrap();
        let refused = listen(address, 1, SocketBuffers::default()).unwrap_err();
        assert_eq!(refused, StartError::AddressUnavailable { address });
    }
}
