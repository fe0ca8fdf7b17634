//! Where the values of a message come from.

use super::{DecodeError, Shape};

/// What a message is decoded from: the mirror of [`Sink`](super::Sink).
///
/// The broker has one source, the bounded [`Reader`](super::Reader) over a frame's bytes. Because
/// the schema asks only this trait, a test can put a generator of arbitrary values in its place.
/// That one goes by [`Shape::nullable`]; a reader takes null where it finds it.
pub trait Source<'de> {
    /// The next `N` bytes, of an integer, a float or a UUID.
    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], DecodeError>;

    /// A length-prefixed run of bytes; `None` is null.
    fn bytes(&mut self, shape: Shape) -> Result<Option<&'de [u8]>, DecodeError>;

    /// A length-prefixed string; `None` is null.
    fn string(&mut self, shape: Shape) -> Result<Option<&'de str>, DecodeError>;

    /// An array's element count; `None` is null. An element takes at least `element_size_min`
    /// bytes, so a count that the source cannot hold is an error *before* anything is allocated.
    fn count(
        &mut self,
        shape: Shape,
        element_size_min: usize,
    ) -> Result<Option<usize>, DecodeError>;

    /// Whether a nullable struct is there.
    fn present(&mut self) -> Result<bool, DecodeError>;

    /// The tagged fields at the end of a flexible struct (KIP-482). `field` is called with each
    /// tag, and reads the value or answers `false` for a tag that it does not know.
    fn tagged(
        &mut self,
        field: impl FnMut(&mut Self, u32) -> Result<bool, DecodeError>,
    ) -> Result<(), DecodeError>;
}
