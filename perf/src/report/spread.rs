//! How far the runs of an outcome lie from each other.

use crate::results::{Figures, Outcome};

/// From the least to the greatest of the runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The least of all runs.
    pub least: f64,
    /// The greatest of all runs.
    pub most: f64,
    /// Runs that have the figure; at least 1.
    pub runs: usize,
}

impl Spread {
    /// The spread of a figure; none if no run has it.
    pub fn of(outcome: &Outcome, pick: impl Fn(&Figures) -> Option<f64>) -> Option<Spread> {
        let values: Vec<f64> = outcome.runs.iter().filter_map(|run| pick(&run.figures)).collect();
        Spread::between(&values)
    }

    /// The spread of these values, one for each run; none if there is none.
    pub fn between(values: &[f64]) -> Option<Spread> {
        let least = values.iter().copied().reduce(f64::min)?;
        let most = values.iter().copied().reduce(f64::max)?;
        Some(Spread { least, most, runs: values.len() })
    }

    /// Whether some run of one lies between runs of the other: then neither is better.
    pub fn overlaps(&self, other: &Spread) -> bool {
        self.least <= other.most && other.least <= self.most
    }

    /// Both ends, if they differ in what is shown; a unit that both have stands once.
    pub fn text(&self, number: impl Fn(f64) -> String) -> Option<String> {
        let (least, most) = (number(self.least), number(self.most));
        let bare = match (least.split_once(' '), most.split_once(' ')) {
            (Some((figure, unit)), Some((_, same))) if unit == same => figure,
            _ => &least,
        };
        (least != most).then(|| format!("{bare} … {most}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_touch_overlap() {
        let spread = |least, most| Spread { least, most, runs: 3 };
        assert!(spread(1.0, 2.0).overlaps(&spread(2.0, 3.0)));
        assert!(spread(1.0, 9.0).overlaps(&spread(2.0, 3.0)));
        assert!(!spread(1.0, 2.0).overlaps(&spread(2.1, 3.0)));
    }

    #[test]
    fn a_common_unit_stands_once() {
        let text = |most, number: fn(f64) -> String| {
            Spread { least: 1.0, most: f64::from(most), runs: 2 }.text(number)
        };
        assert_eq!(text(1, |value| value.to_string()), None);
        assert_eq!(text(2, |value| value.to_string()).as_deref(), Some("1 … 2"));
        assert_eq!(text(2, |value| format!("{value} ms")).as_deref(), Some("1 … 2 ms"));
        let mixed = |value| if value < 2.0 { "900 µs".to_owned() } else { "2 ms".to_owned() };
        assert_eq!(text(2, mixed).as_deref(), Some("900 µs … 2 ms"));
    }
}
