//! A line for each system over an axis; the figure's own axis is logarithmic.

use super::palette::{GRID, INK, WEAK, color_of};
use super::{Area, Drawn, FONT, HEAD_HEIGHT, MARGIN, TEXT_SIZE, decades, svg, ticks};
use crate::error::Result;
use crate::report::numbers;
use plotters::coord::ranged1d::AsRangedCoord;
use plotters::coord::ranged1d::ValueFormatter;
use plotters::prelude::*;

/// Two beside each other, or three where each has few points.
const SIZE: (u32, u32) = (480, 330);
const SIZE_OF_VALUES: (u32, u32) = (390, 300);
/// About what a character takes in the names above the lines.
const CHARACTER_WIDTH: i32 = 7;
const SWATCH_WIDTH: i32 = 16;
const LEGEND_HEIGHT: i32 = 20;
/// The half of a label that stands beyond the end of its axis.
const LAST_LABEL_WIDTH: i32 = 14;

/// A system's line.
#[derive(Debug, Clone)]
pub struct Line {
    /// The system.
    pub name: String,
    /// In the order of x; all values more than 0, but for x on a linear axis.
    pub points: Vec<(f64, f64)>,
    /// The least and the greatest value at some x, if there are several.
    pub ranges: Vec<(f64, (f64, f64))>,
}

impl Line {
    /// One without points.
    pub fn named(system: &str) -> Line {
        Line { name: system.to_owned(), points: Vec::new(), ranges: Vec::new() }
    }
}

/// The lower axis.
#[derive(Debug, Clone)]
pub enum Across {
    /// How rare a value is, as 1 in so many, which is named by its percentile.
    Percentile,
    /// Seconds of the run; each that has a value is marked.
    Seconds,
    /// These values of something, with its name; each point is marked.
    Values(&'static str, Vec<f64>),
}

/// A plot of lines.
pub struct Plot<'a> {
    /// What is shown.
    pub title: &'a str,
    /// The unit, and what to know about it.
    pub subtitle: &'a str,
    /// The lower axis.
    pub across: Across,
    /// A figure on the other axis.
    pub tick: &'a dyn Fn(f64) -> String,
    /// At least one with points.
    pub lines: &'a [Line],
}

