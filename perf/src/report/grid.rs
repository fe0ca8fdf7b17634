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
    /// Below the text: the range of the runs, if there are several, or what explains it.
    note: Option<String>,
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
        let note = spread.and_then(|spread| spread.text(&number));
        Cell { note, ..Cell::figure(value, number) }
    }

    /// The cell with what explains it, unless that is empty.
    pub fn with_note(self, note: &str) -> Cell {
        Cell { note: (!note.is_empty()).then(|| note.to_owned()), ..self }
    }

    /// The cell in a style of its own, if it shall have it.
    pub fn styled_if(self, is_so: bool, class: &'static str) -> Cell {
        if is_so { Cell { class, ..self } } else { self }
    }
}
