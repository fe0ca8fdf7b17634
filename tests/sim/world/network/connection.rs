//! A connection between a simulated client and a shard.

use super::stream::{End, Piece, Stream};
use crate::world::disk::Disk;
use crate::world::disk::directory::InodeId;
use crate::world::station::{StationId, Ticket};
use pinion::io::{File, Gather, Output};

/// Names a connection for the whole run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// An end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Client,
    Server,
}

/// Both directions, and what a shard has in flight on them.
#[derive(Debug, Default)]
pub struct Connection {
    /// What the client sent.
    pub to_server: Stream,
    /// What the shard sent.
    pub to_client: Stream,
    /// The shard that accepted it and has not closed it.
    pub owner: Option<StationId>,
    /// Whether the shard ended its direction.
    pub sends_no_more: bool,
    /// Whether the shard ended both directions.
    pub is_shut: bool,
    /// The receive in flight.
    pub receiving: Option<Receiving>,
    /// The send in flight.
    pub sending: Option<Sending>,
}

/// A receive in flight; without a buffer it goes on until it is ended.
#[derive(Debug)]
pub struct Receiving {
    pub ticket: Ticket,
    pub into: Option<(Vec<u8>, usize)>,
}

/// A send in flight.
#[derive(Debug)]
pub enum Sending {
    Bytes { ticket: Ticket, data: Gather, bytes: Vec<u8>, sent: usize },
    Pages { ticket: Ticket, file: File, inode: InodeId, position: u64, length: u32 },
}

/// How far a send gets.
pub enum Step {
    /// The buffer is full.
    Waits,
    /// A piece goes, and the operation completes if there is an output.
    Sends { piece: Option<Piece>, output: Option<Output> },
}

impl Connection {
    /// Whether no shard holds its end any more.
    pub fn is_closed_by_server(&self) -> bool {
        self.owner.is_none()
    }

    /// How the stream to the client ended, once all before it was read.
    pub fn client_end(&self) -> Option<End> {
        self.to_client.end.filter(|end| *end == End::Reset || self.to_client.arrived_len() == 0)
    }
}

impl Sending {
    /// The name of the operation.
    pub fn ticket(&self) -> Ticket {
        match self {
            Sending::Bytes { ticket, .. } | Sending::Pages { ticket, .. } => *ticket,
        }
    }

    /// Gives back the file that it holds.
    pub fn release(&self, disk: &mut Disk) {
        if let Sending::Pages { file, .. } = self {
            disk.release(*file);
        }
    }

    /// Puts up to `count` bytes into the socket buffer.
    pub fn advance(&mut self, count: u64, disk: &Disk) -> Step {
        match self {
            Sending::Bytes { data, bytes, sent, .. } => {
                if count == 0 {
                    return Step::Waits;
                }
                let end = bytes.len().min(*sent + count as usize);
                let piece = Piece::Bytes(bytes[*sent..end].to_vec());
                *sent = end;
                let output = (end == bytes.len()).then(|| Output::Sent(std::mem::take(data)));
                Step::Sends { piece: Some(piece), output }
            }
            Sending::Pages { inode, position, length, .. } => {
                let rest = disk.length_of(*inode).saturating_sub(*position);
                if rest == 0 {
                    let output = Some(Output::SentFile { count: 0 });
                    return Step::Sends { piece: None, output };
                }
                let count = count.min(rest).min(u64::from(*length)) as u32;
                if count == 0 {
                    return Step::Waits;
                }
                let (inode, position) = (*inode, *position);
                let piece = Piece::Pages { inode, position, length: count as usize };
                let output = Some(Output::SentFile { count });
                Step::Sends { piece: Some(piece), output }
            }
        }
    }
}
