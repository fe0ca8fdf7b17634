//! Arbitrary messages out of arbitrary bytes.

use pinion::wire::{DecodeError, Shape, Source};

/// A source that makes a value of any message out of any bytes, so that a generator of bytes is a
/// generator of messages, and shorter bytes are simpler messages.
///
/// Each choice takes bytes off the tape; beyond its end, the simplest choice is made.
pub struct Tape<'t> {
    bytes: &'t [u8],
}

/// Lengths of 0, of one byte, and of two as a varint; characters of one to four bytes.
const STRINGS: [&str; 6] = ["", "a", "topic-1", "größer", "𝄞", LONG];
const LONG: &str = concat!(
    "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqr",
    "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz",
);
const COUNT_MAX: u8 = 4;
const TAGS: u32 = 5;

impl<'t> Tape<'t> {
    pub fn new(bytes: &'t [u8]) -> Self {
        Self { bytes }
    }

    fn choice(&mut self) -> u8 {
        let Some((&choice, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        choice
    }

    fn take(&mut self, size: usize) -> &'t [u8] {
        let (taken, rest) = self.bytes.split_at(size.min(self.bytes.len()));
        self.bytes = rest;
        taken
    }

    fn is_null(&mut self, shape: Shape) -> bool {
        shape.nullable && self.choice() % 4 == 1
    }
}

impl<'t> Source<'t> for Tape<'t> {
    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let mut bytes = [0; N];
        match self.choice() % 8 {
            0 => {}
            1 => bytes = [0xff; N],
            2 => bytes[0] = 0x80,
            3 => bytes[N - 1] = 1,
            _ => {
                let random = self.take(N);
                bytes[..random.len()].copy_from_slice(random);
            }
        }
        Ok(bytes)
    }

    fn bytes(&mut self, shape: Shape) -> Result<Option<&'t [u8]>, DecodeError> {
        if self.is_null(shape) {
            return Ok(None);
        }
        let size = self.choice();
        Ok(Some(self.take(usize::from(size))))
    }

    fn string(&mut self, shape: Shape) -> Result<Option<&'t str>, DecodeError> {
        if self.is_null(shape) {
            return Ok(None);
        }
        let choice = usize::from(self.choice());
        Ok(Some(STRINGS[choice % STRINGS.len()]))
    }

    fn count(&mut self, shape: Shape, _: usize) -> Result<Option<usize>, DecodeError> {
        if self.is_null(shape) {
            return Ok(None);
        }
        Ok(Some(usize::from(self.choice() % COUNT_MAX)))
    }

    fn present(&mut self) -> Result<bool, DecodeError> {
        Ok(self.choice() % 2 == 1)
    }

    fn tagged(
        &mut self,
        mut field: impl FnMut(&mut Self, u32) -> Result<bool, DecodeError>,
    ) -> Result<(), DecodeError> {
        for tag in 0..TAGS {
            if self.choice() % 2 == 1 {
                field(self, tag)?;
            }
        }
        Ok(())
    }
}
