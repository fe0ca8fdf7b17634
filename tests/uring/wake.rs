//! Waking a ring from other threads.

use crate::support::feature_sets;
use pinion::base::ShardId;
use pinion::io::uring::{RingRegistry, Uring, UringOptions};
use pinion::io::{Completion, Io, Op, Output, Token};
use std::time::Duration;

fn wait_for_wake(uring: &mut Uring) {
    let mut completions: Vec<Completion> = Vec::new();
    while !completions.iter().any(|c| c.token == Token::WOKEN) {
        uring.wait(None, &mut completions);
    }
    for completion in completions.iter().filter(|c| c.token == Token::WOKEN) {
        assert!(completion.more && matches!(completion.result, Ok(Output::Woken)));
    }
}

/// Goal: two shards wake each other, ring to ring or by eventfd, as often as they like.
#[test]
fn shards_wake_each_other() {
    for allowed in feature_sets() {
        let registry = RingRegistry::new(2).unwrap();
        let options =
            |shard| UringOptions { allowed, ..UringOptions::new(ShardId(shard), registry.clone()) };
        let second = options(1);
        let other = std::thread::spawn(move || {
            let mut uring = Uring::new(second).unwrap();
            for _ in 0..200 {
                wait_for_wake(&mut uring);
                uring.submit(Token(1), Op::Wake { shard: ShardId(0) });
            }
            // Hands the last wake over.
            let now = uring.now().monotonic;
            uring.wait(Some(now), &mut Vec::new());
        });
        let mut uring = Uring::new(options(0)).unwrap();
        for _ in 0..200 {
            uring.submit(Token(1), Op::Wake { shard: ShardId(1) });
            wait_for_wake(&mut uring);
        }
        other.join().unwrap();
    }
}

/// Goal: a thread without a ring wakes a shard, also before that has its ring.
#[test]
fn wakers_wake_and_are_remembered() {
    for allowed in feature_sets() {
        let registry = RingRegistry::new(1).unwrap();
        let waker = registry.waker(ShardId(0));
        waker.wake();
        let options = UringOptions { allowed, ..UringOptions::new(ShardId(0), registry.clone()) };
        let mut uring = Uring::new(options).unwrap();
        wait_for_wake(&mut uring);
        for _ in 0..3 {
            let waker = waker.clone();
            let caller = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(5));
                waker.wake();
            });
            wait_for_wake(&mut uring);
            caller.join().unwrap();
        }
    }
}

/// Goal: waking a shard whose ring is gone harms nobody.
#[test]
fn a_wake_for_a_gone_ring_is_harmless() {
    let registry = RingRegistry::new(2).unwrap();
    let gone = Uring::new(UringOptions::new(ShardId(1), registry.clone())).unwrap();
    let mut uring = Uring::new(UringOptions::new(ShardId(0), registry)).unwrap();
    uring.submit(Token(1), Op::Wake { shard: ShardId(1) });
    drop(gone);
    uring.submit(Token(2), Op::Wake { shard: ShardId(1) });
    let now = uring.now().monotonic;
    uring.wait(Some(now), &mut Vec::new());
    uring.submit(Token(3), Op::Wake { shard: ShardId(0) });
    wait_for_wake(&mut uring);
}
