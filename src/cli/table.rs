//! Columns on standard output: aligned, two spaces apart, numbers to the right.

use std::io::{self, Write};

/// A table that is printed once it is whole, since the widths depend on every row.
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

struct Column {
    title: &'static str,
    is_number: bool,
}

impl Table {
    /// A table with these titles. A title that starts with `#` is a column of numbers.
    pub fn new(titles: &[&'static str]) -> Table {
        let column = |title: &&'static str| match title.strip_prefix('#') {
            Some(title) => Column { title, is_number: true },
            None => Column { title, is_number: false },
        };
        Table { columns: titles.iter().map(column).collect(), rows: Vec::new() }
    }

    /// Adds a row with one cell for each column.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let row: Vec<String> = cells.into_iter().collect();
        assert_eq!(row.len(), self.columns.len(), "a row has a cell for each column");
        self.rows.push(row);
    }

    /// Prints titles and rows.
    pub fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let widths: Vec<usize> = (0..self.columns.len()).map(|index| self.width(index)).collect();
        let titles: Vec<&str> = self.columns.iter().map(|column| column.title).collect();
        self.print_row(out, &widths, &titles)?;
        self.rows.iter().try_for_each(|row| {
            let cells: Vec<&str> = row.iter().map(String::as_str).collect();
            self.print_row(out, &widths, &cells)
        })
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().map(|row| row[column].chars().count());
        cells.fold(self.columns[column].title.chars().count(), usize::max)
    }

    fn print_row(&self, out: &mut impl Write, widths: &[usize], cells: &[&str]) -> io::Result<()> {
        let mut line = String::new();
        for ((column, width), cell) in self.columns.iter().zip(widths).zip(cells) {
            let padding = " ".repeat(width - cell.chars().count());
            let (left, right) = if column.is_number { (&*padding, "") } else { ("", &*padding) };
            line.extend([left, *cell, right, "  "]);
        }
        writeln!(out, "{}", line.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aligns_text_left_and_numbers_right() {
        let mut table = Table::new(&["NAME", "#COUNT"]);
        table.row(["a".to_owned(), "1000000".to_owned()]);
        table.row(["größer".to_owned(), "2".to_owned()]);
        let mut out = Vec::new();
        table.print(&mut out).unwrap();
        let expected = "NAME      COUNT\na       1000000\ngrößer        2\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
