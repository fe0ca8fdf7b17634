//! A shard's listener: it lets clients in until the shard is to end, and closes before anything
//! else does.

use super::Shard;
use super::connection::Connection;
use super::notices::Cause;
use super::tick::Timer;
use super::token::Target;
use crate::io::{Completion, Op, Output, Socket};
use std::net::SocketAddr;
use std::time::Duration;

/// How long to wait after a failed accept: a lack of descriptors does not end at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The socket that clients connect to, and whether an accept is in flight on it.
///
/// Invariant: it is closed only when nothing is in flight on it.
#[derive(Debug, Default)]
pub struct Listener {
    /// `None` before the shard serves, and once it is closed.
    socket: Option<Socket>,
    is_accepting: bool,
}

impl Listener {
    /// Of a socket that listens.
    pub fn new(socket: Socket) -> Listener {
        Listener { socket: Some(socket), is_accepting: false }
    }

    /// The accept to submit, unless one is in flight or the listener is closed.
    fn begin_accept(&mut self) -> Option<Op> {
        let listener = self.socket.filter(|_| !self.is_accepting)?;
        self.is_accepting = true;
        Some(Op::Accept { listener })
    }

    /// The accept has completed for the last time.
    fn on_accept_ended(&mut self) {
        self.is_accepting = false;
    }

    /// What brings the close on: the end of the accept first, and then the close itself.
    fn close(&mut self) -> Option<Op> {
        match self.is_accepting {
            true => Some(Op::Cancel { target: Target::Accept.token() }),
            false => self.socket.take().map(|socket| Op::CloseSocket { socket }),
        }
    }

    /// Whether nobody can connect here.
    pub fn is_closed(&self) -> bool {
        self.socket.is_none()
    }
}

impl Shard {
    /// Accepts connections while the shard serves.
    pub(super) fn begin_accepting(&mut self) {
        if !self.closing.is_serving() {
            return self.close_listener();
        }
        let accept = self.listener.begin_accept();
        self.ops.extend(accept.map(|op| (Target::Accept.token(), op)));
    }

    /// Lets nobody in any more. The close resets connections that the kernel has let in and nobody
    /// has accepted, so that no client waits here in vain.
    pub(super) fn close_listener(&mut self) {
        let close = self.listener.close();
        self.ops.extend(close.map(|op| (Target::Ignored.token(), op)));
    }

    pub(super) fn on_accept(&mut self, completion: Completion) {
        if !completion.more {
            self.listener.on_accept_ended();
        }
        match completion.result {
            Ok(Output::Accepted { socket, .. }) if !self.closing.is_serving() => {
                self.ops.push((Target::Ignored.token(), Op::CloseSocket { socket }));
            }
            Ok(Output::Accepted { socket, peer }) => self.add_connection(socket, peer),
            Ok(other) => unreachable!("accept gave {other:?}"),
            Err(error) if error.is_cancelled() => {}
            Err(error) => {
                if self.may_log(Cause::AcceptFailed) {
                    tracing::warn!(%error, "cannot accept a connection; trying again shortly");
                }
                if !completion.more && self.closing.is_serving() {
                    let again = self.now.monotonic.after(ACCEPT_PAUSE);
                    return self.timers.set(again, Timer::Accept);
                }
            }
        }
        if !completion.more {
            self.begin_accepting();
        }
    }

    fn add_connection(&mut self, socket: Socket, peer: SocketAddr) {
        if self.connections.len() >= self.settings.connection_count_max {
            self.metrics.counters.connections_refused += 1;
            let limit = self.settings.connection_count_max;
            if self.may_log(Cause::TooManyConnections) {
                tracing::warn!(%peer, limit, "refused a connection: max.connections is reached");
            }
            self.ops.push((Target::Ignored.token(), Op::CloseSocket { socket }));
            return;
        }
        self.metrics.counters.connections_accepted += 1;
        let length_max = self.settings.request_bytes_max;
        let now = self.now.monotonic;
        let id = self.connections.insert(Connection::new(socket, peer, length_max, now));
        self.mark_connection(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: a listener that accepts is closed when its accept has ended, not before, and once.
    #[test]
    fn closes_after_the_accept() {
        let socket = Socket(7);
        let mut listener = Listener::new(socket);
        assert!(
            matches!(listener.begin_accept(), Some(Op::Accept { listener }) if listener == socket)
        );
        assert!(listener.begin_accept().is_none(), "one accept at a time");
        assert!(matches!(listener.close(), Some(Op::Cancel { .. })));
        assert!(!listener.is_closed());
        listener.on_accept_ended();
        assert!(
            matches!(listener.close(), Some(Op::CloseSocket { socket: closed }) if closed == socket)
        );
        assert!(listener.is_closed());
        assert!(listener.close().is_none() && listener.begin_accept().is_none());
    }

    /// Goal: a listener that pauses after a failed accept is closed at once.
    #[test]
    fn closes_between_accepts() {
        let mut listener = Listener::new(Socket(7));
        listener.begin_accept();
        listener.on_accept_ended();
        assert!(matches!(listener.close(), Some(Op::CloseSocket { .. })));
        assert!(listener.is_closed());
    }
}
