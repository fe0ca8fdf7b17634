//! Why a broker does not start on its metadata.

use super::image::ChangeMisfit;
use crate::io::IoError;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why the metadata cannot be opened. Nothing was altered on the disk.
#[derive(Debug, Error)]
pub enum StartError {
    /// The disk refused.
    #[error("{path}: {error}{}", .error.remedy(), path = .path.display())]
    Io {
        /// What it was about.
        path: PathBuf,
        /// What it said.
        error: IoError,
    },
    /// The bytes are not those that a broker wrote.
    #[error(
        "{path} is damaged at byte {position}: {reason}. Restore the file from a backup",
        path = .path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the frame begins.
        position: u64,
        /// What is wrong.
        reason: String,
    },
    /// A newer version of Pinion wrote it.
    #[error(
        "{path} was written by a newer version of Pinion: {reason}",
        path = .path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Which version is in it.
        reason: String,
    },
    /// A change in it does not fit.
    #[error(
        "{path} holds a change that does not fit, at byte {position}: {misfit}",
        path = .path.display()
    )]
    Misfit {
        /// The file.
        path: PathBuf,
        /// Where the frame begins.
        position: u64,
        /// What is wrong.
        misfit: ChangeMisfit,
    },
    /// The file is gone, though others show that it was there.
    #[error(
        "{path} is missing, though {witness} was written after it. Restore it from a backup",
        path = .path.display(),
        witness = .witness.display()
    )]
    Missing {
        /// The file that is gone.
        path: PathBuf,
        /// The file that shows it.
        witness: PathBuf,
    },
    /// The directory belongs to another broker.
    #[error(
        "{path} belongs to {found}, not to {expected}: choose another data directory, or start \
         the broker that it belongs to",
        path = .path.display()
    )]
    ForeignDirectory {
        /// Its meta.properties.
        path: PathBuf,
        /// Whose it is.
        found: String,
        /// Who asks.
        expected: String,
    },
    /// A meta.properties that cannot be read.
    #[error(
        "{path}: {reason}. Restore the file from a backup, or choose another data directory",
        path = .path.display()
    )]
    Properties {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl StartError {
    /// For `map_err` of operations on `path`.
    pub(super) fn io(path: &Path) -> impl FnOnce(IoError) -> StartError {
        move |error| StartError::Io { path: path.to_owned(), error }
    }
}
