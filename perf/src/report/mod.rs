//! Results for people: the terminal's table, and one self-contained page with plots.
//!
//! [`comparison`] says what may be compared and who is ahead, by which [`quantity`] and with which
//! [`spread`]; the [`page`] has a [`verdict`] and [`section`]s of [`pictures`] and [`figures`].
//!
//! Imports `results` and what is below it. Never here: a measurement.

mod ceiling;
mod comparison;
mod figures;
mod grid;
mod numbers;
pub mod page;
mod pictures;
mod plots;
mod poster;
mod quantity;
#[cfg(test)]
mod samples;
mod section;
mod spread;
pub mod table;
mod verdict;
mod wording;
