//! Frames with as many array elements as their size allows.

use pinion::wire::varint::encode_u64;
use pinion::wire::{DecodeError, Shape, Source};

/// A source that makes up a message and writes down its bytes: one of the arrays has as many of
/// the smallest elements as fit, everything else is as small as can be.
pub struct Forger {
    bytes: Vec<u8>,
    size_max: usize,
    /// How many arrays there are before the one to fill.
    arrays_before: usize,
    is_filled: bool,
}

impl Forger {
    /// Fills the array number `array`, in the order of the schema, so that the message takes about
    /// `size_max` bytes.
    pub fn new(size_max: usize, array: usize) -> Self {
        Self { bytes: Vec::new(), size_max, arrays_before: array, is_filled: false }
    }

    /// The bytes of the message, if it has that array.
    pub fn into_frame(self) -> Option<Vec<u8>> {
        self.is_filled.then_some(self.bytes)
    }

    fn put_varint(&mut self, value: usize) {
        let (bytes, size) = encode_u64(value as u64);
        self.bytes.extend_from_slice(&bytes[..size]);
    }

    fn put_count(&mut self, shape: Shape, count: usize) {
        if shape.flexible {
            self.put_varint(count + 1);
        } else {
            self.bytes.extend_from_slice(&(count as i32).to_be_bytes());
        }
    }
}

impl Source<'static> for Forger {
    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        self.bytes.extend_from_slice(&[0; N]);
        Ok([0; N])
    }

    fn bytes(&mut self, shape: Shape) -> Result<Option<&'static [u8]>, DecodeError> {
        self.put_count(shape, 0);
        Ok(Some(&[]))
    }

    fn string(&mut self, shape: Shape) -> Result<Option<&'static str>, DecodeError> {
        let empty: &[u8] = if shape.flexible { &[1] } else { &[0, 0] };
        self.bytes.extend_from_slice(empty);
        Ok(Some(""))
    }

    fn count(&mut self, shape: Shape, size_min: usize) -> Result<Option<usize>, DecodeError> {
        let mut count = 0;
        if !self.is_filled {
            // The arrays before it have an element each, so that those within are reached.
            count = 1;
            if self.arrays_before == 0 {
                count = self.size_max / size_min.max(1);
                self.is_filled = true;
            }
            self.arrays_before = self.arrays_before.saturating_sub(1);
        }
        self.put_count(shape, count);
        Ok(Some(count))
    }

    fn present(&mut self) -> Result<bool, DecodeError> {
        self.bytes.push(0xff);
        Ok(false)
    }

    fn tagged(
        &mut self,
        mut field: impl FnMut(&mut Self, u32) -> Result<bool, DecodeError>,
    ) -> Result<(), DecodeError> {
        let outer = std::mem::take(&mut self.bytes);
        let mut fields = Vec::new();
        for tag in 0..5 {
            // A full array leaves no room for tagged fields in its elements.
            if !self.is_filled && field(self, tag)? {
                fields.push((tag, std::mem::take(&mut self.bytes)));
            }
        }
        self.bytes = outer;
        self.put_varint(fields.len());
        for (tag, value) in fields {
            self.put_varint(tag as usize);
            self.put_varint(value.len());
            self.bytes.extend(value);
        }
        Ok(())
    }
}
