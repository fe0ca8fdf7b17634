//! The broker under test: `pinion serve` as a child process, on a data directory of its own.

use std::collections::hash_map::RandomState;
use std::fs::{self, File};
use std::hash::BuildHasher;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long a broker may take to answer its first request, recovery included.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a broker may take to exit after SIGTERM.
const EXIT_TIMEOUT: Duration = Duration::from_secs(60);
/// Pause between two looks at a broker that is starting or stopping.
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// How long a line may take to come into the log.
const LOG_TIMEOUT: Duration = Duration::from_secs(60);
/// What a broker logs upon SIGHUP.
const HANG_UP_LINE: &str = "SIGHUP";
/// Lines of the broker's log that a failure shows.
const LOG_TAIL_LINES: usize = 60;

/// How a broker is started.
#[derive(Clone, Debug)]
pub struct BrokerOptions {
    /// Number of shards, unpinned: the tests share the machine's cores.
    pub shards: u32,
    /// Settings under Kafka's names, given as `--set KEY=VALUE`.
    pub settings: Vec<(String, String)>,
    /// Any further arguments of `pinion serve`.
    pub arguments: Vec<String>,
    /// What takes the broker's standard error.
    pub errors: Errors,
    /// Environment variables.
    pub environment: Vec<(String, String)>,
    /// Where the data lives; a temporary directory, removed with the broker, when `None`.
    pub data_dir: Option<PathBuf>,
}

/// What takes the broker's standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Errors {
    /// The file that [`Broker::log`] reads.
    #[default]
    Log,
    /// A disk without room.
    Full,
    /// A pipe that nobody reads.
    Unread,
    /// A pipe without a reader.
    Closed,
}

impl Default for BrokerOptions {
    fn default() -> Self {
        let options = BrokerOptions {
            shards: 2,
            settings: Vec::new(),
            arguments: Vec::new(),
            errors: Errors::default(),
            environment: Vec::new(),
            data_dir: None,
        };
        // Brokers of several tests run at once: the port for metrics must not be a fixed one.
        options.set("pinion.metrics.listen", "127.0.0.1:0")
    }
}

impl BrokerOptions {
    /// Adds one setting under Kafka's name for it, in the place of an earlier one.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl ToString) -> Self {
        self.settings.retain(|(other, _)| other != key);
        self.settings.push((key.to_owned(), value.to_string()));
        self
    }
}

/// A running, killed or stopped broker. It keeps its port and its data over restarts.
///
/// Dropping it ends the process; when the test is failing, the end of the log is printed first.
pub struct Broker {
    options: BrokerOptions,
    /// Holds the log, and the data unless the options name another place.
    scratch: TempDir,
    port: u16,
    child: Option<Child>,
    /// It has answered, and nothing has been done to end it.
    is_serving: AtomicBool,
}

impl Broker {
    /// Starts a broker on a free port and waits until it answers.
    ///
    /// # Panics
    /// If it exits or does not answer in time; the message holds the end of its log.
    pub fn start(options: BrokerOptions) -> Self {
        let scratch = TempDir::with_prefix_in("broker-", env!("CARGO_TARGET_TMPDIR"))
            .expect("a temporary directory under the target directory");
        let mut broker = Broker {
            options,
            scratch,
            port: free_port(),
            child: None,
            is_serving: AtomicBool::new(false),
        };
        broker.launch();
        broker
    }

    /// `HOST:PORT`, the same over restarts.
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The directory that holds the partitions.
    pub fn data_dir(&self) -> PathBuf {
        self.options.data_dir.clone().unwrap_or_else(|| self.scratch.path().join("data"))
    }

