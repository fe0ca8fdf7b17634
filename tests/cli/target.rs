//! The broker of a test, and `pinion` run against it.

use std::io::Write;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::broker::{Broker, BrokerOptions};

/// Names another broker to test the commands against.
pub const OTHER_BROKER: &str = "PINION_TEST_BOOTSTRAP";

/// How long a command may take: one that would never end fails its test.
const COMMAND_LIMIT: Duration = Duration::from_secs(120);

/// The broker of one test: our own, or one that runs already.
pub enum Target {
    Own(Box<Broker>),
    Other(String),
}

impl Target {
    pub fn start() -> Target {
        match std::env::var(OTHER_BROKER) {
            Ok(bootstrap) => Target::Other(bootstrap),
            Err(_) => Target::Own(Box::new(Broker::start(BrokerOptions::default()))),
        }
    }

    pub fn bootstrap(&self) -> String {
        match self {
            Target::Own(broker) => broker.bootstrap(),
            Target::Other(bootstrap) => bootstrap.clone(),
        }
    }

    /// Starts a command of the client kind.
    pub fn spawn(&self, arguments: &[&str]) -> Child {
        pinion(arguments).args(["--bootstrap", &self.bootstrap()]).spawn().expect("pinion runs")
    }

    /// Runs a command with this on its standard input.
    pub fn feed(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut command = pinion(arguments);
        command.args(["--bootstrap", &self.bootstrap()]);
        feed(command, input)
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.feed(arguments, b"")
    }

    /// Runs a command that must succeed, and gives what it printed.
    pub fn succeed(&self, arguments: &[&str], input: &[u8]) -> String {
        let output = self.feed(arguments, input);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).expect("these outputs are text")
    }

    /// Runs a command that must fail, and gives the one line that says why.
    pub fn fail(&self, arguments: &[&str], exit_code: i32) -> String {
        refusal(self.run(arguments), exit_code)
    }
}

pub fn pinion(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pinion"));
    command.args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a command with this on its standard input, and kills one that does not end.
pub fn feed(mut command: Command, input: &[u8]) -> Output {
    let mut child = command.spawn().expect("pinion runs");
    let mut stdin = child.stdin.take().expect("standard input is a pipe");
    let process = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let (ended, end) = channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            if let (Some(process), Err(RecvTimeoutError::Timeout)) =
                (process, end.recv_timeout(COMMAND_LIMIT))
            {
                // One that has ended at this moment is what we want.
                let _ = kill_process(process, Signal::KILL);
            }
        });
        scope.spawn(move || {
            // A command that fails early reads no further; its exit code tells.
            let _ = stdin.write_all(input);
        });
        let output = child.wait_with_output().expect("our own child can be waited for");
        drop(ended);
        output
    })
}

pub fn refusal(output: Output, exit_code: i32) -> String {
    assert_eq!(output.status.code(), Some(exit_code), "{output:?}");
    let line = String::from_utf8(output.stderr).expect("an error is text");
    assert_eq!(line.trim_end().lines().count(), 1, "{line}");
    assert!(line.starts_with("pinion: "), "{line}");
    line
}

/// A topic's name that no other test and no earlier run has.
pub fn topic(purpose: &str) -> String {
    format!("cli-{purpose}-{}", std::process::id())
}

/// Lines that tell which is missing.
pub fn numbered_lines(count: usize) -> String {
    (0..count).map(|number| format!("line {number}\n")).collect()
}
