//! Child programs: run to the end, within a time limit, with everything they printed.

use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

/// Pause between two looks at a running program.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Runs a program to its end and gives what it printed, standard error included.
///
/// # Errors
/// If it cannot be started, ends with another code than 0, or is still running after `limit`
/// (then it is killed). The message holds the command line and what the program printed.
pub fn run(command: &mut Command, limit: Duration) -> Result<String, String> {
    let line = command_line(command);
    let explain = |what: String, printed: &str| format!("{what}\n  command: {line}\n{printed}");
    let output = NamedTempFile::new().map_err(|error| explain(error.to_string(), ""))?;
    let writer = || File::options().append(true).open(output.path());
    let started = writer().and_then(|stdout| {
        let stderr = writer()?;
        command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn()
    });
    let mut child = started.map_err(|error| explain(format!("cannot start: {error}"), ""))?;
    let deadline = Instant::now() + limit;
    let status = loop {
        match child.try_wait().map_err(|error| explain(error.to_string(), ""))? {
            Some(status) => break Some(status),
            None if Instant::now() > deadline => break None,
            None => thread::sleep(POLL_INTERVAL),
        }
    };
    let printed =
        || String::from_utf8_lossy(&fs::read(output.path()).unwrap_or_default()).into_owned();
    match status {
        Some(status) if status.success() => Ok(printed()),
        Some(status) => Err(explain(format!("ended with {status}"), &printed())),
        None => {
            let _ = child.kill();
            let _ = child.wait();
            Err(explain(format!("still running after {limit:?}"), &printed()))
        }
    }
}

fn command_line(command: &Command) -> String {
    let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
    let program = command.get_program().to_string_lossy().into_owned();
    std::iter::once(program).chain(arguments).collect::<Vec<_>>().join(" ")
}
