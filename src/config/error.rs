//! What is wrong with a configuration, where, and what would be right.

use crate::metadata::config_keys::ConfigFault;
use std::fmt;
use std::path::PathBuf;
use thiserror::Error;

/// Where a value was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A line of the configuration file, from 1.
    Line(PathBuf, usize),
    /// An option of the command line, as in `--set`.
    Option(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Line(path, line) => write!(f, "{}:{line}", path.display()),
            Origin::Option(option) => option.fmt(f),
        }
    }
}

/// A configuration that the broker cannot start with.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: {error}", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{origin}: {message}")]
    Syntax {
        /// Where.
        origin: Origin,
        /// What the parser said.
        message: String,
    },
    /// No key has this name.
    #[error("{origin}: unknown key {key}{}", did_you_mean(*.nearest))]
    UnknownKey {
        /// Where.
        origin: Origin,
        /// The name.
        key: String,
        /// The known name that is most like it.
        nearest: Option<&'static str>,
    },
    /// The key does not take the value.
    #[error("{origin}: {fault} (allowed: {allowed})")]
    BadValue {
        /// Where.
        origin: Origin,
        /// The key, the value, and what is wrong.
        fault: Box<ConfigFault>,
        /// What would be right.
        allowed: String,
    },
    /// The file sets a key twice.
    #[error("{second}: {key} is set already, at {first}")]
    SetTwice {
        /// The key.
        key: &'static str,
        /// Where it was set first.
        first: Origin,
        /// Where it was set again.
        second: Origin,
    },
    /// An override is not KEY=VALUE.
    #[error("--set {0}: write KEY=VALUE, such as num.partitions=3")]
    NotAnOverride(String),
    /// Two keys contradict each other.
    #[error("{0}")]
    Contradiction(String),
    /// An address cannot be found.
    #[error("{key}: cannot resolve {host}: {error}")]
    Unresolvable {
        /// The key that names it.
        key: &'static str,
        /// The name.
        host: String,
        /// What the system said.
        error: std::io::Error,
    },
}

impl ConfigError {
    /// Whether an option of the command line is to blame, rather than a file.
    pub fn is_of_command_line(&self) -> bool {
        match self {
            ConfigError::NotAnOverride(_) => true,
            ConfigError::Syntax { origin, .. }
            | ConfigError::UnknownKey { origin, .. }
            | ConfigError::BadValue { origin, .. } => matches!(origin, Origin::Option(_)),
            ConfigError::Unreadable { .. }
            | ConfigError::SetTwice { .. }
            | ConfigError::Contradiction(_)
            | ConfigError::Unresolvable { .. } => false,
        }
    }
}

fn did_you_mean(nearest: Option<&str>) -> String {
    match nearest {
        Some(nearest) => format!("; did you mean {nearest}?"),
        None => "; `pinion config` lists them all".into(),
    }
}
