//! Listeners and connections between the shards and simulated clients.

pub mod connection;
pub mod stream;

pub use connection::{Connection, ConnectionId, Side};
pub use stream::End;

use super::agenda::{Agenda, Delay, Event};
use super::disk::Disk;
use super::disk::directory::InodeId;
use super::station::{StationId, Stations, Ticket};
use connection::{Receiving, Sending};
use pinion::base::limits::RECEIVE_BUFFER_SIZE;
use pinion::io::{Completion, Op, Output, Socket};
use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use stream::Piece;

/// How the network behaves in one run.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    /// The time a piece is under way.
    pub latency: Delay,
    /// The longest piece into which a stream is cut, in bytes.
    pub piece_length_max: u64,
    /// What a connection's send buffer holds, in bytes.
    pub send_buffer: u64,
    /// One receive in so many finds the ring without a free buffer; 0 for none.
    pub out_of_buffers_one_in: u64,
    /// One multishot operation in so many ends after a completion; 0 for none.
    pub multishot_ends_one_in: u64,
}

impl Default for Weather {
    fn default() -> Self {
        Weather {
            latency: Delay::micros(5, 300),
            piece_length_max: 4096,
            send_buffer: 64 * 1024,
            out_of_buffers_one_in: 0,
            multishot_ends_one_in: 50,
        }
    }
}

/// How long the kernel takes to notice that a parked operation can go on.
const NOTICE: Delay = Delay::micros(1, 20);

/// The sockets of the running process and the clients' ends.
#[derive(Debug)]
pub struct Network {
    /// How the network behaves.
    pub weather: Weather,
    listeners: BTreeMap<u32, Listener>,
    connections: BTreeMap<ConnectionId, Connection>,
    sockets: BTreeMap<u32, ConnectionId>,
    socket_count: u32,
    connection_count: u64,
}

#[derive(Debug)]
struct Listener {
    station: StationId,
    accepting: Option<Ticket>,
    backlog: VecDeque<ConnectionId>,
}

impl Network {
    /// A network without anybody on it.
    pub fn new(weather: Weather) -> Network {
        Network {
            weather,
            listeners: BTreeMap::new(),
            connections: BTreeMap::new(),
            sockets: BTreeMap::new(),
            socket_count: 0,
            connection_count: 0,
        }
    }

    fn new_socket(&mut self) -> Socket {
        self.socket_count += 1;
        Socket(self.socket_count)
    }

    /// Opens a listener of a shard; clients reach any listener of the process.
    pub fn listen(&mut self, station: StationId) -> Socket {
        let socket = self.new_socket();
        let listener = Listener { station, accepting: None, backlog: VecDeque::new() };
        self.listeners.insert(socket.0, listener);
        socket
    }

    /// Whether clients can connect.
    pub fn is_listening(&self) -> bool {
        !self.listeners.is_empty()
    }

    /// The process ends, and has said that it is done with its sockets.
    ///
    /// # Panics
    /// If one is open.
    pub fn check_closed(&self) {
        assert!(!self.is_listening(), "a listener is open at the end");
        assert!(self.sockets.is_empty(), "open at the end: {:?}", self.sockets);
    }

    /// A client connects; `None` if nobody listens.
    pub fn connect(&mut self, agenda: &mut Agenda) -> Option<ConnectionId> {
        if !self.is_listening() {
            return None;
        }
        let nth = agenda.random.index(self.listeners.len());
        let (number, listener) =
            self.listeners.iter_mut().nth(nth).expect("the index is in bounds");
        let socket = Socket(*number);
        let id = ConnectionId(self.connection_count);
        self.connection_count += 1;
        self.connections.insert(id, Connection::default());
        listener.backlog.push_back(id);
        agenda.after(self.weather.latency, Event::Accept(socket));
        Some(id)
    }

    /// A client's end, to send, receive and close.
    pub fn connection(&mut self, id: ConnectionId) -> &mut Connection {
        self.connections.get_mut(&id).unwrap_or_else(|| panic!("{id:?} was forgotten"))
    }

    /// A client sends bytes.
    pub fn client_send(&mut self, id: ConnectionId, bytes: &[u8], agenda: &mut Agenda) {
        let weather = self.weather;
        let stream = &mut self.connection(id).to_server;
        let mut rest = bytes;
        while !rest.is_empty() {
            let length = agenda.random.between(1, weather.piece_length_max) as usize;
            let (piece, after) = rest.split_at(length.min(rest.len()));
            let event = Event::Arrive(id, Side::Server);
            stream.send(Piece::Bytes(piece.to_vec()), weather.latency, event, agenda);
            rest = after;
        }
    }

