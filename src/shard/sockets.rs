//! Connections' completions: accepted, received, sent, closed.

use super::Shard;
use super::connection::{CloseReason, Connection};
use super::receive::Step;
use super::slots::SlotId;
use super::tick::Timer;
use super::token::{SocketOperation, Target};
use crate::io::{Completion, IoError, Op, Output, Socket};
use std::net::SocketAddr;
use std::time::Duration;

/// How often idle connections are looked for: as often as the limit says, within these bounds.
const IDLE_SCAN_MIN: Duration = Duration::from_millis(100);
const IDLE_SCAN_MAX: Duration = Duration::from_secs(30);

/// How long to wait after a failed accept: a lack of descriptors does not end at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Requests served from one connection before the others have their turn.
const REQUESTS_PER_TURN: usize = 64;

impl Shard {
    /// Starts accepting connections.
    pub(super) fn begin_accepting(&mut self) {
        if let Some(listener) = self.listener
            && self.closing.is_serving()
        {
            self.ops.push((Target::Accept.token(), Op::Accept { listener }));
        }
    }

    pub(super) fn on_accept(&mut self, completion: Completion) {
        match completion.result {
            Ok(Output::Accepted { socket, .. }) if !self.closing.is_serving() => {
                self.ops.push((Target::Ignored.token(), Op::CloseSocket { socket }));
            }
            Ok(Output::Accepted { socket, peer }) => self.add_connection(socket, peer),
            Ok(other) => unreachable!("accept gave {other:?}"),
            Err(error) if error.is_cancelled() => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection; trying again shortly");
                if !completion.more {
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
            tracing::warn!(%peer, limit, "refused a connection: max.connections is reached");
            self.ops.push((Target::Ignored.token(), Op::CloseSocket { socket }));
            return;
        }
        self.metrics.counters.connections_accepted += 1;
        let length_max = self.settings.request_bytes_max;
        let now = self.now.monotonic;
        let id = self.connections.insert(Connection::new(socket, peer, length_max, now));
        self.mark_connection(id);
    }

    pub(super) fn on_socket(
        &mut self,
        slot: u32,
        operation: SocketOperation,
        completion: Completion,
    ) {
        let Some((id, connection)) = self.connections.at(slot) else {
            unreachable!("a connection stays until its last completion");
        };
        if !completion.more {
            connection.operations -= 1;
        }
        connection.active = self.now.monotonic;
        match (operation, completion.result) {
            (SocketOperation::Receive, result) => self.on_received(id, result, completion.more),
            (SocketOperation::ReceiveInto, result) => self.on_received_into(id, result),
            (SocketOperation::Send, result) => self.on_sent(id, result),
            (SocketOperation::Other, _) => {}
        }
        self.mark_connection(id);
    }

    fn on_received(&mut self, id: SlotId, result: Result<Output, IoError>, more: bool) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        match result {
            Ok(Output::Received(bytes)) => {
                let is_end = bytes.is_empty();
                self.metrics.counters.received_bytes += bytes.len() as u64;
                connection.receiver.on_received(bytes, more);
                connection.ended |= is_end && !more;
            }
            Ok(other) => unreachable!("receive gave {other:?}"),
            Err(error) => {
                if !more {
                    connection.receiver.on_receive_ended();
                }
                if !error.is_cancelled() {
                    self.close_on_error(id, error);
                }
            }
        }
    }

