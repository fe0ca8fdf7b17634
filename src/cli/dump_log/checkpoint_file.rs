//! The small text files: checkpoints, and what a directory belongs to.

use super::report::Report;
use super::{CliError, Dump, read};
use crate::log::checkpoint::{LOG_START_NAME, RECOVERY_POINT_NAME};
use crate::log::checkpoint::{parse_epochs, parse_partition_offsets};
use crate::log::files::{EPOCHS_NAME, METADATA_NAME, SAVED_START_NAME};
use crate::log::{partition_metadata, saved_start};
use crate::metadata::meta_properties::{META_PROPERTIES, MetaProperties};
use std::path::Path;

/// How to print a file of this name.
pub fn dump_of(name: &str) -> Option<Dump> {
    Some(match name {
        LOG_START_NAME | RECOVERY_POINT_NAME => dump_partition_offsets,
        EPOCHS_NAME => dump_epochs,
        SAVED_START_NAME => dump_saved_start,
        METADATA_NAME => dump_partition_metadata,
        META_PROPERTIES => dump_meta_properties,
        _ => return None,
    })
}

fn dump_partition_offsets(path: &Path, report: &mut Report) -> Result<(), CliError> {
    match parse_partition_offsets(&read(path)?) {
        Err(error) => report.fault(error),
        Ok(entries) => entries.iter().try_for_each(|entry| {
            let offset = entry.offset;
            report.line(format_args!("{}-{} offset: {offset}", entry.topic, entry.partition))
        }),
    }
}

fn dump_epochs(path: &Path, report: &mut Report) -> Result<(), CliError> {
    match parse_epochs(&read(path)?) {
        Err(error) => report.fault(error),
        Ok(entries) => entries.iter().try_for_each(|entry| {
            report.line(format_args!("epoch: {} startOffset: {}", entry.epoch, entry.start))
        }),
    }
}

fn dump_saved_start(path: &Path, report: &mut Report) -> Result<(), CliError> {
    match saved_start::parse(&read(path)?) {
        Some(offset) => report.line(format_args!("logStartOffset: {offset}")),
        None => report.fault("not a log start with its checksum"),
    }
}

fn dump_partition_metadata(path: &Path, report: &mut Report) -> Result<(), CliError> {
    match partition_metadata::parse(&read(path)?) {
        Some(topic_id) => report.line(format_args!("topicId: {topic_id}")),
        None => report.fault("not a version and a topic id"),
    }
}

fn dump_meta_properties(path: &Path, report: &mut Report) -> Result<(), CliError> {
    let text = read(path)?;
    match MetaProperties::parse(&String::from_utf8_lossy(&text)) {
        Ok(properties) => report.line(properties.render().trim_end()),
        Err(reason) => report.fault(reason),
    }
}
