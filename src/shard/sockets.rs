//! Connections' completions: received and sent.

use super::Shard;
use super::connection::{CloseReason, Connection};
use super::receive::Step;
use super::slots::SlotId;
use super::token::{SocketOperation, Target};
use crate::io::{Completion, IoError, Op, Output};

/// Requests served from one connection before the others have their turn.
const REQUESTS_PER_TURN: usize = 64;

impl Shard {
    pub(super) fn on_socket(
        &mut self,
        slot: u32,
        operation: SocketOperation,
        completion: Completion,
    ) {
        let Some((id, connection)) = self.connections.at(slot) else {
            unreachable!("a connection stays until its last completion");
        };
        connection.on_completion(completion.more, self.now.monotonic);
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
                self.metrics.counters.received_bytes += bytes.len() as u64;
                connection.on_received(bytes, more, self.now.monotonic);
            }
            Ok(other) => unreachable!("receive gave {other:?}"),
            Err(error) => {
                if !more {
                    connection.on_receive_ended();
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
                let outcome = connection.on_received_into(buffer, count, self.now.monotonic);
                if let Err(error) = outcome {
                    self.refuse_frame(id, &error.to_string());
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
                connection.on_sent(self.now.monotonic);
                self.metrics.counters.sent_bytes += gather.len();
                gather.clear();
                self.gathers.give(gather);
                self.note_sent(id);
            }
            Ok(Output::SentFile { count }) => {
                self.metrics.counters.sent_bytes += u64::from(count);
                self.metrics.counters.fetched_bytes += u64::from(count);
                if connection.on_sent_file(count, self.now.monotonic).is_err() {
                    let peer = connection.peer();
                    tracing::error!(%peer, "a log file is shorter than its index says");
                    self.close(id, CloseReason::Failure);
                }
                self.note_sent(id);
            }
            Ok(other) => unreachable!("send gave {other:?}"),
            Err(error) => {
                connection.on_send_failed();
                self.close_on_error(id, error);
            }
        }
    }

    fn close_on_error(&mut self, id: SlotId, error: IoError) {
        if let Some(connection) = self.connections.get(id) {
            tracing::debug!(peer = %connection.peer(), %error, "a connection broke");
        }
        let reason = if error.is_peer_gone() { CloseReason::Peer } else { CloseReason::Failure };
        self.close(id, reason);
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
        self.advance_end(id, is_read);
        let Some(connection) = self.connections.get_mut(id) else { return };
        if connection.life().is_closing() {
            return self.remove_if_closed(id);
        }
        let has_ended = connection.life().peer_has_ended();
        if let Some(op) = connection.next_send() {
            self.submit_socket(id, SocketOperation::Send, op);
        }
        if is_read || !has_ended {
            self.ask_for_bytes(id);
        }
    }

    /// Takes whole frames and serves them; false if there may be more for a next turn.
    fn read_requests(&mut self, id: SlotId) -> bool {
        for _ in 0..REQUESTS_PER_TURN {
            let Some(connection) = self.connections.get(id) else { return true };
            if !connection.life().serves_requests() || self.is_full(connection) {
                return true;
            }
            let Some(connection) = self.connections.get_mut(id) else { return true };
            let frame = connection.next_frame(&self.memory);
            self.metrics.counters.payload_copied_bytes += connection.take_copied();
            match frame {
                Ok(Some(frame)) => self.on_frame(id, frame),
                Ok(None) => return true,
                Err(error) => {
                    self.refuse_frame(id, &error.to_string());
                    return true;
                }
            }
        }
        false
    }

    fn ask_for_bytes(&mut self, id: SlotId) {
        let Some(connection) = self.connections.get(id) else { return };
        let (socket, has_ended) = (connection.socket(), connection.life().peer_has_ended());
        let is_full = connection.life().serves_requests() && self.is_full(connection);
        let Some(connection) = self.connections.get_mut(id) else { return };
        let step = connection.next_step(is_full, &self.memory);
        if has_ended && !is_full && !matches!(step, Step::AwaitMemory) {
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
                if connection.begin_awaiting_memory() {
                    self.memory_queue.push(id);
                }
                return;
            }
        };
        self.submit_socket(id, operation, op);
    }

    /// Whether the client has as many requests, or bytes, in flight as it may.
    pub(super) fn is_full(&self, connection: &Connection) -> bool {
        let unanswered = connection.unanswered();
        unanswered.count() >= self.settings.requests_in_flight_max
            || unanswered.bytes() >= self.settings.request_bytes_in_flight_max
    }
}