    fn on_received_into(&mut self, id: SlotId, result: Result<Output, IoError>) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        match result {
            Ok(Output::ReceivedInto { buffer, count }) => {
                self.metrics.counters.received_bytes += count as u64;
                let outcome = connection.receiver.on_received_into(buffer);
                if let Err(error) = outcome {
                    self.refuse(id, &error.to_string());
                } else {
                    connection.ended |= count == 0;
                }
            }
            Ok(other) => unreachable!("receive gave {other:?}"),
            Err(error) => self.close_on_error(id, error),
        }
    }

    fn on_sent(&mut self, id: SlotId, result: Result<Output, IoError>) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        match result {
            Ok(Output::Sent(mut gather)) => {
                connection.outbox.on_sent();
                self.metrics.counters.sent_bytes += gather.len();
                gather.clear();
                self.gathers.give(gather);
                self.note_sent(id);
            }
            Ok(Output::SentFile { count }) => {
                self.metrics.counters.sent_bytes += u64::from(count);
                self.metrics.counters.fetched_bytes += u64::from(count);
                if connection.outbox.on_sent_file(count).is_err() {
                    let peer = connection.peer;
                    tracing::error!(%peer, "a log file is shorter than its index says");
                    self.close(id, CloseReason::Failure);
                }
                self.note_sent(id);
            }
            Ok(other) => unreachable!("send gave {other:?}"),
            Err(error) => {
                connection.outbox.on_failed();
                self.close_on_error(id, error);
            }
        }
    }

    fn close_on_error(&mut self, id: SlotId, error: IoError) {
        if let Some(connection) = self.connections.get(id) {
            tracing::debug!(peer = %connection.peer, %error, "a connection broke");
        }
        let reason = if error.is_peer_gone() { CloseReason::Peer } else { CloseReason::Failure };
        self.close(id, reason);
    }

    /// Closes a connection whose client broke the protocol, and says why, once.
    pub(super) fn refuse(&mut self, id: SlotId, why: &str) {
        if let Some(connection) = self.connections.get(id)
            && connection.closing.is_none()
        {
            self.metrics.counters.frames_refused += 1;
            tracing::warn!(peer = %connection.peer, "closing a connection: {why}");
        }
        self.close(id, CloseReason::BadRequest);
    }

    /// Begins to close: nothing more is read or sent.
    pub(super) fn close(&mut self, id: SlotId, reason: CloseReason) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        if connection.closing.is_some() {
            return;
        }
        connection.closing = Some(reason);
        connection.outbox.clear();
        if connection.operations > 0 {
            connection.operations += 1;
            let op = Op::Shutdown { socket: connection.socket };
            self.submit_socket(id.slot, SocketOperation::Other, op);
        }
        self.mark_connection(id);
    }

    fn remove_connection(&mut self, id: SlotId) {
        let Some(connection) = self.connections.remove(id) else { return };
        let counters = &mut self.metrics.counters;
        counters.requests_in_flight -= connection.pending_count() as u64;
        match connection.closing {
            Some(CloseReason::Peer) => counters.connections_closed_by_peer += 1,
            Some(CloseReason::BadRequest) => counters.connections_closed_refused += 1,
            Some(CloseReason::Idle) => counters.connections_closed_idle += 1,
            Some(CloseReason::Shutdown) => counters.connections_closed_at_shutdown += 1,
            Some(CloseReason::Failure) | None => counters.connections_closed_on_error += 1,
        }
        let op = Op::CloseSocket { socket: connection.socket };
        self.ops.push((Target::Ignored.token(), op));
    }

    /// Has a connection looked at before this turn ends.
    pub(super) fn mark_connection(&mut self, id: SlotId) {
        if self.dirty_connections.last() != Some(&id) {
            self.dirty_connections.push(id);
        }
    }

    /// Reads requests, sends replies and asks for more, on each connection that had an event.
    pub(super) fn serve_dirty_connections(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty_connections);
        for id in dirty.drain(..) {
            self.serve_connection(id);
        }
        if self.dirty_connections.is_empty() {
            // Keeps the longer buffer for the next turn.
            self.dirty_connections = dirty;
        }
    }

    fn serve_connection(&mut self, id: SlotId) {
        let is_read = self.read_requests(id);
        if !is_read {
            self.mark_connection(id);
        }
        let Some(connection) = self.connections.get_mut(id) else { return };
        if connection.closing.is_some() {
            if connection.operations == 0 {
                self.remove_connection(id);
            }
            return;
        }
        let has_ended = connection.ended;
        if let Some(op) = connection.next_send() {
            connection.operations += 1;
            self.submit_socket(id.slot, SocketOperation::Send, op);
        }
        if is_read || !has_ended {
            self.ask_for_bytes(id);
        }
        self.close_if_drained(id);
    }

    fn close_if_drained(&mut self, id: SlotId) {
        let Some(connection) = self.connections.get(id) else { return };
        if connection.draining && connection.pending_count() == 0 && connection.outbox.is_empty() {
            self.close(id, CloseReason::Shutdown);
        }
    }

    /// Takes whole frames and serves them; false if there may be more for a next turn.
    fn read_requests(&mut self, id: SlotId) -> bool {
        for _ in 0..REQUESTS_PER_TURN {
            let Some(connection) = self.connections.get_mut(id) else { return true };
            if connection.closing.is_some() || is_full(connection, &self.settings) {
                return true;
            }
            let frame = connection.receiver.next_frame(&self.memory);
            self.metrics.counters.payload_copied_bytes += connection.receiver.take_copied();
            match frame {
                Ok(Some(frame)) => self.on_frame(id, frame),
                Ok(None) => return true,
                Err(error) => {
                    self.refuse(id, &error.to_string());
                    return true;
                }
            }
        }
        false
    }

    fn ask_for_bytes(&mut self, id: SlotId) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        let socket = connection.socket;
        let is_full = is_full(connection, &self.settings);
        let step = if is_full || connection.draining {
            connection.receiver.pause_step()
        } else {
            connection.receiver.next_step(&self.memory)
        };
        if connection.ended && !is_full && !matches!(step, Step::AwaitMemory) {
            // Nobody waits for replies any more, but a request without one counts all the same.
            self.close(id, CloseReason::Peer);
            return;
        }
        let (operation, op) = match step {
            Step::Nothing => return,
            Step::Receive => (SocketOperation::Receive, Op::Receive { socket }),
            Step::CancelReceive => {
                let receive =
                    Target::Connection { slot: id.slot, operation: SocketOperation::Receive };
                (SocketOperation::Other, Op::Cancel { target: receive.token() })
            }
            Step::ReceiveInto(buffer, length_max) => {
                (SocketOperation::ReceiveInto, Op::ReceiveInto { socket, buffer, length_max })
            }
            Step::AwaitMemory => {
                if !connection.awaits_memory {
                    connection.awaits_memory = true;
                    self.memory_queue.push_back(id);
                }
                return;
            }
        };
        connection.operations += 1;
        self.submit_socket(id.slot, operation, op);
    }

    /// Lets connections that wait for receive memory try again, in the order of their coming.
    pub(super) fn retry_memory_queue(&mut self) {
        for _ in 0..self.memory_queue.len() {
            let Some(id) = self.memory_queue.pop_front() else { return };
            if let Some(connection) = self.connections.get_mut(id) {
                connection.awaits_memory = false;
                self.mark_connection(id);
            }
        }
    }

    /// Closes connections on which nothing has happened for `connections.max.idle.ms`.
    pub(super) fn close_idle_connections(&mut self) {
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
            self.close(id, CloseReason::Idle);
        }
        let next = now.after(limit.clamp(IDLE_SCAN_MIN, IDLE_SCAN_MAX));
        self.timers.set(next, Timer::IdleConnections);
    }
}

/// Whether the client has as many requests, or bytes, in flight as it may.
fn is_full(connection: &Connection, settings: &super::Settings) -> bool {
    connection.pending_count() >= settings.requests_in_flight_max
        || connection.bytes_pending() >= settings.request_bytes_in_flight_max
}
