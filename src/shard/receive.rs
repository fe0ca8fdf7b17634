//! From a connection's bytes to frames, without copying payloads.
//!
//! Small frames are parsed in the ring's own buffers, where a multishot receive puts them. A
//! frame larger than half such a buffer gets a buffer of just its size, and the connection
//! changes over to receives that end exactly where the frame does (plus the next frame's four
//! bytes of length), until it sends small frames again. What is copied: large frames that the
//! client had sent before the change-over, a small frame that lies across two of the ring's
//! buffers, and what has come of a frame whose buffer has to grow; all are counted.

use super::frame_body::Body;
use super::memory::ReceiveMemory;
use crate::base::limits::SMALL_FRAME_LENGTH_MAX;
use bytes::Bytes;
use std::collections::VecDeque;

/// Bytes of a frame's length prefix.
pub(super) const PREFIX: usize = 4;

/// After so many small frames in a row a connection goes back to the ring's buffers.
const SMALL_FRAMES_TO_STREAM: u32 = 8;

/// A frame length that no client may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("frame length {length} is outside 0..={length_max} (socket.request.max.bytes)")]
pub struct FrameLengthError {
    /// The length that the client sent.
    pub length: i32,
    /// The limit.
    pub length_max: usize,
}

/// What to submit next for a connection that wants more bytes.
#[derive(Debug)]
pub enum Step {
    /// Nothing: an operation is in flight, or reading is paused.
    Nothing,
    /// Arm the multishot receive.
    Receive,
    /// Cancel the multishot receive: a large frame has begun.
    CancelReceive,
    /// Receive once into this buffer, up to the length.
    ReceiveInto(Vec<u8>, usize),
    /// Ask again once the shard's receive memory has room.
    AwaitMemory,
}

/// One connection's receiving side.
#[derive(Debug)]
pub struct Receiver {
    length_max: usize,
    mode: Mode,
    partial: Partial,
    /// Received, not yet looked at: reading was paused, or memory was short.
    unparsed: VecDeque<Bytes>,
    small_streak: u32,
    copied: u64,
    /// Whether what comes is dropped.
    discards: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Streaming { armed: bool, cancelling: bool },
    Exact { armed: bool },
}

#[derive(Debug)]
enum Partial {
    /// Part of the length prefix.
    Prefix { bytes: [u8; PREFIX], count: usize },
    /// The length is known, the buffer is still to be had.
    Sized { length: usize },
    /// Part of the body. While a receive is in flight, the kernel holds the buffer's memory.
    Body { buffer: Body, length: usize },
}

const NO_PREFIX: Partial = Partial::Prefix { bytes: [0; PREFIX], count: 0 };

impl Receiver {
    /// A receiver that refuses frames longer than `length_max` bytes.
    pub fn new(length_max: usize) -> Self {
        Receiver {
            length_max,
            mode: Mode::Streaming { armed: false, cancelling: false },
            partial: NO_PREFIX,
            unparsed: VecDeque::new(),
            small_streak: 0,
            copied: 0,
            discards: false,
        }
    }

    /// Whether it holds receive memory, and waits for the client to send more.
    pub fn awaits_rest_of_large_frame(&self) -> bool {
        self.mode == (Mode::Exact { armed: true })
            && matches!(self.partial, Partial::Body { buffer: Body::Large(_), .. })
    }

    /// Gives no more frames: drops what has come and what will come.
    pub fn begin_discarding(&mut self) {
        self.discards = true;
        self.unparsed.clear();
        if self.mode != (Mode::Exact { armed: true }) {
            self.partial = NO_PREFIX;
        }
    }

    /// Payload bytes copied so far; reading resets it.
    pub fn take_copied(&mut self) -> u64 {
        std::mem::take(&mut self.copied)
    }

    /// Takes bytes of the multishot receive. `more` says whether it goes on.
    pub fn on_received(&mut self, bytes: Bytes, more: bool) {
        if !bytes.is_empty() && !self.discards {
            self.unparsed.push_back(bytes);
        }
        if !more {
            self.on_receive_ended();
        }
    }

