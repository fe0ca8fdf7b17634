//! Batches as a whole: built, walked over, validated, damaged.

use super::header::seal;
use super::*;
use crate::wire::ErrorCode;
use proptest::prelude::*;

fn batch(records: usize) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    for index in 0..records {
        let key = format!("key-{index}");
        let headers: [(&str, Option<&[u8]>); 2] = [("a", Some(b"1")), ("a", None)];
        builder.append(1000 + index as i64, Some(key.as_bytes()), Some(b"value"), &headers);
    }
    builder.build()
}

/// The batch with another header, and the checksum that this makes.
fn with_header(batch: &[u8], change: impl FnOnce(&mut BatchHeader)) -> Vec<u8> {
    let mut header = BatchHeader::parse(batch).expect("the batch to change is valid");
    change(&mut header);
    let mut bytes = header.to_bytes();
    seal(&mut bytes, &batch[HEADER_SIZE..]);
    [&bytes, &batch[HEADER_SIZE..]].concat()
}

/// A batch of `count` records, whatever bytes they are.
fn batch_of(records: &[u8], count: i32) -> Vec<u8> {
    let batch = [&batch(1)[..HEADER_SIZE], records].concat();
    with_header(&batch, |header| {
        header.batch_length = (batch.len() - LENGTH_PREFIX_SIZE) as i32;
        header.records_count = count;
        header.last_offset_delta = count - 1;
    })
}

