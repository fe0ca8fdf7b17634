//! The header of a record batch, its checksum, and what a broker stamps into it.

use super::{BatchError, Compression};

/// The size of a batch without records, in bytes.
pub const HEADER_SIZE: usize = 61;

/// The bytes up to and including the length field, which the length does not count.
pub const LENGTH_PREFIX_SIZE: usize = 12;

const LEADER_EPOCH_AT: usize = 12;
const MAGIC_AT: usize = 16;
const CRC_AT: usize = 17;
/// The CRC covers all from here on.
const ATTRIBUTES_AT: usize = 21;
const MAX_TIMESTAMP_AT: usize = 35;

const MAGIC: i8 = 2;

/// What the timestamps of a batch mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimestampType {
    /// When the producer made each record.
    #[default]
    CreateTime,
    /// When the broker appended the batch: its max timestamp, for all records.
    LogAppendTime,
}

/// The attributes of a batch, with a compression codec that is known to exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attributes(i16);

impl Attributes {
    const COMPRESSION: i16 = 0b0111;
    const LOG_APPEND_TIME: i16 = 1 << 3;
    const TRANSACTIONAL: i16 = 1 << 4;
    const CONTROL: i16 = 1 << 5;
    const DELETE_HORIZON: i16 = 1 << 6;

    /// The attributes with these bits. Unused bits are kept.
    pub fn from_bits(bits: i16) -> Result<Self, BatchError> {
        let codec = bits & Self::COMPRESSION;
        match Compression::from_id(codec) {
            Some(_) => Ok(Self(bits)),
            None => Err(BatchError::UnknownCompression { codec }),
        }
    }

    /// The attributes of a transactional or plain batch of a client.
    pub fn new(compression: Compression, is_transactional: bool) -> Self {
        let transactional = if is_transactional { Self::TRANSACTIONAL } else { 0 };
        Self(compression.id() | transactional)
    }

    /// The bits.
    pub fn bits(self) -> i16 {
        self.0
    }

    /// How the records are compressed.
    pub fn compression(self) -> Compression {
        Compression::from_id(self.0 & Self::COMPRESSION).unwrap_or_default()
    }

    /// What the timestamps mean.
    pub fn timestamp_type(self) -> TimestampType {
        if self.0 & Self::LOG_APPEND_TIME != 0 {
            TimestampType::LogAppendTime
        } else {
            TimestampType::CreateTime
        }
    }

    /// The same with another meaning of the timestamps.
    pub fn with_timestamp_type(self, timestamp_type: TimestampType) -> Self {
        match timestamp_type {
            TimestampType::CreateTime => Self(self.0 & !Self::LOG_APPEND_TIME),
            TimestampType::LogAppendTime => Self(self.0 | Self::LOG_APPEND_TIME),
        }
    }

    /// Whether the batch is part of a transaction.
    pub fn is_transactional(self) -> bool {
        self.0 & Self::TRANSACTIONAL != 0
    }

    /// Whether the batch holds a marker of the broker, not records of a client.
    pub fn is_control(self) -> bool {
        self.0 & Self::CONTROL != 0
    }

    /// Whether compaction keeps the time of deletion in the base timestamp (KIP-534).
    pub fn has_delete_horizon(self) -> bool {
        self.0 & Self::DELETE_HORIZON != 0
    }
}

/// The header of a record batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    /// The offset of the first record.
    pub base_offset: i64,
    /// The bytes after this field: see [`Self::size`].
    pub batch_length: i32,
    /// The epoch of the leader that appended the batch; −1 before it is appended.
    pub partition_leader_epoch: i32,
    /// The CRC-32C of all from the attributes on.
    pub crc: u32,
    /// Compression, meaning of timestamps, and kind of batch.
    pub attributes: Attributes,
    /// The offset of the last record, less the base offset. Compaction keeps it.
    pub last_offset_delta: i32,
    /// The timestamp that those of the records are relative to, in milliseconds since 1970.
    pub base_timestamp: i64,
    /// The greatest timestamp of the records, in milliseconds since 1970; some clients send −1.
    pub max_timestamp: i64,
    /// The idempotent producer; −1 if there is none.
    pub producer_id: i64,
    /// The producer's epoch; −1 if there is none.
    pub producer_epoch: i16,
    /// The sequence number of the first record; −1 if there is none.
    pub base_sequence: i32,
    /// How many records there are.
    pub records_count: i32,
}

