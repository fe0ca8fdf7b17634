//! A folder for one run of the harness, and looks at what the run left.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Where the harness runs.
pub struct Bench {
    folder: TempDir,
}

/// A time in a run.
#[derive(Debug, Clone, Copy)]
pub enum Moment {
    /// Ctrl-C is noticed.
    Listening,
    /// A broker has a directory.
    Starting,
    /// A broker has the topic of the warm-up.
    Writing,
}

/// What a run that came to its end left behind.
pub struct Ended {
    /// None if a signal ended it.
    pub code: Option<i32>,
    /// Output and errors.
    pub printed: String,
    /// The results' file.
    pub results: serde_json::Value,
}

impl Bench {
    /// An empty folder.
    pub fn new() -> Bench {
        Bench { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A broker's program that tells a version and otherwise runs these lines of shell.
    pub fn script(&self, lines: &str) -> PathBuf {
        let path = self.folder().join("broker.sh");
        let text = format!("#!/bin/sh\n[ \"$1\" = --version ] && echo test && exit\n{lines}\n");
        fs::write(&path, text).expect("the script can be written");
        let permissions = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&path, permissions).expect("the script is ours");
        path
    }

    /// One run of scenarios, with this program as Pinion.
    pub fn command(&self, scenarios: &[&str], scale: &str, pinion: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pinion-perf"));
        command.arg("compare").args(scenarios).args(["--runs", "1", "--scale", scale]);
        command.arg("--pinion").arg(pinion);
        command.arg("--out").arg(self.folder().join("out")).arg("--data").arg(self.data());
        command
    }

    /// Starts the harness; what it prints goes to a file.
    pub fn spawn(&self, mut command: Command) -> Child {
        let printed = File::create(self.printed()).expect("a file for the output");
        let errors = printed.try_clone().expect("a second handle of it");
        command.stdin(Stdio::null()).stdout(printed).stderr(errors);
        command.spawn().expect("the harness can be started")
    }

    /// Waits until the harness has come to a moment.
    pub fn await_moment(&self, running: &mut Child, moment: Moment, limit: Duration) {
        let deadline = Instant::now() + limit;
        while !self.has_come(running, moment) {
            let ended = running.try_wait().expect("a child of ours");
            if ended.is_some() || Instant::now() > deadline {
                let _ = running.kill();
                let printed = fs::read_to_string(self.printed()).expect("the output");
                panic!("{moment:?} does not come: {ended:?}\n{printed}");
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    fn has_come(&self, running: &Child, moment: Moment) -> bool {
        let brokers = entries(&self.data());
        match moment {
            Moment::Listening => catches_interrupts(running.id()),
            Moment::Starting => !brokers.is_empty(),
            Moment::Writing => brokers
                .iter()
                .flat_map(|broker| [broker.join("data"), broker.join("disk/data")])
                .flat_map(|data| entries(&data))
                .any(|partition| partition.to_string_lossy().contains("-warm-up-")),
        }
    }

    /// Waits for the harness; its exit code, and what it printed.
    pub fn await_end(&self, running: &mut Child, limit: Duration) -> (Option<i32>, String) {
        let deadline = Instant::now() + limit;
        loop {
            let ended = running.try_wait().expect("a child of ours");
            let printed = fs::read_to_string(self.printed()).expect("the output");
            if let Some(status) = ended {
                return (status.code(), printed);
            }
            if Instant::now() > deadline {
                running.kill().expect("a child of ours");
                panic!("the harness hangs: {printed}");
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// Runs the harness to its end.
    pub fn run(&self, command: Command, limit: Duration) -> Ended {
        let (code, printed) = self.await_end(&mut self.spawn(command), limit);
        let text = fs::read_to_string(self.folder().join("out/results.json"));
        let text = text.unwrap_or_else(|error| panic!("no results: {error}\n{printed}"));
        let results = serde_json::from_str(&text).expect("results are JSON");
        Ended { code, printed, results }
    }

    /// Fails if a broker's directory, what is mounted there, or a process that names it is still
    /// there.
    pub fn assert_nothing_left(&self) {
        let left = self.left();
        assert!(left.is_empty(), "left: {left:?}");
    }

    /// As [`Bench::assert_nothing_left`], once it had time to go away.
    pub fn await_nothing_left(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        while !self.left().is_empty() && Instant::now() < deadline {
            thread::sleep(POLL_INTERVAL);
        }
        self.assert_nothing_left();
    }

    /// Directories of brokers, and mounts and command lines that name one.
    fn left(&self) -> Vec<String> {
        let data = self.data();
        let folders = entries(&data).into_iter().map(|folder| folder.display().to_string());
        let lines = entries(Path::new("/proc")).into_iter().map(|process| {
            let line = fs::read(process.join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).replace('\0', " ")
        });
        let mounts = fs::read_to_string("/proc/mounts").expect("the mounts of this process");
        let mounts = mounts.lines().map(str::to_owned);
        let names = |line: &String| line.contains(&*data.to_string_lossy());
        folders.chain(lines.chain(mounts).filter(names)).collect()
    }

    fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    fn printed(&self) -> PathBuf {
        self.folder().join("printed")
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// Whether a process has a handler for SIGINT, the second bit of a mask in hexadecimal.
fn catches_interrupts(process: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    mask.is_some_and(|mask| u64::from_str_radix(mask.trim(), 16).is_ok_and(|mask| mask & 2 != 0))
}

/// A broker that the test runs itself, until this is dropped.
pub struct Elsewhere {
    pub address: String,
    child: Child,
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts Pinion beside the harness.
pub fn broker_elsewhere(folder: &Path) -> Elsewhere {
    let address = format!("127.0.0.1:{}", free_port());
    let mut command = Command::new(pinion());
    command.arg("serve").arg("--data").arg(folder.join("elsewhere"));
    command.args(["--listen", &address]);
    command.args(["--set", &format!("pinion.metrics.listen=127.0.0.1:{}", free_port())]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().expect("the broker can be started");
    Elsewhere { address, child }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// Pinion's program: the one built beside the harness, or one that is built for release now.
pub fn pinion() -> PathBuf {
    let beside = Path::new(env!("CARGO_BIN_EXE_pinion-perf")).with_file_name("pinion");
    if beside.is_file() {
        return beside;
    }
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--release", "--quiet", "--bin", "pinion"]).current_dir(&checkout);
    assert!(build.status().is_ok_and(|status| status.success()), "Pinion cannot be built");
    checkout.join("target/release/pinion")
}