    /// A client ends its direction, or breaks the connection.
    pub fn client_end(&mut self, id: ConnectionId, end: End, agenda: &mut Agenda) {
        let latency = self.weather.latency;
        let event = Event::Arrive(id, Side::Server);
        self.connection(id).to_server.send(Piece::End(end), latency, event, agenda);
    }

    /// A client reads up to `count` bytes that have arrived, which makes room for more.
    pub fn client_read(&mut self, id: ConnectionId, count: usize, agenda: &mut Agenda) -> Vec<u8> {
        let connection = self.connection(id);
        let bytes = connection.to_client.read(count);
        if connection.sending.is_some() && !bytes.is_empty() {
            agenda.after(NOTICE, Event::Send(id));
        }
        bytes
    }

    /// Forgets a connection that the client is done with.
    pub fn client_forget(&mut self, id: ConnectionId) {
        let connection = self.connection(id);
        assert!(connection.is_closed_by_server(), "{id:?} is still in use by a shard");
        self.connections.remove(&id);
    }

    /// Takes an operation on a socket from the shard that owns it.
    ///
    /// # Panics
    /// If it breaks the contract of [`Op`].
    pub fn start(&mut self, ticket: Ticket, op: Op, agenda: &mut Agenda, disk: &mut Disk) {
        match op {
            Op::Accept { listener } => {
                let found = self.listeners.get_mut(&listener.0);
                let accepting = found.unwrap_or_else(|| panic!("{listener:?} does not listen"));
                assert_eq!(accepting.station, ticket.station, "{listener:?} is another shard's");
                assert!(accepting.accepting.is_none(), "two accepts in flight on {listener:?}");
                accepting.accepting = Some(ticket);
                agenda.after(NOTICE, Event::Accept(listener));
            }
            Op::Receive { socket } => self.start_receive(socket, ticket, None, agenda),
            Op::ReceiveInto { socket, buffer, length_max } => {
                assert!(buffer.len() < length_max, "a receive into a full buffer");
                self.start_receive(socket, ticket, Some((buffer, length_max)), agenda);
            }
            Op::Send { socket, data, portion: _ } => {
                assert!(!data.is_empty(), "a send of nothing");
                let bytes = data.slices().collect::<Vec<_>>().concat();
                let sending = Sending::Bytes { ticket, data, bytes, sent: 0 };
                self.start_send(socket, ticket, sending, agenda);
            }
            Op::SendFile { socket, file, position, length, residency: _ } => {
                assert!(length > 0, "a send of nothing");
                let inode = disk.hold(file);
                let sending = Sending::Pages { ticket, file, inode, position, length };
                self.start_send(socket, ticket, sending, agenda);
            }
            Op::EndSending { socket } => {
                let id = self.owned(socket, ticket);
                self.end_sending(id, agenda);
                done(ticket, agenda);
            }
            Op::Shutdown { socket } => {
                let id = self.owned(socket, ticket);
                self.shut(id, agenda);
                done(ticket, agenda);
            }
            Op::CloseSocket { socket } => {
                self.close(socket, ticket, agenda);
                done(ticket, agenda);
            }
            other => unreachable!("{other:?} is not for the network"),
        }
    }

    fn owned(&mut self, socket: Socket, ticket: Ticket) -> ConnectionId {
        let id = *self
            .sockets
            .get(&socket.0)
            .unwrap_or_else(|| panic!("{} on {socket:?}, which is not open", ticket.operation));
        let owner = self.connection(id).owner.expect("an accepted connection has an owner");
        assert_eq!(owner, ticket.station, "{socket:?} belongs to another shard");
        id
    }

    fn start_receive(
        &mut self,
        socket: Socket,
        ticket: Ticket,
        into: Option<(Vec<u8>, usize)>,
        agenda: &mut Agenda,
    ) {
        let id = self.owned(socket, ticket);
        let connection = self.connection(id);
        assert!(connection.receiving.is_none(), "two receives in flight on {socket:?}");
        connection.receiving = Some(Receiving { ticket, into });
        agenda.after(NOTICE, Event::Receive(id));
    }