impl BatchHeader {
    /// Reads the header at the start of `bytes`, which need not hold the whole batch. Neither the
    /// checksum nor the relations between the fields are checked.
    pub fn parse(bytes: &[u8]) -> Result<BatchHeader, BatchError> {
        // The magic stands at the same place in all formats, and older batches may be shorter.
        if let Some(&magic) = bytes.get(MAGIC_AT) {
            match magic as i8 {
                MAGIC => {}
                magic @ (0 | 1) => return Err(BatchError::OldMagic { magic }),
                magic => return Err(BatchError::UnknownMagic { magic }),
            }
        }
        let Some(header) = bytes.first_chunk::<HEADER_SIZE>() else {
            return Err(BatchError::Truncated { needed: HEADER_SIZE, available: bytes.len() });
        };
        let batch_length = i32::from_be_bytes(field(header, 8));
        if batch_length < (HEADER_SIZE - LENGTH_PREFIX_SIZE) as i32 {
            return Err(BatchError::Length { length: batch_length });
        }
        Ok(BatchHeader {
            base_offset: i64::from_be_bytes(field(header, 0)),
            batch_length,
            partition_leader_epoch: i32::from_be_bytes(field(header, LEADER_EPOCH_AT)),
            crc: u32::from_be_bytes(field(header, CRC_AT)),
            attributes: Attributes::from_bits(i16::from_be_bytes(field(header, ATTRIBUTES_AT)))?,
            last_offset_delta: i32::from_be_bytes(field(header, 23)),
            base_timestamp: i64::from_be_bytes(field(header, 27)),
            max_timestamp: i64::from_be_bytes(field(header, MAX_TIMESTAMP_AT)),
            producer_id: i64::from_be_bytes(field(header, 43)),
            producer_epoch: i16::from_be_bytes(field(header, 51)),
            base_sequence: i32::from_be_bytes(field(header, 53)),
            records_count: i32::from_be_bytes(field(header, 57)),
        })
    }

    /// The header as it stands in front of the records.
    pub fn to_bytes(&self) -> [u8; HEADER_SIZE] {
        let mut bytes = [0; HEADER_SIZE];
        put(&mut bytes, 0, self.base_offset.to_be_bytes());
        put(&mut bytes, 8, self.batch_length.to_be_bytes());
        put(&mut bytes, LEADER_EPOCH_AT, self.partition_leader_epoch.to_be_bytes());
        put(&mut bytes, MAGIC_AT, MAGIC.to_be_bytes());
        put(&mut bytes, CRC_AT, self.crc.to_be_bytes());
        put(&mut bytes, ATTRIBUTES_AT, self.attributes.bits().to_be_bytes());
        put(&mut bytes, 23, self.last_offset_delta.to_be_bytes());
        put(&mut bytes, 27, self.base_timestamp.to_be_bytes());
        put(&mut bytes, MAX_TIMESTAMP_AT, self.max_timestamp.to_be_bytes());
        put(&mut bytes, 43, self.producer_id.to_be_bytes());
        put(&mut bytes, 51, self.producer_epoch.to_be_bytes());
        put(&mut bytes, 53, self.base_sequence.to_be_bytes());
        put(&mut bytes, 57, self.records_count.to_be_bytes());
        bytes
    }

    /// The size of the whole batch, in bytes. At least [`HEADER_SIZE`] for a parsed header.
    pub fn size(&self) -> usize {
        LENGTH_PREFIX_SIZE + self.batch_length as usize
    }

    /// The offset of the last record.
    pub fn last_offset(&self) -> i64 {
        self.base_offset.saturating_add(i64::from(self.last_offset_delta))
    }

