//! `pinion serve`: runs a broker.
//!
//! `directory` keeps the data directory to this process, `cores` says which shards there are, and
//! `node` runs their threads.

mod cores;
mod directory;
mod node;

use super::address::parse_listen_address;
use super::error::CliError;
use crate::config::{Config, ConfigError, Override};
use crate::control::LogOutput;
use clap::Args;
use std::path::PathBuf;
use std::sync::Arc;

const AFTER_HELP: &str = "\
Examples:
  pinion serve
  pinion serve --data /var/lib/pinion --listen 0.0.0.0:9092 --cores 2,3
  pinion serve --shards 2 --set log.flush.interval.messages=9223372036854775807

A first SIGTERM or SIGINT drains and stops; one that comes more than a second later ends at
once, with exit code 1.";

/// What to run with. Each of these overrides the configuration file.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct ServeArgs {
    /// Configuration file, in TOML under Kafka's names
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Data directory [default: ./pinion-data]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// Address for clients; an empty host for all interfaces [default: 127.0.0.1:9092]
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_listen_address)]
    pub listen: Option<String>,

    /// Cores to pin shards to, as in 2,3 or 2-5; auto takes all that are allowed
    /// [default: auto]
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
pub fn run(args: &ServeArgs) -> Result<(), CliError> {
    let config = load(args).map_err(|error| match error.is_of_command_line() {
        true => CliError::usage(error.to_string()),
        false => CliError::failure(error.to_string()),
    })?;
    let cores = cores::choose(&config)?;
    let log_output = Arc::new(LogOutput::install());
    let outcome = node::run(config, &cores, &log_output);
    // What the log has to say comes before the line that says how it ended.
    log_output.end();
    outcome
}

fn load(args: &ServeArgs) -> Result<Config, ConfigError> {
    let mut overrides = Vec::new();
    let data = args.data.as_ref().map(|path| path.display().to_string());
    let listen = args.listen.as_ref().map(|address| format!("PLAINTEXT://{address}"));
    let shards = args.shards.map(|count| count.to_string());
    let options = [
        ("--data", "log.dirs", &data),
        ("--listen", "listeners", &listen),
        ("--cores", "cores", &args.cores),
        ("--shards", "shards", &shards),
    ];
    for (option, key, value) in options {
        if let Some(value) = value {
            overrides.push(Override::new(option, key, value));
        }
    }
    for setting in &args.settings {
        overrides.push(Override::parse(setting)?);
    }
    Config::load(args.config.as_deref(), &overrides)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::config_keys::broker_key;

    /// Goal: the defaults in the help are those of the keys.
    #[test]
    fn the_help_tells_the_defaults() {
        let command = ServeArgs::augment_args(clap::Command::new("serve"));
        for (option, key) in [("data", "log.dirs"), ("listen", "listeners"), ("cores", "cores")] {
            let argument = command.get_arguments().find(|a| a.get_id() == option).unwrap();
            let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
            let default = broker_key(key).and_then(|key| key.default).unwrap();
            let default = default.trim_start_matches("PLAINTEXT://");
            assert!(help.ends_with(&format!("[default: {default}]")), "{option}: {help}");
        }
    }
}
