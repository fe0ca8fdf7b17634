//! What is printed, and the count of what is wrong.

use super::super::output::Output;
use super::CliError;
use std::fmt::Display;
use std::path::Path;

/// Collects lines and faults over all files.
pub struct Report {
    output: Output,
    is_quiet: bool,
    with_records: bool,
    path: String,
    fault_count: u64,
}

impl Report {
    pub fn new(output: Output, is_quiet: bool, with_records: bool) -> Report {
        Report { output, is_quiet, with_records, path: String::new(), fault_count: 0 }
    }

    /// Whether records are wanted, not only batches.
    pub fn with_records(&self) -> bool {
        self.with_records
    }

    /// Goes on with another file.
    pub fn begin(&mut self, path: &Path) -> Result<(), CliError> {
        self.path = path.display().to_string();
        let title = format!("Dumping {}", self.path);
        self.line(title)
    }

    /// Prints a line of the file.
    pub fn line(&mut self, line: impl Display) -> Result<(), CliError> {
        if self.is_quiet { Ok(()) } else { self.output.line(line) }
    }

    /// Prints what is wrong with the file.
    pub fn fault(&mut self, fault: impl Display) -> Result<(), CliError> {
        self.fault_count += 1;
        self.output.line(format_args!("DAMAGED {}: {fault}", self.path))
    }

    /// How much was wrong so far.
    pub fn fault_count(&self) -> u64 {
        self.fault_count
    }

    /// Fails if anything was wrong.
    pub fn finish(mut self) -> Result<(), CliError> {
        self.output.flush()?;
        match self.fault_count() {
            0 => Ok(()),
            1 => Err(CliError::failure("1 fault found")),
            count => Err(CliError::failure(format!("{count} faults found"))),
        }
    }
}
