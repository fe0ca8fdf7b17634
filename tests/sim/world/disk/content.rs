//! A file's bytes: what reads see, and what a power loss would leave.

use super::cached::{self, Cached, Change as _, Mark, Survivors, draw_limit};
use crate::random::Random;
use std::collections::BTreeMap;

/// A file's bytes, and the room that it holds.
///
/// The disk may have written back any of the unsynced changes, each sector as of any moment since
/// the last sync: [`Content::lose_power`] draws one such outcome.
#[derive(Debug, Clone, Default)]
pub struct Content {
    bytes: Cached<Change>,
    allocated: u64,
}

#[derive(Debug, Clone)]
enum Change {
    Write { position: u64, bytes: Vec<u8> },
    SetLength(u64),
}

impl Content {
    /// The bytes that reads see.
    pub fn cached(&self) -> &[u8] {
        self.bytes.cached()
    }

    /// Up to `length` bytes at `position`; fewer at the end.
    pub fn read(&self, position: u64, length: usize) -> &[u8] {
        let bytes = self.cached();
        let start = bytes.len().min(position as usize);
        let end = bytes.len().min(start + length);
        &bytes[start..end]
    }

    /// The bytes at `position` as a page reference sees them: zeros where the file was cut.
    pub fn read_pages(&self, position: u64, length: usize) -> Vec<u8> {
        let mut bytes = self.read(position, length).to_vec();
        bytes.resize(length, 0);
        bytes
    }

    /// Room on the disk that this file holds, in bytes.
    pub fn footprint(&self) -> u64 {
        self.allocated.max(self.cached().len() as u64).next_multiple_of(super::PAGE)
    }

    /// The footprint if the file reached `length`.
    pub fn footprint_at(&self, length: u64) -> u64 {
        self.footprint().max(length.next_multiple_of(super::PAGE))
    }

    /// Writes into the page cache.
    pub fn write(&mut self, position: u64, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.bytes.change(Change::Write { position, bytes: bytes.to_vec() });
        }
    }

    /// Sets the length; new bytes are zeros, and reserved room beyond it is given back.
    pub fn set_length(&mut self, length: u64) {
        self.allocated = self.allocated.min(length);
        self.bytes.change(Change::SetLength(length));
    }

    /// Reserves room.
    pub fn allocate(&mut self, length: u64) {
        self.allocated = self.allocated.max(length);
    }

    /// The place up to which a sync that starts now promises durability.
    pub fn mark(&self) -> Mark {
        self.bytes.mark()
    }

    /// Makes the changes before `mark` durable.
    pub fn sync(&mut self, mark: Mark) {
        self.bytes.sync(mark);
    }

    /// A sync that fails: some sectors reached the disk, and the others never will.
    pub fn fail_sync(&mut self, mark: Mark, random: &mut Random) {
        self.bytes.fail_sync(mark, |durable, changes| survive(durable, changes, random));
    }

    /// Whether a power loss could change the file.
    #[cfg(test)]
    pub fn is_durable(&self) -> bool {
        self.bytes.is_durable()
    }

    /// Replaces the content by one that a power loss may leave.
    pub fn lose_power(&mut self, random: &mut Random) {
        self.bytes.lose_power(|durable, changes| survive(durable, changes, random));
    }
}

impl cached::Change for Change {
    type State = Vec<u8>;

    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Change::Write { position, bytes: written } => patch(bytes, *position, written),
            Change::SetLength(length) => bytes.resize(*length as usize, 0),
        }
    }
}

impl Change {
    fn length_after(&self, length: u64) -> u64 {
        match self {
            Change::Write { position, bytes } => length.max(position + bytes.len() as u64),
            Change::SetLength(length) => *length,
        }
    }
}

fn patch(bytes: &mut Vec<u8>, position: u64, written: &[u8]) {
    let start = position as usize;
    let end = start + written.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[start..end].copy_from_slice(written);
}

/// Draws one outcome of a power loss with `changes` not yet synced over `durable`.
fn survive(durable: &mut Vec<u8>, changes: &[Change], random: &mut Random) {
    if let Survivors::Prefix(count) = Survivors::draw(changes.len(), random) {
        return changes[..count].iter().for_each(|change| change.apply(durable));
    }
    // Lengths are journalled: those of a prefix of the changes happened, each as a whole.
    let lengths_kept = draw_limit(changes.len(), random);
    let sector = random.pick(&[512, super::PAGE]);
    // Each sector was written back for the last time at a moment of its own.
    let mut sectors_kept: BTreeMap<u64, usize> = BTreeMap::new();
    let mut length = durable.len() as u64;
    for (order, change) in changes.iter().enumerate() {
        if order < lengths_kept {
            length = change.length_after(length);
        }
        match change {
            Change::SetLength(_) if order < lengths_kept => change.apply(durable),
            // What was written after it went to blocks that the file never got.
            Change::SetLength(_) => break,
            Change::Write { position, bytes } => {
                for (at, piece) in sectors(*position, bytes, sector) {
                    let draw = || draw_limit(changes.len(), random);
                    if order < *sectors_kept.entry(at / sector).or_insert_with(draw) {
                        patch(durable, at, piece);
                    }
                }
            }
        }
    }
    durable.resize(length as usize, 0);
}

