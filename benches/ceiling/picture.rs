//! The picture of a run: each throughput as a part of its ceiling.

use crate::report::Comparison;
use plotters::prelude::*;
use std::error::Error;
use std::path::Path;

const WIDTH: u32 = 860;
/// Of the title and the axis together, and of each bar's row.
const FRAME_HEIGHT: u32 = 96;
const ROW_HEIGHT: u32 = 48;
const NAME_WIDTH: u32 = 200;

const BAR: RGBColor = RGBColor(0x2f, 0x6f, 0xb7);
const CEILING: RGBColor = RGBColor(0xb0, 0x3a, 0x2e);

/// Draws `comparisons` from the top down as an SVG file.
///
/// # Errors
/// If the file cannot be written.
pub fn draw(path: &Path, comparisons: &[Comparison]) -> Result<(), Box<dyn Error>> {
    let height = FRAME_HEIGHT + ROW_HEIGHT * comparisons.len() as u32;
    let root = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    root.fill(&WHITE)?;
    let rows = comparisons.len() as f64;
    let most = comparisons.iter().map(|comparison| comparison.ratio).fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(&root)
        .caption("Throughput, 100% being a bare program (or one partition)", ("sans-serif", 20))
        .margin(12)
        .margin_left(NAME_WIDTH)
        .x_label_area_size(28)
        .build_cartesian_2d(0.0..most * 1.05, 0.0..rows)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .max_light_lines(1)
        .disable_y_axis()
        .x_label_formatter(&|part| format!("{:.0}%", part * 100.0))
        .label_style(("sans-serif", 14))
        .draw()?;
    for (row, comparison) in comparisons.iter().enumerate() {
        let middle = rows - row as f64 - 0.5;
        let (low, high) = (middle - 0.32, middle + 0.32);
        let bar = Rectangle::new([(0.0, low), (comparison.ratio, high)], BAR.filled());
        chart.draw_series([bar])?;
        let text = format!(
            "{:.2}: {:.0} of {:.0} MB/s",
            comparison.ratio, comparison.broker, comparison.reference
        );
        let style = ("sans-serif", 15).into_font().color(&WHITE);
        chart.draw_series([Text::new(text, (most * 0.02, middle + 0.14), style)])?;
        let (_, y) = chart.backend_coord(&(0.0, middle + 0.14));
        root.draw(&Text::new(comparison.name, (14, y), ("sans-serif", 15).into_font()))?;
    }
    let ceiling = PathElement::new([(1.0, 0.0), (1.0, rows)], CEILING.stroke_width(2));
    chart.draw_series([ceiling])?;
    root.present()?;
    Ok(())
}
