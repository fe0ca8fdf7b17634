//! What goes wrong with the disk in one life of a broker.

use super::coverage::Coverage;
use super::topics::Topics;
use crate::random::Random;
use crate::world::{Fault, World};
use std::ops::Range;

/// Operations that fail, and a time during which the disk is full.
#[derive(Debug, Default)]
pub struct Trouble {
    in_start: bool,
    in_work: bool,
    /// From one turn to another.
    is_full: Option<Range<u64>>,
    /// Acknowledged records, when the disk had room again.
    acknowledged: Option<u64>,
}

impl Trouble {
    /// What a life of so many turns meets with.
    pub fn draw(random: &mut Random, turns: u64) -> Trouble {
        let is_full = random.once_in(3).then(|| {
            let start = random.below(turns);
            start..random.between(start, turns)
        });
        Trouble {
            in_start: random.once_in(8),
            in_work: random.once_in(3),
            is_full,
            acknowledged: None,
        }
    }

    /// Plans failures of operations that recovery needs.
    pub fn begin_start(&self, world: &World, random: &mut Random) {
        if self.in_start {
            plan(world, random, 30);
        }
    }

    /// Plans no more.
    pub fn end_start(&self, world: &World) {
        world.machine().disk.faults.clear();
    }

    /// Plans failures of operations at work.
    pub fn begin_work(&self, world: &World, random: &mut Random) {
        if self.in_work {
            for _ in 0..random.between(1, 4) {
                plan(world, random, 200);
            }
        }
    }

    /// Fills the disk, or makes room, if it is time.
    pub fn take_turn(
        &mut self,
        turn: u64,
        world: &World,
        random: &mut Random,
        topics: &mut Topics,
    ) {
        let Some(full) = &self.is_full else { return };
        let disk = &mut world.machine().disk;
        if turn == full.start {
            let capacity = disk.used() + random.below(60_000);
            disk.set_capacity(Some(capacity));
            topics.seen.note("the disk was full");
        } else if turn == full.end {
            disk.set_capacity(None);
            self.acknowledged = Some(topics.acknowledged_count());
        } else if self.acknowledged.is_some_and(|count| topics.acknowledged_count() > count) {
            self.acknowledged = None;
            topics.seen.note("records were acknowledged after the disk was full");
        }
    }

    /// Whether something has failed.
    pub fn has_struck(&self, world: &World) -> bool {
        !world.machine().disk.faults.struck().is_empty()
    }

    /// The next life has a sound disk with room.
    pub fn clear(self, world: &World, seen: &mut Coverage) {
        let disk = &mut world.machine().disk;
        for operation in disk.faults.take_struck() {
            seen.note(&format!("failed: {operation}"));
        }
        disk.faults.clear();
        disk.set_capacity(None);
    }
}

/// Has one of the next `horizon` calls of an operation fail, perhaps with a few after it.
fn plan(world: &World, random: &mut Random, horizon: u64) {
    let operation = random.pick(&[
        "open",
        "write",
        "write",
        "sync",
        "sync directory",
        "rename",
        "allocate",
        "truncate",
        "unlink",
        "read",
    ]);
    let faults = &mut world.machine().disk.faults;
    let call = faults.calls(operation) + random.below(horizon);
    let (count, errno) = (random.pick(&[1, 1, 5]), random.pick(&[libc::EIO, libc::ENOSPC]));
    faults.plan(Fault { operation, call, count, errno });
}
