//! A figure of each system: bars from 0, or dots on a logarithmic scale where a bar would lie.

use super::palette::{GRID, INK, WEAK, color_of};
use super::{Area, Drawn, FONT, HEAD_HEIGHT, MARGIN, TEXT_SIZE, decades, svg, ticks};
use crate::error::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::ops::Range;

const WIDTH: i32 = 390;
const ROW_HEIGHT: i32 = 32;
const BAR_HEIGHT: i32 = 18;
const DOT_RADIUS: i32 = 6;
const AXIS_HEIGHT: i32 = 24;
const NAME_WIDTH: i32 = 122;
const VALUE_WIDTH: i32 = 96;
/// Ranges wider than this get a logarithmic scale.
const LINEAR_RANGE_MAX: f64 = 20.0;

/// One system.
#[derive(Debug, Clone)]
pub struct Bar {
    /// The system.
    pub name: String,
    /// More than 0.
    pub value: f64,
    /// The least and the greatest of the runs behind it.
    pub range: (f64, f64),
    /// The value with its unit.
    pub text: String,
}

/// The systems below each other.
///
/// # Errors
/// If the plot cannot be drawn.
pub fn bars(
    title: &str,
    more_is_better: bool,
    tick: impl Fn(f64) -> String,
    bars: &[Bar],
) -> Result<String> {
    let scale = Scale::of(bars);
    let better = if more_is_better { "more is better" } else { "less is better" };
    let subtitle = match scale {
        Scale::FromZero { .. } => better.to_owned(),
        Scale::Logarithmic(_) => format!("{better} · logarithmic scale"),
    };
    let rows = ROW_HEIGHT * i32::try_from(bars.len()).unwrap_or(1);
    let axis = if matches!(scale, Scale::Logarithmic(_)) { AXIS_HEIGHT } else { 4 };
    let size = (WIDTH.cast_unsigned(), (HEAD_HEIGHT + rows + axis + MARGIN).cast_unsigned());
    svg(size, title, &subtitle, |root| {
        if let Scale::Logarithmic(axis) = &scale {
            draw_axis(root, &scale, &ticks(axis), rows, tick)?;
        }
        (0..).zip(bars).try_for_each(|(row, bar)| draw_row(root, &scale, row, bar))
    })
}

enum Scale {
    FromZero { most: f64 },
    Logarithmic(Range<f64>),
}

impl Scale {
    fn of(bars: &[Bar]) -> Scale {
        let ends = || bars.iter().flat_map(|bar| [bar.value, bar.range.0, bar.range.1]);
        let most = ends().fold(f64::MIN_POSITIVE, f64::max);
        let least = bars.iter().map(|bar| bar.value).fold(most, f64::min);
        if most / least > LINEAR_RANGE_MAX {
            Scale::Logarithmic(decades(ends()))
        } else {
            Scale::FromZero { most }
        }
    }

    fn x(&self, value: f64) -> i32 {
        let part = match self {
            Scale::FromZero { most } => value / most,
            Scale::Logarithmic(axis) => {
                (value / axis.start).log10() / (axis.end / axis.start).log10()
            }
        };
        let room = f64::from(WIDTH - MARGIN - NAME_WIDTH - VALUE_WIDTH);
        MARGIN + NAME_WIDTH + (part * room).round() as i32
    }
}

fn draw_axis(
    root: &Area<'_>,
    scale: &Scale,
    ticks: &[f64],
    rows: i32,
    text: impl Fn(f64) -> String,
) -> Drawn {
    let bottom = HEAD_HEIGHT + rows;
    let style = (FONT, TEXT_SIZE - 1).into_font().color(&WEAK);
    let style = style.pos(Pos::new(HPos::Center, VPos::Top));
    // Labels of more than five decades would touch.
    let every = ticks.len().div_ceil(5);
    for (index, tick) in ticks.iter().enumerate() {
        let x = scale.x(*tick);
        root.draw(&PathElement::new(vec![(x, HEAD_HEIGHT), (x, bottom)], GRID))?;
        if index % every == 0 {
            root.draw(&Text::new(text(*tick), (x, bottom + 6), style.clone()))?;
        }
    }
    Ok(())
}

fn draw_row(root: &Area<'_>, scale: &Scale, row: i32, bar: &Bar) -> Drawn {
    let middle = HEAD_HEIGHT + row * ROW_HEIGHT + ROW_HEIGHT / 2;
    let (left, right) = (MARGIN + NAME_WIDTH, scale.x(bar.value));
    let ends = (scale.x(bar.range.0), scale.x(bar.range.1));
    let color = color_of(&bar.name);
    match scale {
        Scale::FromZero { .. } => {
            let (top, bottom) = (middle - BAR_HEIGHT / 2, middle + BAR_HEIGHT / 2);
            let corners = [(left, top), (right.max(left + 1), bottom)];
            root.draw(&Rectangle::new(corners, color.filled()))?;
            root.draw(&PathElement::new(vec![(ends.0, middle), (ends.1, middle)], INK))?;
        }
        Scale::Logarithmic(_) => {
            let range = vec![(ends.0, middle), (ends.1, middle)];
            root.draw(&PathElement::new(range, color.stroke_width(4)))?;
            root.draw(&Circle::new((right, middle), DOT_RADIUS, color.filled()))?;
        }
    }
    let style = (FONT, TEXT_SIZE + 1).into_font().color(&INK);
    let style = style.pos(Pos::new(HPos::Left, VPos::Center));
    root.draw(&Text::new(bar.name.clone(), (MARGIN, middle), style.clone()))?;
    let text_at = right.max(ends.1) + DOT_RADIUS + 5;
    root.draw(&Text::new(bar.text.clone(), (text_at, middle), style))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(name: &str, value: f64) -> Bar {
        let text = format!("{value}/s");
        Bar { name: name.to_owned(), value, range: (value, value), text }
    }

    /// Goal: a wide range is logarithmic and says so; every value stands in the picture.
    #[test]
    fn the_scale_follows_the_range() {
        let draw = |most| bars("t", true, |v| v.to_string(), &[bar("a", 1.0), bar("b", most)]);
        let svg = draw(1000.0).expect("two bars can be drawn");
        assert!(svg.contains("logarithmic") && svg.contains("1000/s"), "{svg}");
        let svg = draw(2.0).expect("two bars can be drawn");
        assert!(!svg.contains("logarithmic") && svg.contains("2/s"), "{svg}");
    }
}
