use super::error::CliError;
use clap::Args;
#[derive(Debug, Args)]
pub struct DumpLogArgs {}
pub fn run(_: &DumpLogArgs) -> Result<(), CliError> {
    Ok(())
}
