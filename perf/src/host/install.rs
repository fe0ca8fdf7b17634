//! Installs into a folder of ours: jars by Maven, Debian packages unpacked but not installed.
//!
//! Nothing is added to the system, so no daemon is started, and root is not needed. What is there
//! from before, made from the same list, is used again.

use crate::error::{Error, Result};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const MAVEN_PLUGIN: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1";

/// The folder that installs go to.
#[derive(Debug, Clone)]
pub struct Installs {
    root: PathBuf,
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
        Ok(Installs { root: cache.join("pinion-perf") })
    }

    /// The jars of a Maven project file, with all that they need.
    ///
    /// # Errors
    /// If there is no `mvn`, or it fails.
    pub fn maven(&self, name: &str, project: &str) -> Result<PathBuf> {
        self.folder(name, project, |folder| {
            let file = folder.join("pom.xml");
            fs::write(&file, project).map_err(Error::file(&file))?;
            let mut maven = Command::new("mvn");
            maven.args(["-q", "-B", "-f"]).arg(&file);
            maven.arg(format!("{MAVEN_PLUGIN}:copy-dependencies"));
            maven.arg("-DoutputDirectory=.").current_dir(folder);
            run(&mut maven, "Debian packages: maven default-jdk-headless").map(drop)
        })
    }

    /// The classes of Java sources, compiled against the jars of a folder.
    ///
    /// # Errors
    /// If there is no `javac`, or it fails.
    pub fn javac(&self, name: &str, sources: &[(&str, &str)], jars: &Path) -> Result<PathBuf> {
        let all: String = sources.iter().map(|(_, text)| *text).collect();
        self.folder(name, &all, |folder| {
            let mut compiler = Command::new("javac");
            compiler.arg("-cp").arg(jars.join("*")).arg("-d").arg(folder);
            for (file, text) in sources {
                let path = folder.join(file);
                fs::write(&path, text).map_err(Error::file(&path))?;
                compiler.arg(path);
            }
            run(&mut compiler, "Debian package: default-jdk-headless").map(drop)
        })
    }

    /// The root of a file tree with these Debian packages in it, and nothing that they depend on.
    ///
    /// # Errors
    /// If there is no `apt-get`, or a package cannot be had.
    pub fn debian(&self, name: &str, packages: &[&str]) -> Result<PathBuf> {
        self.folder(name, &packages.join(" "), |folder| {
            let hint = "a Debian system, or one of its family, with a current `apt-get update`";
            let mut download = Command::new("apt-get");
            run(download.arg("download").args(packages).current_dir(folder), hint)?;
            for entry in fs::read_dir(folder).map_err(Error::file(folder))?.flatten() {
                let path = entry.path();
                if path.extension().is_some_and(|extension| extension == "deb") {
                    run(Command::new("dpkg").arg("-x").arg(&path).arg(folder), hint)?;
                    fs::remove_file(&path).map_err(Error::file(&path))?;
                }
            }
            Ok(())
        })
    }

    /// The version of a Debian package as this machine would download it.
    ///
    /// # Errors
    /// If apt does not know it.
    pub fn debian_version(package: &str) -> Result<String> {
        let mut show = Command::new("apt-cache");
        let text = run(show.args(["show", "--no-all-versions", package]), "apt")?;
        let version = text.lines().find_map(|line| line.strip_prefix("Version: "));
        version.map(str::to_owned).ok_or_else(|| Error::Install(format!("{package}: no version")))
    }

    /// Makes a folder, unless it was made from the same `manifest` before.
    fn folder(
        &self,
        name: &str,
        manifest: &str,
        install: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<PathBuf> {
        let folder = self.root.join(name);
        let stamp = folder.join("installed-from");
        if fs::read_to_string(&stamp).is_ok_and(|seen| seen == manifest) {
            return Ok(folder);
        }
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(Error::file(&folder))?;
        }
        fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
        install(&folder)?;
        fs::write(&stamp, manifest).map_err(Error::file(&stamp))?;
        Ok(folder)
    }
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