    /// The offset after the last record.
    pub fn next_offset(&self) -> i64 {
        self.last_offset().saturating_add(1)
    }

    /// How the records are compressed.
    pub fn compression(&self) -> Compression {
        self.attributes.compression()
    }

    /// What the timestamps mean.
    pub fn timestamp_type(&self) -> TimestampType {
        self.attributes.timestamp_type()
    }

    /// Whether the batch is part of a transaction.
    pub fn is_transactional(&self) -> bool {
        self.attributes.is_transactional()
    }

    /// Whether the batch holds a marker of the broker, not records of a client.
    pub fn is_control(&self) -> bool {
        self.attributes.is_control()
    }

    /// Whether the batch is from an idempotent producer.
    pub fn has_producer_id(&self) -> bool {
        self.producer_id >= 0
    }

    /// The sequence number of the last record, which wraps from 2³¹−1 to 0; −1 if there is none.
    pub fn last_sequence(&self) -> i32 {
        if self.base_sequence < 0 {
            return -1;
        }
        let last = i64::from(self.base_sequence) + i64::from(self.last_offset_delta);
        (last & i64::from(i32::MAX)) as i32
    }
}

/// Checks the checksum of `batch`, which is the bytes of exactly one batch.
pub fn verify_crc(batch: &[u8]) -> Result<(), BatchError> {
    let Some(header) = batch.first_chunk::<HEADER_SIZE>() else {
        return Err(BatchError::Truncated { needed: HEADER_SIZE, available: batch.len() });
    };
    let stored = u32::from_be_bytes(field(header, CRC_AT));
    let computed = crc32c::crc32c(&batch[ATTRIBUTES_AT..]);
    if stored == computed { Ok(()) } else { Err(BatchError::Crc { stored, computed }) }
}

/// The header to append a batch with: the one in `header`, at `base_offset`, in `leader_epoch`.
/// Both lie outside the checksum.
pub fn stamp(header: &[u8; HEADER_SIZE], base_offset: i64, leader_epoch: i32) -> [u8; HEADER_SIZE] {
    let mut stamped = *header;
    put(&mut stamped, 0, base_offset.to_be_bytes());
    put(&mut stamped, LEADER_EPOCH_AT, leader_epoch.to_be_bytes());
    stamped
}

/// The same header with another meaning of the timestamps and another max timestamp, and the
/// checksum that this makes together with `records`, the bytes after the header.
///
/// For LogAppendTime, and where a producer left the max timestamp open.
pub fn stamp_timestamp(
    header: &[u8; HEADER_SIZE],
    records: &[u8],
    timestamp_type: TimestampType,
    max_timestamp: i64,
) -> [u8; HEADER_SIZE] {
    let mut stamped = *header;
    let attributes = Attributes(i16::from_be_bytes(field(header, ATTRIBUTES_AT)));
    let attributes = attributes.with_timestamp_type(timestamp_type);
    put(&mut stamped, ATTRIBUTES_AT, attributes.bits().to_be_bytes());
    put(&mut stamped, MAX_TIMESTAMP_AT, max_timestamp.to_be_bytes());
    seal(&mut stamped, records);
    stamped
}

/// Fills in the checksum of a header in front of `records`.
pub(super) fn seal(header: &mut [u8; HEADER_SIZE], records: &[u8]) {
    let crc = crc32c::crc32c_append(crc32c::crc32c(&header[ATTRIBUTES_AT..]), records);
    put(header, CRC_AT, crc.to_be_bytes());
}

fn field<const N: usize>(header: &[u8; HEADER_SIZE], at: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&header[at..at + N]);
    bytes
}

fn put<const N: usize>(header: &mut [u8; HEADER_SIZE], at: usize, bytes: [u8; N]) {
    header[at..at + N].copy_from_slice(&bytes);
}

#[cfg(test)]
mod tests {
    use super::super::BatchBuilder;
    use super::*;

