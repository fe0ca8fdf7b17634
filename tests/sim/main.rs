//! A deterministic simulator: the real code on a simulated clock, disk and network.
//!
//! `world` is a second implementation of `pinion::io::Io`; the other modules run parts of the
//! broker on it and check what they promise. One seed is one run. A failure prints the seed and
//! the command that repeats it; `PINION_SIM_TRACE=1` prints what happened in it.

mod broker;
mod crash;
mod ledger;
mod log;
mod metadata;
mod payload;
mod random;
mod report;
mod strikes;
mod world;
