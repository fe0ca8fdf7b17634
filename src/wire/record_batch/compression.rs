//! Compression of records.
//!
//! The broker stores and serves batches as producers compressed them. This is for the command line,
//! which is a client, for tools that look into batches, and for the keys of compacted topics.

use std::io::{Read, Write};
use thiserror::Error;

/// How the records of a batch are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip.
    Gzip,
    /// snappy, in blocks framed as the Java library xerial frames them, or as one bare block.
    Snappy,
    /// lz4, in its frame format.
    Lz4,
    /// zstd.
    Zstd,
}

/// Why records could not be compressed or decompressed.
#[derive(Debug, Error)]
pub enum CompressionError {
    /// More bytes than the caller wants.
    #[error("records decompress to more than {max} bytes")]
    TooLarge { max: usize },
    /// The bytes are not what the codec makes.
    #[error("{codec} data are damaged: {reason}")]
    Damaged { codec: &'static str, reason: String },
}

impl Compression {
    /// All of them, by ascending id.
    pub const ALL: [Compression; 5] = [
        Compression::None,
        Compression::Gzip,
        Compression::Snappy,
        Compression::Lz4,
        Compression::Zstd,
    ];

    /// The codec with this number in a batch's attributes.
    pub const fn from_id(id: i16) -> Option<Compression> {
        match id {
            0 => Some(Compression::None),
            1 => Some(Compression::Gzip),
            2 => Some(Compression::Snappy),
            3 => Some(Compression::Lz4),
            4 => Some(Compression::Zstd),
            _ => None,
        }
    }

    /// The number in a batch's attributes.
    pub const fn id(self) -> i16 {
        self as i16
    }

    /// The name in configs, as in `compression.type=lz4`.
    pub const fn name(self) -> &'static str {
        match self {
            Compression::None => "none",
            Compression::Gzip => "gzip",
            Compression::Snappy => "snappy",
            Compression::Lz4 => "lz4",
            Compression::Zstd => "zstd",
        }
    }

    /// The codec with this name in configs.
    pub fn from_name(name: &str) -> Option<Compression> {
        Self::ALL.into_iter().find(|codec| codec.name() == name)
    }

    fn damaged(self, reason: impl ToString) -> CompressionError {
        CompressionError::Damaged { codec: self.name(), reason: reason.to_string() }
    }
}

/// Compresses the records of a batch.
pub fn compress(codec: Compression, records: &[u8]) -> Result<Vec<u8>, CompressionError> {
    match codec {
        Compression::None => Ok(records.to_vec()),
        Compression::Gzip => {
            let level = flate2::Compression::default();
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            let result = encoder.write_all(records).and_then(|()| encoder.finish());
            result.map_err(|error| codec.damaged(error))
        }
        Compression::Snappy => compress_snappy(records),
        Compression::Lz4 => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            encoder.write_all(records).map_err(|error| codec.damaged(error))?;
            encoder.finish().map_err(|error| codec.damaged(error))
        }
        Compression::Zstd => {
            let level = zstd::DEFAULT_COMPRESSION_LEVEL;
            zstd::encode_all(records, level).map_err(|error| codec.damaged(error))
        }
    }
}

/// Decompresses the records of a batch, but no more than `size_max` bytes of them.
pub fn decompress(
    codec: Compression,
    bytes: &[u8],
    size_max: usize,
) -> Result<Vec<u8>, CompressionError> {
    match codec {
        Compression::None if bytes.len() > size_max => {
            Err(CompressionError::TooLarge { max: size_max })
        }
        Compression::None => Ok(bytes.to_vec()),
        Compression::Gzip => {
            read_bounded(codec, flate2::read::MultiGzDecoder::new(bytes), size_max)
        }
        Compression::Snappy => decompress_snappy(bytes, size_max),
        Compression::Lz4 => {
            read_bounded(codec, lz4_flex::frame::FrameDecoder::new(bytes), size_max)
        }
        Compression::Zstd => {
            let mut decoder = zstd::Decoder::new(bytes).map_err(|error| codec.damaged(error))?;
            // A window of more than 128 MiB is not of Kafka's making.
            decoder.window_log_max(27).map_err(|error| codec.damaged(error))?;
            read_bounded(codec, decoder, size_max)
        }
    }
}

