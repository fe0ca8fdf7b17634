//! A client's connection: frames over the simulated network.

use crate::world::{ConnectionId, World};
use pinion::wire::frame::{LENGTH_SIZE, frame_length, write_request};
use pinion::wire::header::ResponseHeader;
use pinion::wire::{ApiKey, Message, Reader, Request};
use std::collections::VecDeque;

/// What a client's socket takes before its program has to wait, in bytes.
const SEND_BUFFER: u64 = 20_000;

/// One connection of a client, if it has one at the moment.
pub struct Line {
    world: World,
    connection: Option<ConnectionId>,
    arrived: Vec<u8>,
    unanswered: VecDeque<Question>,
    question_count: i32,
}

/// A request that waits for its response.
#[derive(Debug, Clone, Copy)]
pub struct Question {
    /// Its correlation id.
    pub id: i32,
    /// Its API.
    pub api: ApiKey,
    /// The version of it and its response.
    pub version: i16,
}

/// A response, and what it answers.
pub struct Response {
    /// The request.
    pub question: Question,
    /// The bytes behind the header.
    body: Vec<u8>,
}

impl Response {
    /// Reads it.
    pub fn decode<'a, M: Message<'a>>(&'a self) -> M {
        let mut reader = Reader::new(&self.body);
        M::decode(&mut reader, self.question.version).expect("a response is well formed")
    }
}

/// What a client hears.
pub enum Heard {
    Nothing,
    Response(Response),
    /// The connection is gone, and with it what was not answered.
    Broken,
}

impl Line {
    /// A line that is not connected.
    pub fn new(world: &World) -> Line {
        Line {
            world: world.clone(),
            connection: None,
            arrived: Vec::new(),
            unanswered: VecDeque::new(),
            question_count: 0,
        }
    }

    /// Whether it is connected.
    pub fn is_open(&self) -> bool {
        self.connection.is_some()
    }

    /// Whether a request would go out, and not wait for the broker to read earlier ones.
    pub fn has_room(&self) -> bool {
        self.connection.is_some_and(|id| self.world.client_unsent(id) < SEND_BUFFER)
    }

    /// Tries to connect.
    pub fn open(&mut self) -> bool {
        self.connection = self.world.connect();
        self.is_open()
    }

    /// How many requests wait for their responses.
    pub fn unanswered(&self) -> usize {
        self.unanswered.len()
    }

    /// Sends a request; gives its correlation id.
    pub fn ask<'a, R: Request<'a>>(&mut self, version: i16, request: &R) -> i32 {
        let id = self.tell(version, request);
        self.unanswered.push_back(Question { id, api: R::KEY, version });
        id
    }

    /// Sends a request that has no response.
    pub fn tell<'a, R: Request<'a>>(&mut self, version: i16, request: &R) -> i32 {
        let connection = self.connection.expect("a client asks when it is connected");
        self.question_count += 1;
        let mut bytes = Vec::new();
        write_request(&mut bytes, version, self.question_count, Some("sim"), request);
        self.world.client_send(connection, &bytes);
        self.question_count
    }

    /// Takes what has arrived.
    ///
    /// # Panics
    /// If a response does not belong to the oldest request.
    pub fn hear(&mut self) -> Heard {
        let Some(connection) = self.connection else { return Heard::Nothing };
        let count = 1 + self.world.machine().agenda.random.index(100_000);
        self.arrived.extend(self.world.client_read(connection, count));
        let length = frame_length(&self.arrived, 1 << 24).expect("a frame has a sound length");
        let end = length.map(|length| LENGTH_SIZE + length as usize);
        if let Some(end) = end.filter(|end| self.arrived.len() >= *end) {
            let frame: Vec<u8> = self.arrived.drain(..end).skip(LENGTH_SIZE).collect();
            let question = self.unanswered.pop_front().expect("nobody asked for this response");
            let mut reader = Reader::new(&frame);
            let header = ResponseHeader::decode(&mut reader, question.api, question.version);
            let header = header.expect("a response has a header");
            assert_eq!(header.correlation_id, question.id, "responses in another order");
            let body = reader.remaining().to_vec();
            return Heard::Response(Response { question, body });
        }
        if self.world.client_end(connection).is_some() {
            self.hang_up();
            return Heard::Broken;
        }
        Heard::Nothing
    }

    /// Leaves the connection, often without a word.
    pub fn hang_up(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.world.client_reset(connection);
        }
        self.arrived.clear();
        self.unanswered.clear();
    }
}
