//! Segments that are hurt: one batch is lost, and nothing else.

use super::{
    BATCHES, END, End, RECORDS, TOPIC, Victim, batches_in, check_served, check_whole, fetch_one,
    flip,
};
use crate::wire_client::{Fetch, WireClient, batch_of};
use pinion::wire::ErrorCode;
use std::path::PathBuf;

/// A byte of each field of a batch, and some of its records.
const PLACES: [(&str, usize); 14] = [
    ("base offset", 7),
    ("high byte of the base offset", 0),
    ("length", 11),
    ("high byte of the length", 8),
    ("leader epoch", 15),
    ("magic", 16),
    ("checksum", 18),
    ("attributes", 22),
    ("last offset delta", 26),
    ("max timestamp", 41),
    ("producer id", 50),
    ("sequence", 56),
    ("records count", 60),
    ("records", 150),
];

/// Which batch is hurt, and in which segment.
const BATCHES_HURT: [&str; 3] =
    ["second batch, first segment", "last batch, first segment", "second batch, active segment"];

/// What was done to a partition.
struct Hurt {
    partition: i32,
    segment: PathBuf,
    /// The first offset of the batch.
    offset: i64,
    what: String,
}

/// Goal: after a clean end, a flipped byte anywhere in a batch costs that batch, with a line in
/// the log, and nothing else.
#[test]
fn segments_hurt_after_sigterm() {
    hurt_segments(End::Terminate);
}

/// Goal: as after a clean end: what a kill leaves to recover is told from damage.
#[test]
fn segments_hurt_after_sigkill() {
    hurt_segments(End::Kill);
}

fn hurt_segments(end: End) {
    let count = PLACES.len() * BATCHES_HURT.len();
    let sound = i32::try_from(count).expect("few partitions");
    let mut victim = Victim::start(sound + 1);
    victim.end(end);
    let mut hurts = Vec::new();
    for (partition, index) in (0..sound).zip(0..) {
        let place = PLACES[index / BATCHES_HURT.len()];
        let which = BATCHES_HURT[index % BATCHES_HURT.len()];
        hurts.push(hurt(&victim, partition, which, place));
    }
    let before = victim.broker.log().len();
    let mut client = victim.restart();
    check_whole(&mut client, sound, 0);
    for hurt in &hurts {
        check_hurt(&mut client, hurt);
        let Hurt { segment, what, .. } = hurt;
        assert!(victim.has_reported(segment, before), "{what}: not reported");
    }
    check_whole(&mut client, sound, 0);
    // Another start comes to the same end.
    victim.end(End::Terminate);
    let mut client = victim.restart();
    hurts.iter().for_each(|hurt| check_hurt(&mut client, hurt));
    check_whole(&mut client, sound, 0);
}

fn hurt(victim: &Victim, partition: i32, which: &str, (field, at): (&str, usize)) -> Hurt {
    let mut files = victim.files(partition, ".log");
    assert!(files.len() >= 4, "{files:?}");
    let is_first = which.ends_with("first segment");
    let segment = if is_first { files.remove(0) } else { files.remove(files.len() - 1) };
    let batches = batches_in(&segment);
    assert!(batches.len() >= 3, "{} has {} batches", segment.display(), batches.len());
    let is_last = which.starts_with("last");
    let (position, header) = &batches[if is_last { batches.len() - 1 } else { 1 }];
    flip(&segment, position + at, 0x02);
    let what = format!("partition {partition}, {which}, {field}");
    Hurt { partition, segment, offset: header.base_offset, what }
}

fn check_hurt(client: &mut WireClient, hurt: &Hurt) {
    let Hurt { partition, offset: lost, what, .. } = hurt;
    let of = (TOPIC, *partition);
    let mut failed = Vec::new();
    for offset in (0..BATCHES).map(|number| number * RECORDS) {
        let fetched = fetch_one(client, *partition, offset);
        match fetched.error {
            ErrorCode::None => {
                check_served(&fetched, offset);
            }
            ErrorCode::CorruptMessage => failed.push(offset),
            error => panic!("{what}: {error:?} at {offset}"),
        }
    }
    // A wrong base offset may put the batch before it in doubt, and those after it as far as the
    // next entry of the index.
    assert!(failed.contains(lost) && failed.len() <= 4, "{what}: {failed:?} for {lost}");
    assert!(failed[0] + RECORDS >= *lost, "{what}: {failed:?} for {lost}");
    let mut next = 0;
    let stopped = loop {
        let fetched = client.fetch(&Fetch::from(TOPIC, *partition, next));
        if fetched.error != ErrorCode::None {
            break fetched.error;
        }
        next = check_served(&fetched, next);
    };
    assert_eq!((stopped, next), (ErrorCode::CorruptMessage, failed[0]), "{what}");
    assert_eq!(client.end_offset(of), END, "{what}");
}

/// Goal: where the machine has run on since a kill, a last batch that is hurt is whole, so it was
/// not torn: it is reported, its offsets are not used again, and what is appended then is served.
#[test]
fn the_last_batch_hurt_after_sigkill() {
    let mut victim = Victim::start(2);
    victim.end(End::Kill);
    let segment = victim.files(0, ".log").pop().expect("there are some");
    let (position, header) = *batches_in(&segment).last().expect("the active segment has some");
    flip(&segment, position + 100, 0x10);
    let before = victim.broker.log().len();
    let mut client = victim.restart();
    let lost = header.base_offset;
    assert!(victim.has_reported(&segment, before), "{}", &victim.broker.log()[before..]);
    let next = client.append((TOPIC, 0), &batch_of(&["after it"]));
    assert_eq!(next, END);
    let mut reached = 0;
    while reached < lost {
        let fetched = fetch_one(&mut client, 0, reached);
        assert_eq!(fetched.error, ErrorCode::None, "at {reached}");
        reached = check_served(&fetched, reached);
    }
    assert_eq!(client.read_from((TOPIC, 0), next), [(next, "after it".to_owned())]);
    check_whole(&mut client, 1, 0);
}
