//! From the bytes on the disk to an image: snapshot, then the changes after it.

use super::codec::{self, CodecError};
use super::frame::{Frame, FrameFault, FrameKind, read_frame};
use super::image::ChangeMisfit;
use super::metadata_log::RESERVED_LENGTH;
use super::snapshot::{SNAPSHOT_NAME, SNAPSHOT_TEMPORARY_NAME};
use super::{Change, Image, MetadataFact, MetadataLog, MetadataOut, StartError, StaticConfig};
use crate::io::{Gather, Io, IoError, Op, OpenMode, Startup};
use std::path::Path;
use std::sync::Arc;

/// The metadata directory's name in the data directory.
pub const METADATA_DIRECTORY: &str = "__cluster_metadata";
/// The log's name in the metadata directory.
pub const LOG_NAME: &str = "changes.log";

/// What recovery did, for the log line about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecoveryReport {
    /// The version of the snapshot; 0 if there was none.
    pub snapshot_version: u64,
    /// Changes read from the log, without those that the snapshot contains.
    pub change_count: u64,
    /// Bytes of an unfinished frame that were cut off.
    pub cut_bytes: u64,
}

impl MetadataLog {
    /// Reads the metadata of a data directory, or begins it, and makes it ready to be appended to.
    ///
    /// # Errors
    /// If the disk fails, or what it holds is damaged elsewhere than at an unfinished end.
    pub fn recover<I: Io>(
        startup: &mut Startup<'_, I>,
        data_directory: &Path,
        static_config: Arc<StaticConfig>,
    ) -> Result<(MetadataLog, RecoveryReport), StartError> {
        let directory = data_directory.join(METADATA_DIRECTORY);
        let (log_path, snapshot_path) = (directory.join(LOG_NAME), directory.join(SNAPSHOT_NAME));
        let temporary = directory.join(SNAPSHOT_TEMPORARY_NAME);
        startup.make_directory(&directory).map_err(StartError::io(&directory))?;
        startup.sync_directory(data_directory).map_err(StartError::io(data_directory))?;
        startup.unlink(&temporary).map_err(StartError::io(&temporary))?;

        let snapshot = startup.read_file(&snapshot_path).map_err(StartError::io(&snapshot_path))?;
        let mut image = match &snapshot {
            Some(bytes) => read_snapshot(bytes, &snapshot_path, static_config)?,
            None => Image::empty(static_config),
        };
        let mut report =
            RecoveryReport { snapshot_version: image.version, ..RecoveryReport::default() };
        let bytes = startup.read_file(&log_path).map_err(StartError::io(&log_path))?;
        if bytes.is_none() && snapshot.is_some() {
            return Err(StartError::Missing { path: log_path, witness: snapshot_path });
        }
        let mut bytes = bytes.unwrap_or_default();
        let length = replay(&bytes, &log_path, &mut image)?;
        report.change_count = image.version - report.snapshot_version;
        report.cut_bytes = bytes.len() as u64 - length;
        bytes.truncate(length as usize);
        let file = prepare(startup, &directory, bytes).map_err(StartError::io(&log_path))?;
        Ok((MetadataLog::recovered(directory, file, length, image), report))
    }

    /// Commits changes while nothing else runs.
    ///
    /// # Errors
    /// If the disk fails; nothing is committed then.
    pub fn commit_now<I: Io>(
        &mut self,
        startup: &mut Startup<'_, I>,
        changes: Vec<Change>,
    ) -> Result<(), IoError> {
        let mut out = MetadataOut::default();
        self.append(changes, &mut out);
        while let Some((token, op)) = out.ops.pop() {
            let result = startup.run(op);
            self.on_completion(token, result, &mut out);
        }
        let failure = out.facts.into_iter().find_map(|fact| match fact {
            MetadataFact::Failed { error, .. } | MetadataFact::Fatal(error) => Some(error),
            MetadataFact::Committed { .. } | MetadataFact::SnapshotFailed(_) => None,
        });
        failure.map_or(Ok(()), Err)
    }
}

