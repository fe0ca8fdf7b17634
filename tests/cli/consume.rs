//! `pinion consume`: where it starts, and how it ends.

use crate::target::{Target, numbered_lines, refusal, topic};
use std::fs;
use std::io::Read;

/// Goal: reading starts where it is told to: an offset, so many before the end, a time.
#[test]
fn reading_starts_at_offsets_and_times() {
    let target = Target::start();
    let name = &topic("places");
    target.succeed(&["topic", "create", name, "-p", "1"], b"");
    target.succeed(&["produce", name], b"0\n1\n2\n");
    let from =
        |place: &str| target.succeed(&["consume", name, "-e", "--from", place, "-f", "%s "], b"");
    let times = target.succeed(&["consume", name, "-e", "-f", "%T "], b"");
    let first: i64 = times.split(' ').next().and_then(|t| t.parse().ok()).expect("a timestamp");
    assert_eq!(from("start"), "0 1 2 ");
    assert_eq!(from("end"), "");
    assert_eq!(from("1"), "1 2 ");
    assert_eq!(from("-1"), "2 ");
    assert_eq!(from("-10"), "0 1 2 ");
    assert_eq!(from(&format!("@{first}")), "0 1 2 ");
    assert_eq!(from("2100-01-01T00:00:00Z"), "");
}

/// Goal: an offset that a log does not have is named with the log's range, and reading begins at
/// the nearest, whether it ends or goes on.
#[test]
fn reading_from_outside_the_log_begins_at_the_nearest_offset() {
    let target = Target::start();
    let name = &topic("outside");
    target.succeed(&["topic", "create", name, "-p", "1"], b"");
    target.succeed(&["produce", name], b"0\n1\n2\n");
    let output = target.run(&["consume", name, "--exit-at-end", "--from", "500"]);
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    let note = "there is no offset 500, the log goes from 0 to 3: reading from 3\n";
    assert!(String::from_utf8_lossy(&output.stderr).ends_with(note), "{output:?}");

    let mut follower = target.spawn(&["consume", name, "--from", "500", "--count", "1"]);
    let mut notes = follower.stderr.take().expect("standard error is a pipe");
    let mut said = vec![0; note.len()];
    notes.read_exact(&mut said).expect("the note comes before the first record");
    target.succeed(&["produce", name], b"3\n");
    let output = follower.wait_with_output().expect("our own child can be waited for");
    assert_eq!((output.status.code(), output.stdout), (Some(0), b"3\n".to_vec()));
}

/// Goal: a follower prints what comes after it started, and ends quietly when its reader has gone.
#[test]
fn a_follower_prints_what_comes_and_ends_with_its_reader() {
    let target = Target::start();
    let name = &topic("follow");
    target.succeed(&["topic", "create", name, "-p", "2"], b"");
    target.succeed(&["produce", name, "-p", "1"], b"early\n");
    let mut follower = target.spawn(&["consume", name]);
    let mut printed = follower.stdout.take().expect("standard output is a pipe");
    let mut next = |length: usize| {
        let mut bytes = vec![0; length];
        printed.read_exact(&mut bytes).expect("the follower goes on");
        String::from_utf8(bytes).expect("lines are text")
    };
    assert_eq!(next(6), "early\n");
    target.succeed(&["produce", name, "-p", "0"], b"late\n");
    assert_eq!(next(5), "late\n");
    drop(printed);
    // A program that another test starts at this moment may keep the pipe open a little longer.
    for _ in 0..100 {
        target.succeed(&["produce", name], b"unread\n");
        if follower.try_wait().expect("our own child can be waited for").is_some() {
            break;
        }
    }
    // One that has ended already cannot be killed, which is what we want.
    let _ = follower.kill();
    let output = follower.wait_with_output().expect("our own child can be waited for");
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

/// Goal: a damaged batch ends the reading of its partition, with the place and a failure; the other
/// partition is read to its end, and so it is by a follower, which else has none.
#[test]
fn a_damaged_batch_ends_reading_and_spares_other_partitions() {
    let mut target = Target::start();
    let name = &topic("damage");
    let create = ["topic", "create", name, "-p", "2", "-c", "segment.bytes=1048576"];
    target.succeed(&create, b"");
    let lines = numbered_lines(200_000);
    for partition in ["0", "1"] {
        let produce = ["produce", name, "-p", partition, "--batch-size", "8000"];
        target.succeed(&produce, lines.as_bytes());
    }
    let Target::Own(broker) = &mut target else { return };
    broker.kill();
    let directory = fs::read_dir(broker.data_dir().join(format!("{name}-0"))).expect("it exists");
    let paths = directory.map(|entry| entry.expect("it can be listed").path());
    let mut segments: Vec<_> =
        paths.filter(|p| p.extension().is_some_and(|e| e == "log")).collect();
    segments.sort();
    let mut bytes = fs::read(&segments[1]).expect("the segment can be read");
    bytes[100..102].iter_mut().for_each(|byte| *byte ^= 0xff);
    fs::write(&segments[1], bytes).expect("the segment can be written");
    let base_offset = segments[1].file_stem().and_then(|stem| stem.to_str());
    let base_offset: u64 = base_offset.and_then(|stem| stem.parse().ok()).expect("an offset");
    broker.restart();

    for end in ["--exit-at-end", "--follow"] {
        let output = target.run(&["consume", name, end, "--timeout", "2s", "-f", "%p:%s\n"]);
        let printed = String::from_utf8(output.stdout.clone()).expect("these outputs are text");
        let of = |partition: &str| printed.lines().filter(|l| l.starts_with(partition)).count();
        assert_eq!((of("0:"), of("1:")), (base_offset as usize, 200_000), "{end}");
        let line = refusal(output, 1);
        let place = format!("partition 0 of topic \"{name}\" at offset {base_offset}: ");
        assert!(line.contains(&place) && line.contains("CorruptMessage"), "{end}: {line}");
    }
}
