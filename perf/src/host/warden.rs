//! What outlives the harness, however that ends, to see to it that nothing else does: a process
//! that ends what works in a directory, unmounts what is mounted there, and removes it.

use crate::error::{Error, Result};
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// By this environment variable a warden knows the processes that work in its directory.
const MARK: &str = "PINION_PERF_DIRECTORY";

const SCRIPT: &str = include_str!("warden.sh");

/// The warden of a directory. Dropping it has it do its work, and waits for that.
#[derive(Debug)]
pub struct Warden(Child);

impl Warden {
    /// Watches over a directory, in which something may be mounted at `disk`.
    ///
    /// # Errors
    /// If there is no shell.
    pub fn start(directory: &Path, disk: &Path) -> Result<Warden> {
        let mut variable = OsString::from(format!("{MARK}="));
        variable.push(directory);
        let mut warden = Command::new("sh");
        warden.args(["-c", SCRIPT, "warden"]).arg(variable).arg(directory).arg(disk);
        // In a group of its own no Ctrl-C reaches it, and nobody waits for its output to end.
        warden.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        warden.spawn().map(Warden).map_err(Error::io("the warden"))
    }
}

impl Drop for Warden {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Marks a program, and those that it starts, as one that works in a directory.
pub fn mark(command: &mut Command, directory: &Path) {
    command.env(MARK, directory);
}
