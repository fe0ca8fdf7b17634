//! How the field types of Kafka's schema are read and written.

use super::reader::STRING_SIZE_MAX;
use super::{DecodeError, Sink, Source, varint};
use smallvec::SmallVec;
use uuid::Uuid;

/// An array field. One topic and one partition are the common case, and take no heap.
pub type Array<T> = SmallVec<[T; 1]>;

/// How a field looks on the wire in the message at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// The message's version.
    pub version: i16,
    /// Compact lengths and tagged fields (KIP-482).
    pub flexible: bool,
    /// Whether this version lets the field be null.
    pub nullable: bool,
}

impl Shape {
    /// The same, for a field that may or may not be null.
    #[inline]
    pub fn nullable(self, nullable: bool) -> Self {
        Self { nullable, ..self }
    }
}

/// A value that is read from a [`Source`].
pub trait Decode<'de>: Sized {
    /// The least bytes that a value takes.
    fn size_min(shape: Shape) -> usize;

    /// Reads a value.
    fn read<S: Source<'de>>(source: &mut S, shape: Shape) -> Result<Self, DecodeError>;
}

/// A value that is written to a [`Sink`].
pub trait Encode {
    /// Writes the value.
    fn write<S: Sink>(&self, sink: &mut S, shape: Shape);
}

/// A type whose null has a form of its own on the wire.
pub trait DecodeNullable<'de>: Decode<'de> {
    /// Reads a value, or null.
    fn read_nullable<S: Source<'de>>(
        source: &mut S,
        shape: Shape,
    ) -> Result<Option<Self>, DecodeError>;

    /// The least bytes that a value or null takes.
    fn size_min_nullable(shape: Shape) -> usize {
        Self::size_min(shape)
    }
}

/// The writing side of [`DecodeNullable`].
pub trait EncodeNullable: Encode + Default {
    /// Writes a value, or null.
    fn write_nullable<S: Sink>(value: Option<&Self>, sink: &mut S, shape: Shape);
}

macro_rules! fixed_size {
    ($($type:ty)*) => { $(
        impl<'de> Decode<'de> for $type {
            fn size_min(_: Shape) -> usize {
                size_of::<$type>()
            }

            #[inline]
            fn read<S: Source<'de>>(source: &mut S, _: Shape) -> Result<Self, DecodeError> {
                source.fixed().map(<$type>::from_be_bytes)
            }
        }

        impl Encode for $type {
            #[inline]
            fn write<S: Sink>(&self, sink: &mut S, _: Shape) {
                sink.put(&self.to_be_bytes());
            }
        }
    )* };
}

fixed_size!(i8 i16 u16 i32 i64 f64);

impl<'de> Decode<'de> for bool {
    fn size_min(_: Shape) -> usize {
        1
    }

    /// Any byte but 0 is true, as Kafka has it.
    fn read<S: Source<'de>>(source: &mut S, _: Shape) -> Result<Self, DecodeError> {
        source.fixed().map(|[byte]| byte != 0)
    }
}

impl Encode for bool {
    fn write<S: Sink>(&self, sink: &mut S, _: Shape) {
        sink.put(&[u8::from(*self)]);
    }
}

impl<'de> Decode<'de> for Uuid {
    fn size_min(_: Shape) -> usize {
        size_of::<Uuid>()
    }

    fn read<S: Source<'de>>(source: &mut S, _: Shape) -> Result<Self, DecodeError> {
        source.fixed().map(Uuid::from_bytes)
    }
}

impl Encode for Uuid {
    fn write<S: Sink>(&self, sink: &mut S, _: Shape) {
        sink.put(self.as_bytes());
    }
}

impl<'de: 'a, 'a> Decode<'de> for &'a str {
    fn size_min(shape: Shape) -> usize {
        if shape.flexible { 1 } else { 2 }
    }

    fn read<S: Source<'de>>(source: &mut S, shape: Shape) -> Result<Self, DecodeError> {
        source.string(shape.nullable(false))?.ok_or(DecodeError::UnexpectedNull)
    }
}

impl<'de: 'a, 'a> DecodeNullable<'de> for &'a str {
    fn read_nullable<S: Source<'de>>(
        source: &mut S,
        shape: Shape,
    ) -> Result<Option<Self>, DecodeError> {
        source.string(shape)
    }
}

impl Encode for &str {
    /// A string longer than [`STRING_SIZE_MAX`] has no encoding. Those that came from a client are
    /// shorter, so it can only be a message for people, and is cut at a character's boundary.
    fn write<S: Sink>(&self, sink: &mut S, shape: Shape) {
        let mut size = self.len().min(STRING_SIZE_MAX);
        while !self.is_char_boundary(size) {
            size -= 1;
        }
        let string = &self[..size];
        if shape.flexible {
            put_unsigned_varint(sink, string.len() as u32 + 1);
        } else {
            sink.put(&(string.len() as i16).to_be_bytes());
        }
        sink.put(string.as_bytes());
    }
}

