//! A disk that is really full: writes are refused with Kafka's error, reads go on, nothing that
//! was acknowledged is lost, and once there is room everything works again without a restart.

use crate::crash::Crash;
use crate::ledger::Ledger;
use crate::payload::{Read, RecordId, Sender, batch, read_batches};
use crate::support::broker::{Broker, BrokerOptions};
use crate::support::volume::{FileSystem, Volume};
use crate::wire_client::{Fetch, TIMESTAMP, WireClient};
use pinion::wire::ErrorCode;

const TOPIC: &str = "filling";
const PARTITIONS: i32 = 2;

/// What is left of a volume when a broker starts on it.
const ROOM: u64 = 12 << 20;

/// A value's length: fills the volume in some hundred batches.
const VALUE_LENGTH_MAX: u64 = 4_000;

/// How often something is tried that works soon, a moment apart.
const TRIES: u32 = 3_000;

/// A broker on a volume of its own, and what it has promised.
struct Rig {
    broker: Broker,
    client: WireClient,
    ledgers: [Ledger; PARTITIONS as usize],
    next: u64,
    /// Dropped after the broker.
    _volume: Volume,
}

impl Rig {
    fn new(kind: FileSystem) -> Rig {
        let volume = Volume::mount(kind);
        volume.leave_room(ROOM);
        let options = BrokerOptions {
            data_dir: Some(volume.path().join("data")),
            ..BrokerOptions::default()
        };
        let options = options
            .set("log.segment.bytes", 1 << 20)
            .set("log.retention.check.interval.ms", 50)
            .set("log.flush.offset.checkpoint.interval.ms", 50);
        let broker = Broker::start(options);
        let mut client = WireClient::connect(&broker.bootstrap());
        client.create_topic(TOPIC, PARTITIONS, &[]);
        client.create_topic("other", 1, &[]);
        Rig { broker, client, ledgers: Default::default(), next: 0, _volume: volume }
    }

    /// Produces one batch of so many records, and enters what became of it.
    fn produce(&mut self, partition: i32, count: usize) -> ErrorCode {
        let ledger = &mut self.ledgers[partition as usize];
        let ids: Vec<RecordId> = (0..count)
            .map(|_| {
                self.next += 1;
                RecordId(self.next)
            })
            .collect();
        ids.iter().for_each(|id| ledger.send(*id, None));
        let bytes = batch(&ids, Sender::Plain, *TIMESTAMP, VALUE_LENGTH_MAX);
        let produced = self.client.produce((TOPIC, partition), &bytes);
        match produced.error {
            ErrorCode::None => ids.iter().zip(produced.base_offset..).for_each(|(id, offset)| {
                ledger.acknowledge(offset, *id, true);
            }),
            error => {
                assert_eq!(error, ErrorCode::KafkaStorageError, "{produced:?}");
                let message = produced.message.unwrap_or_default();
                assert!(message.contains("the disk is full"), "{message:?}");
            }
        }
        produced.error
    }

    /// Produces until no partition takes a record any more.
    fn fill(&mut self) {
        for count in [40, 5, 1] {
            let mut is_full = [false; PARTITIONS as usize];
            while is_full.contains(&false) {
                for partition in 0..PARTITIONS {
                    is_full[partition as usize] = self.produce(partition, count) != ErrorCode::None;
                }
            }
        }
    }

    /// Everything promised is there, and nothing else; each error is of the disk being full.
    fn check(&mut self) {
        for partition in 0..PARTITIONS {
            let of = (TOPIC, partition);
            let (start, end) = (self.client.start_offset(of), self.client.end_offset(of));
            let (mut reads, mut next): (Vec<Read>, i64) = (Vec::new(), start);
            while next < end {
                let fetch = Fetch::from(TOPIC, partition, next).partition_max_bytes(1 << 20);
                let fetched = self.client.fetch(&fetch);
                assert_eq!(fetched.error, ErrorCode::None, "partition {partition} at {next}");
                let (found, _) = read_batches(&fetched.records);
                next = found.last().expect("there are records below the end").offset + 1;
                reads.extend(found.into_iter().filter(|read| read.offset >= start));
            }
            self.ledgers[partition as usize].check(start, end, &reads);
        }
        assert!(!self.broker.log().contains("panicked"), "{}", self.broker.log_tail());
    }

    /// Deletes the older half of a partition.
    fn delete_half(&mut self, partition: i32) {
        let of = (TOPIC, partition);
        let middle = (self.client.start_offset(of) + self.client.end_offset(of)) / 2;
        self.ledgers[partition as usize].delete_to(middle);
        assert_eq!(self.client.delete_records(of, middle), Ok(middle));
        self.ledgers[partition as usize].delete_for_good(middle);
    }

