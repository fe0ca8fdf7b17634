//! What the dump finds in files that are whole, damaged or torn.

use super::report::Report;
use super::{Output, dump_directory, dump_file};
use crate::wire::record_batch::{BatchBuilder, Compression, HEADER_SIZE, LENGTH_PREFIX_SIZE};
use std::fs;
use std::io;
use std::path::PathBuf;
use tempfile::TempDir;

/// A segment of three batches of two records, and its indexes.
struct Segment {
    directory: TempDir,
    log: Vec<u8>,
    starts: Vec<usize>,
}

impl Segment {
    fn new(compression: Compression) -> Segment {
        let (mut log, mut starts) = (Vec::new(), Vec::new());
        for base_offset in [10, 12, 14] {
            starts.push(log.len());
            let mut builder = BatchBuilder::new().base_offset(base_offset).leader_epoch(3);
            builder.append(1_000 + base_offset, Some(b"key"), Some(b"value"), &[]);
            builder.append(1_001 + base_offset, None, Some(b"value"), &[("h", None)]);
            log.extend(builder.build_compressed(compression).unwrap());
        }
        let segment = Segment { directory: TempDir::new().unwrap(), log, starts };
        segment.write("log", &segment.log);
        segment
    }

    fn path(&self, extension: &str) -> PathBuf {
        self.directory.path().join(format!("00000000000000000010.{extension}"))
    }

    fn write(&self, extension: &str, bytes: &[u8]) {
        fs::write(self.path(extension), bytes).unwrap();
    }

    /// Faults found in the file with this extension.
    fn faults(&self, extension: &str) -> u64 {
        let mut report = Report::new(Output::to(io::sink()), false, true);
        assert!(dump_file(&self.path(extension), &mut report).unwrap(), "{extension} is known");
        report.fault_count()
    }

    /// Writes an offset index with entries (relative offset, batch), and its reserved zeros.
    fn write_index(&self, entries: &[(u32, usize)]) {
        let entry = |(offset, batch): &(u32, usize)| {
            [offset.to_be_bytes(), (self.starts[*batch] as u32).to_be_bytes()].concat()
        };
        let mut bytes: Vec<u8> = entries.iter().flat_map(entry).collect();
        bytes.extend([0; 16]);
        self.write("index", &bytes);
    }

    /// Writes a time index with entries (timestamp, relative offset).
    fn write_time_index(&self, entries: &[(i64, u32)]) {
        let entry = |(time, offset): &(i64, u32)| {
            [&time.to_be_bytes()[..], &offset.to_be_bytes()[..]].concat()
        };
        self.write("timeindex", &entries.iter().flat_map(entry).collect::<Vec<u8>>());
    }
}

/// Goal: nothing is wrong with whole files, whichever codec made them.
#[test]
fn whole_files_have_no_faults() {
    for compression in Compression::ALL {
        let segment = Segment::new(compression);
        segment.write_index(&[(3, 1), (5, 2)]);
        segment.write_time_index(&[(1_013, 3), (1_015, 5)]);
        let mut report = Report::new(Output::to(io::sink()), false, true);
        dump_directory(segment.directory.path(), &mut report).unwrap();
        assert_eq!(report.fault_count(), 0, "{}", compression.name());
    }
}

/// Goal: every flipped byte under a checksum is found, and so is one of length or magic.
#[test]
fn flipped_bytes_are_found() {
    let segment = Segment::new(Compression::None);
    let second = segment.starts[1];
    for at in second + 8..segment.starts[2] {
        let in_epoch = (LENGTH_PREFIX_SIZE..LENGTH_PREFIX_SIZE + 4).contains(&(at - second));
        if in_epoch {
            continue;
        }
        let mut damaged = segment.log.clone();
        damaged[at] ^= 0x10;
        segment.write("log", &damaged);
        assert!(segment.faults("log") > 0, "byte {} of a batch", at - second);
    }
}

