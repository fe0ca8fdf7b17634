//! A broker's directory, which does not outlive the harness, and neither do the processes that
//! work in it, nor a disk that is mounted there: its warden sees to all of them.

use super::volume::Volume;
use super::warden::Warden;
use crate::error::{Error, Result};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Where a small disk is mounted.
const DISK: &str = "disk";

/// What a broker writes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disk {
    /// That of the folder for data.
    Shared,
    /// A small one of its own, to be filled up.
    Small,
}

/// A directory with a warden. Dropping it ends what works in it, and removes it.
#[derive(Debug)]
pub struct Directory {
    _warden: Warden,
    /// The small disk, if it has one.
    volume: Option<Volume>,
    /// Dropped last: removes what a warden that was killed itself has left.
    folder: TempDir,
}

impl Directory {
    /// Makes a directory in the folder `parent`, and starts its warden.
    ///
    /// # Errors
    /// If one of them fails, or there can be no small disk.
    pub fn create(parent: &Path, disk: Disk) -> Result<Directory> {
        fs::create_dir_all(parent).map_err(Error::file(parent))?;
        let folder = tempfile::Builder::new().prefix("pinion-perf-").tempdir_in(parent);
        let folder = folder.map_err(Error::file(parent))?;
        let warden = Warden::start(folder.path(), &folder.path().join(DISK))?;
        let mut directory = Directory { _warden: warden, volume: None, folder };
        if disk == Disk::Small {
            directory.volume = Some(Volume::mount(directory.path(), DISK)?);
        }
        Ok(directory)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where in it a broker's records go.
    pub fn data(&self) -> PathBuf {
        self.volume.as_ref().map_or_else(|| self.path().join("data"), Volume::data)
    }

    /// The small disk, if it has one.
    pub fn volume(&self) -> Option<&Volume> {
        self.volume.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::super::warden::mark;
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::process::{Child, Command, Stdio};

    /// Runs a shell that prints a line when all of it runs; the shell, and the line.
    fn shell(script: &str, directory: &Path, is_marked: bool) -> (Child, String) {
        let mut command = Command::new("sh");
        command.args(["-c", script]).arg(directory).stdout(Stdio::piped());
        if is_marked {
            mark(&mut command, directory);
        }
        let mut child = command.spawn().expect("a shell");
        let mut line = String::new();
        let output = child.stdout.as_mut().expect("its output is piped");
        BufReader::new(output).read_line(&mut line).expect("the shell prints a line");
        (child, line.trim().to_owned())
    }

    /// Goal: with a directory goes what works in it, and what that started, in whatever session;
    /// a process that merely names it goes on.
    #[test]
    fn nothing_is_left_in_a_directory() {
        let parent = tempfile::tempdir().expect("a temporary folder");
        let directory = Directory::create(parent.path(), Disk::Shared).expect("a directory");
        fs::write(directory.path().join("data"), "records").expect("a file in it");
        let parts = "setsid sleep 1000 & echo $!; wait";
        let (mut marked, part) = shell(parts, directory.path(), true);
        let (mut other, _) = shell("echo; exec sleep 1000", directory.path(), false);
        drop(directory);

        assert_eq!(fs::read_dir(parent.path()).expect("the folder is there").count(), 0);
        assert!(!marked.wait().expect("a child of ours").success(), "it would wait for its part");
        let environment = fs::read(format!("/proc/{part}/environ")).unwrap_or_default();
        assert!(environment.is_empty(), "{part} still runs");
        assert!(other.try_wait().expect("a child of ours").is_none(), "the other one is killed");
        other.kill().expect("a child of ours");
        other.wait().expect("a child of ours");
    }
}
