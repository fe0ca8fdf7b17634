//! Standard output: buffered, and its errors as ours.

use super::error::CliError;
use serde_json::Value;
use std::io::{BufWriter, Write, stdout};

const BUFFER_SIZE: usize = 64 * 1024;

/// Buffered standard output. Flush it before waiting, and at the end.
pub struct Output(BufWriter<Box<dyn Write>>);

impl Output {
    /// The process's standard output.
    pub fn new() -> Output {
        Output::to(stdout())
    }

    /// The same to another place.
    pub fn to(writer: impl Write + 'static) -> Output {
        Output(BufWriter::with_capacity(BUFFER_SIZE, Box::new(writer)))
    }

    /// Writes raw bytes.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        self.0.write_all(bytes).map_err(CliError::Output)
    }

    /// Writes a line.
    pub fn line(&mut self, line: impl std::fmt::Display) -> Result<(), CliError> {
        writeln!(self.0, "{line}").map_err(CliError::Output)
    }

    /// Writes a JSON value, indented for people.
    pub fn json(&mut self, value: &Value) -> Result<(), CliError> {
        self.line(format_args!("{value:#}"))
    }

    /// Writes a table.
    pub fn table(&mut self, table: &super::table::Table) -> Result<(), CliError> {
        table.print(&mut self.0).map_err(CliError::Output)
    }

    /// Hands everything to the reader.
    pub fn flush(&mut self) -> Result<(), CliError> {
        self.0.flush().map_err(CliError::Output)
    }
}
