//! `pinion dump-log`: what is in the files of a data directory, and whether it is whole.
//!
//! Reads files only, of a stopped broker or of a running one, ours or Kafka's. Lines follow the
//! field names of Kafka's own dump tool, so that scripts for that one work here.

mod batch_file;
mod checkpoint_file;
mod index_file;
mod metadata_file;
mod producer_snapshot;
mod report;
mod segment_file;

#[cfg(test)]
mod tests;

use super::error::CliError;
use super::output::Output;
use clap::Args;
use report::Report;
use std::fs;
use std::path::{Path, PathBuf};

const AFTER_HELP: &str = "\
Examples:
  pinion dump-log pinion-data/orders-0/00000000000000000000.log
  pinion dump-log pinion-data/orders-0 --records
  pinion dump-log pinion-data --quiet

Exit codes: 0 everything is whole, 1 something is damaged or unreadable, 2 wrong arguments.";

/// What to read, and how much to print.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct DumpLogArgs {
    /// Files, or directories whose files are read by their names
    #[arg(required = true)]
    paths: Vec<PathBuf>,

    /// Print the records of each batch, decompressed
    #[arg(short, long, conflicts_with = "quiet")]
    records: bool,

    /// Print nothing but damage
    #[arg(short, long)]
    quiet: bool,
}

/// Reads and checks every file.
pub fn run(args: &DumpLogArgs) -> Result<(), CliError> {
    let mut report = Report::new(Output::new(), args.quiet, args.records);
    for path in &args.paths {
        if let Err(source) = path.metadata() {
            return Err(CliError::File { path: path.display().to_string(), source });
        }
        if path.is_dir() {
            dump_directory(path, &mut report)?;
        } else if !dump_file(path, &mut report)? {
            let name = path.display();
            return Err(CliError::usage(format!(
                "{name}: no name of a segment (.log), an index, a snapshot, a checkpoint or \
                 another file of a data directory"
            )));
        }
    }
    report.finish()
}

/// Reads what is known by its name, in the directory and those below it.
fn dump_directory(directory: &Path, report: &mut Report) -> Result<(), CliError> {
    let failure = |source| CliError::File { path: directory.display().to_string(), source };
    let entries = fs::read_dir(directory).map_err(failure)?;
    let entries = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = entries.collect::<Result<Vec<PathBuf>, _>>().map_err(failure)?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            dump_directory(&path, report)?;
        } else {
            dump_file(&path, report)?;
        }
    }
    Ok(())
}

/// Prints and checks one file.
type Dump = fn(&Path, &mut Report) -> Result<(), CliError>;

/// Reads a file whose name tells what it is; false for any other.
fn dump_file(path: &Path, report: &mut Report) -> Result<bool, CliError> {
    let Some(dump) = dump_of(path) else { return Ok(false) };
    report.begin(path)?;
    dump(path, report)?;
    Ok(true)
}

fn dump_of(path: &Path) -> Option<Dump> {
    if metadata_file::is_one(path) {
        return Some(metadata_file::dump);
    }
    let name = path.file_name()?.to_str()?;
    Some(match path.extension().and_then(|extension| extension.to_str()) {
        Some("log") => segment_file::dump,
        Some("index") => index_file::dump_offset_index,
        Some("timeindex") => index_file::dump_time_index,
        Some("txnindex") => index_file::dump_transaction_index,
        Some("snapshot") => producer_snapshot::dump,
        _ => return checkpoint_file::dump_of(name),
    })
}

/// The whole of a small file.
fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    fs::read(path).map_err(|source| CliError::File { path: path.display().to_string(), source })
}

/// The offset that a segment's files are named by; 0 for another name.
fn base_offset(path: &Path) -> i64 {
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    stem.and_then(|stem| stem.parse().ok()).unwrap_or(0)
}
