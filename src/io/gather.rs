//! Bytes for one vectored write or send.

use bytes::Bytes;

/// A sequence of byte ranges, written in order as if they were one.
///
/// Small things (headers, replies) are copied in; payloads are shared, so that they reach the
/// kernel from where they were received. An operation owns its gather and gives it back on
/// completion, to be cleared and used again.
#[derive(Debug, Default)]
pub struct Gather {
    copied: Vec<u8>,
    pieces: Vec<Piece>,
    length: u64,
}

#[derive(Debug)]
enum Piece {
    Copied { start: usize, end: usize },
    Shared(Bytes),
}

impl Gather {
    /// Total length in bytes.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The number of ranges; the kernel takes 1,024 in a call.
    pub fn piece_count(&self) -> usize {
        self.pieces.len()
    }

    /// Appends a copy of `bytes`.
    pub fn push_copied(&mut self, bytes: &[u8]) {
        self.encode(|copied| copied.extend_from_slice(bytes));
    }

    /// Appends what `write` appends to the buffer it is given.
    ///
    /// # Panics
    /// If `write` shortens the buffer.
    pub fn encode<R>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        let start = self.copied.len();
        let result = write(&mut self.copied);
        let end = self.copied.len();
        assert!(end >= start, "an encoder only appends");
        if end > start {
            self.length += (end - start) as u64;
            match self.pieces.last_mut() {
                Some(Piece::Copied { end: last, .. }) if *last == start => *last = end,
                _ => self.pieces.push(Piece::Copied { start, end }),
            }
        }
        result
    }

    /// Appends `bytes` without copying them.
    pub fn push_shared(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.length += bytes.len() as u64;
            self.pieces.push(Piece::Shared(bytes));
        }
    }

    /// The ranges in order.
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        self.pieces.iter().map(|piece| match piece {
            Piece::Copied { start, end } => &self.copied[*start..*end],
            Piece::Shared(bytes) => &bytes[..],
        })
    }

    /// Empties it and keeps its memory; shared bytes are released.
    pub fn clear(&mut self) {
        self.copied.clear();
        self.pieces.clear();
        self.length = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: order is kept, neighbouring copies are one piece, and clearing releases payloads.
    #[test]
    fn keeps_order_and_merges_copies() {
        let mut gather = Gather::default();
        let payload = Bytes::from(vec![9; 4]);
        gather.push_copied(b"ab");
        gather.push_copied(b"cd");
        gather.push_shared(payload.clone());
        gather.push_copied(b"e");
        gather.push_shared(Bytes::new());
        assert_eq!(gather.piece_count(), 3);
        assert_eq!(gather.len(), 9);
        assert_eq!(gather.slices().collect::<Vec<_>>().concat(), b"abcd\x09\x09\x09\x09e");
        assert!(!payload.is_unique());
        gather.clear();
        assert!(gather.is_empty() && payload.is_unique());
    }
}
