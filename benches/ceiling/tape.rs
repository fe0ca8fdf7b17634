//! Produce requests, built once and sent over and over.

use crate::layout::{AckLayout, PRODUCE_VERSION};
use pinion::wire::api::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use pinion::wire::frame::write_request;
use pinion::wire::record_batch::{BatchBuilder, HEADER_SIZE};
use smallvec::smallvec;

/// Frames on a tape: enough that a tape of large batches does not stay in the core's own cache.
const FRAME_COUNT: usize = 1000;

/// The size that a record's value has where the batch leaves the choice.
const VALUE_SIZE: usize = 1024;

/// What a produce workload sends.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// The topic.
    pub topic: &'static str,
    /// Its partitions; each request carries one batch for one of them, taking turns.
    pub partition_count: usize,
    /// Bytes of a batch, header included.
    pub batch_size: usize,
    /// Connections.
    pub connection_count: usize,
    /// Requests of one connection that wait for their answer.
    pub in_flight: usize,
}

/// Frames of one size, one after another; a frame's correlation id is its place on the tape.
pub struct Tape {
    /// All frames.
    pub bytes: Vec<u8>,
    /// Bytes of each frame, length prefix included.
    pub frame_size: usize,
    /// How many there are.
    pub frame_count: usize,
    /// Where in a frame the batch begins.
    pub batch_at: usize,
    /// Records in each batch.
    pub records_per_batch: usize,
    /// What it was made for.
    pub shape: Shape,
}

impl Tape {
    /// Builds the frames; payloads are random, so that nothing on the way can compress them.
    pub fn new(shape: Shape) -> Tape {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let mut bytes = Vec::new();
        let (mut batch_at, mut records_per_batch, mut frame_size) = (0, 0, 0);
        for index in 0..FRAME_COUNT {
            let (batch, record_count) = batch_of(shape.batch_size, &mut random);
            let start = bytes.len();
            let partition = (index % shape.partition_count) as i32;
            write_request(
                &mut bytes,
                PRODUCE_VERSION,
                index as i32,
                Some("ceiling"),
                &request(shape.topic, partition, &batch),
            );
            let frame = &bytes[start..];
            (frame_size, records_per_batch) = (frame.len(), record_count);
            let header = &batch[..HEADER_SIZE];
            batch_at = frame
                .windows(HEADER_SIZE)
                .position(|window| window == header)
                .expect("the frame holds the batch");
        }
        assert_eq!(bytes.len(), frame_size * FRAME_COUNT, "all frames have one size");
        let frame_count = FRAME_COUNT;
        Tape { bytes, frame_size, frame_count, batch_at, records_per_batch, shape }
    }

    /// Where the interesting bytes of this tape's answers are.
    pub fn ack_layout(&self) -> AckLayout {
        AckLayout::new(self.shape.topic)
    }
}

fn request<'a>(topic: &'a str, partition: i32, batch: &'a [u8]) -> ProduceRequest<'a> {
    let data = PartitionProduceData { index: partition, records: Some(batch) };
    let topic =
        TopicProduceData { name: topic, partition_data: smallvec![data], ..Default::default() };
    ProduceRequest {
        acks: -1,
        timeout_ms: 30_000,
        topic_data: smallvec![topic],
        ..Default::default()
    }
}

/// A batch of exactly `size` bytes, and how many records it has.
pub fn batch_of(size: usize, random: &mut Random) -> (Vec<u8>, usize) {
    let mut builder = BatchBuilder::new();
    let mut value = vec![0; 2 * VALUE_SIZE + 64];
    // The last record takes what is left, between one and two values' worth.
    while size - builder.size() > 2 * VALUE_SIZE + 32 {
        random.fill(&mut value[..VALUE_SIZE]);
        builder.append(1_700_000_000_000, None, Some(&value[..VALUE_SIZE]), &[]);
    }
    random.fill(&mut value);
    for length in (0..=size - builder.size()).rev() {
        let mut filled = builder.clone();
        filled.append(1_700_000_000_000, None, Some(&value[..length]), &[]);
        if filled.size() == size {
            let count = filled.len();
            return (filled.build(), count);
        }
    }
    panic!("no batch has exactly {size} bytes")
}

/// A small generator (splitmix64): payloads need to be incompressible, not unpredictable.
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let word = self.next().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}
