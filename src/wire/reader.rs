//! The bounded, borrowing reader of untrusted bytes.

use super::{DecodeError, Shape, Source, varint};

/// The most array elements that one message may have, over all its arrays.
pub const ELEMENTS_MAX: usize = 1_000_000;

/// The longest string, in bytes: Kafka's, since most of its string lengths are 16-bit.
pub const STRING_SIZE_MAX: usize = i16::MAX as usize;

/// Reads a message out of a frame without copying strings or bytes.
///
/// Each length is checked against the bytes that remain, and each array also against a budget for
/// the whole message, before anything is allocated: memory is bounded by the frame's size times
/// the ratio of an element's size in memory to its least size on the wire.
///
/// Bytes left over at the end are not an error: Kafka ignores them too. Ask [`Self::remaining`].
#[derive(Debug, Clone)]
pub struct Reader<'de> {
    bytes: &'de [u8],
    elements_left: usize,
}

impl<'de> Reader<'de> {
    /// A reader of `bytes` with a budget of [`ELEMENTS_MAX`] array elements.
    pub fn new(bytes: &'de [u8]) -> Self {
        Self::with_budget(bytes, ELEMENTS_MAX)
    }

    /// A reader of `bytes` that refuses more than `elements_max` array elements in all.
    pub fn with_budget(bytes: &'de [u8], elements_max: usize) -> Self {
        Self { bytes, elements_left: elements_max }
    }

    /// The bytes not read yet.
    pub fn remaining(&self) -> &'de [u8] {
        self.bytes
    }

    fn take(&mut self, size: usize) -> Result<&'de [u8], DecodeError> {
        match self.bytes.split_at_checked(size) {
            Some((taken, rest)) => {
                self.bytes = rest;
                Ok(taken)
            }
            None => Err(DecodeError::Truncated { needed: size, remaining: self.bytes.len() }),
        }
    }

    fn unsigned_varint(&mut self) -> Result<u32, DecodeError> {
        let (value, size) = varint::read_u32(self.bytes)?;
        self.bytes = &self.bytes[size..];
        Ok(value)
    }

    /// The length of a compact type: the varint is one more than the length, and 0 is null.
    fn compact_length(&mut self) -> Result<Option<usize>, DecodeError> {
        let length = self.unsigned_varint()?.checked_sub(1);
        match length.map(i32::try_from) {
            None => Ok(None),
            Some(Ok(length)) => Ok(Some(length as usize)),
            Some(Err(_)) => Err(DecodeError::NegativeLength { length: i32::MIN }),
        }
    }

    fn length(&mut self, shape: Shape) -> Result<Option<usize>, DecodeError> {
        if shape.flexible {
            return self.compact_length();
        }
        signed_length(i32::from_be_bytes(self.fixed()?))
    }
}

fn signed_length(length: i32) -> Result<Option<usize>, DecodeError> {
    match usize::try_from(length) {
        Ok(length) => Ok(Some(length)),
        Err(_) if length == -1 => Ok(None),
        Err(_) => Err(DecodeError::NegativeLength { length }),
    }
}

