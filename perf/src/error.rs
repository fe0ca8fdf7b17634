//! What can go wrong in a run: one enum, since every failure ends in the same places, the
//! terminal and the results.

use std::io;
use std::path::Path;

/// Why something could not be run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or process of ours.
    #[error("{what}: {source}")]
    Io {
        /// The path or program.
        what: String,
        /// The system's reason.
        source: io::Error,
    },
    /// Something that a system needs is not there and cannot be fetched.
    #[error("cannot be installed: {0}")]
    Install(String),
    /// Something that a system needs is not there, and would be fetched.
    #[error("would be installed: {0}")]
    Wanted(String),
    /// A system did not come up.
    #[error("did not start: {0}")]
    Start(String),
    /// A system's process ended in the middle of a run.
    #[error("the broker ended: {0}")]
    Died(String),
    /// A client library's error, in its words.
    #[error("{client}: {message}")]
    Client {
        /// The library.
        client: &'static str,
        /// What it says.
        message: String,
    },
    /// Records stopped coming or being confirmed.
    #[error("{0}")]
    Stalled(String),
    /// Arguments, scenario or results that make no sense.
    #[error("{0}")]
    Input(String),
    /// Ctrl-C or SIGTERM.
    #[error("interrupted")]
    Interrupted,
}

/// The result of almost everything here.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Names what failed; for `map_err`.
    pub fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
        let what = what.into();
        move |source| Error::Io { what, source }
    }

    /// Names the file that failed; for `map_err`.
    pub fn file(path: &Path) -> impl FnOnce(io::Error) -> Error {
        Error::io(path.display().to_string())
    }

    /// Wraps a client library's error; for `map_err`.
    pub fn client<E: std::fmt::Display>(client: &'static str) -> impl Fn(E) -> Error {
        move |error| Error::Client { client, message: error.to_string() }
    }
}
