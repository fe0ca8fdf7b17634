//! A broker's directory, which does not outlive the harness, and neither do the processes that
//! work in it: a warden sees to both, a process that notices the harness's end however it comes.

use crate::error::{Error, Result};
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// By this environment variable a warden knows the processes that work in its directory.
const MARK: &str = "PINION_PERF_DIRECTORY";

const WARDEN: &str = include_str!("warden.sh");

/// A directory with a warden. Dropping it ends what works in it, and removes it.
#[derive(Debug)]
pub struct Directory {
    warden: Child,
    /// Dropped last: removes what a warden that was killed itself has left.
    folder: TempDir,
}

impl Directory {
    /// Makes a directory in the folder `parent`, and starts its warden.
    ///
    /// # Errors
    /// If one of them fails.
    pub fn create(parent: &Path) -> Result<Directory> {
        fs::create_dir_all(parent).map_err(Error::file(parent))?;
        let folder = tempfile::Builder::new().prefix("pinion-perf-").tempdir_in(parent);
        let folder = folder.map_err(Error::file(parent))?;
        let mut variable = std::ffi::OsString::from(format!("{MARK}="));
        variable.push(folder.path());
        let mut warden = Command::new("sh");
        warden.args(["-c", WARDEN, "warden"]).arg(variable).arg(folder.path());
        // In a group of its own no Ctrl-C reaches it, and nobody waits for its output to end.
        warden.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let warden = warden.spawn().map_err(Error::io("the warden"))?;
        Ok(Directory { warden, folder })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(self.warden.stdin.take());
        let _ = self.warden.wait();
    }
}

/// Marks a program, and those that it starts, as one that works in a directory.
pub fn mark(command: &mut Command, directory: &Path) {
    command.env(MARK, directory);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};

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
        let directory = Directory::create(parent.path()).expect("a directory");
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
