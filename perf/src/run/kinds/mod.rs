//! The kinds of work, one in each file: its phases, and which of their figures count.
//!
//! Imports [`super::phases`] and [`super::cost`]. Never here: a thread's loop, a broker's start.

pub mod catch_up;
pub mod consume;
pub mod fan_out;
pub mod full_disk;
pub mod produce;
pub mod restart;