impl<'de> Source<'de> for Reader<'de> {
    #[inline]
    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.bytes.split_first_chunk() {
            Some((taken, rest)) => {
                self.bytes = rest;
                Ok(*taken)
            }
            None => Err(DecodeError::Truncated { needed: N, remaining: self.bytes.len() }),
        }
    }

    fn bytes(&mut self, shape: Shape) -> Result<Option<&'de [u8]>, DecodeError> {
        match self.length(shape)? {
            Some(length) => self.take(length).map(Some),
            None => Ok(None),
        }
    }

    fn string(&mut self, shape: Shape) -> Result<Option<&'de str>, DecodeError> {
        let length = if shape.flexible {
            self.compact_length()?
        } else {
            signed_length(i32::from(i16::from_be_bytes(self.fixed()?)))?
        };
        let Some(length) = length else { return Ok(None) };
        if length > STRING_SIZE_MAX {
            return Err(DecodeError::StringTooLong { length, max: STRING_SIZE_MAX });
        }
        match str::from_utf8(self.take(length)?) {
            Ok(string) => Ok(Some(string)),
            Err(error) => Err(DecodeError::InvalidUtf8 { valid_up_to: error.valid_up_to() }),
        }
    }

    fn count(
        &mut self,
        shape: Shape,
        element_size_min: usize,
    ) -> Result<Option<usize>, DecodeError> {
        let Some(count) = self.length(shape)? else { return Ok(None) };
        let max = self.bytes.len() / element_size_min.max(1);
        if count > max {
            return Err(DecodeError::ArrayTooLong { count, max });
        }
        match self.elements_left.checked_sub(count) {
            Some(left) => self.elements_left = left,
            None => {
                return Err(DecodeError::TooManyElements { count, left: self.elements_left });
            }
        }
        Ok(Some(count))
    }

    fn present(&mut self) -> Result<bool, DecodeError> {
        let [marker] = self.fixed()?;
        Ok(marker as i8 >= 0)
    }

    fn tagged(
        &mut self,
        mut field: impl FnMut(&mut Self, u32) -> Result<bool, DecodeError>,
    ) -> Result<(), DecodeError> {
        // No budget is needed for the count: each field takes at least two of the bytes.
        for _ in 0..self.unsigned_varint()? {
            let tag = self.unsigned_varint()?;
            let size = self.unsigned_varint()? as usize;
            let value = self.take(size)?;
            let after = std::mem::replace(&mut self.bytes, value);
            let known = field(self, tag)?;
            let left = self.bytes.len();
            if known && left > 0 {
                return Err(DecodeError::TagSize { tag, left });
            }
            self.bytes = after;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPACT: Shape = Shape { version: 0, flexible: true, nullable: false };
    const CLASSIC: Shape = Shape { version: 0, flexible: false, nullable: false };

    #[test]
    fn a_length_beyond_the_bytes_is_refused() {
        let mut reader = Reader::new(&[0x7f, 0xff, 0xff, 0xff, 1, 2]);
        let error = DecodeError::Truncated { needed: i32::MAX as usize, remaining: 2 };
        assert_eq!(reader.bytes(CLASSIC), Err(error));
    }

    #[test]
    fn a_negative_length_other_than_null_is_refused() {
        assert_eq!(Reader::new(&[0xff; 4]).bytes(CLASSIC), Ok(None));
        let mut reader = Reader::new(&[0xff, 0xff, 0xff, 0xfe]);
        assert_eq!(reader.bytes(CLASSIC), Err(DecodeError::NegativeLength { length: -2 }));
        let mut reader = Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x0f]);
        let error = DecodeError::NegativeLength { length: i32::MIN };
        assert_eq!(reader.bytes(COMPACT), Err(error));
    }

    #[test]
    fn a_count_is_bounded_by_the_bytes_and_by_the_budget() {
        let bytes = [4, 0, 0, 0, 0, 0, 0, 0, 0];
        let error = DecodeError::ArrayTooLong { count: 3, max: 2 };
        assert_eq!(Reader::new(&bytes).count(COMPACT, 4), Err(error));
        assert_eq!(Reader::new(&bytes).count(COMPACT, 2), Ok(Some(3)));
        let error = DecodeError::TooManyElements { count: 3, left: 2 };
        assert_eq!(Reader::with_budget(&bytes, 2).count(COMPACT, 2), Err(error));
    }

    #[test]
    fn unknown_tags_are_skipped_and_known_ones_must_fit() {
        let bytes = [2, 7, 2, 0xaa, 0xbb, 9, 1, 5, 0xcc];
        let mut reader = Reader::new(&bytes);
        let mut seen = Vec::new();
        let result = reader.tagged(|reader, tag| {
            if tag == 9 {
                seen.push(reader.fixed::<1>()?);
            }
            Ok(tag == 9)
        });
        assert_eq!((result, seen, reader.remaining()), (Ok(()), vec![[5]], &[0xcc][..]));

        let result = Reader::new(&bytes).tagged(|_, _| Ok(true));
        assert_eq!(result, Err(DecodeError::TagSize { tag: 7, left: 2 }));
    }

    #[test]
    fn a_string_must_be_utf8_and_within_kafkas_limit() {
        let mut reader = Reader::new(&[3, b'a', 0xff]);
        assert_eq!(reader.string(COMPACT), Err(DecodeError::InvalidUtf8 { valid_up_to: 1 }));
        let mut long = vec![0x81, 0x80, 0x02];
        long.resize(40_000, b'a');
        let error = DecodeError::StringTooLong { length: 32_768, max: STRING_SIZE_MAX };
        assert_eq!(Reader::new(&long).string(COMPACT), Err(error));
    }
}
