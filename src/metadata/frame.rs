//! Frames: how the metadata log and its snapshot lie on the disk, and what a crash leaves.
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 4 | magic, `PnMd` |
//! | 4 | 1 | format version, 1 |
//! | 5 | 1 | kind: 1 changes, 2 snapshot |
//! | 6 | 4 | length of the body |
//! | 10 | 8 | version of the image before the frame's changes (changes), or of the snapshot |
//! | 18 | 4 | CRC-32 (IEEE) of bytes 0–17 |
//! | 22 | n | body |
//! | 22 + n | 4 | CRC-32 (IEEE) of bytes 0 to 21 + n |
//! | 26 + n | 1 | end mark, 0x9D |
//!
//! A frame is one write, and the write before it is durable by then. So a crash can leave only
//! the last frame unfinished: cut short, or, where the file grew before all its sectors were
//! written, with zeros in the place of some. The magic and the end mark are not zero, so that
//! each sector of a finished frame holds something. A bad frame that looks otherwise, or that
//! others follow, is damage.

use bytes::{Buf, BufMut};
use thiserror::Error;

/// What a frame's body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// A list of changes.
    Changes,
    /// A whole image.
    Snapshot,
}

/// A frame that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What the body is.
    pub kind: FrameKind,
    /// The version of the image that the body builds on, or that it is.
    pub version: u64,
    /// The body.
    pub body: &'a [u8],
    /// The whole frame's length in bytes.
    pub length: usize,
}

/// Why there is no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FrameFault {
    /// A crash left it unfinished.
    #[error("a frame was left unfinished")]
    Torn,
    /// Its bytes are not those that were written.
    #[error("a frame is damaged")]
    Damaged,
    /// A newer version of Pinion wrote it.
    #[error("it has format version {0}, and this Pinion reads {FORMAT_VERSION} at most")]
    Newer(u8),
}

const MAGIC: [u8; 4] = *b"PnMd";
const FORMAT_VERSION: u8 = 1;
const HEADER_LENGTH: usize = 22;
const TRAILER_LENGTH: usize = 5;
const END_MARK: u8 = 0x9D;

/// The least that a disk writes whole.
const SECTOR: usize = 512;

/// What a frame has besides its body, in bytes.
pub const FRAME_OVERHEAD: usize = HEADER_LENGTH + TRAILER_LENGTH;

/// Appends a frame around the body that `body` appends.
///
/// # Panics
/// If the body is 4 GiB or longer.
pub fn write_frame(
    kind: FrameKind,
    version: u64,
    to: &mut Vec<u8>,
    body: impl FnOnce(&mut Vec<u8>),
) {
    let start = to.len();
    to.put_bytes(0, HEADER_LENGTH);
    body(to);
    let body_length = to.len() - start - HEADER_LENGTH;
    let mut header = &mut to[start..start + HEADER_LENGTH];
    header.put_slice(&MAGIC);
    header.put_u8(FORMAT_VERSION);
    header.put_u8(match kind {
        FrameKind::Changes => 1,
        FrameKind::Snapshot => 2,
    });
    header.put_u32(u32::try_from(body_length).expect("a body is far below 4 GiB"));
    header.put_u64(version);
    let header_crc = crc32fast::hash(&to[start..start + 18]);
    (&mut to[start + 18..]).put_u32(header_crc);
    let crc = crc32fast::hash(&to[start..]);
    to.put_u32(crc);
    to.put_u8(END_MARK);
}

/// Reads the frame at `position` of a file.
///
/// # Errors
/// [`FrameFault::Torn`] if a crash can have left it so, in which case nothing follows it.
pub fn read_frame(file: &[u8], position: usize) -> Result<Frame<'_>, FrameFault> {
    let rest = &file[position..];
    let Some(header) = Header::parse(rest) else {
        return Err(fault(file, position, rest.len() < HEADER_LENGTH));
    };
    if header.format_version > FORMAT_VERSION {
        return Err(FrameFault::Newer(header.format_version));
    }
    let length = FRAME_OVERHEAD + header.body_length;
    let Some(frame) = rest.get(..length) else {
        return Err(fault(file, position, true));
    };
    let (checked, mut trailer) = frame.split_at(length - TRAILER_LENGTH);
    if trailer.get_u32() != crc32fast::hash(checked) || trailer != [END_MARK] {
        // Nothing is written after a frame before that is durable.
        let is_last = rest.len() == length;
        return Err(if is_last { fault(file, position, false) } else { FrameFault::Damaged });
    }
    let kind = match header.kind {
        1 => FrameKind::Changes,
        2 => FrameKind::Snapshot,
        _ => return Err(FrameFault::Damaged),
    };
    Ok(Frame { kind, version: header.version, body: &checked[HEADER_LENGTH..], length })
}

struct Header {
    format_version: u8,
    kind: u8,
    body_length: usize,
    version: u64,
}

impl Header {
    fn parse(rest: &[u8]) -> Option<Header> {
        let mut bytes = rest.get(..HEADER_LENGTH)?;
        if !bytes.starts_with(&MAGIC) {
            return None;
        }
        let crc = crc32fast::hash(&bytes[..18]);
        bytes.advance(MAGIC.len());
        let (format_version, kind) = (bytes.get_u8(), bytes.get_u8());
        let (body_length, version) = (bytes.get_u32() as usize, bytes.get_u64());
        (bytes.get_u32() == crc).then_some(Header { format_version, kind, body_length, version })
    }
}

/// Tells whether a crash can have left the bad frame at `position`, which may be `cut_short`.
fn fault(file: &[u8], position: usize, cut_short: bool) -> FrameFault {
    let followed = (position + 1..file.len()).any(|at| Header::parse(&file[at..]).is_some());
    let torn = cut_short || file.ends_with(&[0]) || has_empty_sector(file, position);
    if torn && !followed { FrameFault::Torn } else { FrameFault::Damaged }
}

/// Whether a sector holds nothing but zeros from `position` on.
fn has_empty_sector(file: &[u8], position: usize) -> bool {
    let first_end = (position / SECTOR + 1) * SECTOR;
    let (first, rest) =
        file[position..].split_at((first_end - position).min(file.len() - position));
    let empty = |sector: &[u8]| sector.iter().all(|byte| *byte == 0);
    empty(first) || rest.chunks(SECTOR).any(empty)
}