    /// Process id of the running broker.
    ///
    /// # Panics
    /// If it is not running.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the broker is running").id()
    }

    /// Ends the process with SIGKILL, as a crash would.
    pub fn kill(&mut self) {
        self.is_serving.store(false, Ordering::Relaxed);
        if let Some(mut child) = self.child.take() {
            child.kill().expect("SIGKILL reaches our own child");
            child.wait().expect("our own child can be waited for");
        }
    }

    /// Sends SIGTERM and waits for the exit.
    ///
    /// # Panics
    /// If the broker is not running or does not exit in time.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Sends a signal to the running broker.
    ///
    /// # Panics
    /// If it is not running.
    pub fn signal(&self, signal: Signal) {
        if signal != Signal::HUP {
            self.is_serving.store(false, Ordering::Relaxed);
        }
        send_signal(self.child.as_ref().expect("the broker is running"), signal);
    }

    /// Waits for the exit of a broker that has a reason to exit.
    ///
    /// # Panics
    /// If it is not running or does not exit in time.
    pub fn wait(&mut self) -> ExitStatus {
        self.is_serving.store(false, Ordering::Relaxed);
        let mut child = self.child.take().expect("the broker is running");
        let deadline = Instant::now() + EXIT_TIMEOUT;
        loop {
            if let Some(status) = child.try_wait().expect("our own child can be waited for") {
                return status;
            }
            if Instant::now() > deadline {
                self.child = Some(child);
                panic!("the broker is still there after {EXIT_TIMEOUT:?}{}", self.story());
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// Starts a killed or stopped broker again, on its port and data, and waits until it answers.
    ///
    /// # Panics
    /// If it is still running, exits, or does not answer in time.
    pub fn restart(&mut self) {
        self.launch();
    }

    /// Starts a killed or stopped broker, and does not wait until it answers.
    ///
    /// # Panics
    /// If it is still running.
    pub fn spawn(&mut self) {
        assert!(self.child.is_none(), "kill or terminate the broker before another start");
        fs::create_dir_all(self.data_dir()).expect("the data directory can be made");
        let mut child = self.command().spawn().expect("the pinion binary runs");
        if self.options.errors == Errors::Closed {
            child.stderr = None;
        }
        self.child = Some(child);
    }

    /// As [`Broker::restart`], and gives the status of a broker that exits instead of answering.
    ///
    /// # Panics
    /// If it is still running, or neither exits nor answers in time.
    pub fn try_restart(&mut self) -> Result<(), ExitStatus> {
        self.spawn();
        self.await_answer()
    }

    /// Waits until the log has a text.
    ///
    /// # Panics
    /// If it does not come in time.
    pub fn await_log(&self, text: &str) {
        let deadline = Instant::now() + LOG_TIMEOUT;
        while !self.log_so_far().contains(text) {
            assert!(Instant::now() < deadline, "no {text:?} in the log{}", self.story());
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// Everything that the broker logged before now, over all its starts.
    ///
    /// A serving broker writes its log a little later than it answers: so it is made to log one
    /// more line, which comes after the others.
    pub fn log(&self) -> String {
        if self.is_serving.load(Ordering::Relaxed) && self.options.errors == Errors::Log {
            let count = |log: String| log.matches(HANG_UP_LINE).count();
            let before = count(self.log_so_far());
            self.signal(Signal::HUP);
            let deadline = Instant::now() + LOG_TIMEOUT;
            while count(self.log_so_far()) <= before {
                assert!(Instant::now() < deadline, "SIGHUP is not logged{}", self.story());
                thread::sleep(Duration::from_millis(1));
            }
        }
        self.log_so_far()
    }

    /// What has come into the log, over all the broker's starts.
    pub fn log_so_far(&self) -> String {
        let log = fs::read(self.log_path()).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// The last lines that the broker logged, over all its starts.
    pub fn log_tail(&self) -> String {
        let log = self.log_so_far();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
    }

    /// The file that collects the broker's standard output and error, over all its starts.
    pub fn log_path(&self) -> PathBuf {
        self.scratch.path().join("broker.log")
    }

    fn launch(&mut self) {
        self.spawn();
        if let Err(status) = self.await_answer() {
            panic!("the broker exited at its start with {status}{}", self.story());
        }
    }

    fn await_answer(&mut self) -> Result<(), ExitStatus> {
        let deadline = Instant::now() + START_TIMEOUT;
        while let Err(error) = self.ask_api_versions() {
            let child = self.child.as_mut().expect("it was just started");
            if let Some(status) = child.try_wait().expect("our own child can be waited for") {
                self.child = None;
                return Err(status);
            }
            if Instant::now() > deadline {
                panic!("no answer after {START_TIMEOUT:?}: {error}{}", self.story());
            }
            thread::sleep(POLL_INTERVAL);
        }
        self.is_serving.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn command(&self) -> Command {
        let log = append_to(&self.log_path());
        let mut command = Command::new(env!("CARGO_BIN_EXE_pinion"));
        command
            .arg("serve")
            .arg("--data")
            .arg(self.data_dir())
            .args(["--listen", &self.bootstrap()])
            .args(["--shards", &self.options.shards.to_string()])
            // Several brokers run at once, and metrics have a port of their own.
            .args(["--set", "pinion.metrics.listen="])
            .args(
                self.options
                    .settings
                    .iter()
                    .flat_map(|(key, value)| ["--set".to_owned(), format!("{key}={value}")]),
            )
            .args(&self.options.arguments)
            .stdin(Stdio::null())
            .envs(self.options.environment.iter().map(|(name, value)| (name, value)))
            .stdout(log.try_clone().expect("a file handle can be cloned"))
            .stderr(match self.options.errors {
                Errors::Log => Stdio::from(log),
                Errors::Full => Stdio::from(append_to(Path::new("/dev/full"))),
                Errors::Unread | Errors::Closed => Stdio::piped(),
            });
        command
    }

    /// Sends an ApiVersions request, version 0, and reads the answer's correlation id.
    fn ask_api_versions(&self) -> io::Result<()> {
        const CORRELATION_ID: i32 = 0x50_49_4e;
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let mut request = Vec::new();
        request.extend(10_i32.to_be_bytes()); // frame length
        request.extend(18_i16.to_be_bytes()); // API key: ApiVersions
        request.extend(0_i16.to_be_bytes()); // version
        request.extend(CORRELATION_ID.to_be_bytes());
        request.extend((-1_i16).to_be_bytes()); // no client id
        stream.write_all(&request)?;
        let mut answer = [0; 8];
        stream.read_exact(&mut answer)?;
        if answer[4..] == CORRELATION_ID.to_be_bytes() {
            Ok(())
        } else {
            Err(io::Error::other("the answer's correlation id is not the request's"))
        }
    }

    /// The end of the log, as a paragraph for a failure message.
    fn story(&self) -> String {
        format!("\n--- the end of the broker's log ---\n{}\n---", self.log_tail())
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // A child that is gone already is what we want.
            let _ = child.kill();
            let _ = child.wait();
        }
        if thread::panicking() {
            eprintln!("{}", self.story());
        }
    }
}

/// A port that was free a moment ago, below those that the kernel gives to outgoing connections:
/// one of them must not take it while a broker is down between two starts.
pub fn free_port() -> u16 {
    const FIRST: u64 = 10_000;
    const COUNT: u64 = 20_000;
    let draw = || FIRST + RandomState::new().hash_one(0) % COUNT;
    let ports = std::iter::repeat_with(draw).map(|port| port as u16);
    let mut free = ports.filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.next().expect("the iterator has no end")
}

fn append_to(path: &Path) -> File {
    File::options().create(true).append(true).open(path).expect("the broker's log can be opened")
}

fn send_signal(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    kill_process(pid.expect("a child has a positive process id"), signal)
        .expect("a signal reaches our own child");
}
