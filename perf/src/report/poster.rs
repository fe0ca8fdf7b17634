//! One picture of the paper's figures, to stand where the page cannot.

use super::comparison::Comparison;
use super::pictures;
use super::quantity::Quantity;
use crate::error::{Error, Result};
use crate::scenario::PAPER;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// The file's name in the output folder.
pub const FILE: &str = "paper.svg";

/// What the picture calls the scenarios of [`PAPER`].
const TITLES: [&str; PAPER.len()] =
    ["Produce, batches of 1: records/s", "Produce, batches of 50: records/s", "Consume: records/s"];

/// Writes the picture, if all of the paper's scenarios were run.
///
/// # Errors
/// If it cannot be drawn, or the folder not written.
pub fn write(comparisons: &[Comparison<'_>], folder: &Path) -> Result<()> {
    let mut panels = Vec::new();
    for (scenario, title) in PAPER.into_iter().zip(TITLES) {
        let comparison = comparisons.iter().find(|one| one.section() == scenario);
        let Some(comparison) = comparison else { return Ok(()) };
        panels.extend(pictures::of_quantity(comparison, Quantity::Rate, title)?);
    }
    let path = folder.join(FILE);
    fs::write(&path, beside(&panels)).map_err(Error::file(&path))
}

/// These pictures in one, from left to right.
fn beside(panels: &[String]) -> String {
    let sizes = || panels.iter().map(|panel| (length(panel, "width"), length(panel, "height")));
    let width: u32 = sizes().map(|(width, _)| width).sum();
    let height = sizes().map(|(_, height)| height).max().unwrap_or(0);
    let mut whole = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    let mut x = 0;
    for (panel, (width, _)) in panels.iter().zip(sizes()) {
        let inner = panel.replacen("<svg ", &format!("<svg x=\"{x}\" y=\"0\" "), 1);
        // Writing to a string does not fail.
        let _ = writeln!(whole, "{inner}");
        x += width;
    }
    whole + "</svg>\n"
}

/// A length of the picture's outermost element, in pixels.
fn length(svg: &str, name: &str) -> u32 {
    let start = format!("{name}=\"");
    let value = svg.split_once(&start).and_then(|(_, rest)| rest.split_once('"'));
    value.and_then(|(value, _)| value.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: panels stand side by side, in a picture that has room for all of them.
    #[test]
    fn panels_stand_side_by_side() {
        let panel =
            |width: u32, height: u32| format!("<svg width=\"{width}\" height=\"{height}\"/>");
        let whole = beside(&[panel(100, 50), panel(200, 70)]);
        assert!(whole.contains("viewBox=\"0 0 300 70\""), "{whole}");
        assert!(whole.contains("<svg x=\"0\" y=\"0\" width=\"100\""), "{whole}");
        assert!(whole.contains("<svg x=\"100\" y=\"0\" width=\"200\""), "{whole}");
    }
}