fn reason_of(records: &[u8], count: i32) -> &'static str {
    match validate_produced(&batch_of(records, count)) {
        Err(BatchError::Record { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_appended_is_iterated_over() {
    let bytes = batch(3);
    let header = validate_produced(&bytes).expect("valid");
    let bytes = [&stamp(bytes.first_chunk().expect("a header"), 100, 0), &bytes[61..]].concat();
    let batch = Batches::new(&bytes).next().expect("a batch").expect("valid");
    assert_eq!((batch.header.base_offset, header.base_offset), (100, 0));
    let records: Vec<Record> = batch.records().map(|record| record.expect("valid")).collect();
    assert_eq!(records.len(), 3);
    let last = &records[2];
    assert_eq!((last.offset, last.offset_delta, last.timestamp), (102, 2, 1002));
    assert_eq!((last.key, last.value), (Some(&b"key-2"[..]), Some(&b"value"[..])));
    let headers: Vec<RecordHeader> = last.headers.clone().collect();
    let header = |value| RecordHeader { key: b"a", value };
    assert_eq!(headers, [header(Some(&b"1"[..])), header(None)]);
}

#[test]
fn null_and_empty_are_different() {
    let mut builder = BatchBuilder::new();
    builder.append(0, None, Some(b""), &[]);
    builder.append(0, Some(b""), None, &[("", Some(b""))]);
    let bytes = builder.build();
    let batch = Batches::new(&bytes).next().expect("a batch").expect("valid");
    let records: Vec<Record> = batch.records().map(|record| record.expect("valid")).collect();
    assert_eq!((records[0].key, records[0].value), (None, Some(&b""[..])));
    assert_eq!((records[1].key, records[1].value), (Some(&b""[..]), None));
}

#[test]
fn under_log_append_time_all_records_have_the_time_of_the_batch() {
    let bytes = batch(2);
    let (header, records) = bytes.split_first_chunk().expect("a header");
    let header = stamp_timestamp(header, records, TimestampType::LogAppendTime, 5555);
    let header = BatchHeader::parse(&header).expect("valid");
    assert!(Records::new(&header, records).all(|record| record.expect("valid").timestamp == 5555));
}

#[test]
fn a_batch_cut_short_ends_the_iteration() {
    let bytes = [batch(2), batch(1)].concat();
    let first = batch(2).len();
    for size in first..bytes.len() {
        let mut batches = Batches::new(&bytes[..size]);
        assert!(matches!(batches.next(), Some(Ok(_))));
        assert_eq!(batches.next(), None);
        assert_eq!(batches.remainder().len(), size - first);
    }
    assert_eq!(Batches::new(&bytes).count(), 2);
}

#[test]
fn a_damaged_batch_ends_the_iteration_with_an_error() {
    let mut bytes = [batch(1), batch(1)].concat();
    let second = batch(1).len();
    bytes[second + 16] = 9;
    let mut batches = Batches::new(&bytes);
    assert!(matches!(batches.next(), Some(Ok(_))));
    assert_eq!(batches.next(), Some(Err(BatchError::UnknownMagic { magic: 9 })));
    assert_eq!(batches.next(), None);
}

#[test]
fn a_produced_batch_is_summarized() {
    let mut builder = BatchBuilder::new();
    builder.append(50, Some(b"k"), None, &[]);
    builder.append(40, None, None, &[]);
    builder.append(60, None, None, &[]);
    let produced = inspect_produced(&builder.build()).expect("valid");
    let summary = produced.records.expect("not compressed");
    assert_eq!((summary.min_timestamp, summary.max_timestamp), (40, 60));
    assert_eq!((summary.first_without_key, summary.has_keys()), (Some(1), false));
    assert!(inspect_produced(&batch(4)).expect("valid").records.expect("plain").has_keys());
}

#[test]
fn compressed_batches_are_valid_and_not_looked_into() {
    for compression in Compression::ALL {
        let mut builder = BatchBuilder::new();
        builder.append(1, Some(b"k"), Some(&[7; 1000]), &[]);
        let bytes = builder.build_compressed(compression).expect("compresses");
        let produced = inspect_produced(&bytes).expect("valid");
        assert_eq!(produced.header.compression(), compression);
        assert_eq!(produced.records.is_none(), compression != Compression::None);
    }
}

#[test]
fn exactly_one_whole_batch_is_accepted() {
    let one = batch(1);
    assert_eq!(validate_produced(&[]), Err(BatchError::Empty));
    let needed = one.len();
    let cut = validate_produced(&one[..needed - 1]);
    assert_eq!(cut, Err(BatchError::Truncated { needed, available: needed - 1 }));
    let two = validate_produced(&[batch(1), batch(1)].concat());
    assert_eq!(two, Err(BatchError::MoreThanOneBatch { bytes: needed }));
    assert_eq!(
        validate_produced(&[&one[..], &[0]].concat()).map_err(|e| e.error_code()),
        Err(ErrorCode::InvalidRecord)
    );
}

#[test]
fn headers_that_a_client_may_not_send_are_refused() {
    type Change = fn(&mut BatchHeader);
    let cases: [(Change, BatchError); 8] = [
        (|h| h.base_offset = 1, BatchError::BaseOffset { base_offset: 1 }),
        (|h| h.records_count = 0, BatchError::Count { count: 0 }),
        (|h| h.records_count = -1, BatchError::Count { count: -1 }),
        (|h| h.records_count = 3, BatchError::LastOffsetDelta { last_offset_delta: 1, count: 3 }),
        (
            |h| h.last_offset_delta = i32::MAX,
            BatchError::LastOffsetDelta { last_offset_delta: i32::MAX, count: 2 },
        ),
        (
            |h| h.last_offset_delta = -1,
            BatchError::LastOffsetDelta { last_offset_delta: -1, count: 2 },
        ),
        (|h| h.producer_id = 9, BatchError::Sequence { producer_id: 9, base_sequence: -1 }),
        (|h| h.attributes = control(), BatchError::Control),
    ];
    for (change, error) in cases {
        assert_eq!(validate_produced(&with_header(&batch(2), change)), Err(error));
        assert_eq!(error.error_code(), ErrorCode::InvalidRecord);
    }
}

fn control() -> Attributes {
    Attributes::from_bits(1 << 5).expect("no compression")
}

#[test]
fn records_that_do_not_add_up_are_refused() {
    // Length, attributes, timestamp delta, offset delta, key, value, count of headers.
    assert!(validate_produced(&batch_of(&[12, 0, 0, 0, 1, 1, 0], 1)).is_ok());
    assert_eq!(reason_of(&[], 1), "is cut short");
    assert_eq!(reason_of(&[12, 0, 0, 0, 1, 1], 1), "is cut short");
    assert_eq!(reason_of(&[1, 0, 0, 0, 1, 1, 0], 1), "has a negative length");
    assert_eq!(reason_of(&[14, 0, 0, 0, 1, 1, 0, 0], 1), "is longer than its fields");
    assert_eq!(reason_of(&[12, 0, 0, 0, 3, 1, 0], 1), "has a negative length");
    assert_eq!(reason_of(&[12, 0, 0, 0, 20, 1, 0], 1), "is cut short");
    assert_eq!(reason_of(&[12, 0, 0, 0, 1, 1, 1], 1), "has a negative length");
    assert_eq!(reason_of(&[12, 0, 0, 0, 1, 1, 2], 1), "has more headers than bytes for them");
    assert_eq!(reason_of(&[16, 0, 0, 0, 1, 1, 2, 1, 1], 1), "has a negative length");
    assert_eq!(reason_of(&[12, 0, 0, 2, 1, 1, 0], 1), "has an offset delta out of order");
    assert_eq!(reason_of(&[12, 0, 0, 0, 1, 1, 0], 2), "is cut short");
    assert_eq!(reason_of(&[12, 0, 0, 0, 1, 1, 0, 0], 1), "is beyond the count of records");
    let endless = [&[24, 0][..], &[0xff; 11]].concat();
    assert_eq!(reason_of(&endless, 1), "has a varint that is too long");
}

#[test]
fn every_flipped_bit_is_detected_or_harmless() {
    let original = batch(2);
    let mut bytes = original.clone();
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        match validate_produced(&bytes) {
            // Only the leader epoch is of no concern in a produced batch: the broker sets it.
            Ok(_) => assert!((12 * 8..16 * 8).contains(&bit), "bit {bit}"),
            Err(_) => assert!(!(12 * 8..16 * 8).contains(&bit), "bit {bit}"),
        }
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    assert_eq!(bytes, original);
}

proptest! {
    /// Goal: no bytes make the walk over records panic, or go on for longer than they last.
    #[test]
    fn arbitrary_records_are_walked_over(records: Vec<u8>, count: i32) {
        let header = BatchHeader { records_count: count, ..header() };
        let walked = Records::new(&header, &records).count();
        prop_assert!(walked <= records.len() + 1);
        let _ = summarize(&header, &records);
    }

    /// Goal: no bytes make the walk over batches panic.
    #[test]
    fn arbitrary_batches_are_walked_over(bytes: Vec<u8>) {
        for batch in Batches::new(&bytes).flatten() {
            let _ = batch.records().count();
        }
        let _ = validate_produced(&bytes);
    }

    /// Goal: with a checksum that hides the damage, damaged batches are at worst an error.
    #[test]
    fn damage_under_a_valid_checksum_never_panics(at in 21usize..120, byte: u8) {
        let mut bytes = batch(2);
        let at = at % bytes.len();
        bytes[at] = byte;
        let (header, records) = bytes.split_first_chunk_mut().expect("a header");
        seal(header, records);
        let _ = validate_produced(&bytes);
    }
}

fn header() -> BatchHeader {
    BatchHeader::parse(&batch(1)).expect("valid")
}