    /// Notes that the multishot receive has ended.
    pub fn on_receive_ended(&mut self) {
        match &mut self.mode {
            Mode::Streaming { armed, cancelling } => (*armed, *cancelling) = (false, false),
            Mode::Exact { .. } => unreachable!("a multishot receive ended in exact mode"),
        }
    }

    /// Takes the buffer of a receive that ended, with what it received appended.
    pub fn on_received_into(&mut self, received: Vec<u8>) -> Result<(), FrameLengthError> {
        assert_eq!(self.mode, Mode::Exact { armed: true }, "an exact receive was in flight");
        self.mode = Mode::Exact { armed: false };
        if self.discards {
            self.partial = NO_PREFIX;
            return Ok(());
        }
        match &mut self.partial {
            Partial::Prefix { bytes, count } => {
                bytes[*count..*count + received.len()].copy_from_slice(&received);
                *count += received.len();
                self.read_prefix()
            }
            Partial::Body { buffer, .. } => {
                *buffer.bytes() = received;
                Ok(())
            }
            Partial::Sized { .. } => unreachable!("nothing is received without a buffer"),
        }
    }

    /// The next whole frame, without its length prefix, if there is one.
    ///
    /// # Errors
    /// A length outside the limits; the connection cannot go on.
    pub fn next_frame(
        &mut self,
        memory: &ReceiveMemory,
    ) -> Result<Option<Bytes>, FrameLengthError> {
        loop {
            if let Some(frame) = self.take_whole_body()? {
                return Ok(Some(frame));
            }
            let Some(mut bytes) = self.unparsed.pop_front() else {
                return Ok(None);
            };
            let frame = self.parse(&mut bytes, memory);
            if !bytes.is_empty() {
                self.unparsed.push_front(bytes);
            }
            match frame? {
                Parsed::Frame(frame) => return Ok(Some(frame)),
                Parsed::NeedsMemory => return Ok(None),
                Parsed::Consumed => {}
            }
        }
    }

    /// What to submit so that more bytes come.
    pub fn next_step(&mut self, memory: &ReceiveMemory) -> Step {
        if self.discards && self.mode == (Mode::Exact { armed: false }) {
            self.mode = Mode::Streaming { armed: false, cancelling: false };
        }
        if let Mode::Streaming { armed, cancelling } = &mut self.mode {
            let is_large = !matches!(
                self.partial,
                Partial::Prefix { .. } | Partial::Body { buffer: Body::Small(_), .. }
            );
            match (is_large, *armed) {
                (true, true) if *cancelling => return Step::Nothing,
                (true, true) => {
                    *cancelling = true;
                    return Step::CancelReceive;
                }
                (true, false) => self.mode = Mode::Exact { armed: false },
                (false, true) => return Step::Nothing,
                (false, false) => {
                    *armed = true;
                    return Step::Receive;
                }
            }
        }
        self.next_exact_step(memory)
    }

    /// What to submit so that no more bytes come for now; [`Receiver::next_step`] goes on later.
    pub fn pause_step(&mut self) -> Step {
        match &mut self.mode {
            Mode::Streaming { armed: true, cancelling: cancelling @ false } => {
                *cancelling = true;
                Step::CancelReceive
            }
            // An exact receive is bounded by the frame that it was made for.
            _ => Step::Nothing,
        }
    }

