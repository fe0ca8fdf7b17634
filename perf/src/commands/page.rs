//! `report`: the page of results that are there.

use crate::error::Result;
use crate::report::{page, table};
use crate::results::Results;
use std::path::Path;
use std::process::ExitCode;

/// Writes the page again, and prints the table.
///
/// # Errors
/// If the folder has no results, or cannot be written.
pub fn run(folder: &Path) -> Result<ExitCode> {
    let results = Results::read(folder)?;
    page::write(&results, folder)?;
    print!("{}", table::of(&results));
    println!("{}", folder.join(page::FILE).display());
    Ok(ExitCode::SUCCESS)
}
