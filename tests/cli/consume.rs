//! `pinion consume`: where it starts, and how it ends.

use crate::target::{Target, topic};
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