/// Cuts bytes at the boundaries of sectors.
fn sectors(position: u64, bytes: &[u8], sector: u64) -> impl Iterator<Item = (u64, &[u8])> {
    let mut from = position;
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let length = (sector - from % sector).min(rest.len() as u64);
        let (piece, after) = rest.split_at(length as usize);
        let at = from;
        (from, rest) = (from + length, after);
        (!piece.is_empty()).then_some((at, piece))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: what was synced survives every power loss, whatever happens to later writes.
    #[test]
    fn synced_bytes_survive() {
        for seed in 0..200 {
            let mut content = Content::default();
            content.write(0, &[1; 5000]);
            content.sync(content.mark());
            content.write(5000, &[2; 9000]);
            content.lose_power(&mut Random::new(seed));
            assert_eq!(content.cached()[..5000], [1; 5000], "seed {seed}");
            assert!(content.cached()[5000..].iter().all(|byte| [0, 2].contains(byte)));
        }
    }

    /// Goal: unsynced writes are kept, lost and torn, in combinations, over the seeds.
    #[test]
    fn unsynced_writes_take_every_fate() {
        let mut fates = std::collections::BTreeSet::new();
        for seed in 0..400 {
            let mut content = Content::default();
            content.write(0, &[1; 4096]);
            content.write(4096, &[2; 8192]);
            content.lose_power(&mut Random::new(seed));
            let cached = content.cached();
            let first = cached.first() == Some(&1);
            let counts = cached.iter().filter(|&&byte| byte == 2).count();
            fates.insert((first, counts.min(1) + counts / 8192));
        }
        assert_eq!(fates.len(), 6, "first kept or lost × second lost, torn or kept: {fates:?}");
    }

    /// Goal: a cut happens as a whole or not at all, whatever is written after it.
    #[test]
    fn a_cut_is_whole() {
        let mut outcomes = std::collections::BTreeSet::new();
        for seed in 0..300 {
            let mut content = Content::default();
            content.write(0, &[1; 9000]);
            content.sync(content.mark());
            content.set_length(1000);
            content.write(1000, &[2; 10]);
            content.lose_power(&mut Random::new(seed));
            let cached = content.cached();
            assert!(cached[..1000] == [1; 1000]);
            if cached.len() == 9000 {
                assert!(cached == [1; 9000], "seed {seed}");
            }
            outcomes.insert((cached.len(), cached.get(1000).copied()));
        }
        let cut = |byte| (1010, Some(byte));
        assert_eq!(outcomes, [(1000, None), cut(0), cut(2), (9000, Some(1))].into());
    }

    /// Goal: a later sync does not bring back what a failed one lost, and reads do not show it.
    #[test]
    fn a_failed_sync_is_final() {
        let lost = (0..100).filter(|&seed| {
            let mut content = Content::default();
            content.write(0, &[1; 100]);
            content.fail_sync(content.mark(), &mut Random::new(seed));
            content.sync(content.mark());
            assert_eq!(content.cached(), [1; 100]);
            content.lose_power(&mut Random::new(seed));
            content.cached() != [1; 100]
        });
        assert!(lost.count() > 10);
    }

    /// Goal: a write that arrives while a sync runs is not covered by it.
    #[test]
    fn a_sync_covers_what_came_before_its_start() {
        let mut content = Content::default();
        content.write(0, b"a");
        let mark = content.mark();
        content.write(1, b"b");
        content.sync(mark);
        assert!(!content.is_durable());
        content.sync(content.mark());
        assert!(content.is_durable());
    }

    /// Goal: cutting a file shows zeros to page references and makes room again.
    #[test]
    fn truncation_shows_zeros_to_page_references() {
        let mut content = Content::default();
        content.write(0, &[7; 9000]);
        content.allocate(20_000);
        assert_eq!(content.footprint(), 20_480);
        content.set_length(10);
        assert_eq!(content.footprint(), 4096);
        assert_eq!(content.read_pages(8, 4), [7, 7, 0, 0]);
        assert_eq!(content.read(8, 4), [7, 7]);
        assert_eq!(content.footprint_at(5000), 8192);
    }
}