impl EncodeNullable for &str {
    fn write_nullable<S: Sink>(value: Option<&Self>, sink: &mut S, shape: Shape) {
        match value {
            Some(value) => value.write(sink, shape),
            None if shape.flexible => put_unsigned_varint(sink, 0),
            None => sink.put(&(-1i16).to_be_bytes()),
        }
    }
}

impl<'de: 'a, 'a> Decode<'de> for &'a [u8] {
    fn size_min(shape: Shape) -> usize {
        length_size_min(shape)
    }

    fn read<S: Source<'de>>(source: &mut S, shape: Shape) -> Result<Self, DecodeError> {
        source.bytes(shape.nullable(false))?.ok_or(DecodeError::UnexpectedNull)
    }
}

impl<'de: 'a, 'a> DecodeNullable<'de> for &'a [u8] {
    fn read_nullable<S: Source<'de>>(
        source: &mut S,
        shape: Shape,
    ) -> Result<Option<Self>, DecodeError> {
        source.bytes(shape)
    }
}

impl Encode for &[u8] {
    fn write<S: Sink>(&self, sink: &mut S, shape: Shape) {
        put_length(sink, Some(self.len()), shape);
        sink.put(self);
    }
}

impl EncodeNullable for &[u8] {
    fn write_nullable<S: Sink>(value: Option<&Self>, sink: &mut S, shape: Shape) {
        match value {
            Some(value) => value.write(sink, shape),
            None => put_length(sink, None, shape),
        }
    }
}

impl<'de, T: Decode<'de>> Decode<'de> for Array<T> {
    fn size_min(shape: Shape) -> usize {
        length_size_min(shape)
    }

    fn read<S: Source<'de>>(source: &mut S, shape: Shape) -> Result<Self, DecodeError> {
        Self::read_nullable(source, shape.nullable(false))?.ok_or(DecodeError::UnexpectedNull)
    }
}

impl<'de, T: Decode<'de>> DecodeNullable<'de> for Array<T> {
    fn read_nullable<S: Source<'de>>(
        source: &mut S,
        shape: Shape,
    ) -> Result<Option<Self>, DecodeError> {
        let element = shape.nullable(false);
        let Some(count) = source.count(shape, T::size_min(element))? else { return Ok(None) };
        let mut array = Array::with_capacity(count);
        for _ in 0..count {
            array.push(T::read(source, element)?);
        }
        Ok(Some(array))
    }
}

impl<T: Encode> Encode for Array<T> {
    fn write<S: Sink>(&self, sink: &mut S, shape: Shape) {
        put_length(sink, Some(self.len()), shape);
        for element in self {
            element.write(sink, shape.nullable(false));
        }
    }
}

impl<T: Encode> EncodeNullable for Array<T> {
    fn write_nullable<S: Sink>(value: Option<&Self>, sink: &mut S, shape: Shape) {
        match value {
            Some(value) => value.write(sink, shape),
            None => put_length(sink, None, shape),
        }
    }
}

impl<'de, T: DecodeNullable<'de>> Decode<'de> for Option<T> {
    fn size_min(shape: Shape) -> usize {
        if shape.nullable { T::size_min_nullable(shape) } else { T::size_min(shape) }
    }

    fn read<S: Source<'de>>(source: &mut S, shape: Shape) -> Result<Self, DecodeError> {
        if shape.nullable {
            T::read_nullable(source, shape)
        } else {
            T::read(source, shape).map(Some)
        }
    }
}

impl<T: EncodeNullable> Encode for Option<T> {
    /// Null in a version that knows no null is written as the type's empty value.
    fn write<S: Sink>(&self, sink: &mut S, shape: Shape) {
        match self {
            value if shape.nullable => T::write_nullable(value.as_ref(), sink, shape),
            Some(value) => value.write(sink, shape),
            None => T::default().write(sink, shape),
        }
    }
}

fn length_size_min(shape: Shape) -> usize {
    if shape.flexible { 1 } else { 4 }
}

/// Writes the length of bytes or the count of an array; `None` is null. Where it does not fit, the
/// frame is too long, and is refused when it ends.
pub(super) fn put_length<S: Sink>(sink: &mut S, length: Option<usize>, shape: Shape) {
    let length = length.map_or(-1, |length| i32::try_from(length).unwrap_or(i32::MAX));
    if shape.flexible {
        put_unsigned_varint(sink, (length as u32).wrapping_add(1));
    } else {
        sink.put(&length.to_be_bytes());
    }
}

/// Writes an unsigned varint.
pub(super) fn put_unsigned_varint<S: Sink>(sink: &mut S, value: u32) {
    let (bytes, size) = varint::encode_u64(u64::from(value));
    sink.put(&bytes[..size]);
}