impl Plot<'_> {
    /// The plot as SVG.
    ///
    /// # Errors
    /// If it cannot be drawn.
    pub fn draw(&self) -> Result<String> {
        svg(self.size(), self.title, self.subtitle, |root| {
            let legend = self.draw_legend(root)?;
            let (_, area) = root.split_vertically(HEAD_HEIGHT + legend);
            let xs = || self.lines.iter().flat_map(|line| &line.points).map(|point| point.0);
            let most = xs().fold(0.0, f64::max);
            match &self.across {
                Across::Percentile => {
                    let axis = 1.0..most.max(10.0);
                    let axis = axis.clone().log_scale().with_key_points(ticks(&decades(xs())));
                    self.draw_chart(&area, axis, "percentile", &percentile_name)
                }
                Across::Seconds => {
                    let text = |second: f64| match second.fract() {
                        0.0 => format!("{second:.0}"),
                        _ => String::new(),
                    };
                    self.draw_chart(&area, 0.0..most.max(1.0), "seconds since the start", &text)
                }
                Across::Values(name, values) => {
                    let least = xs().fold(most, f64::min);
                    // Room for the marks at both ends.
                    let axis = (least / 1.2..most * 1.2).log_scale();
                    let axis = axis.with_key_points(values.clone());
                    self.draw_chart(&area, axis, name, &numbers::tick)
                }
            }
        })
    }

    fn size(&self) -> (u32, u32) {
        match self.across {
            Across::Percentile | Across::Seconds => SIZE,
            Across::Values(..) => SIZE_OF_VALUES,
        }
    }

    /// The systems' names beside their colours; returns the height that they take.
    fn draw_legend(&self, root: &Area<'_>) -> std::result::Result<i32, Box<dyn std::error::Error>> {
        let (mut x, mut y) = (MARGIN, HEAD_HEIGHT);
        for line in self.lines {
            let width = CHARACTER_WIDTH * i32::try_from(line.name.chars().count())?;
            if x > MARGIN && x + SWATCH_WIDTH + width > self.size().0.cast_signed() - MARGIN {
                (x, y) = (MARGIN, y + LEGEND_HEIGHT);
            }
            let swatch = [(x, y + 3), (x + SWATCH_WIDTH - 5, y + 13)];
            root.draw(&Rectangle::new(swatch, color_of(&line.name).filled()))?;
            let style = (FONT, TEXT_SIZE).into_font().color(&INK);
            root.draw(&Text::new(line.name.clone(), (x + SWATCH_WIDTH, y), style))?;
            x += SWATCH_WIDTH + width + MARGIN;
        }
        Ok(y + LEGEND_HEIGHT - HEAD_HEIGHT)
    }

    fn draw_chart<X>(
        &self,
        area: &Area<'_>,
        across: X,
        across_name: &str,
        across_tick: &dyn Fn(f64) -> String,
    ) -> Drawn
    where
        X: AsRangedCoord<Value = f64>,
        X::CoordDescType: ValueFormatter<f64>,
    {
        let figures = self.lines.iter().flat_map(|line| {
            let ends = line.ranges.iter().flat_map(|(_, range)| [range.0, range.1]);
            line.points.iter().map(|point| point.1).chain(ends)
        });
        let figures = decades(figures);
        let marks = ticks(&figures);
        let mut chart = ChartBuilder::on(area)
            .margin(MARGIN)
            .margin_right(MARGIN + LAST_LABEL_WIDTH)
            .x_label_area_size(42)
            .y_label_area_size(58)
            .build_cartesian_2d(across, figures.log_scale().with_key_points(marks))?;
        let text = (FONT, TEXT_SIZE - 1).into_font().color(&WEAK);
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .axis_style(WEAK)
            .label_style(text.clone())
            .axis_desc_style(text)
            .x_desc(across_name)
            .x_label_formatter(&|x| across_tick(*x))
            .y_label_formatter(&|y| (self.tick)(*y))
            .draw()?;
        for line in self.lines {
            let color = color_of(&line.name);
            let points = || line.points.iter().copied();
            chart.draw_series(LineSeries::new(points(), color.stroke_width(2)))?;
            let ranges = line.ranges.iter().map(|(x, range)| {
                PathElement::new(vec![(*x, range.0), (*x, range.1)], color.stroke_width(1))
            });
            chart.draw_series(ranges)?;
            let radius = match self.across {
                Across::Percentile => continue,
                Across::Seconds => 2,
                Across::Values(..) => 4,
            };
            chart.draw_series(points().map(|at| Circle::new(at, radius, color.filled())))?;
        }
        Ok(())
    }
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

    fn draw(across: Across, points: Vec<(f64, f64)>) -> String {
        let lines = [Line { points, ..Line::named("pinion") }];
        let tick = |value: f64| value.to_string();
        let plot = Plot { title: "t", subtitle: "s", across, tick: &tick, lines: &lines };
        plot.draw().expect("lines can be drawn")
    }

    /// Goal: the values that a sweep has stand on its axis, and nothing else does.
    #[test]
    fn a_sweep_is_marked_where_it_was_measured() {
        let values = vec![1.0, 100.0, 5000.0];
        let svg = draw(Across::Values("partitions", values), vec![(1.0, 9.0), (5000.0, 80.0)]);
        assert!(svg.contains("5 k") && svg.contains("partitions"), "{svg}");
        assert_eq!(svg.matches("<circle").count(), 2, "{svg}");
    }

    /// Goal: no second is marked twice, however few they are.
    #[test]
    fn seconds_are_marked_once() {
        let svg = draw(Across::Seconds, vec![(0.0, 200.0), (3.0, 900.0)]);
        let marks = |text: &str| svg.lines().filter(|line| line.trim() == text).count();
        assert_eq!([marks("1"), marks("2"), marks("3")], [1, 1, 1], "{svg}");
    }

    /// Goal: one value alone, or values that are all a power of ten, make a plot like any other.
    #[test]
    fn a_single_point_can_be_drawn() {
        for across in [Across::Percentile, Across::Seconds, Across::Values("x", vec![10.0])] {
            assert!(draw(across, vec![(10.0, 100.0)]).contains("</svg>"));
        }
    }

    #[test]
    fn rarities_are_named_as_percentiles() {
        let names = [1.0, 10.0, 100.0, 10_000.0].map(percentile_name);
        assert_eq!(names, ["0%", "90%", "99%", "99.99%"]);
    }
}
