//! Topics in memory: batches as they came, with their offsets.

use bytes::{Bytes, BytesMut};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where a batch has its base offset, and where its last offset delta.
const BASE_OFFSET: std::ops::Range<usize> = 0..8;
const LAST_OFFSET_DELTA: std::ops::Range<usize> = 23..27;

/// All topics, and where clients find them.
#[derive(Debug)]
pub struct Store {
    /// Where this broker listens.
    pub address: SocketAddr,
    topics: Mutex<HashMap<String, Topic>>,
}

/// The partitions of a topic.
pub type Topic = Arc<Vec<Partition>>;

/// One log.
#[derive(Debug)]
pub struct Partition {
    retention: Retention,
    log: Mutex<Log>,
}

#[derive(Debug, Default)]
struct Log {
    /// Each with its base offset.
    batches: Vec<(i64, Bytes)>,
    end: i64,
}

/// Whether batches are kept; their offsets are counted all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// All of them.
    All,
    /// None of them.
    Nothing,
}

impl Store {
    /// No topics yet.
    pub fn new(address: SocketAddr) -> Store {
        Store { address, topics: Mutex::default() }
    }

    /// Makes an empty topic.
    pub fn create(&self, name: &str, partitions: usize, retention: Retention) {
        let partitions = (0..partitions).map(|_| Partition::new(retention)).collect();
        self.lock().insert(name.to_owned(), Arc::new(partitions));
    }

    /// Forgets a topic.
    pub fn delete(&self, name: &str) {
        self.lock().remove(name);
    }

    /// The topic of this name.
    pub fn topic(&self, name: &str) -> Option<Topic> {
        self.lock().get(name).cloned()
    }

    /// The names of all topics.
    pub fn names(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Topic>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Partition {
    fn new(retention: Retention) -> Partition {
        Partition { retention, log: Mutex::default() }
    }

    /// Appends a batch as it is, with the next offset; that offset. `None` if it is too short for
    /// one.
    pub fn append(&self, mut batch: BytesMut) -> Option<i64> {
        let delta = batch.get(LAST_OFFSET_DELTA)?.try_into().ok()?;
        let count = i64::from(i32::from_be_bytes(delta)) + 1;
        let mut log = self.lock();
        let base = log.end;
        batch[BASE_OFFSET].copy_from_slice(&base.to_be_bytes());
        if self.retention == Retention::All {
            log.batches.push((base, batch.freeze()));
        }
        log.end = base + count;
        Some(base)
    }

    /// The offset after the last record.
    pub fn end(&self) -> i64 {
        self.lock().end
    }

    /// Batches from the one with `offset` in it, up to a size, but one at least; and the end.
    pub fn read(&self, offset: i64, size_max: usize) -> (Vec<Bytes>, i64) {
        let log = self.lock();
        if offset >= log.end || log.batches.is_empty() {
            return (Vec::new(), log.end);
        }
        let first = log.batches.partition_point(|(base, _)| *base <= offset).saturating_sub(1);
        let mut size = 0;
        let fits = |(_, batch): &&(i64, Bytes)| {
            size += batch.len();
            size == batch.len() || size <= size_max
        };
        let batches = log.batches[first..].iter().take_while(fits);
        (batches.map(|(_, batch)| batch.clone()).collect(), log.end)
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinion::wire::record_batch::{BatchBuilder, Batches};

    fn batch(records: usize) -> BytesMut {
        let mut builder = BatchBuilder::new();
        (0..records).for_each(|_| builder.append(0, None, Some(b"value"), &[]));
        BytesMut::from(&builder.build()[..])
    }

    /// Goal: what was appended is read from any offset on, with its offsets, up to a size.
    #[test]
    fn batches_are_read_from_any_offset() {
        let partition = Partition::new(Retention::All);
        assert_eq!(partition.read(0, 1000), (Vec::new(), 0));
        for (records, base) in [(3, 0), (2, 3), (4, 5)] {
            assert_eq!(partition.append(batch(records)), Some(base));
        }
        assert_eq!(partition.append(BytesMut::zeroed(20)), None);
        let bases = |offset, size| {
            let (batches, end) = partition.read(offset, size);
            assert_eq!(end, 9);
            let base = |bytes: &Bytes| {
                let batch = Batches::new(bytes).next().expect("one").expect("a good one");
                batch.header.base_offset
            };
            batches.iter().map(base).collect::<Vec<_>>()
        };
        assert_eq!(bases(0, 10_000), [0, 3, 5]);
        assert_eq!(bases(4, 10_000), [3, 5]);
        assert_eq!(bases(5, 1), [5]);
        assert_eq!(bases(0, batch(3).len() + batch(2).len()), [0, 3]);
        assert_eq!(bases(9, 10_000), [0; 0]);
    }

    /// Goal: records that nobody wants back are counted and dropped.
    #[test]
    fn batches_are_dropped_where_nothing_is_kept() {
        let partition = Partition::new(Retention::Nothing);
        assert_eq!(partition.append(batch(3)), Some(0));
        assert_eq!((partition.end(), partition.read(0, 1000)), (3, (Vec::new(), 3)));
    }
}
