//! The command line: one file for each subcommand, and the options that they share.
//!
//! May print and exit; nothing below it does.

mod compare;
mod doctor;
mod page;

use crate::error::Result;
use crate::host::cores::Cores;
use crate::host::install::Installs;
use crate::host::interrupt;
use crate::scenario;
use crate::systems::{self, Setting, System};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

const EXAMPLES: &str = "Examples:
  pinion-perf paper --scale 0.02
  pinion-perf compare confirmed steady-1k --systems pinion,kafka --runs 5
  pinion-perf compare my-scenario.toml --out results
  pinion-perf report results";

/// Runs the same work on Pinion and on other brokers, measured and verified alike.
#[derive(Debug, Parser)]
#[command(name = "pinion-perf", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The experiment of the Kafka paper (NetDB 2011): its figures 4 and 5.
    Paper(RunArgs),
    /// Any scenarios, built in or in files.
    Compare {
        /// Names of built-in scenarios, or paths of .toml files.
        #[arg(required = true)]
        scenarios: Vec<String>,
        #[command(flatten)]
        run: RunArgs,
    },
    /// Makes the page again from the results in a folder.
    Report {
        /// The folder of a results.json.
        folder: PathBuf,
    },
    /// What is installed, which scenarios there are, and what machine this is.
    Doctor(SystemArgs),
}

/// What to run it on.
#[derive(Debug, Args)]
struct SystemArgs {
    /// Systems, separated by commas; all if absent.
    #[arg(long, value_delimiter = ',')]
    systems: Vec<String>,
    /// The folder that brokers keep their data in while they run.
    #[arg(long, default_value_os_t = std::env::temp_dir(), value_name = "DIR")]
    data: PathBuf,
    /// Pinion's program; this checkout's, built for release, if absent.
    #[arg(long, value_name = "FILE")]
    pinion: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct RunArgs {
    #[command(flatten)]
    systems: SystemArgs,
    /// Runs of each system and scenario; the medians are shown.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Multiplies the number of records.
    #[arg(long, default_value_t = 1.0, value_parser = scale)]
    scale: f64,
    /// Where results go.
    #[arg(long, default_value = "perf-results", value_name = "DIR")]
    out: PathBuf,
}

impl SystemArgs {
    /// The systems, and what they need. Moves this process to the clients' cores.
    fn resolve(&self) -> Result<(Vec<&'static dyn System>, Setting)> {
        let cores = Cores::split()?;
        cores.enter_client()?;
        let setting = Setting {
            installs: Installs::of_user()?,
            data: self.data.clone(),
            cores,
            pinion: self.pinion.clone(),
        };
        Ok((systems::named(&self.systems)?, setting))
    }
}

/// Runs the command line.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = interrupt::listen().and_then(|()| match &cli.command {
        Command::Paper(run) => {
            let scenarios: Vec<String> = scenario::PAPER.map(str::to_owned).to_vec();
            compare::run(&scenarios, run)
        }
        Command::Compare { scenarios, run } => compare::run(scenarios, run),
        Command::Report { folder } => page::run(folder),
        Command::Doctor(systems) => doctor::run(systems),
    });
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("pinion-perf: {error}");
            ExitCode::FAILURE
        }
    }
}

fn scale(text: &str) -> std::result::Result<f64, String> {
    let scale: f64 = text.parse().map_err(|error| format!("{error}"))?;
    if scale > 0.0 && scale.is_finite() { Ok(scale) } else { Err("must be more than 0".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
