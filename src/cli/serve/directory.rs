//! The data directory: made if it is missing, and kept from other processes.

use crate::cli::error::CliError;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

/// The lock's file, as in Kafka.
const LOCK_NAME: &str = ".lock";

/// A data directory that this process alone uses, until this is dropped.
#[derive(Debug)]
pub struct DataDirectory {
    /// Its absolute path.
    pub path: PathBuf,
    _lock: File,
}

impl DataDirectory {
    /// Makes the directory if need be, and locks it.
    ///
    /// # Errors
    /// One line: it cannot be made or written, or another process has it.
    pub fn open(path: &Path) -> Result<DataDirectory, CliError> {
        let fail = |what: &str, error: std::io::Error| {
            let remedy = match error.raw_os_error().map_or("", crate::io::remedy) {
                "" => "; name another directory with --data".to_owned(),
                remedy => format!("{remedy}, or name another directory with --data"),
            };
            let path = path.display();
            CliError::failure(format!("data directory {path}: {what}: {error}{remedy}"))
        };
        fs::create_dir_all(path).map_err(|error| fail("cannot be made", error))?;
        let path = path.canonicalize().map_err(|error| fail("cannot be found", error))?;
        let lock =
            File::create(path.join(LOCK_NAME)).map_err(|error| fail("cannot be written", error))?;
        match lock.try_lock() {
            Ok(()) => Ok(DataDirectory { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(CliError::failure(format!(
                "data directory {}: another process uses it ({LOCK_NAME} is locked): stop that \
                 broker, or name another directory with --data",
                path.display()
            ))),
            Err(TryLockError::Error(error)) => Err(fail("cannot be locked", error)),
        }
    }
}
