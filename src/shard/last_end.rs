//! How the last process on a data directory ended, as the marks in it tell.
//!
//! The mark of a clean end is Kafka's. It is written when all logs are closed, and goes at the
//! next start. The mark of a boot names the boot of the machine in which a process last recovered
//! every log: if that is still the same one, nothing but the process can have died since, and the
//! page cache has all that it wrote. It is written once all logs are recovered and never goes, so
//! that a start which dies half-way is no better known than the end before it.

use super::opening::OpenError;
use crate::io::{Io, IoError, Startup};
use crate::log::LastEnd;
use std::path::Path;

/// The file whose presence says that the last end was a clean one.
pub(super) const CLEAN_SHUTDOWN_NAME: &str = ".kafka_cleanshutdown";

/// The file with the boot in which all logs were last recovered. Kafka ignores it.
const BOOT_NAME: &str = "boot-id";

/// Which boot of which machine this is; the kernel draws it at random.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootId(String);

impl BootId {
    /// The id in the text that the kernel gives; `None` if there is none in it.
    pub fn parse(text: &str) -> Option<BootId> {
        let id = text.trim();
        (!id.is_empty()).then(|| BootId(id.to_owned()))
    }

    fn encode(&self) -> String {
        format!("version: 0\nboot_id: {}\n", self.0)
    }
}

/// Reads how the last process ended, and takes the mark of a clean end away: from here on the
/// directory does not count as cleanly shut down any more. `has_logs`: there is something to be
/// scanned.
pub(super) fn take<I: Io>(
    startup: &mut Startup<'_, I>,
    directory: &Path,
    boot: Option<&BootId>,
    has_logs: bool,
) -> Result<LastEnd, OpenError> {
    let marker = directory.join(CLEAN_SHUTDOWN_NAME);
    let io_error = |error| OpenError::Io { path: marker.clone(), error };
    if startup.read_file(&marker).map_err(io_error)?.is_some() {
        startup.unlink(&marker).map_err(io_error)?;
        startup.sync_directory(directory).map_err(io_error)?;
        tracing::info!("the last end was clean: no log is scanned");
        return Ok(LastEnd::Clean);
    }
    let path = directory.join(BOOT_NAME);
    let recovered_in =
        startup.read_file(&path).map_err(|error| OpenError::Io { path: path.clone(), error })?;
    if boot.is_some_and(|boot| recovered_in.as_deref() == Some(boot.encode().as_bytes())) {
        tracing::info!(
            "no mark of a clean end, but the machine has run on: logs are scanned from their \
             recovery points, and have all that was written"
        );
        return Ok(LastEnd::Killed);
    }
    if has_logs {
        tracing::info!("no mark of a clean end: logs are scanned from their recovery points");
    }
    Ok(LastEnd::Unknown)
}

/// Notes that every log was recovered in this boot of the machine, before any takes an append.
/// Without the mark the next start knows less, and that is all.
pub fn note_recovered<I: Io>(io: &mut I, directory: &Path, boot: Option<&BootId>) {
    let Some(boot) = boot else { return };
    let path = directory.join(BOOT_NAME);
    let replaced: Result<(), IoError> =
        Startup::new(io).replace_file(&path, boot.encode().as_bytes());
    if let Err(error) = replaced {
        let remedy = error.remedy();
        tracing::warn!(
            path = %path.display(),
            %error,
            "cannot note which boot this is: after a kill, the next start has to reckon with a \
             loss of power{remedy}"
        );
    }
}
