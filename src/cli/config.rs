//! `pinion config`: every key of the configuration, documented.

use super::error::CliError;
use super::output::Output;
use crate::config::{Config, render_documented};
use clap::Args;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Examples:
  pinion config > pinion.toml
  pinion config --check pinion.toml";

/// Print or check.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct ConfigArgs {
    /// Check a configuration file instead of printing the keys
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
}

/// Prints every key with its meaning, range and default, as a file for `serve --config`.
pub fn run(args: &ConfigArgs) -> Result<(), CliError> {
    if let Some(file) = &args.check {
        let checked = Config::load(Some(file), &[]);
        return checked.map(drop).map_err(|error| CliError::failure(error.to_string()));
    }
    let mut output = Output::new();
    output.bytes(render_documented().as_bytes())?;
    output.flush()
}
