//! The command line: one file for each subcommand, and the options that they share.
//!
//! May print and exit; nothing below it does.

mod compare;
mod doctor;
mod load;
mod page;

use crate::ceiling;
use crate::drivers::KafkaClient;
use crate::error::{Error, Result};
use crate::host::cores::Cores;
use crate::host::directory::Disk;
use crate::host::install::Installs;
use crate::host::interrupt;
use crate::scenario;
use crate::systems::{self, Setting, System};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// The exit code after Ctrl-C, as a shell has it: 128 and the signal's number.
const INTERRUPTED: u8 = 130;

const EXAMPLES: &str = "Examples:
  pinion-perf paper --scale 0.02
  pinion-perf compare confirmed steady-1k --systems pinion,kafka --runs 5
  pinion-perf compare my-scenario.toml --out results
  pinion-perf load both --bootstrap 127.0.0.1:9092 --records 5000000 --producers 4
  pinion-perf compare confirmed --systems kafka --endpoint kafka=10.0.0.7:9092
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
    /// Work of one's own on any broker that speaks Kafka's protocol.
    Load(load::LoadArgs),
    /// Makes the page again from the results in a folder.
    Report {
        /// The folder of a results.json.
        folder: PathBuf,
    },
    /// What is installed, which scenarios there are, and what machine this is.
    Doctor(SystemArgs),
    /// Serves what measures the generator's ceiling; for runs, which start it.
    #[command(name = systems::ceiling::COMMAND, hide = true)]
    CeilingBroker {
        /// Where to listen.
        address: String,
    },
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
    /// A system that runs already, and where: it is not started, and its cost is not known.
    #[arg(long = "endpoint", value_name = "SYSTEM=HOST:PORT", value_parser = endpoint)]
    endpoints: Vec<(String, String)>,
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
    /// The client of systems that speak Kafka's protocol; the scenario's if absent, which is the
    /// native one unless it has to outlast a restart.
    #[arg(long, value_enum)]
    kafka_client: Option<KafkaClient>,
    /// Where results go.
    #[arg(long, default_value = "perf-results", value_name = "DIR")]
    out: PathBuf,
}

impl SystemArgs {
    /// The systems, and what they need.
    fn resolve(&self) -> Result<(Vec<&'static dyn System>, Setting)> {
        let setting = Setting {
            installs: Installs::of_user()?,
            data: self.data.clone(),
            cores: Cores::split()?,
            pinion: self.pinion.clone(),
            endpoints: self.endpoints.iter().cloned().collect(),
            disk: Disk::Shared,
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
        Command::Load(load) => load::run(load),
        Command::Report { folder } => page::run(folder),
        Command::Doctor(systems) => doctor::run(systems),
        Command::CeilingBroker { address } => ceiling::serve(address).map(|()| ExitCode::SUCCESS),
    });
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("pinion-perf: {error}");
            match error {
                Error::Interrupted => ExitCode::from(INTERRUPTED),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

fn endpoint(text: &str) -> std::result::Result<(String, String), String> {
    let (system, address) = text.split_once('=').ok_or("SYSTEM=HOST:PORT is expected")?;
    systems::named(&[system.to_owned()]).map_err(|error| error.to_string())?;
    Ok((system.to_owned(), endpoint_address(address)?))
}

fn endpoint_address(text: &str) -> std::result::Result<String, String> {
    match text.rsplit_once(':').map(|(host, port)| (host, port.parse::<u16>())) {
        Some((host, Ok(_))) if !host.is_empty() => Ok(text.to_owned()),
        _ => Err(format!("{text} is no address: HOST:PORT is expected")),
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
