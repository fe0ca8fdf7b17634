//! The one source of chance in a run.

/// A pseudo-random generator (xoshiro256**), seeded through splitmix64.
///
/// Everything that a run leaves to chance is drawn from one of these, in an order that depends
/// on nothing else: the seed is the whole description of a run.
#[derive(Debug, Clone)]
pub struct Random {
    state: [u64; 4],
}

impl Random {
    /// A generator whose sequence depends on `seed` alone.
    pub fn new(seed: u64) -> Random {
        let mut split = seed;
        Random { state: [(); 4].map(|()| splitmix(&mut split)) }
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let (c, d) = (c ^ a, d ^ b);
        self.state = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        result
    }

    /// A number in `0..bound`.
    ///
    /// # Panics
    /// If `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "there is no number below 0");
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// A number in `low..=high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// An index of a slice of `length` items.
    pub fn index(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }

    /// True once in `one_in` times on average; never if that is 0.
    pub fn once_in(&mut self, one_in: u64) -> bool {
        one_in > 0 && self.below(one_in) == 0
    }

    /// One of `items`.
    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.index(items.len())]
    }

    /// A generator of its own, for a part whose draws should not shift those of others.
    pub fn fork(&mut self) -> Random {
        Random::new(self.bits())
    }
}

fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mix(*state)
}

/// Spreads the bits of `value` over all 64.
pub fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: one seed is one sequence, and bounded draws stay in bounds and reach both ends.
    #[test]
    fn repeats_and_stays_in_bounds() {
        let (mut a, mut b) = (Random::new(7), Random::new(7));
        let draws: Vec<u64> = (0..1000).map(|_| a.between(3, 6)).collect();
        assert!(draws.iter().all(|&draw| draw == b.between(3, 6)));
        assert_eq!(draws.iter().min().zip(draws.iter().max()), Some((&3, &6)));
        assert_ne!(Random::new(8).bits(), Random::new(7).bits());
        assert!(!a.once_in(0) && a.once_in(1));
    }
}