    fn next_exact_step(&mut self, memory: &ReceiveMemory) -> Step {
        if self.mode == (Mode::Exact { armed: true }) {
            return Step::Nothing;
        }
        if !self.unparsed.is_empty() {
            // What was received already comes first; only a lack of memory leaves it unparsed.
            return Step::AwaitMemory;
        }
        if let Partial::Sized { length } = self.partial {
            match Body::new(length, memory) {
                Some(buffer) => self.partial = Partial::Body { buffer, length },
                None => return Step::AwaitMemory,
            }
        }
        if let Partial::Body { buffer, .. } = &mut self.partial
            && !buffer.make_room(memory, &mut self.copied)
        {
            return Step::AwaitMemory;
        }
        let at_boundary = matches!(self.partial, Partial::Prefix { .. });
        if at_boundary && self.small_streak >= SMALL_FRAMES_TO_STREAM {
            self.mode = Mode::Streaming { armed: true, cancelling: false };
            return Step::Receive;
        }
        self.mode = Mode::Exact { armed: true };
        match &mut self.partial {
            Partial::Prefix { count, .. } => {
                Step::ReceiveInto(Vec::with_capacity(PREFIX), PREFIX - *count)
            }
            Partial::Body { buffer, length } => {
                let length_max = buffer.room().min(*length + PREFIX);
                Step::ReceiveInto(std::mem::take(buffer.bytes()), length_max)
            }
            Partial::Sized { .. } => unreachable!("the buffer was had above"),
        }
    }

    /// Cuts a frame off `bytes`, or takes all of them into the frame under way.
    fn parse(
        &mut self,
        bytes: &mut Bytes,
        memory: &ReceiveMemory,
    ) -> Result<Parsed, FrameLengthError> {
        if let Partial::Prefix { bytes: prefix, count } = &mut self.partial {
            let taken = bytes.split_to(bytes.len().min(PREFIX - *count));
            prefix[*count..*count + taken.len()].copy_from_slice(&taken);
            *count += taken.len();
            self.read_prefix()?;
        }
        if let Partial::Sized { length } = self.partial {
            if bytes.len() >= length {
                self.partial = NO_PREFIX;
                self.note_frame(length);
                return Ok(Parsed::Frame(bytes.split_to(length)));
            }
            match Body::new(length, memory) {
                Some(buffer) => self.partial = Partial::Body { buffer, length },
                None => return Ok(Parsed::NeedsMemory),
            }
        }
        if let Partial::Body { buffer, length } = &mut self.partial {
            if !buffer.make_room(memory, &mut self.copied) {
                return Ok(Parsed::NeedsMemory);
            }
            let end = buffer.room().min(*length);
            let taken = bytes.split_to(bytes.len().min(end - buffer.bytes().len()));
            buffer.bytes().extend_from_slice(&taken);
            self.copied += taken.len() as u64;
        }
        Ok(Parsed::Consumed)
    }

    /// Takes the body out once it is whole; what was received beyond it begins the next prefix.
    fn take_whole_body(&mut self) -> Result<Option<Bytes>, FrameLengthError> {
        let Partial::Body { buffer, length } = &mut self.partial else {
            return Ok(None);
        };
        let length = *length;
        // While the kernel holds the memory, the buffer here is empty.
        if buffer.bytes().len() < length || self.mode == (Mode::Exact { armed: true }) {
            return Ok(None);
        }
        let Partial::Body { mut buffer, .. } = std::mem::replace(&mut self.partial, NO_PREFIX)
        else {
            unreachable!("it was a body above");
        };
        if let Partial::Prefix { bytes, count } = &mut self.partial {
            let beyond = &buffer.bytes()[length..];
            *count = beyond.len();
            bytes[..*count].copy_from_slice(beyond);
        }
        buffer.bytes().truncate(length);
        self.note_frame(length);
        self.read_prefix()?;
        Ok(Some(buffer.freeze()))
    }

    fn note_frame(&mut self, length: usize) {
        let is_small = length <= SMALL_FRAME_LENGTH_MAX;
        self.small_streak = if is_small { self.small_streak.saturating_add(1) } else { 0 };
    }

    fn read_prefix(&mut self) -> Result<(), FrameLengthError> {
        let Partial::Prefix { bytes, count: PREFIX } = self.partial else {
            return Ok(());
        };
        let length = i32::from_be_bytes(bytes);
        match usize::try_from(length) {
            Ok(length) if length <= self.length_max => {
                self.partial = Partial::Sized { length };
                Ok(())
            }
            _ => Err(FrameLengthError { length, length_max: self.length_max }),
        }
    }
}

