//! `pinion dump-log` on the files of a broker.

use crate::target::{Target, numbered_lines, pinion, topic};
use std::fs;
use std::path::PathBuf;

/// Goal: the files that a broker leaves, cleanly stopped, are whole to our own tool, and a flipped
/// byte in them is not.
#[test]
fn files_of_a_broker_are_dumped_and_checked() {
    let Target::Own(mut broker) = Target::start() else { return };
    let name = &topic("files");
    let target = Target::Other(broker.bootstrap());
    let create = ["topic", "create", name, "-p", "1", "-c", "segment.bytes=1048576"];
    target.succeed(&create, b"");
    let lines = numbered_lines(200_000);
    target.succeed(&["produce", name, "--batch-size", "8000"], lines.as_bytes());
    let status = broker.terminate();
    assert!(status.success(), "a drained broker ends with {status}");

    let data = broker.data_dir();
    let dump = |path: &PathBuf, option: &str| {
        let path = path.to_str().expect("temporary paths are text");
        pinion(&["dump-log", path, option]).output().expect("pinion runs")
    };
    let whole = dump(&data, "--quiet");
    assert!(whole.status.success() && whole.stdout.is_empty(), "{whole:?}");

    let segment = data.join(format!("{name}-0")).join("00000000000000000000.log");
    let records = dump(&segment, "--records");
    let text = String::from_utf8(records.stdout).expect("these records are text");
    assert!(text.contains("payload: line 0\n"), "the first record is printed");
    let mut bytes = fs::read(&segment).expect("the segment can be read");
    bytes[100] ^= 1;
    fs::write(&segment, bytes).expect("the segment can be written");
    let damaged = dump(&data, "--quiet");
    assert_eq!(damaged.status.code(), Some(1), "{damaged:?}");
    assert!(String::from_utf8_lossy(&damaged.stdout).contains("CRC"), "{damaged:?}");
}
