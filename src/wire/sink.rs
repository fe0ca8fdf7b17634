//! Where encoded messages go.

/// What a message is encoded into: a count of bytes, or a buffer.
pub trait Sink {
    /// Appends bytes.
    fn put(&mut self, bytes: &[u8]);

    /// Leaves out `length` bytes that someone else puts between what came before and what follows:
    /// records that go from a file straight to the socket.
    fn splice(&mut self, length: u32);
}

/// A place in encoded bytes where `length` bytes from elsewhere belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// The position in the buffer, in bytes from its start, before which they belong.
    pub at: usize,
    /// How many bytes belong there.
    pub length: u32,
}

/// Appends to a caller's buffer, and notes where records are to be spliced in.
///
/// Both are the caller's, so that they are reused from message to message.
#[derive(Debug)]
pub struct Writer<'b> {
    buffer: &'b mut Vec<u8>,
    cuts: &'b mut Vec<Cut>,
}

impl<'b> Writer<'b> {
    /// A writer that appends to `buffer` and to `cuts`.
    pub fn new(buffer: &'b mut Vec<u8>, cuts: &'b mut Vec<Cut>) -> Self {
        Self { buffer, cuts }
    }
}

impl Sink for Writer<'_> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    fn splice(&mut self, length: u32) {
        if length > 0 {
            self.cuts.push(Cut { at: self.buffer.len(), length });
        }
    }
}

/// Counts the bytes that an encoding would take, spliced ones too.
#[derive(Debug, Default)]
pub struct Measure {
    /// The bytes so far.
    pub size: usize,
}

impl Sink for Measure {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.size += bytes.len();
    }

    fn splice(&mut self, length: u32) {
        self.size += length as usize;
    }
}
