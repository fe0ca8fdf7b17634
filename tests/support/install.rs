//! Installs of what the tests need: Debian packages, and folders under `target/clients` that a
//! stamp keeps from being made twice.
//!
//! File locks let tests in several threads and processes ask for the same thing at once: the
//! first makes it, the others wait.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use super::program;

/// How long one command of an install may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(900);

/// A command line that succeeds where something is installed, and the Debian package of it.
pub struct Requirement {
    /// Program and arguments; exit code 0 says that it is there.
    pub probe: &'static [&'static str],
    /// The package that brings it.
    pub package: &'static str,
}

/// Installs by apt-get what is missing of `requirements`.
///
/// # Panics
/// If something is missing and this is not Debian or we are not root, with the packages to
/// install; or if apt-get fails.
pub fn debian_packages(requirements: &[Requirement]) {
    if missing(requirements).is_empty() {
        return;
    }
    let _lock = lock("apt");
    let packages = missing(requirements);
    if packages.is_empty() {
        return;
    }
    let is_debian = Path::new("/etc/debian_version").exists();
    assert!(
        is_debian && rustix::process::geteuid().is_root(),
        "please install these Debian packages, or what brings the same programs: {}",
        packages.join(" ")
    );
    run(Command::new("apt-get").args(["-q", "update"]));
    let install = ["-q", "install", "-y", "--no-install-recommends"];
    run(Command::new("apt-get")
        .args(install)
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive"));
}

/// Makes the folder `target/clients/NAME` by `install`, unless it was made from the same
/// `manifests` before.
///
/// # Panics
/// If `install` does, or a file cannot be read or written.
pub fn folder<P: AsRef<Path>>(name: &str, manifests: &[P], install: impl FnOnce(&Path)) -> PathBuf {
    let folder = root().join(name);
    let wanted: String = manifests.iter().map(|path| read(path.as_ref())).collect();
    let _lock = lock(name);
    let stamp = folder.join("installed-from");
    if fs::read_to_string(&stamp).is_ok_and(|seen| seen == wanted) {
        return folder;
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("an older install can be removed");
    }
    fs::create_dir_all(&folder).expect("the target directory can be written");
    install(&folder);
    fs::write(stamp, wanted).expect("the target directory can be written");
    folder
}

/// Runs one command of an install.
///
/// # Panics
/// If it fails, with all that it printed.
pub fn run(command: &mut Command) -> String {
    program::run(command, COMMAND_LIMIT).unwrap_or_else(|story| panic!("install failed: {story}"))
}

/// The folder of all installs, `target/clients`.
fn root() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a folder in target");
    target.join("clients")
}

/// Holds the lock of this name, against other threads and processes, until the handle is dropped.
///
/// # Panics
/// If the target directory cannot be written.
pub fn lock(name: &str) -> File {
    let path = root().join(format!("{name}.lock"));
    let parent = path.parent().expect("a path below the root");
    fs::create_dir_all(parent).expect("the target directory can be written");
    let file = File::create(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    flock(&file, FlockOperation::LockExclusive).expect("a local file can be locked");
    file
}

fn missing(requirements: &[Requirement]) -> Vec<&'static str> {
    let is_missing = |probe: &[&str]| {
        let output = Command::new(probe[0]).args(&probe[1..]).output();
        !output.is_ok_and(|output| output.status.success())
    };
    requirements.iter().filter(|r| is_missing(r.probe)).map(|r| r.package).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
