//! How a connection ends: what it owes is sent, the client is told, and only then it closes.
//!
//! The kernel resets a connection that is closed with bytes in it that nobody has read, or to
//! which bytes come after that; the client then loses the replies that it has not read yet. So
//! whatever still comes is received and dropped until the client has ended its side, for a time.

use super::Shard;
use super::connection::{CloseReason, Connection, Phase, RequestKey};
use super::notices::Cause;
use super::slots::SlotId;
use super::tick::Timer;
use super::token::{SocketOperation, Target};
use crate::io::Op;
use std::time::Duration;

/// How long after the last byte to it a client may take to end its side. A client that still has
/// that byte to read, and sends more, after so long loses it.
const LINGER_MAX: Duration = Duration::from_secs(2);

/// How long a client whose connection ends may take to let the broker send what it owes. A drain
/// has its own limit, `pinion.shutdown.grace.ms`.
const FINISH_MAX: Duration = Duration::from_secs(30);

/// How often idle connections are looked for: as often as the limit says, within these bounds.
const IDLE_SCAN_MIN: Duration = Duration::from_millis(100);
const IDLE_SCAN_MAX: Duration = Duration::from_secs(30);

impl Shard {
    /// Ends a connection at a request by which its client broke the protocol, and says why, once.
    pub(super) fn refuse(&mut self, key: RequestKey, why: &str) {
        if let Some(connection) = self.connections.get(key.connection)
            && connection.phase < Phase::Finishing
        {
            let peer = connection.peer;
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
        self.refuse(RequestKey { connection: id, number: connection.next_number() }, why);
    }

    /// Ends a connection at a request: earlier ones are answered, it and later ones are not.
    pub(super) fn refuse_silently(&mut self, key: RequestKey) {
        let Some(connection) = self.connections.get_mut(key.connection) else { return };
        connection.answer_only_below(key.number);
        self.finish(key.connection, CloseReason::BadRequest);
    }

    /// Begins to end a connection: no more requests are read, replies that are owed are sent.
    fn finish(&mut self, id: SlotId, reason: CloseReason) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        if connection.phase >= Phase::Finishing {
            return;
        }
        connection.phase = Phase::Finishing;
        connection.close_reason = Some(reason);
        connection.receiver.begin_discarding();
        if connection.owes_replies() && reason != CloseReason::Shutdown {
            let deadline = self.now.monotonic.after(FINISH_MAX);
            self.timers.set(deadline, Timer::ConnectionEnd(id));
        }
        self.mark_connection(id);
    }

    /// Moves a connection that is to end as far as it can go. `is_read`: nothing that has come
    /// whole is left to be read.
    pub(super) fn advance_end(&mut self, id: SlotId, is_read: bool) {
        let Some(connection) = self.connections.get(id) else { return };
        if connection.phase == Phase::Draining && is_read && !self.is_full(connection) {
            self.finish(id, CloseReason::Shutdown);
        }
        let Some(connection) = self.connections.get(id) else { return };
        if connection.phase == Phase::Finishing && !connection.owes_replies() {
            self.linger(id);
        }
    }

    /// Tells the client that nothing more comes, and gives it time to see that.
    fn linger(&mut self, id: SlotId) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        let until = connection.sent_at.map(|at| at.after(LINGER_MAX));
        match until.filter(|until| *until > self.now.monotonic) {
            Some(until) => {
                connection.phase = Phase::Lingering;
                connection.operations += 1;
                let op = Op::EndSending { socket: connection.socket };
                self.submit_socket(id.slot, SocketOperation::Other, op);
                self.timers.set(until, Timer::ConnectionEnd(id));
            }
            // Whatever it was sent, it has had its time.
            None => self.cut(id),
        }
    }

    /// Closes a connection that has had its time to end.
    pub(super) fn on_connection_end(&mut self, id: SlotId) {
        if self.connections.get(id).is_some_and(|connection| connection.phase >= Phase::Finishing) {
            self.cut(id);
        }
    }

    /// Begins to close: nothing more is read or sent. The first reason that was given stands.
    pub(super) fn close(&mut self, id: SlotId, reason: CloseReason) {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.close_reason.get_or_insert(reason);
            self.cut(id);
        }
    }

    fn cut(&mut self, id: SlotId) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        if connection.phase == Phase::Closing {
            return;
        }
        connection.phase = Phase::Closing;
        connection.outbox.clear();
        if connection.operations > 0 {
            connection.operations += 1;
            let op = Op::Shutdown { socket: connection.socket };
            self.submit_socket(id.slot, SocketOperation::Other, op);
        }
        self.mark_connection(id);
    }

    /// Gives back a closing connection's socket, once nothing is in flight on it.
    pub(super) fn remove_if_closed(&mut self, id: SlotId) {
        if self.connections.get(id).is_none_or(|connection| connection.operations > 0) {
            return;
        }
        let Some(connection) = self.connections.remove(id) else { return };
        let counters = &mut self.metrics.counters;
        counters.requests_in_flight -= connection.pending_count() as u64;
        match connection.close_reason {
            Some(CloseReason::Peer) => counters.connections_closed_by_peer += 1,
            Some(CloseReason::BadRequest) => counters.connections_closed_refused += 1,
            Some(CloseReason::Idle) => counters.connections_closed_idle += 1,
            Some(CloseReason::Stalled) => counters.connections_closed_stalled += 1,
            Some(CloseReason::Shutdown) => counters.connections_closed_at_shutdown += 1,
            Some(CloseReason::Failure) | None => counters.connections_closed_on_error += 1,
        }
        let op = Op::CloseSocket { socket: connection.socket };
        self.ops.push((Target::Ignored.token(), op));
    }

    /// Ends connections on which nothing has happened for `connections.max.idle.ms`.
    pub(super) fn end_idle_connections(&mut self) {
        let Some(limit) = self.settings.connection_idle_max else { return };
        let now = self.now.monotonic;
        let is_idle = |connection: &Connection| {
            connection.pending_count() == 0 && now.since(connection.active) >= limit
        };
        let idle: Vec<SlotId> = self
            .connections
            .iter()
            .filter(|(_, connection)| is_idle(connection))
            .map(|(id, _)| id)
            .collect();
        for id in idle {
            self.finish(id, CloseReason::Idle);
        }
        let next = now.after(limit.clamp(IDLE_SCAN_MIN, IDLE_SCAN_MAX));
        self.timers.set(next, Timer::IdleConnections);
    }
}