    fn start_send(
        &mut self,
        socket: Socket,
        ticket: Ticket,
        sending: Sending,
        agenda: &mut Agenda,
    ) {
        let id = self.owned(socket, ticket);
        let connection = self.connection(id);
        assert!(connection.sending.is_none(), "two sends in flight on {socket:?}");
        connection.sending = Some(sending);
        agenda.after(NOTICE, Event::Send(id));
    }

    fn end_sending(&mut self, id: ConnectionId, agenda: &mut Agenda) {
        let latency = self.weather.latency;
        let connection = self.connection(id);
        if !std::mem::replace(&mut connection.sends_no_more, true) {
            let event = Event::Arrive(id, Side::Client);
            connection.to_client.send(Piece::End(End::Closed), latency, event, agenda);
        }
        agenda.after(NOTICE, Event::Send(id));
    }

    fn shut(&mut self, id: ConnectionId, agenda: &mut Agenda) {
        self.end_sending(id, agenda);
        self.connection(id).is_shut = true;
        agenda.after(NOTICE, Event::Receive(id));
    }

    fn close(&mut self, socket: Socket, ticket: Ticket, agenda: &mut Agenda) {
        if let Some(listener) = self.listeners.get(&socket.0) {
            assert!(listener.accepting.is_none(), "{socket:?} is closed while it accepts");
            let listener = self.listeners.remove(&socket.0).expect("just seen");
            for id in listener.backlog {
                self.connection(id).to_client.reset();
            }
            return;
        }
        let id = self.owned(socket, ticket);
        self.shut(id, agenda);
        let connection = self.connection(id);
        let in_flight = (&connection.receiving, &connection.sending);
        assert!(
            in_flight.0.is_none() && in_flight.1.is_none(),
            "{socket:?} is closed with operations in flight: {in_flight:?}"
        );
        // Closing with unread bytes makes the kernel reset the connection.
        let is_unread = connection.to_server.arrived_len() > 0;
        if is_unread && agenda.random.once_in(2) {
            connection.to_client.reset();
        }
        connection.owner = None;
        self.sockets.remove(&socket.0);
    }

    /// Ends a parked operation on request, if there is one of this name.
    pub fn cancel(&mut self, ticket: Ticket, agenda: &mut Agenda, disk: &mut Disk) {
        let is_target =
            |other: &Ticket| other.station == ticket.station && other.token == ticket.token;
        for listener in self.listeners.values_mut() {
            if let Some(accepting) = listener.accepting.take_if(|at| is_target(at)) {
                complete(accepting, Err(libc::ECANCELED), agenda);
            }
        }
        for connection in self.connections.values_mut() {
            if let Some(receiving) = connection.receiving.take_if(|at| is_target(&at.ticket)) {
                complete(receiving.ticket, Err(libc::ECANCELED), agenda);
            }
            if let Some(sending) = connection.sending.take_if(|at| is_target(&at.ticket())) {
                sending.release(disk);
                complete(sending.ticket(), Err(libc::ECANCELED), agenda);
            }
        }
    }

    /// Gives the next waiting client to a listener that accepts.
    pub fn on_accept(&mut self, socket: Socket, agenda: &mut Agenda, stations: &mut Stations) {
        let Some(listener) = self.listeners.get_mut(&socket.0) else { return };
        let Some(ticket) = listener.accepting else { return };
        let Some(id) = listener.backlog.pop_front() else { return };
        let more = !agenda.random.once_in(self.weather.multishot_ends_one_in);
        if !more {
            listener.accepting = None;
        }
        let socket = self.new_socket();
        self.sockets.insert(socket.0, id);
        self.connection(id).owner = Some(ticket.station);
        let port = 1024 + (id.0 % 60_000) as u16;
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let output = Output::Accepted { socket, peer };
        stations.deliver(ticket.station, ticket.completion(Ok(output), more));
    }

