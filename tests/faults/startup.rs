//! Starts that cannot be: each ends with one line that names the cause, what was seen and what to
//! do, with an exit code other than 0, and leaves nothing behind.

use crate::support::broker::{Broker, BrokerOptions, free_port};
use crate::wire_client::{WireClient, batch};
use rustix::fs::{FlockOperation, flock};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Runs a program as root without the rights of root, as a service should run.
const WITHOUT_CAPABILITIES: &[&str] =
    &["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"];

/// io_uring_setup(2), the same on all machines since Linux 5.1.
const IO_URING_SETUP: i64 = 425;

/// A start that is to fail.
struct Start {
    scratch: TempDir,
    wrapper: Vec<String>,
    arguments: Vec<String>,
}

/// How it failed.
#[derive(Debug)]
struct Refusal {
    code: Option<i32>,
    errors: String,
}

impl Start {
    /// On a data directory that is not there yet, on any free port.
    fn new() -> Start {
        let scratch = TempDir::with_prefix_in("start-", env!("CARGO_TARGET_TMPDIR"))
            .expect("a temporary directory under the target directory");
        let arguments = ["--shards", "2", "--set", "pinion.metrics.listen="];
        let arguments = arguments.map(str::to_owned).to_vec();
        Start { scratch, wrapper: Vec::new(), arguments }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn with(mut self, arguments: &[&str]) -> Start {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// Runs the broker by this program, which has the broker's command line for its last
    /// arguments.
    fn under(mut self, wrapper: &[&str]) -> Start {
        self.wrapper = wrapper.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    fn command(&self, data: &Path) -> Command {
        let binary = env!("CARGO_BIN_EXE_pinion").to_owned();
        let mut words = self.wrapper.iter().chain([&binary]);
        let mut command = Command::new(words.next().expect("there is the binary"));
        command.args(words).arg("serve").args(&self.arguments).arg("--data").arg(data);
        if !self.arguments.iter().any(|argument| argument == "--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    /// Starts on `data` and waits for the end, which has to come by itself.
    fn refusal_on(&self, data: &Path) -> Refusal {
        let mut command = self.command(data);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let pipe = BufReader::new(child.stderr.take().expect("standard error is a pipe"));
        let mut errors = String::new();
        for line in pipe.lines().map(|line| line.expect("what it prints is text")) {
            errors.push_str(&line);
            errors.push('\n');
            if line.contains(" listening ") {
                child.kill().expect("SIGKILL reaches our own child");
                panic!("{command:?} serves, and should not:\n{errors}");
            }
        }
        let code = child.wait().expect("our own child can be waited for").code();
        Refusal { code, errors }
    }

    fn refusal(&self) -> Refusal {
        self.refusal_on(&self.path("data"))
    }
}

impl Refusal {
    /// The last thing printed is one line for the reader, with all of `parts` in it; what comes
    /// before is no error.
    fn check(&self, parts: &[&str]) {
        let lines: Vec<&str> = self.errors.lines().collect();
        let (last, before) = lines.split_last().expect("it says why");
        assert!(last.starts_with("pinion: "), "{self:?}");
        let is_info = |line: &&&str| line.contains(" INFO ");
        assert_eq!(before.iter().filter(is_info).count(), before.len(), "{self:?}");
        for part in parts {
            assert!(last.contains(part), "{part:?} is missing in {last:?}");
        }
        // 2 for a wrong command line or configuration, 1 for anything else.
        assert!(matches!(self.code, Some(1 | 2)), "{self:?}");
    }
}

/// Goal: a port that another process keeps is named, with how to find that process.
#[test]
fn a_taken_port() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("it is bound").to_string();
    let start = Start::new().with(&["--listen", &address]);
    start.refusal().check(&["cannot listen on", &address, "in use", "ss -ltnp", "another port"]);
    drop(taken);
    let taken = TcpListener::bind(("127.0.0.1", free_port())).expect("the port is free");
    let address = taken.local_addr().expect("it is bound").to_string();
    let metrics = format!("pinion.metrics.listen={address}");
    let start = Start::new().with(&["--set", &metrics]);
    start.refusal().check(&["pinion.metrics.listen", &address, "in use", "another port"]);
}

/// Goal: addresses that are not this machine's, or privileged, are named with a remedy.
#[test]
fn an_impossible_address() {
    let start = Start::new().with(&["--listen", "203.0.113.7:9092"]);
    start.refusal().check(&["203.0.113.7:9092", "no such address", "0.0.0.0"]);
    let start = Start::new().with(&["--listen", "no-such-host.invalid:9092"]);
    start.refusal().check(&["no-such-host.invalid", "listeners"]);
}

/// Goal: of two brokers on one directory the second goes, and the first keeps what it has.
#[test]
fn a_directory_in_use() {
    let broker = Broker::start(BrokerOptions::default());
    let data = broker.data_dir();
    let refusal = Start::new().refusal_on(&data);
    refusal.check(&[data.to_str().expect("text"), "another process", ".lock", "--data"]);
    let mut client = WireClient::connect(&broker.bootstrap());
    client.create_topic("t", 1, &[]);
    assert_eq!(client.append(("t", 0), &batch("value", 1)), 0);
}

/// Goal: a data directory that cannot be made or written is named, with the reason.
#[test]
fn an_unwritable_directory() {
    let start = Start::new().under(WITHOUT_CAPABILITIES);
    let closed = start.path("closed");
    fs::create_dir(&closed).expect("the target directory can be written");
    fs::set_permissions(&closed, Permissions::from_mode(0o555)).expect("it is ours");
    for data in [closed.clone(), closed.join("missing/data")] {
        let refusal = start.refusal_on(&data);
        let path = data.to_str().expect("text");
        refusal.check(&[path, "Permission denied", "let this user", "--data"]);
    }
    assert_eq!(fs::read_dir(&closed).expect("it can be read").count(), 0);
}

/// Goal: files of a data directory that this user may not write are named.
#[test]
fn an_unwritable_file() {
    let mut broker = Broker::start(BrokerOptions::default());
    let data = broker.data_dir();
    WireClient::connect(&broker.bootstrap()).create_topic("t", 1, &[]);
    assert!(broker.terminate().success());
    let start = Start::new().under(WITHOUT_CAPABILITIES);
    for name in ["t-0/00000000000000000000.log", "__cluster_metadata/changes.log"] {
        let path = data.join(name);
        fs::set_permissions(&path, Permissions::from_mode(0o400)).expect("it is ours");
        let refusal = start.refusal_on(&data);
        refusal.check(&[path.to_str().expect("text"), "Permission denied", "let this user"]);
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("it is ours");
    }
    broker.restart();
}

/// Goal: a missing parent directory is made; a file in the place of a directory is named.
#[test]
fn a_missing_parent_and_a_file_in_the_way() {
    let start = Start::new();
    let file = start.path("file");
    fs::write(&file, b"mine").expect("the target directory can be written");
    for data in [file.clone(), file.join("data")] {
        let refusal = start.refusal_on(&data);
        refusal.check(&[file.to_str().expect("text"), "a file is where", "--data"]);
    }
    assert_eq!(fs::read(&file).expect("it is still there"), b"mine");
    let deep = start.path("not/there/yet");
    let options = BrokerOptions { data_dir: Some(deep.clone()), ..BrokerOptions::default() };
    drop(Broker::start(options));
    assert!(deep.join("meta.properties").exists());
}

/// Goal: keys, values and files of the configuration that are wrong are named, with what is
/// allowed; nothing is written.
#[test]
fn a_wrong_configuration() {
    let cases: [(&[&str], &[&str]); 9] = [
        (&["--set", "log.segment.bites=5"], &["log.segment.bites", "log.segment.bytes"]),
        (
            &["--set", "log.segment.bytes=lots"],
            &["log.segment.bytes", "lots", "1048576 to 2147483647"],
        ),
        (&["--set", "num.partitions=-1"], &["num.partitions", "-1", "at least 1"]),
        (&["--set", "num.partitions"], &["num.partitions", "KEY=VALUE"]),
        (&["--set", "shards=0", "--cores", "9999"], &["9999", "cpuset"]),
        (&["--set", "shards=0", "--cores", "one"], &["cores", "one", "0-3"]),
        (&["--set", "cores=0"], &["shards and cores are both set"]),
        (&["--config", "/no/such/file.toml"], &["/no/such/file.toml", "No such file"]),
        (&["--set", "listeners=here"], &["here", "listeners", "HOST:PORT"]),
    ];
    for (arguments, parts) in cases {
        let mut start = Start::new();
        if arguments.contains(&"shards=0") {
            start.arguments.drain(..2);
        }
        let start = start.with(arguments);
        start.refusal().check(parts);
        assert!(!start.path("data").exists(), "{arguments:?} left something behind");
    }
    let start = Start::new();
    let file = start.path("broker.toml");
    fs::write(&file, "num.partitions = 3\nnum.partitons = 4\n").expect("it can be written");
    let path = file.to_str().expect("text").to_owned();
    let place = format!("{path}:2");
    start.with(&["--config", &path]).refusal().check(&[&place, "num.partitons"]);
}

/// Goal: a kernel, a sysctl or a container that forbids io_uring is told apart from a kernel that
/// has none, and the line says what to allow.
#[test]
fn a_forbidden_ring() {
    let forbidden = refusal_without_rings(libc_errno::EPERM);
    forbidden.check(&["io_uring", "seccomp", "--security-opt"]);
    let unknown = refusal_without_rings(libc_errno::ENOSYS);
    unknown.check(&["no io_uring", "Linux 6.1"]);
}

/// The numbers of errno(3) that filters of these tests give.
mod libc_errno {
    pub const EPERM: u32 = 1;
    pub const ENOSYS: u32 = 38;
}

/// Starts a broker for which io_uring_setup fails. The filter holds for this thread and what it
/// starts.
fn refusal_without_rings(errno: u32) -> Refusal {
    let rules = BTreeMap::from([(IO_URING_SETUP, Vec::new())]);
    let machine = std::env::consts::ARCH.try_into().expect("seccompiler knows this machine");
    let filter =
        SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(errno), machine);
    let program: BpfProgram = filter.and_then(TryInto::try_into).expect("the filter is sound");
    let run = move || {
        seccompiler::apply_filter(&program).expect("a thread may filter itself");
        Start::new().refusal()
    };
    std::thread::spawn(run).join().expect("the thread ends")
}

/// Goal: with too few descriptors, or with no memory to lock, the limit is named; with a few more
/// descriptors than needed, the broker starts.
#[test]
fn low_limits() {
    for count in [6, 10, 14] {
        let limit = format!("--nofile={count}:{count}");
        let start = Start::new().under(&["prlimit", &limit]);
        start.refusal().check(&["ulimit -n", "LimitNOFILE"]);
    }
    let no_memory: Vec<&str> =
        WITHOUT_CAPABILITIES.iter().chain(&["prlimit", "--memlock=0:0"]).copied().collect();
    let start = Start::new().under(&no_memory);
    start.refusal().check(&["RLIMIT_MEMLOCK", "0 bytes", "LimitMEMLOCK"]);
}

/// Goal: logs that there are no descriptors for are named with the limit, not skipped.
#[test]
fn too_few_descriptors_for_the_logs() {
    let mut broker = Broker::start(BrokerOptions::default());
    WireClient::connect(&broker.bootstrap()).create_topic("many", 200, &[]);
    assert!(broker.terminate().success());
    let start = Start::new().under(&["prlimit", "--nofile=100:100"]);
    let refusal = start.refusal_on(&broker.data_dir());
    refusal.check(&["/many-", "Too many open files", "ulimit -n"]);
    broker.restart();
    assert_eq!(WireClient::connect(&broker.bootstrap()).topic_names(), ["many"]);
}

/// Goal: a data directory of another broker, or of a newer version, is left alone.
#[test]
fn a_foreign_directory() {
    let mut broker = Broker::start(BrokerOptions::default());
    assert!(broker.terminate().success());
    let data = broker.data_dir();
    let properties = data.join("meta.properties");
    let before = fs::read_to_string(&properties).expect("every start leaves one");
    let path = properties.to_str().expect("text");
    let start = Start::new().with(&["--set", "node.id=77"]);
    start.refusal_on(&data).check(&[path, "77", "another data directory"]);
    fs::write(&properties, before.replace("version=1", "version=9")).expect("it is ours");
    Start::new().refusal_on(&data).check(&[path, "version=9"]);
    fs::write(&properties, &before).expect("it is ours");
    broker.restart();
}

/// Goal: a failed start frees the lock, and the next one that can be is not hindered.
#[test]
fn nothing_is_left_behind() {
    let start = Start::new();
    let data = start.path("data");
    let taken = TcpListener::bind(("127.0.0.1", free_port())).expect("the port is free");
    let address = taken.local_addr().expect("it is bound").to_string();
    let refusal = start.with(&["--listen", &address]);
    refusal.refusal_on(&data).check(&["in use"]);
    let lock = File::open(data.join(".lock")).expect("the directory was made");
    flock(&lock, FlockOperation::NonBlockingLockExclusive).expect("nobody holds the lock");
    drop(lock);
    let options = BrokerOptions { data_dir: Some(data), ..BrokerOptions::default() };
    drop(Broker::start(options));
}
