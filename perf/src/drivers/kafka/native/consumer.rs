//! One consumer of all partitions: one fetch at a time, the next one asked for before the records
//! of the last are looked at.

use super::CLIENT;
use super::connection::Connection;
use super::ends::ends_of;
use super::frames::{Frame, Frames};
use super::messages;
use crate::drivers::{Consumer, ConsumerOptions, Counter, Start, Topic};
use crate::error::{Error, Result};
use pinion::wire::record_batch::Batches;
use std::time::Duration;

/// A connection that fetches.
#[derive(Debug)]
pub struct NativeConsumer {
    connection: Connection,
    topic: Topic,
    partition_max_bytes: u32,
    /// The next offset wanted of each partition.
    offsets: Vec<i64>,
    frames: Frames,
    request: Vec<u8>,
    is_asking: bool,
}

impl NativeConsumer {
    /// Connects, and finds out where to start.
    ///
    /// # Errors
    /// If nobody answers there, or does not know.
    pub fn open(address: &str, topic: &Topic, options: ConsumerOptions) -> Result<NativeConsumer> {
        let connection = Connection::open(address)?;
        let ends = ends_of(&connection, topic)?;
        let offsets = match options.start {
            Start::First => vec![0; ends.len()],
            Start::End => ends,
        };
        Ok(NativeConsumer {
            connection,
            topic: topic.clone(),
            partition_max_bytes: options.prefetch_bytes,
            offsets,
            frames: Frames::new(),
            request: Vec::new(),
            is_asking: false,
        })
    }

    /// The next response, whose batches are whole and follow those before without a gap, and its
    /// records; then asks for what follows.
    fn next(&mut self, wait: Duration) -> Result<Option<(Frame, u64)>> {
        self.ask()?;
        let Some(frame) = self.frames.next(&self.connection, wait)? else { return Ok(None) };
        self.is_asking = false;
        let mut records = 0;
        for (partition, bytes) in messages::fetched(self.frames.bytes(&frame))? {
            let offset = self.offsets.get_mut(partition as usize);
            let stranger = || Error::client(CLIENT)(format!("records of partition {partition}"));
            let offset = offset.ok_or_else(stranger)?;
            for batch in Batches::new(bytes) {
                let batch = batch.map_err(Error::client(CLIENT))?;
                batch.verify_crc().map_err(Error::client(CLIENT))?;
                let header = batch.header;
                if header.base_offset != *offset {
                    let gap = format!("offset {} where {offset} was asked for", header.base_offset);
                    return Err(Error::client(CLIENT)(gap));
                }
                records += u64::from(header.records_count.unsigned_abs());
                *offset = header.next_offset();
            }
        }
        self.ask()?;
        Ok(Some((frame, records)))
    }

    fn ask(&mut self) -> Result<()> {
        if !self.is_asking {
            self.request.clear();
            let Topic { name, .. } = &self.topic;
            let max_bytes = self.partition_max_bytes;
            messages::put_fetch(&mut self.request, 0, name, &self.offsets, max_bytes);
            self.connection.write_all(&self.request)?;
            self.is_asking = true;
        }
        Ok(())
    }
}

/// Passes on the records of a response.
fn pass_on(frame: &[u8], receive: &mut dyn FnMut(u32, &[u8])) -> Result<()> {
    for (partition, bytes) in messages::fetched(frame)? {
        for batch in Batches::new(bytes) {
            for record in batch.map_err(Error::client(CLIENT))?.records() {
                let record = record.map_err(Error::client(CLIENT))?;
                receive(partition, record.value.unwrap_or_default());
            }
        }
    }
    Ok(())
}

impl Consumer for NativeConsumer {
    fn receive(&mut self, wait: Duration, receive: &mut dyn FnMut(u32, &[u8])) -> Result<()> {
        if let Some((frame, _)) = self.next(wait)? {
            pass_on(self.frames.bytes(&frame), receive)?;
        }
        Ok(())
    }

    fn counter(&mut self) -> Option<&mut dyn Counter> {
        Some(self)
    }
}

impl Counter for NativeConsumer {
    fn count(&mut self, wait: Duration) -> Result<u64> {
        Ok(self.next(wait)?.map_or(0, |(_, records)| records))
    }
}
