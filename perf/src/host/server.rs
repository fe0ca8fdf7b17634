//! A broker's process: in a group and a directory of its own, both gone when the guard is dropped.

use super::cores::Cores;
use super::directory::Directory;
use super::interrupt;
use super::usage::Usage;
use super::volume::Volume;
use super::warden;
use crate::error::{Error, Result};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid,
};
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than any of the brokers takes on a slow machine.
const START_LIMIT: Duration = Duration::from_secs(120);
/// Longer than any of the brokers takes to end when it is asked to.
const STOP_LIMIT: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// Short beside the fastest restart, whose end is looked for.
const STOP_POLL_INTERVAL: Duration = Duration::from_millis(1);
/// Longer than a process takes from its last connection's end to its own.
const LAST_MOMENT: Duration = Duration::from_millis(500);
const LOG_TAIL_LINES: usize = 20;

#[derive(Debug)]
struct Launch {
    command: Command,
    cores: Cores,
}

/// A running broker. Dropping it kills its process group and removes its directory.
#[derive(Debug)]
pub struct Server {
    /// Absent if somebody else runs the broker.
    child: Option<Child>,
    /// How the broker is started again; absent for helpers and those of others.
    launch: Option<Launch>,
    /// The cost of processes that were stopped before.
    spent: Usage,
    log: PathBuf,
    /// Helpers, such as a port mapper, that must outlive the broker.
    _helpers: Vec<Server>,
    /// Dropped last: processes write there until they are dead.
    directory: Option<Directory>,
}

impl Server {
    /// Starts a broker whose files are all in `directory`, on the brokers' cores.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(mut command: Command, directory: Directory, cores: &Cores) -> Result<Server> {
        let log = directory.path().join("output.log");
        let mut server = Server::start_helper(&mut command, &log, cores)?;
        server.launch = Some(Launch { command, cores: cores.clone() });
        server.directory = Some(directory);
        Ok(server)
    }

    /// Starts a program that a broker in the directory of `log` needs.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start_helper(command: &mut Command, log: &Path, cores: &Cores) -> Result<Server> {
        let mut server = Server::elsewhere();
        server.child = Some(spawn(command, log, cores)?);
        server.log = log.to_owned();
        Ok(server)
    }

    /// A broker that somebody else runs: nothing is known of its cost, and it is left running.
    pub fn elsewhere() -> Server {
        Server {
            child: None,
            launch: None,
            spent: Usage::default(),
            log: PathBuf::new(),
            _helpers: Vec::new(),
            directory: None,
        }
    }

    /// Asks the broker to end (SIGTERM), and starts it again on the same files as soon as it has;
    /// does not wait until it is ready. Gives the time that it took to end.
    ///
    /// # Errors
    /// If it does not end in time or cannot be started; if interrupted; if it is not ours.
    pub fn restart(&mut self) -> Result<Duration> {
        let stop = self.stop()?;
        self.start_again()?;
        Ok(stop)
    }

    /// Starts the broker again on the same files, if it has ended and nobody has asked for its
    /// exit code; whether that was so.
    ///
    /// # Errors
    /// If it cannot be started, or is not ours.
    pub fn revive(&mut self) -> Result<bool> {
        let has_ended = self.has_ended()?;
        if has_ended {
            self.start_again()?;
        }
        Ok(has_ended)
    }

    fn start_again(&mut self) -> Result<()> {
        // Only as long as nobody has asked for its exit code does the kernel tell what it cost.
        self.spent = self.usage();
        let (Some(child), Some(launch)) = (&mut self.child, &mut self.launch) else {
            return Err(not_ours());
        };
        child.wait().map_err(Error::io("the broker"))?;
        *child = spawn(&mut launch.command, &self.log, &launch.cores)?;
        Ok(())
    }

    /// The small disk that the broker writes to, if it has one.
    pub fn volume(&self) -> Option<&Volume> {
        self.directory.as_ref().and_then(Directory::volume)
    }

    /// Asks the broker to end and waits until it has, but leaves its exit code to be asked for.
    /// Gives the time that it took.
    fn stop(&self) -> Result<Duration> {
        let leader = self.leader()?;
        kill_process(leader, Signal::TERM).map_err(|e| Error::io("SIGTERM")(e.into()))?;
        let asked = Instant::now();
        while !self.has_ended()? {
            interrupt::check()?;
            if asked.elapsed() > STOP_LIMIT {
                let reason = format!("the broker has not ended {STOP_LIMIT:?} after SIGTERM");
                return Err(Error::Stalled(reason));
            }
            thread::sleep(STOP_POLL_INTERVAL);
        }
        Ok(asked.elapsed())
    }

    /// Whether the broker has ended; its exit code is left to be asked for.
    fn has_ended(&self) -> Result<bool> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let status = waitid(WaitId::Pid(self.leader()?), options);
        status.map(|status| status.is_some()).map_err(|e| Error::io("the broker")(e.into()))
    }

    fn leader(&self) -> Result<Pid> {
        let leader = self.child.as_ref().and_then(|child| i32::try_from(child.id()).ok());
        leader.and_then(Pid::from_raw).ok_or_else(not_ours)
    }

    /// Whether somebody else runs it.
    pub fn is_elsewhere(&self) -> bool {
        self.child.is_none()
    }

    /// Keeps a helper as long as this server.
    pub fn keep(&mut self, helper: Server) {
        self._helpers.push(helper);
    }

    /// Waits until `is_ready`.
    ///
    /// # Errors
    /// If the process ends first or takes too long, with the end of its log; if interrupted.
    pub fn await_ready(&mut self, mut is_ready: impl FnMut() -> bool) -> Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            interrupt::check()?;
            if let Some(status) = self.ended() {
                return Err(Error::Start(format!("{status}\n{}", self.log_tail())));
            }
            if is_ready() {
                return Ok(());
            }
            if Instant::now() > deadline {
                let tail = self.log_tail();
                return Err(Error::Start(format!("not ready after {START_LIMIT:?}\n{tail}")));
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// Fails once the process has ended.
    ///
    /// # Errors
    /// [`Error::Died`] with the end of its log.
    pub fn check_alive(&mut self) -> Result<()> {
        match self.ended() {
            Some(status) => Err(Error::Died(format!("{status}\n{}", self.log_tail()))),
            None => Ok(()),
        }
    }

    /// As [`Server::check_alive`], but gives the process a moment: a client notices that the
    /// connection is gone before the process has.
    ///
    /// # Errors
    /// [`Error::Died`] with the end of its log.
    pub fn check_alive_soon(&mut self) -> Result<()> {
        thread::sleep(LAST_MOMENT);
        self.check_alive()
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        self.child.as_mut()?.try_wait().ok().flatten()
    }

    /// What its processes cost so far, those before a restart included.
    pub fn usage(&self) -> Usage {
        let mut usage =
            self.child.as_ref().map_or_else(Usage::default, |child| Usage::of_group(child.id()));
        usage.cpu += self.spent.cpu;
        usage.written_bytes += self.spent.written_bytes;
        usage
    }

    /// The last lines that the processes printed.
    pub fn log_tail(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Some(child) = &mut self.child else { return };
        // The data goes away with the directory: there is nothing to shut down cleanly for.
        let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
        let _ = child.wait();
    }
}

