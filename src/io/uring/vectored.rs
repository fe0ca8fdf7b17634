//! A gather on its way to a file or a socket, in rounds of as many pieces as the kernel takes.

use super::super::Gather;
use crate::base::limits::GATHER_PIECES_MAX;
use std::mem;

/// A gather, how much of it has gone, and the kernel's view of what comes next.
///
/// The pointers in `pieces` lead into the heap memory of `data`, which nobody touches until the
/// operation is over; `header` leads to `pieces`. Boxed, so that a header stays in place.
pub(super) struct Vectored {
    data: Gather,
    done: u64,
    pieces: Vec<libc::iovec>,
    header: libc::msghdr,
}

impl std::fmt::Debug for Vectored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vectored").field("data", &self.data).field("done", &self.done).finish()
    }
}

impl Vectored {
    pub(super) fn new() -> Box<Vectored> {
        // SAFETY: a message header of zeroes is valid: no address, no pieces, no control data.
        let header = unsafe { mem::zeroed() };
        Box::new(Vectored { data: Gather::default(), done: 0, pieces: Vec::new(), header })
    }

    /// Takes a gather and aims at its first bytes.
    pub(super) fn load(&mut self, data: Gather) {
        self.data = data;
        self.done = 0;
        self.aim();
    }

    /// Gives the gather back and keeps the rest for another one.
    pub(super) fn unload(&mut self) -> Gather {
        self.pieces.clear();
        mem::take(&mut self.data)
    }

    /// Counts what has gone and aims at what follows; `false` once everything has gone.
    pub(super) fn advance(&mut self, count: u64) -> bool {
        self.done += count;
        assert!(self.done <= self.data.len(), "no more has gone than there was");
        let unfinished = self.done < self.data.len();
        if unfinished {
            self.aim();
        }
        unfinished
    }

    fn aim(&mut self) {
        self.pieces.clear();
        let mut skip = self.done;
        for slice in self.data.slices() {
            if skip >= slice.len() as u64 {
                skip -= slice.len() as u64;
                continue;
            }
            if self.pieces.len() == GATHER_PIECES_MAX {
                break;
            }
            let rest = &slice[skip as usize..];
            skip = 0;
            self.pieces.push(libc::iovec {
                iov_base: rest.as_ptr().cast_mut().cast(),
                iov_len: rest.len(),
            });
        }
        self.header.msg_iov = self.pieces.as_mut_ptr();
        self.header.msg_iovlen = self.pieces.len() as _;
    }

    /// Bytes that have gone.
    pub(super) fn done(&self) -> u64 {
        self.done
    }

    /// Whether the present round reaches the end.
    pub(super) fn is_last_round(&self) -> bool {
        let round: u64 = self.pieces.iter().map(|piece| piece.iov_len as u64).sum();
        self.done + round == self.data.len()
    }

    /// The present round's pieces, for the kernel to read from.
    pub(super) fn pieces(&self) -> &[libc::iovec] {
        &self.pieces
    }

    /// The present round as a message, for the kernel to read from.
    pub(super) fn header(&self) -> *const libc::msghdr {
        &raw const self.header
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: rounds hold no more pieces than allowed, and continue exactly where one stopped.
    #[test]
    fn goes_in_rounds() {
        let mut data = Gather::default();
        for _ in 0..GATHER_PIECES_MAX + 3 {
            data.push_shared(bytes::Bytes::from_static(b"abc"));
        }
        let mut vectored = Vectored::new();
        vectored.load(data);
        assert_eq!(vectored.pieces().len(), GATHER_PIECES_MAX);
        assert!(!vectored.is_last_round());
        assert!(vectored.advance(3 * GATHER_PIECES_MAX as u64 + 4), "five bytes are left");
        let lengths: Vec<_> = vectored.pieces().iter().map(|piece| piece.iov_len).collect();
        assert_eq!(lengths, [2, 3]);
        assert!(vectored.is_last_round());
        assert!(!vectored.advance(5));
        assert_eq!(vectored.unload().piece_count(), GATHER_PIECES_MAX + 3);
    }
}