/// Goal: a file that ends within a batch, in its header or after it, is told from a whole one.
#[test]
fn a_torn_tail_is_found() {
    let segment = Segment::new(Compression::None);
    for length in [segment.starts[2] + 7, segment.starts[2] + HEADER_SIZE, segment.log.len() - 1] {
        segment.write("log", &segment.log[..length]);
        assert_eq!(segment.faults("log"), 1, "{length} bytes");
    }
    let mut reserved = segment.log.clone();
    reserved.extend([0; 4096]);
    segment.write("log", &reserved);
    assert_eq!(segment.faults("log"), 0, "reserved room is no damage");
}

/// Goal: offsets that go back are found though every checksum holds.
#[test]
fn offsets_that_go_back_are_found() {
    let segment = Segment::new(Compression::None);
    let mut log = segment.log.clone();
    log.extend_from_slice(&segment.log[..segment.starts[1]]);
    segment.write("log", &log);
    assert_eq!(segment.faults("log"), 1);
}

/// Goal: an index entry that leads elsewhere than to its batch is found.
#[test]
fn indexes_that_mislead_are_found() {
    let segment = Segment::new(Compression::None);
    for (entries, faults) in [(&[(3, 2)][..], 1), (&[(2, 1)], 1), (&[(5, 2), (3, 1)], 1)] {
        segment.write_index(entries);
        assert_eq!(segment.faults("index"), faults, "{entries:?}");
    }
    for (entries, faults) in
        [(&[(1_014, 3)][..], 1), (&[(1_013, 9)], 1), (&[(1_013, 3), (1_011, 1)], 1)]
    {
        segment.write_time_index(entries);
        assert_eq!(segment.faults("timeindex"), faults, "{entries:?}");
    }
    segment.write("index", &[0, 0, 0, 1, 0]);
    assert_eq!(segment.faults("index"), 1);
}

/// Goal: a producer snapshot is believed only if its checksum holds and it is as long as it says.
#[test]
fn producer_snapshots_are_checked() {
    let segment = Segment::new(Compression::None);
    let write = |body: &[u8], crc: u32| {
        let bytes = [&1i16.to_be_bytes()[..], &crc.to_be_bytes(), body].concat();
        segment.write("snapshot", &bytes);
        segment.faults("snapshot")
    };
    let mut body = 1i32.to_be_bytes().to_vec();
    body.extend([0; 46]);
    assert_eq!(write(&body, crc32c::crc32c(&body)), 0);
    assert_eq!(write(&body, 7), 1);
    body.pop();
    assert_eq!(write(&body, crc32c::crc32c(&body)), 1);
    segment.write("snapshot", &[0, 1]);
    assert_eq!(segment.faults("snapshot"), 1);
}

/// Goal: checkpoints of Kafka's form are whole, cut ones are not, other names are left alone.
#[test]
fn text_files_are_checked() {
    let directory = TempDir::new().unwrap();
    let faults = |name: &str, text: &str| {
        fs::write(directory.path().join(name), text).unwrap();
        let mut report = Report::new(Output::to(io::sink()), false, true);
        let is_known = dump_file(&directory.path().join(name), &mut report).unwrap();
        is_known.then(|| report.fault_count())
    };
    for (name, whole) in [
        ("recovery-point-offset-checkpoint", "0\n1\norders 3 17\n"),
        ("log-start-offset-checkpoint", "0\n0\n"),
        ("leader-epoch-checkpoint", "0\n2\n0 0\n1 17\n"),
        ("log-start-offset", "version: 0\nlog_start_offset: 1234\ncrc32: dd93ada5\n"),
        ("partition.metadata", "version: 0\ntopic_id: AAECAwQFBgcICQoLDA0ODw"),
        ("meta.properties", "version=1\nnode.id=1\ncluster.id=AAECAwQFBgcICQoLDA0ODw\n"),
    ] {
        assert_eq!(faults(name, whole), Some(0), "{name}");
        assert_eq!(faults(name, &whole[..whole.len() / 2]), Some(1), "{name}");
    }
    assert_eq!(faults("notes.txt", ""), None);
}