enum Parsed {
    Frame(Bytes),
    Consumed,
    NeedsMemory,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(length: usize, fill: u8) -> Vec<u8> {
        let mut bytes = (length as u32).to_be_bytes().to_vec();
        bytes.resize(PREFIX + length, fill);
        bytes
    }

    /// Plays kernel: feeds `stream` to the receiver in pieces as its steps ask for them.
    fn run(stream: &[u8], piece: usize) -> (Vec<Bytes>, u64) {
        run_with(stream, piece, Receiver::new(1 << 20))
    }

    fn run_with(stream: &[u8], piece: usize, mut receiver: Receiver) -> (Vec<Bytes>, u64) {
        let memory = ReceiveMemory::new(1 << 30);
        let (mut frames, mut at) = (Vec::new(), 0);
        loop {
            while let Some(frame) = receiver.next_frame(&memory).expect("legal lengths") {
                frames.push(frame);
            }
            let step = receiver.next_step(&memory);
            if at == stream.len() {
                break;
            }
            match step {
                Step::Receive | Step::Nothing => {
                    let end = stream.len().min(at + piece);
                    receiver.on_received(Bytes::copy_from_slice(&stream[at..end]), true);
                    at = end;
                }
                Step::CancelReceive => receiver.on_receive_ended(),
                Step::ReceiveInto(mut buffer, length_max) => {
                    let count = piece.min(length_max - buffer.len()).min(stream.len() - at);
                    buffer.extend_from_slice(&stream[at..at + count]);
                    at += count;
                    receiver.on_received_into(buffer).expect("legal lengths");
                }
                Step::AwaitMemory => panic!("memory is plentiful"),
            }
        }
        (frames, receiver.take_copied())
    }

    /// Goal: every frame comes out whole and in order, however the stream is cut.
    #[test]
    fn frames_survive_any_cutting() {
        let lengths = [0, 1, 5, 20_000, 60_000, 3, SMALL_FRAME_LENGTH_MAX, 40_000, 2, 2, 2];
        let lengths: Vec<usize> = lengths.into_iter().chain([7; 20]).chain([30_000]).collect();
        let frames = lengths.iter().zip(0u8..).map(|(length, fill)| frame(*length, fill));
        let stream: Vec<u8> = frames.flatten().collect();
        for piece in [1, 3, 4, 5, 1000, 16_384, 32_768, 1 << 20] {
            let (frames, _) = run(&stream, piece);
            let seen: Vec<_> = frames.iter().map(Bytes::len).collect();
            assert_eq!(seen, lengths, "in pieces of {piece}");
            for (frame, fill) in frames.iter().zip(0u8..) {
                assert!(frame.iter().all(|byte| *byte == fill), "in pieces of {piece}");
            }
        }
    }

    /// Goal: a frame that is larger than what it may take at once comes out whole, and one that is
    /// announced and never sent takes little.
    #[test]
    fn the_largest_frames_take_memory_as_they_come() {
        let memory = ReceiveMemory::new(4 << 20);
        let lengths = [9 << 20, 5, (1 << 20) + 1, 1 << 20, 70_000];
        let stream: Vec<u8> = lengths.iter().flat_map(|length| frame(*length, 3)).collect();
        for piece in [100_000, 3 << 20] {
            let (frames, _) = run_with(&stream, piece, Receiver::new(100 << 20));
            assert_eq!(frames.iter().map(Bytes::len).collect::<Vec<_>>(), lengths);
        }
        let mut announced = Receiver::new(100 << 20);
        let head = [&i32::to_be_bytes(100 << 20)[..], &[0; 1000]].concat();
        announced.on_received(Bytes::from(head), true);
        assert!(announced.next_frame(&memory).expect("legal").is_none());
        assert!(memory.used() <= 1 << 20);
    }

