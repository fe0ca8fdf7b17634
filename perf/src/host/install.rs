//! Installs into a folder of ours: jars by Maven, Debian packages unpacked but not installed.
//!
//! No daemon is started. Only the programs that do this, Java and Maven, are added to the system,
//! and only by root; everything else needs no root. What is there from before, made from the same
//! list, is used again.

use super::debian::{self, JAVAC, MAVEN, Requirement};
use crate::error::{Error, Result};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const MAVEN_PLUGIN: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1";

/// The file with the versions of the packages in a tree.
const VERSIONS: &str = "versions";

/// The folder that installs go to.
#[derive(Debug, Clone)]
pub struct Installs {
    root: PathBuf,
    is_rehearsal: bool,
}

impl Installs {
    /// The user's cache folder.
    ///
    /// # Errors
    /// If neither `XDG_CACHE_HOME` nor `HOME` says where that is.
    pub fn of_user() -> Result<Installs> {
        let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".cache"));
        let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home);
        let cache = cache.ok_or_else(|| Error::Install("HOME is not set".to_owned()))?;
        Ok(Installs { root: cache.join("pinion-perf"), is_rehearsal: false })
    }

    /// The same, but what is not there fails with [`Error::Wanted`] instead of being installed.
    pub fn rehearsal(self) -> Installs {
        Installs { is_rehearsal: true, ..self }
    }

    /// Programs of the system.
    ///
    /// # Errors
    /// If they are not there and cannot be installed.
    pub fn programs(&self, requirements: &[Requirement]) -> Result<()> {
        let missing = debian::missing(requirements)?;
        match missing.is_empty() || !self.is_rehearsal {
            true => debian::install(&missing),
            false => Err(wanted(&[], &missing)),
        }
    }

    /// The jars of a Maven project file, with all that they need.
    ///
    /// # Errors
    /// If there is no `mvn`, or it fails.
    pub fn maven(&self, name: &str, project: &str) -> Result<PathBuf> {
        let source = format!("{name}'s jars from Maven Central");
        self.folder(name, project, &source, &[MAVEN, JAVAC], |folder| {
            let file = folder.join("pom.xml");
            fs::write(&file, project).map_err(Error::file(&file))?;
            let mut maven = Command::new("mvn");
            maven.args(["-q", "-B", "-f"]).arg(&file);
            maven.arg(format!("{MAVEN_PLUGIN}:copy-dependencies"));
            maven.arg("-DoutputDirectory=.").current_dir(folder);
            run(&mut maven, "maven").map(drop)
        })
    }

    /// The classes of Java sources, compiled against the jars of a folder.
    ///
    /// # Errors
    /// If there is no `javac`, or it fails.
    pub fn javac(&self, name: &str, sources: &[(&str, &str)], jars: &Path) -> Result<PathBuf> {
        let all: String = sources.iter().map(|(_, text)| *text).collect();
        self.folder(name, &all, name, &[JAVAC], |folder| {
            let mut compiler = Command::new("javac");
            compiler.arg("-cp").arg(jars.join("*")).arg("-d").arg(folder);
            for (file, text) in sources {
                let path = folder.join(file);
                fs::write(&path, text).map_err(Error::file(&path))?;
                compiler.arg(path);
            }
            run(&mut compiler, "a Java compiler").map(drop)
        })
    }

    /// The root of a file tree with these Debian packages in it, and nothing that they depend on.
    ///
    /// # Errors
    /// If there is no `apt-get`, or a package cannot be had.
    pub fn debian(&self, name: &str, packages: &[&str]) -> Result<PathBuf> {
        let manifest = packages.join("\n");
        let source = format!("{name} from Debian's packages, unpacked");
        self.folder(name, &manifest, &source, &[], |folder| {
            debian::download(packages, folder)?;
            let mut versions = String::new();
            for entry in fs::read_dir(folder).map_err(Error::file(folder))?.flatten() {
                let path = entry.path();
                if path.extension().is_some_and(|extension| extension == "deb") {
                    let mut show = Command::new("dpkg-deb");
                    show.args(["--show", "--showformat", "${Package} ${Version}\n"]).arg(&path);
                    versions += &run(&mut show, "dpkg")?;
                    run(Command::new("dpkg").arg("-x").arg(&path).arg(folder), "dpkg")?;
                    fs::remove_file(&path).map_err(Error::file(&path))?;
                }
            }
            let file = folder.join(VERSIONS);
            fs::write(&file, versions).map_err(Error::file(&file))
        })
    }

    /// Makes a folder, unless it was made from the same `manifest` before.
    fn folder(
        &self,
        name: &str,
        manifest: &str,
        source: &str,
        requirements: &[Requirement],
        install: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<PathBuf> {
        let folder = self.root.join(name);
        let stamp = folder.join("installed-from");
        if fs::read_to_string(&stamp).is_ok_and(|seen| seen == manifest) {
            return Ok(folder);
        }
        let missing = debian::missing(requirements)?;
        if self.is_rehearsal {
            return Err(wanted(&[source], &missing));
        }
        debian::install(&missing)?;
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(Error::file(&folder))?;
        }
        fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
        install(&folder)?;
        fs::write(&stamp, manifest).map_err(Error::file(&stamp))?;
        Ok(folder)
    }
}

