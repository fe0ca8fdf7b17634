//! How a connection ends: what it owes is sent, the client is told, and only then it closes.
//!
//! The kernel resets a connection that is closed with bytes in it that nobody has read, or to
//! which bytes come after that; the client then loses the replies that it has not read yet. So
//! whatever still comes is received and dropped until the client has ended its side, for a time.
//! [`Life`](super::connection::life::Life) decides; what follows is done here.

use super::Shard;
use super::connection::life::{Event, Fact};
use super::connection::{CloseReason, Connection, RequestKey};
use super::notices::Cause;
use super::slots::SlotId;
use super::tick::Timer;
use super::token::{SocketOperation, Target};
use crate::io::Op;
use std::time::Duration;

/// How often idle connections are looked for: as often as the limit says, within these bounds.
const IDLE_SCAN_MIN: Duration = Duration::from_millis(100);
const IDLE_SCAN_MAX: Duration = Duration::from_secs(30);

impl Shard {
    /// Ends a connection at a request by which its client broke the protocol, and says why, once.
    pub(super) fn refuse(&mut self, key: RequestKey, why: &str) {
        if let Some(connection) = self.connections.get(key.connection)
            && connection.life().serves_requests()
        {
            let peer = connection.peer();
            self.metrics.counters.frames_refused += 1;
            if self.may_log(Cause::BadRequest) {
                tracing::warn!(%peer, "closing a connection: {why}");
            }
        }
        self.refuse_silently(key);
    }

    /// As [`Shard::refuse`], at a frame that is no request.
    pub(super) fn refuse_frame(&mut self, id: SlotId, why: &str) {
        let Some(connection) = self.connections.get(id) else { return };
        let number = connection.unanswered().next_number();
        self.refuse(RequestKey { connection: id, number }, why);
    }

    /// Ends a connection at a request: earlier ones are answered, it and later ones are not.
    pub(super) fn refuse_silently(&mut self, key: RequestKey) {
        let Some(connection) = self.connections.get_mut(key.connection) else { return };
        connection.answer_only_below(key.number);
        self.end(key.connection, Event::Finish(CloseReason::BadRequest));
    }

    /// Takes an event of a connection's way to its end, and does what follows.
    pub(super) fn end(&mut self, id: SlotId, event: Event) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        let (socket, has_operations) = (connection.socket(), connection.life().has_operations());
        match connection.on(event, self.now.monotonic) {
            Some(Fact::Finish { deadline }) => {
                if let Some(deadline) = deadline.filter(|_| connection.owes_replies()) {
                    self.timers.set(deadline, Timer::ConnectionEnd(id));
                }
                self.mark_connection(id);
            }
            Some(Fact::EndSending { until }) => {
                self.submit_socket(id, SocketOperation::Other, Op::EndSending { socket });
                self.timers.set(until, Timer::ConnectionEnd(id));
            }
            Some(Fact::Cut) => {
                if has_operations {
                    self.submit_socket(id, SocketOperation::Other, Op::Shutdown { socket });
                }
                self.mark_connection(id);
            }
            None => {}
        }
    }

    /// Moves a connection that is to end as far as it can go. `is_read`: nothing that has come
    /// whole is left to be read.
    pub(super) fn advance_end(&mut self, id: SlotId, is_read: bool) {
        let Some(connection) = self.connections.get(id) else { return };
        if connection.life().is_open() {
            return;
        }
        if is_read && !self.is_full(connection) {
            self.end(id, Event::AllRead);
        }
        if self.connections.get(id).is_some_and(|connection| !connection.owes_replies()) {
            self.end(id, Event::AllSent);
        }
    }

    /// Begins to close: nothing more is read or sent.
    pub(super) fn close(&mut self, id: SlotId, reason: CloseReason) {
        self.end(id, Event::Cut(reason));
    }

    /// Gives back a closing connection's socket, once nothing is in flight on it.
    pub(super) fn remove_if_closed(&mut self, id: SlotId) {
        let closed = |connection: &Connection| connection.life().closed();
        let Some(reason) = self.connections.get(id).and_then(closed) else { return };
        let Some(connection) = self.connections.remove(id) else { return };
        let counters = &mut self.metrics.counters;
        counters.requests_in_flight -= connection.unanswered().count() as u64;
        match reason {
            CloseReason::Peer => counters.connections_closed_by_peer += 1,
            CloseReason::BadRequest => counters.connections_closed_refused += 1,
            CloseReason::Idle => counters.connections_closed_idle += 1,
            CloseReason::Stalled => counters.connections_closed_stalled += 1,
            CloseReason::Shutdown => counters.connections_closed_at_shutdown += 1,
            CloseReason::Failure => counters.connections_closed_on_error += 1,
        }
        let op = Op::CloseSocket { socket: connection.socket() };
        self.ops.push((Target::Ignored.token(), op));
    }

    /// Ends connections on which nothing has happened for `connections.max.idle.ms`.
    pub(super) fn end_idle_connections(&mut self) {
        let Some(limit) = self.settings.connection_idle_max else { return };
        let now = self.now.monotonic;
        let is_idle = |connection: &Connection| {
            connection.unanswered().count() == 0
                && now.since(connection.life().active_at()) >= limit
        };
        let idle: Vec<SlotId> = self
            .connections
            .iter()
            .filter(|(_, connection)| is_idle(connection))
            .map(|(id, _)| id)
            .collect();
        for id in idle {
            self.end(id, Event::Finish(CloseReason::Idle));
        }
        let next = now.after(limit.clamp(IDLE_SCAN_MIN, IDLE_SCAN_MAX));
        self.timers.set(next, Timer::IdleConnections);
    }
}
