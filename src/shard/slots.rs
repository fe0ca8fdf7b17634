//! A table whose entries keep their place.

/// A slot and how often it was filled, so that a late reference is told from a current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotId {
    /// The place in the table.
    pub slot: u32,
    generation: u32,
}

/// Entries under small, reusable numbers.
#[derive(Debug)]
pub struct Slots<T> {
    entries: Vec<Entry<T>>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Entry<T> {
    generation: u32,
    value: Option<T>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Slots { entries: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slots<T> {
    /// Puts `value` into a free slot.
    ///
    /// # Panics
    /// Past 2³² entries.
    pub fn insert(&mut self, value: T) -> SlotId {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.entries.push(Entry { generation: 0, value: None });
            u32::try_from(self.entries.len() - 1).expect("the callers bound their tables")
        });
        let entry = &mut self.entries[slot as usize];
        entry.value = Some(value);
        SlotId { slot, generation: entry.generation }
    }

    /// The entry in `slot`, whichever it is at present.
    pub fn at(&mut self, slot: u32) -> Option<(SlotId, &mut T)> {
        let entry = self.entries.get_mut(slot as usize)?;
        let id = SlotId { slot, generation: entry.generation };
        entry.value.as_mut().map(|value| (id, value))
    }

    /// The entry that `id` was given for, if it is still there.
    pub fn get(&self, id: SlotId) -> Option<&T> {
        let entry = self.entries.get(id.slot as usize)?;
        entry.value.as_ref().filter(|_| entry.generation == id.generation)
    }

    /// As [`Slots::get`], to change it.
    pub fn get_mut(&mut self, id: SlotId) -> Option<&mut T> {
        let entry = self.entries.get_mut(id.slot as usize)?;
        entry.value.as_mut().filter(|_| entry.generation == id.generation)
    }

    /// Takes the entry out and frees its slot.
    pub fn remove(&mut self, id: SlotId) -> Option<T> {
        let value = self.lend(id)?;
        self.retire(id);
        Some(value)
    }

    /// Takes the entry out for a while: the slot stays its own until [`Slots::put_back`] or
    /// [`Slots::retire`].
    pub fn lend(&mut self, id: SlotId) -> Option<T> {
        self.entries
            .get_mut(id.slot as usize)
            .filter(|entry| entry.generation == id.generation)
            .and_then(|entry| entry.value.take())
    }

    /// Puts a lent entry back.
    ///
    /// # Panics
    /// If it was not lent.
    pub fn put_back(&mut self, id: SlotId, value: T) {
        let entry = &mut self.entries[id.slot as usize];
        assert!(entry.generation == id.generation && entry.value.is_none(), "it was lent");
        entry.value = Some(value);
    }

    /// Frees the slot of a lent entry.
    ///
    /// # Panics
    /// If it was not lent.
    pub fn retire(&mut self, id: SlotId) {
        let entry = &mut self.entries[id.slot as usize];
        assert!(entry.generation == id.generation && entry.value.is_none(), "it was lent");
        entry.generation = entry.generation.wrapping_add(1);
        self.free.push(id.slot);
    }

    /// How many slots are filled.
    pub fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Whether no slot is filled.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The filled slots.
    pub fn ids(&self) -> impl Iterator<Item = SlotId> + '_ {
        self.iter().map(|(id, _)| id)
    }

    /// The filled slots and what is in them.
    pub fn iter(&self) -> impl Iterator<Item = (SlotId, &T)> + '_ {
        self.entries.iter().enumerate().filter_map(|(slot, entry)| {
            let id = SlotId { slot: slot as u32, generation: entry.generation };
            entry.value.as_ref().map(|value| (id, value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: a reference to a removed entry never reaches the slot's next one.
    #[test]
    fn stale_ids_find_nothing() {
        let mut slots = Slots::default();
        let first = slots.insert("a");
        assert_eq!(slots.remove(first), Some("a"));
        let second = slots.insert("b");
        assert_eq!(first.slot, second.slot);
        assert_eq!((slots.get(first), slots.get(second)), (None, Some(&"b")));
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.len(), 1);
    }
}