/// The version of a package in a tree of [`Installs::debian`], as it is told in results.
///
/// # Errors
/// If it is not there.
pub fn debian_version(tree: &Path, package: &str) -> Result<String> {
    let file = tree.join(VERSIONS);
    let text = fs::read_to_string(&file).map_err(Error::file(&file))?;
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    let version = lines.find_map(|(name, version)| (name == package).then_some(version));
    let version = version.ok_or_else(|| Error::Install(format!("{package}: no version")))?;
    Ok(format!("{version} (Debian)"))
}

fn wanted(sources: &[&str], packages: &[&str]) -> Error {
    let packages = packages.iter().map(|package| format!("Debian's {package}"));
    let sources = sources.iter().map(|&source| source.to_owned());
    Error::Wanted(sources.chain(packages).collect::<Vec<_>>().join(", "))
}

/// Runs a program to its end and gives what it printed.
///
/// # Errors
/// If it cannot be started (then with `remedy`) or fails (then with what it printed).
pub fn run(command: &mut Command, remedy: &str) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output =
        command.output().map_err(|e| Error::Install(format!("{name}: {e}; needed: {remedy}")))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(Error::Install(format!("{name}: {}\n{text}{errors}", output.status)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// Goal: a folder is made once for a manifest, again for another one, and again after an
    /// install that failed; a rehearsal makes none, and says what it would.
    #[test]
    fn installs_are_made_once() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let installs = Installs { root: root.path().to_owned(), is_rehearsal: false };
        let made = Cell::new(0);
        let folder = |installs: &Installs, manifest: &str, works: bool| {
            installs.folder("thing", manifest, "the thing", &[], |_| {
                made.set(made.get() + 1);
                if works { Ok(()) } else { Err(Error::Install("no network".to_owned())) }
            })
        };
        let rehearsed = folder(&installs.clone().rehearsal(), "one", true);
        assert!(matches!(rehearsed, Err(Error::Wanted(what)) if what == "the thing"));
        assert_eq!(made.get(), 0);
        for (manifest, works, count) in
            [("one", false, 1), ("one", true, 2), ("one", true, 2), ("two", true, 3)]
        {
            assert_eq!(folder(&installs, manifest, works).is_ok(), works);
            assert_eq!(made.get(), count, "{manifest}");
        }
        assert!(folder(&installs.rehearsal(), "two", true).is_ok());
    }

    #[test]
    fn versions_are_those_of_the_tree() {
        let tree = tempfile::tempdir().expect("a temporary folder");
        fs::write(tree.path().join(VERSIONS), "a 1.0-1\nab 1:2.0-3\n").expect("a file in it");
        let version = debian_version(tree.path(), "ab");
        assert_eq!(version.expect("it is listed"), "1:2.0-3 (Debian)");
        assert!(debian_version(tree.path(), "b").is_err());
    }
}