fn read_snapshot(
    bytes: &[u8],
    path: &Path,
    static_config: Arc<StaticConfig>,
) -> Result<Image, StartError> {
    let place = Place { path, position: 0 };
    // It was durable before it got its name, so an unfinished one is damage.
    let frame = read_frame(bytes, 0).map_err(|fault| place.fault(fault))?;
    if frame.kind != FrameKind::Snapshot || frame.length != bytes.len() {
        return Err(place.damaged("it is not one snapshot"));
    }
    let state = codec::decode_state(frame.body).map_err(|error| place.codec(&error))?;
    if state.version != frame.version {
        return Err(place.damaged("its versions differ"));
    }
    Image::restore(state, static_config).map_err(|misfit| place.misfit(misfit))
}

/// Applies the changes in a log that `image` does not contain yet. Gives the length of the log up
/// to an unfinished frame.
fn replay(bytes: &[u8], path: &Path, image: &mut Image) -> Result<u64, StartError> {
    let mut position = 0;
    let mut version = None;
    while position < bytes.len() {
        let place = Place { path, position: position as u64 };
        let frame = match read_frame(bytes, position) {
            Ok(frame) => frame,
            Err(FrameFault::Torn) => break,
            Err(fault) => return Err(place.fault(fault)),
        };
        if frame.kind != FrameKind::Changes {
            return Err(place.damaged("a snapshot stands among changes"));
        }
        // The first frame may be older than the snapshot, never newer; the rest follow it.
        if frame.version > image.version || version.is_some_and(|next| next != frame.version) {
            return Err(place.damaged("changes are missing before it"));
        }
        version = Some(apply_frame(&frame, place, image)?);
        position += frame.length;
    }
    Ok(position as u64)
}

/// Applies what `image` lacks of a frame. Gives the version after the frame.
fn apply_frame(frame: &Frame<'_>, place: Place<'_>, image: &mut Image) -> Result<u64, StartError> {
    let changes = codec::decode_changes(frame.body).map_err(|error| place.codec(&error))?;
    let end = frame.version + changes.len() as u64;
    if frame.version < image.version {
        // A snapshot is taken between frames: it contains a frame whole or not at all.
        if end > image.version {
            return Err(place.damaged("the snapshot ends in the middle of it"));
        }
        return Ok(end);
    }
    for change in &changes {
        image.apply(change).map_err(|misfit| place.misfit(misfit))?;
    }
    Ok(end)
}

/// Opens the log, cuts it to what is `sound` of it, and makes that durable. It is written once
/// more: if a sync of the last process failed, the kernel may show bytes that the disk lacks, and
/// count them as synced.
fn prepare<I: Io>(
    startup: &mut Startup<'_, I>,
    directory: &Path,
    sound: Vec<u8>,
) -> Result<crate::io::File, IoError> {
    let length = sound.len() as u64;
    let file = startup.open(&directory.join(LOG_NAME), OpenMode::Create)?;
    startup.truncate(file, length)?;
    if length > 0 {
        let mut data = Gather::default();
        data.push_shared(sound.into());
        startup.write(file, 0, data)?;
    }
    startup.sync(file)?;
    startup.sync_directory(directory)?;
    // Only a reserve for a full disk: going without is no reason not to start.
    let _ = startup.run(Op::Allocate { file, length: length + RESERVED_LENGTH });
    Ok(file)
}

/// Where in the files a fault was found.
#[derive(Clone, Copy)]
struct Place<'a> {
    path: &'a Path,
    position: u64,
}

impl Place<'_> {
    fn damaged(self, reason: impl ToString) -> StartError {
        let (path, position) = (self.path.to_owned(), self.position);
        StartError::Damaged { path, position, reason: reason.to_string() }
    }

    fn fault(self, fault: FrameFault) -> StartError {
        match fault {
            FrameFault::Newer(_) => {
                StartError::Newer { path: self.path.to_owned(), reason: fault.to_string() }
            }
            FrameFault::Torn | FrameFault::Damaged => self.damaged(fault),
        }
    }

    fn codec(self, error: &CodecError) -> StartError {
        self.damaged(format_args!("a frame is not what it says: {error}"))
    }

    fn misfit(self, misfit: ChangeMisfit) -> StartError {
        StartError::Misfit { path: self.path.to_owned(), position: self.position, misfit }
    }
}
