//! Plots as SVG text, to stand in the page or in a file of their own.

use crate::error::{Error, Result};
use plotters::coord::Shift;
use plotters::prelude::*;

const WIDTH: u32 = 760;
const FRAME_HEIGHT: u32 = 84;
const ROW_HEIGHT: u32 = 40;
const NAME_WIDTH: u32 = 110;
const VALUE_WIDTH: u32 = 150;
const FONT: &str = "sans-serif";
/// Ranges wider than this get a logarithmic scale.
const LINEAR_RANGE_MAX: f64 = 20.0;

const OWN: RGBColor = RGBColor(0xc8, 0x5a, 0x1e);
const OTHERS: RGBColor = RGBColor(0x5b, 0x6b, 0x7d);
const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);

/// One bar.
#[derive(Debug, Clone)]
pub struct Bar {
    /// The system.
    pub name: String,
    /// More than 0.
    pub value: f64,
    /// What stands behind the bar.
    pub text: String,
}

/// Horizontal bars under a title; logarithmic, and saying so, where the values differ widely.
///
/// # Errors
/// If the plot cannot be drawn.
pub fn bars(title: &str, bars: &[Bar]) -> Result<String> {
    let height = FRAME_HEIGHT + ROW_HEIGHT * u32::try_from(bars.len()).unwrap_or(1);
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        draw(&root, title, bars).map_err(Error::client("plotters"))?;
        root.present().map_err(Error::client("plotters"))?;
    }
    Ok(svg)
}

fn draw(
    root: &DrawingArea<SVGBackend<'_>, Shift>,
    title: &str,
    bars: &[Bar],
) -> std::result::Result<(), Box<dyn std::error::Error>> {
    root.fill(&WHITE)?;
    let most = bars.iter().map(|bar| bar.value).fold(f64::MIN_POSITIVE, f64::max);
    let least = bars.iter().map(|bar| bar.value).fold(most, f64::min);
    let is_log = most / least > LINEAR_RANGE_MAX;
    let scale = if is_log { "logarithmic" } else { "linear, from 0" };
    let title = format!("{title} ({scale})");
    root.draw(&Text::new(title, (14, 16), (FONT, 18).into_font().color(&INK)))?;
    let left = i32::try_from(NAME_WIDTH)?;
    let room = f64::from(WIDTH - NAME_WIDTH - VALUE_WIDTH);
    // A decade below the least value, so that its bar can be seen.
    let floor = if is_log { 10f64.powf(least.log10().floor() - 1.0) } else { 0.0 };
    for (row, bar) in (0..).zip(bars) {
        let part = if is_log {
            (bar.value / floor).log10() / (most / floor).log10()
        } else {
            bar.value / most
        };
        let top = 54 + row * i32::try_from(ROW_HEIGHT)?;
        let bottom = top + i32::try_from(ROW_HEIGHT)? - 12;
        let right = left + (part * room) as i32;
        let color = if bar.name == "pinion" { OWN } else { OTHERS };
        root.draw(&Rectangle::new([(left, top), (right, bottom)], color.filled()))?;
        let style = (FONT, 15).into_font().color(&INK);
        root.draw(&Text::new(bar.name.clone(), (14, top + 7), style.clone()))?;
        root.draw(&Text::new(bar.text.clone(), (right + 8, top + 7), style))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(name: &str, value: f64) -> Bar {
        Bar { name: name.to_owned(), value, text: format!("{value}/s") }
    }

    /// Goal: a wide range is logarithmic and says so; every value stands in the picture.
    #[test]
    fn the_scale_follows_the_range() {
        let svg = bars("t", &[bar("a", 1.0), bar("b", 1000.0)]).expect("two bars can be drawn");
        assert!(svg.contains("logarithmic") && svg.contains("1000/s"), "{svg}");
        let svg = bars("t", &[bar("a", 1.0), bar("b", 2.0)]).expect("two bars can be drawn");
        assert!(svg.contains("linear"), "{svg}");
    }
}
