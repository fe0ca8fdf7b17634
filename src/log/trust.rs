//! Which bytes of a segment may be served.

use crate::base::Offset;

/// A range of damaged bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// Where it begins in the segment's file, in bytes.
    pub position: u64,
    /// Where the next sound batch begins, or the file ends.
    pub end: u64,
    /// The offset that the first record in it should have.
    pub first_offset: Offset,
    /// The offset of the next record that is sound.
    pub next_offset: Offset,
}

/// What is known of a segment's bytes: those that this process wrote or has tested are trusted,
/// damaged ones are never served, and the rest is tested before it is served.
#[derive(Debug, Default)]
pub struct Trust {
    /// Bytes from here on are trusted, but for `damage`.
    from: u64,
    /// Ranges below `from` that were tested, ascending and not touching.
    tested: Vec<(u64, u64)>,
    /// Damaged ranges, ascending.
    damage: Vec<Damage>,
}

/// Ranges remembered for each segment; beyond that, the shortest is forgotten.
const TESTED_COUNT_MAX: usize = 64;

impl Trust {
    /// Trusts bytes from `position` on.
    pub fn from_position(position: u64) -> Trust {
        Trust { from: position, tested: Vec::new(), damage: Vec::new() }
    }

    /// Notes that the bytes from `start` to `end` passed their test.
    pub fn note_tested(&mut self, start: u64, end: u64) {
        if start >= end || start >= self.from {
            return;
        }
        let (mut start, mut end) = (start, end);
        self.tested.retain(|&(from, to)| {
            let touches = from <= end && start <= to;
            if touches {
                start = start.min(from);
                end = end.max(to);
            }
            !touches
        });
        if end >= self.from {
            self.from = start;
        } else {
            let place = self.tested.partition_point(|&(from, _)| from < start);
            self.tested.insert(place, (start, end));
        }
        if self.tested.len() > TESTED_COUNT_MAX {
            let length = |&(from, to): &(u64, u64)| to - from;
            let ranges = self.tested.iter().enumerate();
            if let Some((index, _)) = ranges.min_by_key(|(_, range)| length(range)) {
                self.tested.remove(index);
            }
        }
    }

    /// Notes damage.
    pub fn note_damage(&mut self, damage: Damage) {
        if self.damage.iter().any(|known| known.position == damage.position) {
            return;
        }
        let place = self.damage.partition_point(|known| known.position < damage.position);
        self.damage.insert(place, damage);
    }

    /// Where the trusted bytes that begin at `position` end; `position` itself if the byte there
    /// is not trusted.
    pub fn end_from(&self, position: u64) -> u64 {
        let limit = self.damage_after(position).map_or(u64::MAX, |damage| damage.position);
        if position >= self.from {
            return limit.max(position);
        }
        let range = self.tested.iter().find(|&&(from, to)| from <= position && position < to);
        range.map_or(position, |&(_, to)| to.min(limit).max(position))
    }

    /// The first damage that ends after `position`.
    pub fn damage_after(&self, position: u64) -> Option<&Damage> {
        self.damage.iter().find(|damage| damage.end > position)
    }

    /// The damage that should have held `offset`.
    pub fn damage_at(&self, offset: Offset) -> Option<&Damage> {
        self.damage
            .iter()
            .find(|damage| damage.first_offset <= offset && offset < damage.next_offset)
    }

    /// Whether damage reaches to `end`, the end of the file.
    pub fn is_damaged_at_end(&self, end: u64) -> bool {
        self.damage.last().is_some_and(|damage| damage.end >= end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: ranges join, reach the trusted end, and stay few.
    #[test]
    fn tested_ranges_join() {
        let mut trust = Trust::from_position(1000);
        assert_eq!(trust.end_from(0), 0);
        assert_eq!(trust.end_from(1000), u64::MAX);
        trust.note_tested(100, 200);
        trust.note_tested(300, 400);
        assert_eq!((trust.end_from(150), trust.end_from(200)), (200, 200));
        trust.note_tested(200, 300);
        assert_eq!((trust.end_from(100), trust.tested.len()), (400, 1));
        trust.note_tested(400, 1000);
        assert_eq!((trust.end_from(100), trust.tested.len()), (u64::MAX, 0));
        let mut many = Trust::from_position(1 << 20);
        (0..200).for_each(|index| many.note_tested(index * 10, index * 10 + 5));
        assert_eq!(many.tested.len(), TESTED_COUNT_MAX);
    }

    /// Goal: damage ends what is trusted, and is found by the offsets that it hides.
    #[test]
    fn damage_is_never_trusted() {
        let mut trust = Trust::default();
        let damage =
            Damage { position: 50, end: 80, first_offset: Offset(5), next_offset: Offset(8) };
        trust.note_damage(damage);
        trust.note_damage(damage);
        assert_eq!(trust.damage.len(), 1);
        assert_eq!((trust.end_from(0), trust.end_from(50), trust.end_from(80)), (50, 50, u64::MAX));
        assert_eq!(trust.end_from(60), 60);
        assert_eq!(trust.damage_at(Offset(7)), Some(&damage));
        assert_eq!(trust.damage_at(Offset(8)), None);
    }
}
