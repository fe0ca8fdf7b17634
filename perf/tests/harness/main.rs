//! The harness as its users run it, on Pinion alone and on a little work.

mod bad_input;
mod kinds;
mod smoke;
mod support;
