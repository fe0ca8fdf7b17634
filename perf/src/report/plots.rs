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

const LINES_HEIGHT: u32 = 360;

const OWN: RGBColor = RGBColor(0xc8, 0x5a, 0x1e);
const OTHERS: RGBColor = RGBColor(0x5b, 0x6b, 0x7d);
/// Told apart by the colour-blind, too.
const COLORS: [RGBColor; 6] = [
    OWN,
    RGBColor(0x1f, 0x77, 0xb4),
    RGBColor(0x2c, 0x8a, 0x4a),
    RGBColor(0x8e, 0x5b, 0xb5),
    RGBColor(0x60, 0x60, 0x60),
    RGBColor(0xb8, 0x9a, 0x00),
];
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

/// A system's line.
#[derive(Debug, Clone)]
pub struct Line {
    /// The system.
    pub name: String,
    /// In the order of x; all values more than 0, but for x on a linear axis.
    pub points: Vec<(f64, f64)>,
}

/// What the axes of a line plot are.
#[derive(Debug, Clone, Copy)]
pub enum Axes {
    /// How rare a latency is, against the latency; both logarithmic.
    Spectrum,
    /// Seconds, against a latency, which is logarithmic.
    OverTime,
}

/// Lines under a title, with the systems' names in a corner.
///
/// # Errors
/// If the plot cannot be drawn.
pub fn lines(title: &str, axes: Axes, lines: &[Line]) -> Result<String> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, LINES_HEIGHT)).into_drawing_area();
        let drawn = match axes {
            Axes::Spectrum => draw_spectrum(&root, title, lines),
            Axes::OverTime => draw_over_time(&root, title, lines),
        };
        drawn.map_err(Error::client("plotters"))?;
        root.present().map_err(Error::client("plotters"))?;
    }
    Ok(svg)
}

type Drawn = std::result::Result<(), Box<dyn std::error::Error>>;

fn draw_spectrum(root: &DrawingArea<SVGBackend<'_>, Shift>, title: &str, lines: &[Line]) -> Drawn {
    root.fill(&WHITE)?;
    let (rarest, latencies) = (greatest_x(lines), range_of_y(lines));
    let mut chart = ChartBuilder::on(root)
        .caption(title, (FONT, 18).into_font().color(&INK))
        .margin(14)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .build_cartesian_2d((1.0..rarest.max(10.0)).log_scale(), latencies.log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .y_label_formatter(&|micros| format!("{micros:.0}"))
        .x_desc("percentile")
        .y_desc("latency, µs (logarithmic)")
        .x_label_formatter(&|rarity| percentile_name(*rarity))
        .draw()?;
    draw_lines(&mut chart, lines, SeriesLabelPosition::UpperLeft)
}

fn draw_over_time(root: &DrawingArea<SVGBackend<'_>, Shift>, title: &str, lines: &[Line]) -> Drawn {
    root.fill(&WHITE)?;
    let (end, latencies) = (greatest_x(lines), range_of_y(lines));
    let mut chart = ChartBuilder::on(root)
        .caption(title, (FONT, 18).into_font().color(&INK))
        .margin(14)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .build_cartesian_2d(0.0..end.max(1.0), latencies.log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .y_label_formatter(&|micros| format!("{micros:.0}"))
        .x_desc("seconds since the run began")
        .y_desc("p99 of the second, µs (logarithmic)")
        .x_label_formatter(&|second| format!("{second:.0}"))
        .draw()?;
    draw_lines(&mut chart, lines, SeriesLabelPosition::UpperRight)
}

fn draw_lines<'b, X, Y>(
    chart: &mut ChartContext<'b, SVGBackend<'b>, Cartesian2d<X, Y>>,
    lines: &[Line],
    names_at: SeriesLabelPosition,
) -> Drawn
where
    X: Ranged<ValueType = f64>,
    Y: Ranged<ValueType = f64>,
{
    for (line, color) in lines.iter().zip(COLORS.iter().cycle()) {
        let series = LineSeries::new(line.points.iter().copied(), color.stroke_width(2));
        let sample =
            move |(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], color.stroke_width(2));
        chart.draw_series(series)?.label(&line.name).legend(sample);
    }
    chart.configure_series_labels().position(names_at).draw()?;
    Ok(())
}

fn greatest_x(lines: &[Line]) -> f64 {
    lines.iter().flat_map(|line| &line.points).map(|point| point.0).fold(0.0, f64::max)
}

/// From the decade below the least value to the one above the greatest.
fn range_of_y(lines: &[Line]) -> std::ops::Range<f64> {
    let values = || lines.iter().flat_map(|line| &line.points).map(|point| point.1);
    let (least, most) = (values().fold(f64::MAX, f64::min), values().fold(1.0, f64::max));
    10f64.powf(least.min(most).log10().floor())..10f64.powf(most.log10().ceil().max(1.0))
}

/// The percentile that one value in so many lies above.
fn percentile_name(rarity: f64) -> String {
    let percent = 100.0 - 100.0 / rarity;
    let digits = (rarity.log10().round() as usize).saturating_sub(2);
    format!("{percent:.digits$}%")
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
