//! `pinion serve`: runs a broker.

use super::error::CliError;
use clap::Args;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Examples:
  pinion serve
  pinion serve --data /var/lib/pinion --listen 0.0.0.0:9092 --cores 2,3
  pinion serve --shards 2 --set flush.messages=9223372036854775807

A first SIGTERM or SIGINT drains and stops; a second ends at once, with exit code 1.";

/// What to run with. Each of these overrides the configuration file.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct ServeArgs {
    /// Configuration file, in TOML under Kafka's names
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Data directory
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// Address for clients
    #[arg(long, value_name = "HOST:PORT")]
    pub listen: Option<String>,

    /// Cores to pin shards to, as in 2,3 or 2-5; auto takes all that are allowed
    #[arg(long, value_name = "LIST|auto")]
    pub cores: Option<String>,

    /// Number of shards, without pinning
    #[arg(long, value_name = "N", conflicts_with = "cores")]
    pub shards: Option<u16>,

    /// A single setting under Kafka's name
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub settings: Vec<String>,
}

/// Runs until the shards have ended.
pub fn run(_args: &ServeArgs) -> Result<(), CliError> {
    Err(CliError::failure("serve: this build has no broker"))
}
