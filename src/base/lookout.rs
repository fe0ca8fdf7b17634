//! Whether to look out for the next event for a moment, rather than sleep and be woken.

use std::time::Duration;

/// How long to look out at most: long enough for a client to take 200 kB and ask for more, also
/// while the machine has others to serve.
const LOOK_MAX: Duration = Duration::from_micros(90);

/// A sleep of at most this, the waking included, would have been spared by looking out: in a
/// virtual machine, waking a core takes tens of microseconds.
const SLEEP_SHORT: Duration = Duration::from_micros(100);

/// Short sleeps in a row after which looking out is worth a try.
const SHORT_SLEEPS_MIN: u32 = 4;

/// The same where it was in vain again and again.
const SHORT_SLEEPS_MAX: u32 = 1024;

/// Says how long to look out before each sleep, from what became of the last ones.
///
/// It begins where sleeps are short several times in a row, as they are while a client and a
/// shard wait for each other by turns, and goes on for as long as it sees what it looks for. Each
/// time in vain ends it, and doubles what it takes to begin again.
#[derive(Debug)]
pub struct Lookout {
    /// Short sleeps in a row.
    short_sleeps: u32,
    /// How many of them it takes.
    short_sleeps_wanted: u32,
}

impl Default for Lookout {
    fn default() -> Lookout {
        Lookout { short_sleeps: 0, short_sleeps_wanted: SHORT_SLEEPS_MIN }
    }
}

impl Lookout {
    /// How long to look out before the next sleep; zero where that promises nothing.
    pub fn patience(&self) -> Duration {
        match self.short_sleeps < self.short_sleeps_wanted {
            true => Duration::ZERO,
            false => LOOK_MAX,
        }
    }

    /// Notes a sleep that nobody looked out before, and how long it was.
    pub fn slept(&mut self, duration: Duration) {
        self.short_sleeps = match duration <= SLEEP_SHORT {
            true => self.short_sleeps.saturating_add(1),
            false => 0,
        };
    }

    /// Notes that something came while looking out.
    pub fn saw(&mut self) {
        self.short_sleeps_wanted = SHORT_SLEEPS_MIN;
    }

    /// Notes that nothing came while looking out.
    pub fn missed(&mut self) {
        self.short_sleeps = 0;
        self.short_sleeps_wanted = (self.short_sleeps_wanted * 2).min(SHORT_SLEEPS_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_micros(60);
    const LONG: Duration = Duration::from_millis(1);

    /// Short sleeps until it looks out; at most `limit`.
    fn sleeps_until_it_looks(lookout: &mut Lookout, limit: u32) -> u32 {
        let mut sleeps = 0;
        while lookout.patience().is_zero() && sleeps < limit {
            lookout.slept(SHORT);
            sleeps += 1;
        }
        sleeps
    }

    /// Goal: it looks out once short sleeps follow each other, and as long as that is of use.
    #[test]
    fn looks_out_while_answers_come_soon() {
        let mut lookout = Lookout::default();
        assert_eq!(sleeps_until_it_looks(&mut lookout, 100), SHORT_SLEEPS_MIN);
        for _ in 0..1000 {
            lookout.saw();
            assert_eq!(lookout.patience(), LOOK_MAX);
        }
        lookout.missed();
        assert_eq!(lookout.patience(), Duration::ZERO);
    }

    /// Goal: with one long sleep among the short ones it never looks out.
    #[test]
    fn never_looks_out_where_events_are_rare() {
        let mut lookout = Lookout::default();
        for _ in 0..1000 {
            for _ in 1..SHORT_SLEEPS_MIN {
                lookout.slept(SHORT);
                assert_eq!(lookout.patience(), Duration::ZERO);
            }
            lookout.slept(LONG);
        }
    }

    /// Goal: where looking out is always in vain it becomes rare, and one success ends that.
    #[test]
    fn gives_up_by_and_by() {
        let mut lookout = Lookout::default();
        let mut sleeps = Vec::new();
        for _ in 0..12 {
            sleeps.push(sleeps_until_it_looks(&mut lookout, 2 * SHORT_SLEEPS_MAX));
            lookout.missed();
        }
        assert!(sleeps.is_sorted() && sleeps[0] == SHORT_SLEEPS_MIN, "{sleeps:?}");
        assert_eq!(sleeps.last(), Some(&SHORT_SLEEPS_MAX));
        sleeps_until_it_looks(&mut lookout, 2 * SHORT_SLEEPS_MAX);
        lookout.saw();
        lookout.missed();
        let again = sleeps_until_it_looks(&mut lookout, 2 * SHORT_SLEEPS_MAX);
        assert_eq!(again, 2 * SHORT_SLEEPS_MIN);
    }
}
