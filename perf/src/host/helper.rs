//! A process that a driver runs beside this one: what it costs is a cost of the client.

use super::usage::Usage;
use std::process::Child;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// CPU time of all helpers that have ended, in nanoseconds.
static SPENT_NANOS: AtomicU64 = AtomicU64::new(0);

/// A helper. Dropping it kills it, and counts its CPU time.
#[derive(Debug)]
pub struct Helper {
    child: Child,
    /// CPU time of its start, which is no work.
    start: Duration,
}

impl Helper {
    /// A helper that was just started.
    pub fn new(child: Child) -> Helper {
        Helper { child, start: Duration::ZERO }
    }

    /// It is ready: what it cost so far does not count.
    pub fn has_started(&mut self) {
        self.start = Usage::of_child(self.child.id());
    }

    /// CPU time of all helpers that have ended.
    pub fn spent() -> Duration {
        Duration::from_nanos(SPENT_NANOS.load(Ordering::Relaxed))
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let spent = Usage::of_child(self.child.id()).saturating_sub(self.start);
        let nanos = u64::try_from(spent.as_nanos()).unwrap_or(u64::MAX);
        SPENT_NANOS.fetch_add(nanos, Ordering::Relaxed);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    /// Goal: what a helper works after its start is counted when it ends, and it does end.
    #[test]
    fn work_of_a_helper_is_counted() {
        let script = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo done; exec sleep 60";
        let mut shell = Command::new("sh");
        let spawned = shell.args(["-c", script]).stdout(Stdio::piped()).spawn();
        let mut child = spawned.expect("a shell");
        let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
        let (helper, before) = (Helper::new(child), Helper::spent());
        output.read_line(&mut String::new()).expect("it says when it is done");
        drop(helper);
        assert!(Helper::spent() > before);
        assert_eq!(output.read_line(&mut String::new()).expect("an end"), 0);
    }
}
