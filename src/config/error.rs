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
    #[error("{origin}: {fault}{}", or_allowed(.allowed.as_deref()))]
    BadValue {
        /// Where.
        origin: Origin,
        /// The key, the value, and what is wrong.
        fault: Box<ConfigFault>,
        /// What would be right, where the fault does not say it.
        allowed: Option<String>,
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
    /// Several things are wrong: a line each.
    #[error("{}", lines(.0))]
    Several(Vec<ConfigError>),
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
    /// All of `errors` in one; `None` if there are none.
    pub fn of_all(mut errors: Vec<ConfigError>) -> Option<ConfigError> {
        match errors.len() {
            0 | 1 => errors.pop(),
            _ => Some(ConfigError::Several(errors)),
        }
    }

    /// Whether an option of the command line is to blame, rather than a file.
    pub fn is_of_command_line(&self) -> bool {
        match self {
            ConfigError::NotAnOverride(_) => true,
            ConfigError::Several(errors) => errors.iter().all(ConfigError::is_of_command_line),
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

fn lines(errors: &[ConfigError]) -> String {
    let lines: Vec<String> = errors.iter().map(ConfigError::to_string).collect();
    lines.join("\n")
}

fn or_allowed(allowed: Option<&str>) -> String {
    allowed.map_or_else(String::new, |allowed| format!(" (allowed: {allowed})"))
}

fn did_you_mean(nearest: Option<&str>) -> String {
    match nearest {
        Some(nearest) => format!("; did you mean {nearest}?"),
        None => "; `pinion config` lists them all".into(),
    }
}
