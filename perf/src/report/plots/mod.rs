//! Plots as SVG text, to stand in the page or in a file of their own.
//!
//! Imports no results: who draws says what stands where.

pub mod bars;
pub mod lines;
mod palette;

use crate::error::{Error, Result};
use palette::{INK, PAPER, WEAK};
use plotters::coord::Shift;
use plotters::prelude::*;

const FONT: &str = "system-ui, sans-serif";
const MARGIN: i32 = 12;
const TITLE_SIZE: u32 = 16;
const TEXT_SIZE: u32 = 13;
/// What title and subtitle take.
const HEAD_HEIGHT: i32 = 50;

type Drawn = std::result::Result<(), Box<dyn std::error::Error>>;
type Area<'b> = DrawingArea<SVGBackend<'b>, Shift>;

/// An SVG of this size, under a title and a line that explains it.
fn svg(
    size: (u32, u32),
    title: &str,
    subtitle: &str,
    draw: impl FnOnce(&Area<'_>) -> Drawn,
) -> Result<String> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        let drawn = head(&root, title, subtitle).and_then(|()| draw(&root));
        drawn.map_err(Error::client("plotters"))?;
        root.present().map_err(Error::client("plotters"))?;
    }
    Ok(svg)
}

fn head(root: &Area<'_>, title: &str, subtitle: &str) -> Drawn {
    root.fill(&PAPER)?;
    let style = (FONT, TITLE_SIZE).into_font().style(FontStyle::Bold).color(&INK);
    root.draw(&Text::new(title.to_owned(), (MARGIN, 10), style))?;
    let style = (FONT, TEXT_SIZE).into_font().color(&WEAK);
    root.draw(&Text::new(subtitle.to_owned(), (MARGIN, 31), style))?;
    Ok(())
}

/// The powers of ten around these values, as the ends of an axis.
fn decades(values: impl Iterator<Item = f64> + Clone) -> std::ops::Range<f64> {
    let least = values.clone().fold(f64::MAX, f64::min);
    let most = values.fold(f64::MIN_POSITIVE, f64::max);
    let from = 10f64.powf(least.min(most).log10().floor());
    let to = 10f64.powf(most.log10().ceil());
    from..if to > from { to } else { from * 10.0 }
}

/// The powers of ten on an axis.
fn ticks(axis: &std::ops::Range<f64>) -> Vec<f64> {
    let (from, to) = (axis.start.log10().round() as i32, axis.end.log10().round() as i32);
    (from..=to).map(|power| 10f64.powi(power)).collect()
}
