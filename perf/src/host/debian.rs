//! Programs that Debian packages bring: looked for, and installed where that is allowed.

use super::install::run;
use crate::error::{Error, Result};
use std::path::Path;
use std::process::Command;

/// A program that something needs.
#[derive(Debug, Clone, Copy)]
pub struct Requirement {
    /// Program and arguments; exit code 0 says that it is there.
    pub probe: &'static [&'static str],
    /// The Debian package that brings it.
    pub package: &'static str,
}

/// Runs Java programs.
pub const JAVA: Requirement =
    Requirement { probe: &["java", "-version"], package: "default-jdk-headless" };
/// Compiles them.
pub const JAVAC: Requirement =
    Requirement { probe: &["javac", "-version"], package: "default-jdk-headless" };
/// Fetches the jars that they need.
pub const MAVEN: Requirement = Requirement { probe: &["mvn", "--version"], package: "maven" };

/// Makes a file system.
pub const MAKE_FILE_SYSTEM: Requirement =
    Requirement { probe: &["mkfs.ext4", "-V"], package: "e2fsprogs" };

/// The packages of those that are not there, each once; an empty list if nothing is missing.
///
/// # Errors
/// If something is missing that cannot be installed from here, with what to install.
pub fn missing(requirements: &[Requirement]) -> Result<Vec<&'static str>> {
    let is_there = |requirement: &Requirement| {
        let [program, arguments @ ..] = requirement.probe else { return true };
        let output = Command::new(program).args(arguments).output();
        output.is_ok_and(|output| output.status.success())
    };
    let missing = requirements.iter().filter(|requirement| !is_there(requirement));
    let mut packages: Vec<_> = missing.map(|requirement| requirement.package).collect();
    packages.sort_unstable();
    packages.dedup();
    match packages.is_empty() || may_install() {
        true => Ok(packages),
        false => Err(Error::Install(format!("needed: {}", by_hand(&packages)))),
    }
}

/// Installs packages by apt-get; none, if the list is empty.
///
/// # Errors
/// If it fails, with what it printed.
pub fn install(packages: &[&str]) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    update_lists()?;
    let mut install = apt_get("install");
    install.args(["-y", "--no-install-recommends"]).args(packages);
    run(install.env("DEBIAN_FRONTEND", "noninteractive"), &by_hand(packages)).map(drop)
}

/// Downloads packages into a folder. Where their versions are not known any more, or none are, the
/// lists are fetched again, which only root may do.
///
/// # Errors
/// If they cannot be had.
pub fn download(packages: &[&str], folder: &Path) -> Result<()> {
    let remedy = "a Debian system, or one of its family, with a current `apt-get update`";
    let fetch = || run(apt_get("download").args(packages).current_dir(folder), remedy).map(drop);
    fetch().or_else(|error| match may_install() {
        true => update_lists().and_then(|()| fetch()),
        false => Err(Error::Install(format!("{error}\nneeded: {remedy}"))),
    })
}

fn update_lists() -> Result<()> {
    run(&mut apt_get("update"), "a Debian system, or one of its family").map(drop)
}

/// Waits for others that install something at this time.
fn apt_get(command: &str) -> Command {
    let mut apt_get = Command::new("apt-get");
    apt_get.args(["-q", "-o", "DPkg::Lock::Timeout=300", command]);
    apt_get
}

/// Whether this is Debian, or one of its family, and we are root.
fn may_install() -> bool {
    Path::new("/etc/debian_version").exists() && rustix::process::geteuid().is_root()
}

fn by_hand(packages: &[&str]) -> String {
    format!("apt-get install --no-install-recommends {}", packages.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn requirement(probe: &'static [&'static str]) -> Requirement {
        Requirement { probe, package: "some-package" }
    }

    /// Goal: what is there is not asked for; what fails or does not exist is, once for a package.
    #[test]
    fn missing_packages_are_named_once() {
        let there = requirement(&["true"]);
        assert!(missing(&[there]).is_ok_and(|packages| packages.is_empty()));
        let absent = [requirement(&["false"]), requirement(&["no-such-program-anywhere"]), there];
        match missing(&absent) {
            Ok(packages) => assert_eq!(packages, ["some-package"]),
            Err(error) => {
                let text = error.to_string();
                assert_eq!(text.matches("some-package").count(), 1, "{text}");
            }
        }
    }
}
