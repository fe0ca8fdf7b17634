//! Figures as people read them: grouped digits, units that fit, no more digits than were measured.

const MICROS_PER_MILLI: f64 = 1e3;
const MICROS_PER_SECOND: f64 = 1e6;
/// Digits that a figure is shown with: runs differ in the third.
const DIGITS: i32 = 3;
/// Stands for what is not known.
pub const UNKNOWN: &str = "–";

/// Three digits and no exponent, thousands grouped; whole numbers above that stay whole.
pub fn significant(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return UNKNOWN.to_owned();
    }
    let magnitude = value.abs().log10().floor() as i32 + 1;
    let decimals = usize::try_from(DIGITS - magnitude).unwrap_or(0);
    grouped(&format!("{value:.decimals$}"))
}

/// A whole number, thousands grouped.
pub fn whole(value: f64) -> String {
    grouped(&format!("{value:.0}"))
}

/// Microseconds in the unit that fits.
pub fn micros(micros: f64) -> String {
    if micros >= MICROS_PER_SECOND {
        format!("{} s", significant(micros / MICROS_PER_SECOND))
    } else if micros >= MICROS_PER_MILLI {
        format!("{} ms", significant(micros / MICROS_PER_MILLI))
    } else {
        format!("{} µs", significant(micros))
    }
}

/// A power of ten, or a multiple of one, on an axis: `20 k`.
pub fn tick(value: f64) -> String {
    let scales = [(1e9, " G"), (1e6, " M"), (1e3, " k")];
    let (scale, unit) = scales.into_iter().find(|(scale, _)| value >= *scale).unwrap_or((1.0, ""));
    let scaled = value / scale;
    let decimals = if scaled >= 1.0 { 0 } else { (-scaled.log10()).ceil() as usize };
    format!("{scaled:.decimals$}{unit}")
}

/// Microseconds on an axis: `10 ms`.
pub fn tick_of_micros(micros: f64) -> String {
    let scales = [(MICROS_PER_SECOND, "s"), (MICROS_PER_MILLI, "ms")];
    let fits = scales.into_iter().find(|(scale, _)| micros >= *scale);
    let (scale, unit) = fits.unwrap_or((1.0, "µs"));
    format!("{:.0} {unit}", micros / scale)
}

/// How many times one figure is another; enough digits that 1.02 is not 1.
pub fn factor(ratio: f64) -> String {
    match ratio {
        ratio if ratio < 1.1 => format!("{ratio:.2}×"),
        ratio if ratio < 10.0 => format!("{ratio:.1}×"),
        ratio => format!("{}×", whole(ratio)),
    }
}

/// A part of 1 as a percentage.
pub fn percent(part: f64) -> String {
    format!("{:.0}%", part * 100.0)
}

fn grouped(number: &str) -> String {
    let (before, after) = number.split_once('.').unwrap_or((number, ""));
    let mut text = String::new();
    for (index, digit) in before.chars().enumerate() {
        if index > 0 && (before.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if !after.is_empty() {
        text.push('.');
        text.push_str(after);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_and_a_fitting_unit() {
        let cases =
            [(0.012_34, "0.0123"), (1.0, "1.00"), (99.94, "99.9"), (1234567.8, "1,234,568")];
        for (value, text) in cases {
            assert_eq!(significant(value), text);
        }
        assert_eq!(significant(0.0), UNKNOWN);
        let cases = [(310.4, "310 µs"), (4_500.0, "4.50 ms"), (2_768_241.0, "2.77 s")];
        for (value, text) in cases {
            assert_eq!(micros(value), text);
        }
    }

    #[test]
    fn ticks_are_short() {
        let cases = [(0.01, "0.01"), (1.0, "1"), (20_000.0, "20 k"), (1e6, "1 M")];
        for (value, text) in cases {
            assert_eq!(tick(value), text);
        }
        assert_eq!(tick_of_micros(10_000.0), "10 ms");
        assert_eq!(factor(1.02), "1.02×");
        assert_eq!(factor(1234.0), "1,234×");
    }
}
