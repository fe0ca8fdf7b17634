//! The servers under test: the broker and the bare programs, each a child process on its core.

use crate::bare::Program;
use crate::machine::{self, Cores};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a broker may take until it answers.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Pause between two looks at a broker that starts.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Page cache touched before a run: twice what a run writes, since the kernel takes pages from
/// more places than those that were touched last.
const TOUCHED_SIZE: u64 = 1536 << 20;

/// Settings of the broker that put it into one durability class with the bare programs: an
/// answer means that the page cache has the records.
const PAGE_CACHE_MODE: [&str; 1] = ["log.flush.interval.messages=9223372036854775807"];

/// A running server, ended and cleaned up when dropped.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    metrics: Option<SocketAddr>,
    scratch: TempDir,
}

impl Server {
    /// Starts `pinion serve` in page-cache mode with one shard, pinned, on an empty directory.
    ///
    /// # Errors
    /// It does not start, or does not answer in time.
    pub fn broker(cores: Cores, settings: &[&str]) -> io::Result<Server> {
        let scratch = scratch()?;
        let (address, metrics) = (free_address()?, free_address()?);
        let log = std::fs::File::create(scratch.path().join("broker.log"))?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_pinion"));
        command
            .arg("serve")
            .arg("--data")
            .arg(scratch.path().join("data"))
            .args(["--listen", &address.to_string()])
            .args(["--cores", &cores.server.to_string()])
            .args(["--set", &format!("pinion.metrics.listen={metrics}")])
            .args(PAGE_CACHE_MODE.iter().chain(settings).flat_map(|setting| ["--set", *setting]))
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let child = command.spawn()?;
        let mut server = Server { child, address, metrics: Some(metrics), scratch };
        server.await_answer()?;
        Ok(server)
    }

    /// Starts a bare program: this very binary under another name.
    ///
    /// # Errors
    /// It does not start.
    pub fn bare(cores: Cores, program: &Program) -> io::Result<Server> {
        let scratch = scratch()?;
        let mut child = Command::new(std::env::current_exe()?)
            .args(program.arguments(cores.server, &scratch.path().join("log")))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it was asked for");
        BufReader::new(stdout).read_line(&mut line)?;
        let address = line.trim().parse().map_err(|_| {
            io::Error::other(format!("the bare program said {line:?} instead of its address"))
        })?;
        Ok(Server { child, address, metrics: None, scratch })
    }

    /// Its process id.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Its CPU time so far.
    pub fn cpu_time(&self) -> Duration {
        machine::process_cpu_time(self.child.id())
    }

    /// Where a broker keeps its partitions.
    pub fn data_directory(&self) -> PathBuf {
        self.scratch.path().join("data")
    }

    /// Creates a topic with the broker's own command.
    ///
    /// # Errors
    /// The command failed; the message is what it printed.
    pub fn create_topic(&self, name: &str, partition_count: usize) -> io::Result<()> {
        let output = Command::new(env!("CARGO_BIN_EXE_pinion"))
            .args(["topic", "create", name])
            .args(["--partitions", &partition_count.to_string()])
            .args(["--bootstrap", &self.address.to_string()])
            .output()?;
        if output.status.success() {
            return Ok(());
        }
        Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()))
    }

    /// Frees memory that the host has given to this machine already, enough for a run: a virtual
    /// machine soon hands back what is free, and pays for it again at the first touch.
    ///
    /// # Errors
    /// The file system's own.
    pub fn touch_memory(&self) -> io::Result<()> {
        let path = self.scratch.path().join("touched");
        let mut file = std::fs::File::create(&path)?;
        let block = vec![0xa5; 1 << 20];
        for _ in 0..TOUCHED_SIZE >> 20 {
            file.write_all(&block)?;
        }
        std::fs::remove_file(path)
    }

    /// What the broker's counters say.
    ///
    /// # Errors
    /// The broker does not tell.
    pub fn metrics(&self) -> io::Result<Metrics> {
        let address = self.metrics.expect("brokers have metrics");
        let url = format!("http://{address}/metrics");
        let response = ureq::get(&url).call().map_err(io::Error::other)?;
        let text = response.into_body().read_to_string().map_err(io::Error::other)?;
        Ok(Metrics { text })
    }

    fn await_answer(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        while let Err(error) = ask_api_versions(self.address) {
            let exited = self.child.try_wait()?;
            if exited.is_some() || Instant::now() > deadline {
                let log = std::fs::read_to_string(self.scratch.path().join("broker.log"))?;
                return Err(io::Error::other(format!("the broker did not start: {error}\n{log}")));
            }
            thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A server that has ended by itself is no worse.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One reading of a broker's /metrics.
pub struct Metrics {
    text: String,
}

impl Metrics {
    /// The sum of a metric's values over shards and labels that `label` occurs in.
    pub fn sum(&self, name: &str, label: &str) -> f64 {
        let lines = self.text.lines().filter(|line| !line.starts_with('#'));
        let values = lines.filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let (metric, labels) = series.split_once('{').unwrap_or((series, ""));
            (metric == name && labels.contains(label)).then(|| value.parse::<f64>().ok())?
        });
        values.sum()
    }
}

fn scratch() -> io::Result<TempDir> {
    TempDir::with_prefix_in("ceiling-", Path::new(env!("CARGO_TARGET_TMPDIR")))
}

/// An address that was free a moment ago.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr()
}

/// Asks for ApiVersions, version 0, and reads until something is answered.
fn ask_api_versions(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let request = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff];
    stream.write_all(&request)?;
    stream.read_exact(&mut [0; 8])
}
