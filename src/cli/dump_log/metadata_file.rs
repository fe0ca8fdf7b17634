//! The metadata log and its snapshot, which are ours alone.

use super::report::Report;
use super::{CliError, read};
use crate::metadata::{METADATA_DIRECTORY, inspect};
use std::path::Path;

/// Whether a file lies in the directory of the metadata, under one of its names.
pub fn is_one(path: &Path) -> bool {
    let parent = path.parent().and_then(Path::file_name);
    let name = path.file_name().and_then(|name| name.to_str());
    parent.is_some_and(|name| name == METADATA_DIRECTORY) && name.is_some_and(inspect::is_readable)
}

/// Prints every frame with its changes.
pub fn dump(path: &Path, report: &mut Report) -> Result<(), CliError> {
    for frame in inspect::frames(&read(path)?) {
        match frame {
            Ok(frame) => {
                let inspect::Frame { position, version, kind, .. } = &frame;
                report.line(format_args!("position: {position} version: {version} {kind}"))?;
                frame.lines.iter().try_for_each(|line| report.line(format_args!("| {line}")))?;
            }
            Err(fault) => report.fault(fault)?,
        }
    }
    Ok(())
}
