//! Results for people: the terminal's table, and one self-contained page with plots.
//!
//! Imports `results` and what is below it. Never here: a measurement.

pub mod page;
pub mod plots;
pub mod table;