    /// Waits until a partition takes records again, which needs no restart.
    fn await_room(&mut self, partition: i32) {
        for _ in 0..TRIES {
            if self.produce(partition, 40) == ErrorCode::None {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("there is room again, and partition {partition} does not see it");
    }

    fn restart(&mut self) {
        self.broker.restart();
        self.client = WireClient::connect(&self.broker.bootstrap());
    }
}

/// Goal: with the disk full, what was acknowledged can be read, also after SIGKILL and a start on
/// the full disk.
fn survives_a_kill(kind: FileSystem) {
    let mut rig = Rig::new(kind);
    rig.fill();
    rig.check();
    for _ in 0..2 {
        rig.broker.kill();
        rig.ledgers.iter_mut().for_each(|ledger| ledger.crash(Crash::Process));
        rig.restart();
        rig.check();
        rig.fill();
        rig.check();
    }
}

/// Goal: DeleteRecords makes room, and produce works again without a restart.
fn delete_records_makes_room(kind: FileSystem) {
    let mut rig = Rig::new(kind);
    rig.fill();
    for partition in 0..PARTITIONS {
        rig.delete_half(partition);
        rig.await_room(partition);
    }
    rig.check();
    rig.fill();
    rig.check();
}

/// Goal: retention makes room, and produce works again without a restart. The new setting is a
/// change of metadata, which a full disk takes.
fn retention_makes_room(kind: FileSystem) {
    let mut rig = Rig::new(kind);
    rig.fill();
    for partition in 0..PARTITIONS {
        let end = rig.client.end_offset((TOPIC, partition));
        rig.ledgers[partition as usize].delete_to(end);
    }
    let altered = rig.client.set_topic_config(TOPIC, "retention.bytes", "1500000");
    assert_eq!(altered, ErrorCode::None);
    for partition in 0..PARTITIONS {
        rig.await_room(partition);
    }
    rig.check();
}

/// Goal: topics can be deleted on a full disk, which makes room for others; one that is created
/// there is refused or made, and holds up nothing.
fn topics_come_and_go(kind: FileSystem) {
    let mut rig = Rig::new(kind);
    rig.fill();
    let mut creator = WireClient::connect(&rig.broker.bootstrap());
    assert_eq!(creator.try_create("late", 8).expect("it is answered"), ErrorCode::None);
    assert_eq!(rig.client.delete_topic("other"), ErrorCode::None);
    assert_eq!(rig.client.delete_topic(TOPIC), ErrorCode::None);
    let mut client = WireClient::connect(&rig.broker.bootstrap());
    for partition in 0..8 {
        let bytes = batch(&[RecordId(1)], Sender::Plain, *TIMESTAMP, VALUE_LENGTH_MAX);
        let takes = || client.produce(("late", partition), &bytes).error == ErrorCode::None;
        let mut tries = std::iter::repeat_with(takes).take(TRIES as usize);
        assert!(tries.any(|is_taken| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            is_taken
        }));
    }
    drop(rig.broker);
}

/// Goal: SIGTERM ends a broker on a full disk, and the next start has everything.
fn ends_and_starts(kind: FileSystem) {
    let mut rig = Rig::new(kind);
    rig.fill();
    rig.broker.terminate();
    rig.restart();
    rig.check();
    assert!(!rig.broker.log().contains("damaged"), "{}", rig.broker.log_tail());
    rig.delete_half(0);
    rig.await_room(0);
    rig.broker.kill();
    rig.restart();
    rig.check();
}

mod ext4 {
    use super::FileSystem::Ext4;

    #[test]
    fn survives_a_kill() {
        super::survives_a_kill(Ext4);
    }

    #[test]
    fn delete_records_makes_room() {
        super::delete_records_makes_room(Ext4);
    }

    #[test]
    fn retention_makes_room() {
        super::retention_makes_room(Ext4);
    }

    #[test]
    fn topics_come_and_go() {
        super::topics_come_and_go(Ext4);
    }

    #[test]
    fn ends_and_starts() {
        super::ends_and_starts(Ext4);
    }
}

mod xfs {
    use super::FileSystem::Xfs;

    #[test]
    fn survives_a_kill() {
        super::survives_a_kill(Xfs);
    }

    #[test]
    fn delete_records_makes_room() {
        super::delete_records_makes_room(Xfs);
    }

    #[test]
    fn retention_makes_room() {
        super::retention_makes_room(Xfs);
    }

    #[test]
    fn topics_come_and_go() {
        super::topics_come_and_go(Xfs);
    }

    #[test]
    fn ends_and_starts() {
        super::ends_and_starts(Xfs);
    }
}
