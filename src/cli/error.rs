//! How a command fails: one line on standard error, and an exit code.

use super::client::ClientError;
use std::io;
use std::process::ExitCode;
use thiserror::Error;

/// The command did what it was asked.
pub const EXIT_OK: u8 = 0;
/// It could not: the line on standard error says why.
pub const EXIT_FAILURE: u8 = 1;
/// It was asked in a way it does not understand.
pub const EXIT_USAGE: u8 = 2;

/// Why a command did not do what it was asked.
#[derive(Debug, Error)]
pub enum CliError {
    /// The arguments contradict each other or do not fit what they are about.
    #[error("{0}")]
    Usage(String),
    /// Anything else, in words.
    #[error("{0}")]
    Failure(String),
    /// The broker, or the way to it.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A file.
    #[error("{path}: {source}")]
    File {
        /// Its path.
        path: String,
        /// The reason.
        source: io::Error,
    },
    /// Standard output cannot be written.
    #[error("standard output: {0}")]
    Output(io::Error),
}

impl CliError {
    /// A failure in words.
    pub fn failure(message: impl Into<String>) -> CliError {
        CliError::Failure(message.into())
    }

    /// A wrong use, in words.
    pub fn usage(message: impl Into<String>) -> CliError {
        CliError::Usage(message.into())
    }

    /// Whether the reader of our output has gone, as `head` does: no failure of ours.
    pub fn is_closed_output(&self) -> bool {
        matches!(self, CliError::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// The exit code.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            error if error.is_closed_output() => EXIT_OK,
            CliError::Usage(_) => EXIT_USAGE,
            _ => EXIT_FAILURE,
        })
    }
}