fn read_bounded(
    codec: Compression,
    reader: impl Read,
    size_max: usize,
) -> Result<Vec<u8>, CompressionError> {
    let mut records = Vec::new();
    // One byte more than allowed tells too much from just enough.
    let mut reader = reader.take(size_max as u64 + 1);
    reader.read_to_end(&mut records).map_err(|error| codec.damaged(error))?;
    if records.len() > size_max {
        return Err(CompressionError::TooLarge { max: size_max });
    }
    Ok(records)
}

/// What xerial's framing begins with: a magic, and twice a version of 1. Blocks follow, each behind
/// its length in four bytes, big-endian.
const XERIAL_HEADER: [u8; 16] = *b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";
const XERIAL_MAGIC_SIZE: usize = 8;
const XERIAL_BLOCK_SIZE: usize = 32 * 1024;

fn compress_snappy(records: &[u8]) -> Result<Vec<u8>, CompressionError> {
    let mut encoder = snap::raw::Encoder::new();
    let mut bytes = XERIAL_HEADER.to_vec();
    for block in records.chunks(XERIAL_BLOCK_SIZE) {
        let block =
            encoder.compress_vec(block).map_err(|error| Compression::Snappy.damaged(error))?;
        bytes.extend_from_slice(&(block.len() as u32).to_be_bytes());
        bytes.extend_from_slice(&block);
    }
    Ok(bytes)
}

fn decompress_snappy(bytes: &[u8], size_max: usize) -> Result<Vec<u8>, CompressionError> {
    let mut records = Vec::new();
    if !bytes.starts_with(&XERIAL_HEADER[..XERIAL_MAGIC_SIZE]) {
        decompress_snappy_block(bytes, &mut records, size_max)?;
        return Ok(records);
    }
    let damaged = || Compression::Snappy.damaged("a block is cut short");
    let mut rest = bytes.get(XERIAL_HEADER.len()..).ok_or_else(damaged)?;
    while !rest.is_empty() {
        let (size, after) = rest.split_first_chunk().ok_or_else(damaged)?;
        let size = u32::from_be_bytes(*size) as usize;
        let (block, after) = after.split_at_checked(size).ok_or_else(damaged)?;
        decompress_snappy_block(block, &mut records, size_max)?;
        rest = after;
    }
    Ok(records)
}

fn decompress_snappy_block(
    block: &[u8],
    records: &mut Vec<u8>,
    size_max: usize,
) -> Result<(), CompressionError> {
    let damaged = |error| Compression::Snappy.damaged(error);
    let size = snap::raw::decompress_len(block).map_err(damaged)?;
    let start = records.len();
    if size > size_max - start {
        return Err(CompressionError::TooLarge { max: size_max });
    }
    records.resize(start + size, 0);
    snap::raw::Decoder::new().decompress(block, &mut records[start..]).map_err(damaged)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records() -> Vec<u8> {
        (0..100_000u32).flat_map(|n| (n / 7).to_le_bytes()).collect()
    }

    #[test]
    fn every_codec_survives_a_round_trip() {
        for records in [records(), b"short".to_vec(), Vec::new()] {
            for codec in Compression::ALL {
                let compressed = compress(codec, &records).expect("compresses");
                let restored = decompress(codec, &compressed, records.len());
                assert_eq!(restored.expect("decompresses"), records, "{codec:?}");
            }
        }
    }

    #[test]
    fn more_output_than_wanted_is_refused() {
        let records = records();
        for codec in Compression::ALL {
            let compressed = compress(codec, &records).expect("compresses");
            let result = decompress(codec, &compressed, records.len() - 1);
            assert!(matches!(result, Err(CompressionError::TooLarge { .. })), "{codec:?}");
        }
    }

    #[test]
    fn damaged_input_is_an_error() {
        for codec in [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd] {
            assert!(decompress(codec, b"not compressed at all", 1000).is_err(), "{codec:?}");
            let compressed = compress(codec, &records()).expect("compresses");
            let cut = &compressed[..compressed.len() / 2];
            assert!(decompress(codec, cut, 1_000_000).is_err(), "{codec:?}");
        }
    }

    #[test]
    fn a_bare_snappy_block_is_understood() {
        let block = snap::raw::Encoder::new().compress_vec(b"records").expect("compresses");
        let records = decompress(Compression::Snappy, &block, 100).expect("decompresses");
        assert_eq!(records, b"records");
    }

    #[test]
    fn names_and_ids_match() {
        for codec in Compression::ALL {
            assert_eq!(Compression::from_id(codec.id()), Some(codec));
            assert_eq!(Compression::from_name(codec.name()), Some(codec));
        }
        assert_eq!(Compression::from_id(5), None);
        assert_eq!(Compression::from_name("brotli"), None);
    }
}