/// Starts a program as the leader of a process group, with its output in a file.
fn spawn(command: &mut Command, log: &Path, cores: &Cores) -> Result<Child> {
    let output = File::options().create(true).append(true).open(log).map_err(Error::file(log))?;
    let errors = output.try_clone().map_err(Error::file(log))?;
    if let Some(directory) = log.parent() {
        warden::mark(command, directory);
    }
    command.process_group(0).stdin(Stdio::null()).stdout(output).stderr(errors);
    cores.spawn_broker(command)
}

fn not_ours() -> Error {
    Error::Input("a broker of somebody else is not restarted".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::directory::Disk;
    use super::*;

    /// Counts to a number that takes many of the kernel's ticks when it is asked to end.
    const COUNTS_AT_THE_END: &str =
        "trap 'i=0; while [ $i -lt 500000 ]; do i=$((i+1)); done; exit' TERM
        echo ready; while :; do sleep 0.01; done";

    /// Goal: what a broker does between SIGTERM and its end is part of its cost.
    #[test]
    fn stopping_costs_too() {
        let parent = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new("sh");
        command.args(["-c", COUNTS_AT_THE_END]);
        let cores = Cores::all().expect("the cores of this process");
        let data = Directory::create(parent.path(), Disk::Shared).expect("a directory");
        let mut server = Server::start(command, data, &cores).expect("a shell");
        let log = server.log.clone();
        server
            .await_ready(|| fs::read_to_string(&log).is_ok_and(|text| text.contains("ready")))
            .expect("the shell says so");
        let before = server.usage().cpu;
        server.restart().expect("a shell ends when it is asked to");
        let stopping = server.usage().cpu.saturating_sub(before);
        assert!(stopping >= Duration::from_millis(50), "{stopping:?}");
    }
}
