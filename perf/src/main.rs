//! `pinion-perf`: the same work on Pinion and on other brokers, measured and verified alike.
//!
//! The modules, lowest first; each imports only from those above it in this list. `perf/README.md`
//! says more.

#![deny(unsafe_code)]

mod error;
mod work;
mod host;
mod ceiling;
mod drivers;
mod systems;
mod sweep;
mod scenario;
mod results;
mod run;
mod report;
mod commands;

use std::process::ExitCode;

fn main() -> ExitCode {
    commands::main()
}