    /// Goal: a stream of large frames is copied at the change-over only.
    #[test]
    fn large_frames_are_not_copied_in_steady_state() {
        let stream: Vec<u8> = (0..50).flat_map(|fill| frame(64 * 1024, fill)).collect();
        let (frames, copied) = run(&stream, 32 * 1024);
        assert_eq!(frames.len(), 50);
        assert!(copied <= 64 * 1024, "{copied} bytes were copied");
    }

    /// Goal: whole small frames are handed out where they landed.
    #[test]
    fn whole_small_frames_are_not_copied() {
        let stream: Vec<u8> = (0..16).flat_map(|fill| frame(1000, fill)).collect();
        let (frames, copied) = run(&stream, stream.len());
        assert_eq!((frames.len(), copied), (16, 0));
    }

    /// Goal: negative and oversized lengths are refused before anything is allocated.
    #[test]
    fn refuses_impossible_lengths() {
        for length in [-1, i32::MIN, i32::MAX, (1 << 20) + 1] {
            let mut receiver = Receiver::new(1 << 20);
            receiver.on_received(Bytes::copy_from_slice(&length.to_be_bytes()), true);
            let error = receiver.next_frame(&ReceiveMemory::new(0)).expect_err("refused");
            assert_eq!(error.length, length);
        }
    }

    /// Goal: with the budget spent, reading stops, keeps what came, and goes on later.
    #[test]
    fn waits_for_memory() {
        let memory = ReceiveMemory::new(100_000);
        let others = [90_000, 90_000].map(|size| memory.take(size).expect("one may overdraw"));
        let mut receiver = Receiver::new(1 << 20);
        assert!(matches!(receiver.next_step(&memory), Step::Receive));
        let stream = frame(50_000, 7);
        receiver.on_received(Bytes::copy_from_slice(&stream[..30_000]), true);
        assert_eq!(receiver.next_frame(&memory), Ok(None));
        assert!(matches!(receiver.next_step(&memory), Step::CancelReceive));
        receiver.on_received(Bytes::new(), false);
        assert!(matches!(receiver.next_step(&memory), Step::AwaitMemory));
        drop(others);
        assert_eq!(receiver.next_frame(&memory), Ok(None));
        let Step::ReceiveInto(mut buffer, _) = receiver.next_step(&memory) else {
            panic!("memory is back");
        };
        buffer.extend_from_slice(&stream[30_000..]);
        receiver.on_received_into(buffer).expect("legal lengths");
        let whole = receiver.next_frame(&memory).expect("legal").expect("whole");
        assert_eq!(whole, stream[PREFIX..]);
    }

    /// Goal: once what comes is dropped, no frame is given, no memory is taken, and the connection
    /// still asks for bytes, so that its end is seen.
    #[test]
    fn drops_what_comes() {
        let memory = ReceiveMemory::new(1 << 20);
        let mut receiver = Receiver::new(1 << 20);
        assert!(matches!(receiver.next_step(&memory), Step::Receive));
        receiver.begin_discarding();
        receiver.on_received(Bytes::from(frame(60_000, 1)), false);
        assert_eq!(receiver.next_frame(&memory), Ok(None));
        assert!(matches!(receiver.next_step(&memory), Step::Receive));
        assert!(matches!(receiver.next_step(&memory), Step::Nothing));

        let mut receiver = Receiver::new(1 << 20);
        receiver.on_received(Bytes::copy_from_slice(&frame(60_000, 1)[..30_000]), true);
        assert_eq!(receiver.next_frame(&memory), Ok(None));
        let Step::ReceiveInto(mut buffer, _) = receiver.next_step(&memory) else {
            panic!("a large frame has begun");
        };
        receiver.begin_discarding();
        assert!(matches!(receiver.next_step(&memory), Step::Nothing));
        buffer.resize(60_000, 1);
        receiver.on_received_into(buffer).expect("nothing is looked at");
        assert_eq!(receiver.next_frame(&memory), Ok(None));
        assert_eq!(memory.used(), 0);
        assert!(matches!(receiver.next_step(&memory), Step::Receive));
    }
}
