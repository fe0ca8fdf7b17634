//! Where log lines go: to standard error, by a thread of their own.
//!
//! Whoever reads standard error may stall, be gone or have a full disk; none of that may stop a
//! shard. So lines wait in a bounded queue, and those that find it full are dropped and counted.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

/// Lines that wait to be written, at most.
const QUEUED_LINES_MAX: usize = 8_192;

/// How long the end of the process waits for a reader to take the lines that are queued.
const FLUSH_WAIT_MAX: Duration = Duration::from_secs(1);

/// The thread that writes the log. Dropping this writes what is queued, for a bounded time.
#[derive(Debug)]
pub struct LogOutput {
    guard: Mutex<Option<WorkerGuard>>,
    dropped: ErrorCounter,
}

impl LogOutput {
    /// Makes standard error the place of all log lines of the process: at level info, or as
    /// RUST_LOG says.
    pub fn install() -> LogOutput {
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
        let (output, writer) = LogOutput::to(io::stderr());
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(io::stderr().is_terminal())
            .with_writer(writer)
            .log_internal_errors(false)
            .init();
        output
    }

    /// The thread, and what hands it lines.
    pub fn to(output: impl Write + Send + 'static) -> (LogOutput, NonBlocking) {
        let (writer, guard) = NonBlockingBuilder::default()
            .lossy(true)
            .buffered_lines_limit(QUEUED_LINES_MAX)
            .thread_name("log")
            .finish(output);
        let dropped = writer.error_counter();
        (LogOutput { guard: Mutex::new(Some(guard)), dropped }, writer)
    }

    /// How many lines were dropped because the queue was full.
    pub fn dropped_line_count(&self) -> u64 {
        self.dropped.dropped_lines() as u64
    }

    /// Writes what is queued, as far as the reader takes it in a bounded time. Later lines are
    /// lost.
    pub fn end(&self) {
        let guard = self.guard.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(guard) = guard else { return };
        let (done, is_done) = mpsc::channel();
        // Where the reader has stalled, dropping the guard prints, which may stall as well.
        let flusher = thread::Builder::new().name("log-end".into()).spawn(move || {
            drop(guard);
            // Nobody waits any more: the time is over.
            let _ = done.send(());
        });
        if flusher.is_ok() {
            // At the time limit the lines are lost, and the process ends all the same.
            let _ = is_done.recv_timeout(FLUSH_WAIT_MAX);
        }
    }
}

impl Drop for LogOutput {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    /// What the thread has written.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Goal: the end writes everything that is queued.
    #[test]
    fn the_end_writes_what_is_queued() {
        let written = Written::default();
        let (output, mut writer) = LogOutput::to(written.clone());
        for _ in 0..1_000 {
            writer.write_all(b"line\n").unwrap();
        }
        output.end();
        assert_eq!(written.0.lock().unwrap().len(), 5_000);
        assert_eq!(output.dropped_line_count(), 0);
    }

    /// Goal: with a reader that has stalled, lines are dropped and counted, nobody waits for it,
    /// and the end comes.
    #[test]
    fn a_stalled_reader_stops_nobody() {
        let written = Written::default();
        let stall = written.0.lock().unwrap();
        let (output, mut writer) = LogOutput::to(written.clone());
        for _ in 0..3 * QUEUED_LINES_MAX {
            writer.write_all(b"line\n").unwrap();
        }
        assert!(output.dropped_line_count() >= QUEUED_LINES_MAX as u64);
        output.end();
        drop(stall);
    }

    /// Goal: a place that takes nothing, as a full disk, is no failure of the broker.
    #[test]
    fn a_failing_place_is_no_failure() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Err(io::ErrorKind::StorageFull.into())
            }
        }
        let (output, mut writer) = LogOutput::to(Full);
        for _ in 0..100 {
            writer.write_all(b"line\n").unwrap();
        }
        output.end();
    }
}
