//! The colours of plots. The page's style sheet replaces each by another one in the dark, and
//! finds it by its value.

use plotters::prelude::*;

/// Titles and labels.
pub const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
/// What explains, and axes.
pub const WEAK: RGBColor = RGBColor(0x66, 0x6a, 0x70);
/// Lines behind the figures.
pub const GRID: RGBColor = RGBColor(0xe2, 0xe4, 0xe8);
/// Behind everything.
pub const PAPER: RGBColor = RGBColor(0xff, 0xff, 0xff);

/// One for each system, told apart by the colour-blind, too.
const SYSTEMS: [(&str, RGBColor); 6] = [
    ("pinion", RGBColor(0xd2, 0x54, 0x0f)),
    ("kafka", RGBColor(0x1f, 0x6f, 0xb4)),
    ("rabbitmq", RGBColor(0x2c, 0x8a, 0x4a)),
    ("rabbitmq-streams", RGBColor(0x12, 0x9a, 0xa0)),
    ("activemq", RGBColor(0x8e, 0x5b, 0xb5)),
    ("nats", RGBColor(0xb0, 0x8d, 0x00)),
];
const OTHERS: RGBColor = RGBColor(0x77, 0x7b, 0x80);

/// A system's colour, the same in every plot.
pub fn color_of(system: &str) -> RGBColor {
    SYSTEMS.iter().find(|(name, _)| *name == system).map_or(OTHERS, |(_, color)| *color)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STYLE: &str = include_str!("../page.css");

    /// Goal: every colour that has another one in the dark is found by the style sheet.
    #[test]
    fn every_color_can_be_replaced_in_the_dark() {
        let systems = SYSTEMS.map(|(_, color)| color);
        for RGBColor(red, green, blue) in [&[INK, WEAK, GRID, PAPER], &systems[..]].concat() {
            let fill = format!("svg [fill=\"#{red:02X}{green:02X}{blue:02X}\"]");
            assert!(STYLE.contains(&fill), "{fill} is missing");
        }
    }
}