    fn batch() -> Vec<u8> {
        let mut builder = BatchBuilder::new().producer(7, 1, 5);
        builder.append(1000, Some(b"key"), Some(b"value"), &[("h", Some(b"x"))]);
        builder.append(1010, None, Some(b"second"), &[]);
        builder.build()
    }

    fn header_of(batch: &[u8]) -> [u8; HEADER_SIZE] {
        *batch.first_chunk().expect("a whole header")
    }

    #[test]
    fn a_header_survives_a_round_trip() {
        let batch = batch();
        let header = BatchHeader::parse(&batch).expect("valid");
        assert_eq!(header.to_bytes(), header_of(&batch));
        assert_eq!(header.size(), batch.len());
        assert_eq!((header.records_count, header.last_offset()), (2, 1));
        assert_eq!((header.base_sequence, header.last_sequence()), (5, 6));
        assert_eq!((header.base_timestamp, header.max_timestamp), (1000, 1010));
    }

    #[test]
    fn sequence_numbers_wrap_to_zero() {
        let mut header = BatchHeader::parse(&batch()).expect("valid");
        header.base_sequence = i32::MAX;
        assert_eq!(header.last_sequence(), 0);
        header.base_sequence = -1;
        assert_eq!(header.last_sequence(), -1);
    }

    #[test]
    fn offset_and_epoch_are_stamped_outside_the_checksum() {
        let mut batch = batch();
        let stamped = stamp(&header_of(&batch), 42, 3);
        batch[..HEADER_SIZE].copy_from_slice(&stamped);
        assert_eq!(verify_crc(&batch), Ok(()));
        let header = BatchHeader::parse(&batch).expect("valid");
        assert_eq!((header.base_offset, header.last_offset()), (42, 43));
        assert_eq!(header.partition_leader_epoch, 3);
    }

    #[test]
    fn log_append_time_gets_a_new_checksum() {
        let mut batch = batch();
        let (header, records) = batch.split_first_chunk().expect("a whole header");
        let stamped = stamp_timestamp(header, records, TimestampType::LogAppendTime, 9999);
        batch[..HEADER_SIZE].copy_from_slice(&stamped);
        assert_eq!(verify_crc(&batch), Ok(()));
        let header = BatchHeader::parse(&batch).expect("valid");
        assert_eq!(header.timestamp_type(), TimestampType::LogAppendTime);
        assert_eq!(header.max_timestamp, 9999);
    }

    #[test]
    fn older_and_unknown_formats_are_told_apart() {
        let mut batch = batch();
        for (magic, error) in [
            (0, BatchError::OldMagic { magic: 0 }),
            (1, BatchError::OldMagic { magic: 1 }),
            (3, BatchError::UnknownMagic { magic: 3 }),
        ] {
            batch[MAGIC_AT] = magic;
            assert_eq!(BatchHeader::parse(&batch), Err(error));
        }
        // A message of format 1 can be shorter than a batch's header.
        let mut old = [0; 34];
        old[MAGIC_AT] = 1;
        assert_eq!(BatchHeader::parse(&old), Err(BatchError::OldMagic { magic: 1 }));
    }

    #[test]
    fn a_length_below_the_header_and_an_unknown_codec_are_refused() {
        let mut short = batch();
        short[8..12].copy_from_slice(&48i32.to_be_bytes());
        assert_eq!(BatchHeader::parse(&short), Err(BatchError::Length { length: 48 }));
        let mut codec = batch();
        codec[ATTRIBUTES_AT + 1] |= 7;
        let error = BatchError::UnknownCompression { codec: 7 };
        assert_eq!(BatchHeader::parse(&codec), Err(error));
    }

    #[test]
    fn every_flipped_bit_under_the_checksum_is_detected() {
        let mut batch = batch();
        for bit in CRC_AT * 8..batch.len() * 8 {
            batch[bit / 8] ^= 1 << (bit % 8);
            assert!(verify_crc(&batch).is_err(), "bit {bit}");
            batch[bit / 8] ^= 1 << (bit % 8);
        }
        assert_eq!(verify_crc(&batch), Ok(()));
    }
}
