//! The contents of a record: who sent it, its number, when it was due, filler, and a checksum.
//!
//! | bytes | field, little-endian |
//! |---|---|
//! | 4 | CRC-32 (IEEE) of everything behind it |
//! | 4 | producer |
//! | 8 | sequence: 0, 1, 2 … of that producer |
//! | 8 | due time, nanoseconds since the run's start |
//! | rest | random bytes, which no codec makes smaller |

use std::time::Duration;

/// Bytes that every payload has in front of its filler: the smallest payload there is.
pub const HEADER_SIZE: usize = 24;

const CHECKSUM_SIZE: usize = 4;

/// Larger than the window of any codec at its default level, so that nothing repeats in a batch.
const POOL_SIZE: usize = 8 << 20;

/// Far from each other in the pool for neighbours in sequence, and odd, so that the pool's
/// positions are all used.
const POOL_STRIDE: u64 = 1_000_003;

/// What a payload says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// Number of the producer, from 0.
    pub producer: u32,
    /// Number of the record among those of its producer, from 0.
    pub sequence: u64,
    /// When the schedule wanted it sent, since the start of the run.
    pub due: Duration,
}

/// The payload is shorter than a header, or does not match its checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the payload is damaged")]
pub struct Damaged;

/// Makes payloads of one size.
#[derive(Debug)]
pub struct PayloadMaker {
    pool: Vec<u8>,
    payload: Vec<u8>,
}

impl PayloadMaker {
    /// Payloads of `size` bytes, at least [`HEADER_SIZE`]; the same seed gives the same filler.
    pub fn new(size: usize, seed: u64) -> PayloadMaker {
        let mut random = oorandom::Rand64::new(u128::from(seed));
        let pool_size = POOL_SIZE + size;
        let mut pool = Vec::with_capacity(pool_size + size_of::<u64>());
        while pool.len() < pool_size {
            pool.extend_from_slice(&random.rand_u64().to_le_bytes());
        }
        PayloadMaker { pool, payload: vec![0; size.max(HEADER_SIZE)] }
    }

    /// The payload of this record, valid until the next is made.
    pub fn make(&mut self, origin: Origin) -> &[u8] {
        let start = origin.sequence.wrapping_mul(POOL_STRIDE) % POOL_SIZE as u64;
        let start = usize::try_from(start).expect("a position within the pool");
        let filler = self.payload.len() - HEADER_SIZE;
        self.payload[HEADER_SIZE..].copy_from_slice(&self.pool[start..start + filler]);
        self.payload[4..8].copy_from_slice(&origin.producer.to_le_bytes());
        self.payload[8..16].copy_from_slice(&origin.sequence.to_le_bytes());
        let due = u64::try_from(origin.due.as_nanos()).unwrap_or(u64::MAX);
        self.payload[16..24].copy_from_slice(&due.to_le_bytes());
        let checksum = crc32fast::hash(&self.payload[CHECKSUM_SIZE..]);
        self.payload[..CHECKSUM_SIZE].copy_from_slice(&checksum.to_le_bytes());
        &self.payload
    }
}

/// Reads a payload back.
///
/// # Errors
/// If a byte of it changed, or some are missing.
pub fn open(payload: &[u8]) -> Result<Origin, Damaged> {
    let (checksum, rest) = payload.split_first_chunk().ok_or(Damaged)?;
    if payload.len() < HEADER_SIZE || crc32fast::hash(rest) != u32::from_le_bytes(*checksum) {
        return Err(Damaged);
    }
    let (producer, rest) = rest.split_first_chunk().ok_or(Damaged)?;
    let (sequence, rest) = rest.split_first_chunk().ok_or(Damaged)?;
    let (due, _) = rest.split_first_chunk().ok_or(Damaged)?;
    Ok(Origin {
        producer: u32::from_le_bytes(*producer),
        sequence: u64::from_le_bytes(*sequence),
        due: Duration::from_nanos(u64::from_le_bytes(*due)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: Origin =
        Origin { producer: 7, sequence: 123_456_789, due: Duration::from_nanos(42) };

    /// Goal: what goes in comes out, at the smallest size and at others.
    #[test]
    fn a_payload_tells_its_origin() {
        for size in [HEADER_SIZE, 200, 65_536] {
            let mut maker = PayloadMaker::new(size, 1);
            let payload = maker.make(ORIGIN);
            assert_eq!(payload.len(), size);
            assert_eq!(open(payload), Ok(ORIGIN));
        }
    }

    /// Goal: any one flipped bit and any cut is found.
    #[test]
    fn damage_is_found() {
        let payload = PayloadMaker::new(40, 1).make(ORIGIN).to_vec();
        for bit in 0..payload.len() * 8 {
            let mut damaged = payload.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(&damaged), Err(Damaged), "bit {bit}");
        }
        for size in 0..payload.len() {
            assert_eq!(open(&payload[..size]), Err(Damaged), "cut to {size} bytes");
        }
    }

    /// Goal: neighbours share no filler, so that a codec finds nothing to save in a batch.
    #[test]
    fn filler_differs_from_record_to_record() {
        let mut maker = PayloadMaker::new(200, 1);
        let first = maker.make(ORIGIN).to_vec();
        let second = maker.make(Origin { sequence: ORIGIN.sequence + 1, ..ORIGIN });
        let same = first.iter().zip(second).skip(HEADER_SIZE).filter(|(a, b)| a == b).count();
        assert!(same < 20, "{same} bytes are the same");
    }
}