    /// A piece arrives at one side.
    pub fn on_arrive(
        &mut self,
        id: ConnectionId,
        side: Side,
        read_pages: impl FnOnce(InodeId, u64, usize) -> Vec<u8>,
        agenda: &mut Agenda,
    ) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        match side {
            Side::Client => connection.to_client.arrive(read_pages),
            Side::Server => {
                connection.to_server.arrive(read_pages);
                let is_late = connection.is_shut && connection.owner.is_none();
                if is_late && connection.to_server.arrived_len() > 0 {
                    connection.to_client.reset();
                }
                if connection.to_server.end == Some(End::Reset) {
                    connection.to_client.reset();
                }
                agenda.after(NOTICE, Event::Receive(id));
                if connection.to_server.end == Some(End::Reset) {
                    agenda.after(NOTICE, Event::Send(id));
                }
            }
        }
    }

    /// Completes a receive if there is something to give.
    pub fn on_receive(&mut self, id: ConnectionId, agenda: &mut Agenda, stations: &mut Stations) {
        let weather = self.weather;
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let Some(mut receiving) = connection.receiving.take() else { return };
        let ticket = receiving.ticket;
        let is_starved =
            receiving.into.is_none() && agenda.random.once_in(weather.out_of_buffers_one_in);
        let (result, more) = if connection.to_server.end == Some(End::Reset) {
            (Err(libc::ECONNRESET), false)
        } else if !connection.is_shut && !connection.to_server.is_readable() {
            connection.receiving = Some(receiving);
            return;
        } else if is_starved {
            (Err(libc::ENOBUFS), false)
        } else {
            let bytes = if connection.is_shut {
                Vec::new()
            } else {
                let room = receiving.into.as_ref().map(|(buffer, max)| max - buffer.len());
                let room = room.unwrap_or(RECEIVE_BUFFER_SIZE);
                let is_cut = agenda.random.once_in(8);
                let room = if is_cut { 1 + agenda.random.index(room) } else { room };
                connection.to_server.read(room)
            };
            let is_end = bytes.is_empty();
            match receiving.into.take() {
                Some((mut buffer, _)) => {
                    buffer.extend_from_slice(&bytes);
                    (Ok(Output::ReceivedInto { buffer, count: bytes.len() }), false)
                }
                None => {
                    let ends = is_end || agenda.random.once_in(weather.multishot_ends_one_in);
                    (Ok(Output::Received(bytes.into())), !ends)
                }
            }
        };
        if more {
            connection.receiving = Some(receiving);
            agenda.after(NOTICE, Event::Receive(id));
        }
        stations.deliver(ticket.station, ticket.completion(result, more));
    }

    /// Lets a send go on as far as the buffer has room.
    pub fn on_send(
        &mut self,
        id: ConnectionId,
        agenda: &mut Agenda,
        disk: &mut Disk,
        stations: &mut Stations,
    ) {
        let weather = self.weather;
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let Some(mut sending) = connection.sending.take() else { return };
        let ticket = sending.ticket();
        let is_broken = connection.to_client.end == Some(End::Reset);
        let result = if is_broken || connection.sends_no_more {
            Err(if is_broken { libc::ECONNRESET } else { libc::EPIPE })
        } else {
            let free = weather.send_buffer.saturating_sub(connection.to_client.unread());
            let count = free.min(agenda.random.between(1, weather.piece_length_max));
            match sending.advance(count, disk) {
                connection::Step::Waits => {
                    connection.sending = Some(sending);
                    return;
                }
                connection::Step::Sends { piece, output } => {
                    if let Some(piece) = piece {
                        let event = Event::Arrive(id, Side::Client);
                        connection.to_client.send(piece, weather.latency, event, agenda);
                    }
                    let Some(output) = output else {
                        connection.sending = Some(sending);
                        agenda.after(NOTICE, Event::Send(id));
                        return;
                    };
                    Ok(output)
                }
            }
        };
        sending.release(disk);
        stations.deliver(ticket.station, ticket.completion(result, false));
    }

    /// The process dies: its listeners are gone and its connections break.
    pub fn lose_process(&mut self) {
        self.listeners.clear();
        self.sockets.clear();
        for connection in self.connections.values_mut() {
            connection.to_client.reset();
            connection.receiving = None;
            connection.sending = None;
            connection.owner = None;
        }
    }
}

fn done(ticket: Ticket, agenda: &mut Agenda) {
    schedule(ticket.station, ticket.completion(Ok(Output::Done), false), agenda);
}

fn complete(ticket: Ticket, result: Result<Output, i32>, agenda: &mut Agenda) {
    schedule(ticket.station, ticket.completion(result, false), agenda);
}

fn schedule(station: StationId, completion: Completion, agenda: &mut Agenda) {
    agenda.after(NOTICE, Event::Complete(station, completion));
}
