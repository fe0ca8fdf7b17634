//! Directories of deleted partitions, and how they go.
//!
//! A directory that is to go is first renamed, as Kafka does it, so that a crash in between is
//! recognised and no new topic of the same name finds the old one's files. Where there is no room
//! for that, the file with the topic's id is renamed in it, and goes last.

use super::error::LogError;
use super::files::CONDEMNED_METADATA_NAME;
use crate::base::TopicId;
use crate::io::{Io, IoError, Startup};
use std::path::{Path, PathBuf};

const DELETED_SUFFIX: &str = "-delete";

/// The name of a partition's directory while it is being deleted.
pub fn condemned_path(directory: &Path, topic_id: TopicId) -> PathBuf {
    let suffix = format!(".{}{DELETED_SUFFIX}", topic_id.0.simple());
    crate::io::jobs::with_suffix(directory, &suffix)
}

/// The name that a directory found in the place of a new topic's is moved to.
pub fn displaced_path(directory: &Path, topic_id: TopicId) -> PathBuf {
    let other = uuid::Uuid::from_u128(!topic_id.0.as_u128());
    condemned_path(directory, TopicId(other))
}

/// Removes the directories that a crash has left of deleted partitions. For the start, before
/// logs are opened; gives what was removed. `is_live` says of a partition's directory whether there
/// is such a partition now: then its recovery does that.
///
/// # Errors
/// If the data directory cannot be read, or files in it not be removed.
pub fn sweep_deleted<I: Io>(
    startup: &mut Startup<'_, I>,
    data_directory: &Path,
    is_live: impl Fn(&str) -> bool,
) -> Result<Vec<PathBuf>, LogError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source: IoError| LogError::Io { path, source }
    };
    let mut removed = Vec::new();
    for entry in startup.read_directory(data_directory).map_err(at(data_directory))? {
        let path = data_directory.join(&entry.name);
        let may_be_marked =
            entry.is_directory && is_partition(&entry.name) && !is_live(&entry.name);
        let is_deleted = entry.is_directory && is_condemned(&entry.name)
            || may_be_marked && is_marked(startup, &path).map_err(at(&path))?;
        if is_deleted {
            remove_directory(startup, &path).map_err(at(&path))?;
            removed.push(path);
        }
    }
    Ok(removed)
}

/// Whether a directory that kept its name belongs to a deleted partition.
pub(super) fn is_marked<I: Io>(
    startup: &mut Startup<'_, I>,
    directory: &Path,
) -> Result<bool, IoError> {
    Ok(startup.read_file(&directory.join(CONDEMNED_METADATA_NAME))?.is_some())
}

/// Removes a directory with the files in it; last the one that marks it.
pub(super) fn remove_directory<I: Io>(
    startup: &mut Startup<'_, I>,
    path: &Path,
) -> Result<(), IoError> {
    let files = startup.read_directory(path)?;
    let others =
        files.iter().map(|file| &*file.name).filter(|name| *name != CONDEMNED_METADATA_NAME);
    for name in others.chain([CONDEMNED_METADATA_NAME]) {
        startup.unlink(&path.join(name))?;
    }
    startup.remove_directory(path)
}

/// Kafka's form: `<topic>-<partition>.<32 hexadecimal digits>-delete`.
fn is_condemned(name: &str) -> bool {
    let Some((partition, id)) =
        name.strip_suffix(DELETED_SUFFIX).and_then(|rest| rest.rsplit_once('.'))
    else {
        return false;
    };
    is_partition(partition) && id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Kafka's form: `<topic>-<partition>`.
fn is_partition(name: &str) -> bool {
    name.rsplit_once('-').is_some_and(|(topic, index)| {
        !topic.is_empty() && !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: only what is certainly a deleted partition is removed.
    #[test]
    fn condemned_names() {
        let id = TopicId::from_random(3, 4);
        for path in [condemned_path(Path::new("a.b-0"), id), displaced_path(Path::new("x-12"), id)]
        {
            assert!(is_condemned(path.to_str().unwrap()), "{path:?}");
        }
        assert_ne!(condemned_path(Path::new("x-0"), id), displaced_path(Path::new("x-0"), id));
        for name in ["t-0", "t-delete", "t-0.abc-delete", "my-delete", "-0.delete"] {
            assert!(!is_condemned(name), "{name}");
        }
        let hex = "0123456789abcdef0123456789abcdef";
        assert!(is_condemned(&format!("t-0.{hex}-delete")));
        assert!(!is_condemned(&format!("t.{hex}-delete")));
        assert!(!is_condemned(&format!("t-x.{hex}-delete")));
    }
}
