//! The page's tables: cells as text, with the range of the runs below the median.

use super::numbers::UNKNOWN;
use super::spread::Spread;
use serde::Serialize;

/// A table.
#[derive(Debug, Serialize)]
pub struct Grid {
    /// One for each column.
    pub heads: Vec<String>,
    /// Rows of as many cells as there are heads.
    pub rows: Vec<Vec<Cell>>,
}

/// One cell.
#[derive(Debug, Default, Serialize)]
pub struct Cell {
    text: String,
    /// Of the runs, if there are several.
    range: Option<String>,
    /// For the style sheet.
    class: &'static str,
}

impl Cell {
    /// Plain text.
    pub fn text(text: impl Into<String>) -> Cell {
        Cell { text: text.into(), ..Cell::default() }
    }

    /// A figure, unless it is not known: the cost of a broker that somebody else runs, say.
    pub fn figure(value: f64, number: impl Fn(f64) -> String) -> Cell {
        Cell::text(if value > 0.0 { number(value) } else { UNKNOWN.to_owned() })
    }

    /// A median, and the runs behind it.
    pub fn median(value: f64, spread: Option<Spread>, number: impl Fn(f64) -> String) -> Cell {
        let range = spread.and_then(|spread| spread.text(&number));
        Cell { range, ..Cell::figure(value, number) }
    }

    /// The cell in a style of its own.
    pub fn styled(self, class: &'static str) -> Cell {
        Cell { class, ..self }
    }
}
