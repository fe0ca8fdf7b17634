//! Variable-length integers: seven bits a byte, least significant first, the high bit set on all
//! but the last. Signed values are zigzag-coded.

use super::DecodeError;

/// The most bytes of a 32-bit varint.
pub const U32_SIZE_MAX: usize = 5;
/// The most bytes of a 64-bit varint.
pub const U64_SIZE_MAX: usize = 10;

/// Reads an unsigned 32-bit varint from the start of `bytes`: the value, and the bytes it takes.
#[inline]
pub fn read_u32(bytes: &[u8]) -> Result<(u32, usize), DecodeError> {
    match bytes.first() {
        Some(&byte) if byte < 0x80 => Ok((u32::from(byte), 1)),
        _ => {
            let (value, size) = read_long_form(bytes, U32_SIZE_MAX, u32::BITS)?;
            Ok((value as u32, size))
        }
    }
}

/// Reads an unsigned 64-bit varint from the start of `bytes`: the value, and the bytes it takes.
#[inline]
pub fn read_u64(bytes: &[u8]) -> Result<(u64, usize), DecodeError> {
    match bytes.first() {
        Some(&byte) if byte < 0x80 => Ok((u64::from(byte), 1)),
        _ => read_long_form(bytes, U64_SIZE_MAX, u64::BITS),
    }
}

/// Reads a zigzag-coded 32-bit varint.
#[inline]
pub fn read_i32(bytes: &[u8]) -> Result<(i32, usize), DecodeError> {
    let (value, size) = read_u32(bytes)?;
    Ok(((value >> 1) as i32 ^ -((value & 1) as i32), size))
}

/// Reads a zigzag-coded 64-bit varint.
#[inline]
pub fn read_i64(bytes: &[u8]) -> Result<(i64, usize), DecodeError> {
    let (value, size) = read_u64(bytes)?;
    Ok(((value >> 1) as i64 ^ -((value & 1) as i64), size))
}

fn read_long_form(bytes: &[u8], size_max: usize, bits: u32) -> Result<(u64, usize), DecodeError> {
    let mut value = 0u64;
    for (index, &byte) in bytes.iter().take(size_max).enumerate() {
        let shift = 7 * index as u32;
        let payload = u64::from(byte & 0x7f);
        // The last possible byte has room for fewer than seven bits.
        if shift + 7 > bits && payload >> (bits - shift) != 0 {
            return Err(DecodeError::VarintOverflow { bits });
        }
        value |= payload << shift;
        if byte < 0x80 {
            return Ok((value, index + 1));
        }
    }
    if bytes.len() >= size_max {
        return Err(DecodeError::VarintOverflow { bits });
    }
    Err(DecodeError::Truncated { needed: bytes.len() + 1, remaining: bytes.len() })
}

/// Encodes an unsigned 64-bit varint: a buffer, and how much of it is used. Serves 32 bits too.
#[inline]
pub fn encode_u64(mut value: u64) -> ([u8; U64_SIZE_MAX], usize) {
    let mut bytes = [0; U64_SIZE_MAX];
    let mut size = 0;
    while value >= 0x80 {
        bytes[size] = value as u8 | 0x80;
        value >>= 7;
        size += 1;
    }
    bytes[size] = value as u8;
    (bytes, size + 1)
}

/// Encodes a zigzag-coded signed varint. A 32-bit value has the same form as its 64-bit widening.
#[inline]
pub fn encode_i64(value: i64) -> ([u8; U64_SIZE_MAX], usize) {
    encode_u64(((value << 1) ^ (value >> 63)) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signed_values_survive_a_round_trip() {
        for value in [0, 1, -1, 63, -64, 64, -65, i64::from(i32::MAX), i64::from(i32::MIN)] {
            let (bytes, size) = encode_i64(value);
            assert_eq!(read_i32(&bytes[..size]), Ok((value as i32, size)));
        }
        for value in [0, -1, i64::MAX, i64::MIN] {
            let (bytes, size) = encode_i64(value);
            assert_eq!(read_i64(&bytes[..size]), Ok((value, size)));
        }
    }

    #[test]
    fn unsigned_extremes_survive_a_round_trip() {
        let (bytes, size) = encode_u64(u64::from(u32::MAX));
        assert_eq!(read_u32(&bytes[..size]), Ok((u32::MAX, 5)));
        let (bytes, size) = encode_u64(u64::MAX);
        assert_eq!(read_u64(&bytes[..size]), Ok((u64::MAX, 10)));
    }

    #[test]
    fn a_varint_wider_than_its_type_is_refused() {
        let overflow = |bits| DecodeError::VarintOverflow { bits };
        assert_eq!(read_u32(&[0xff, 0xff, 0xff, 0xff, 0x1f]), Err(overflow(32)));
        assert_eq!(read_u32(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x00]), Err(overflow(32)));
        assert_eq!(read_u64(&[0xff; 10]), Err(overflow(64)));
        assert_eq!(read_u64(&[0x80; 20]), Err(overflow(64)));
    }

    #[test]
    fn a_varint_cut_short_is_truncated() {
        let truncated = |remaining| DecodeError::Truncated { needed: remaining + 1, remaining };
        assert_eq!(read_u32(&[]), Err(truncated(0)));
        assert_eq!(read_u64(&[0x80, 0xff]), Err(truncated(2)));
    }
}
