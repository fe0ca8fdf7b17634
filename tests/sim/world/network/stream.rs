//! One direction of a connection.

use crate::world::agenda::{Agenda, Delay, Event};
use crate::world::disk::directory::InodeId;
use std::collections::VecDeque;

/// Bytes under way from one side to the other, in order, cut as the network likes.
#[derive(Debug, Default)]
pub struct Stream {
    transit: VecDeque<Piece>,
    arrived: VecDeque<u8>,
    last_arrival: u64,
    unread: u64,
    /// How the stream ended, once that has arrived.
    pub end: Option<End>,
}

/// Something under way.
#[derive(Debug)]
pub enum Piece {
    Bytes(Vec<u8>),
    /// Pages of a file that a socket buffer refers to: they are read when they arrive.
    Pages {
        inode: InodeId,
        position: u64,
        length: usize,
    },
    End(End),
}

/// How a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The other side sends no more.
    Closed,
    /// The connection broke; what had not been read is lost.
    Reset,
}

impl Piece {
    fn len(&self) -> u64 {
        match self {
            Piece::Bytes(bytes) => bytes.len() as u64,
            Piece::Pages { length, .. } => *length as u64,
            Piece::End(_) => 0,
        }
    }
}

impl Stream {
    /// Sends a piece; `event` is set for its arrival, not before that of earlier pieces.
    pub fn send(&mut self, piece: Piece, latency: Delay, event: Event, agenda: &mut Agenda) {
        self.unread += piece.len();
        self.transit.push_back(piece);
        self.last_arrival = agenda.draw_instant(latency, self.last_arrival);
        agenda.at(self.last_arrival, event);
    }

    /// Bytes sent and not yet read by the other side.
    pub fn unread(&self) -> u64 {
        self.unread
    }

    /// The next piece arrives; `read_pages` reads what a page reference shows at this moment.
    pub fn arrive(&mut self, read_pages: impl FnOnce(InodeId, u64, usize) -> Vec<u8>) {
        match self.transit.pop_front() {
            Some(Piece::Bytes(bytes)) => self.arrived.extend(bytes),
            Some(Piece::Pages { inode, position, length }) => {
                self.arrived.extend(read_pages(inode, position, length));
            }
            Some(Piece::End(end)) => self.end = self.end.or(Some(end)),
            None => {}
        }
    }

    /// Whether a reader would get bytes or the end.
    pub fn is_readable(&self) -> bool {
        !self.arrived.is_empty() || self.end.is_some()
    }

    /// Bytes that have arrived and were not read.
    pub fn arrived_len(&self) -> usize {
        self.arrived.len()
    }

    /// Takes up to `count` arrived bytes.
    pub fn read(&mut self, count: usize) -> Vec<u8> {
        let count = count.min(self.arrived.len());
        self.unread -= count as u64;
        self.arrived.drain(..count).collect()
    }

    /// Breaks: what is under way is lost, and what has arrived too.
    pub fn reset(&mut self) {
        self.transit.clear();
        self.arrived.clear();
        self.unread = 0;
        self.end = Some(End::Reset);
    }
}
