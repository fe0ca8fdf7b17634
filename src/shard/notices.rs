//! Log lines that clients can provoke as often as they like: a few at once, and then only how many
//! more there were.

use super::Shard;
use super::tick::Timer;
use crate::base::Monotonic;
use std::time::Duration;

/// How long lines of one cause are counted together.
const WINDOW: Duration = Duration::from_secs(10);

/// What the lines are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A client broke the protocol.
    BadRequest,
    /// The kernel gave no connection.
    AcceptFailed,
    /// `max.connections` is reached.
    TooManyConnections,
    /// A client kept receive memory from others.
    Stalled,
    /// A topic asks for compaction.
    Compaction,
}

impl Cause {
    const COUNT: usize = Cause::Compaction as usize + 1;

    /// Lines in one window before the rest is only counted.
    const fn at_once_max(self) -> u32 {
        match self {
            // Each names another client, and what that did, or another topic.
            Cause::BadRequest | Cause::Stalled | Cause::Compaction => 10,
            Cause::AcceptFailed | Cause::TooManyConnections => 1,
        }
    }
}

/// What to do about one more line.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Log,
    Count,
    /// As `Count`; nothing has been counted in this window before, which ends at that time.
    CountUntil(Monotonic),
}

#[derive(Debug, Default, Clone, Copy)]
struct Notice {
    until: Monotonic,
    logged: u32,
    counted: u64,
}

/// How much of each cause has been logged lately.
#[derive(Debug, Default)]
pub struct Notices([Notice; Cause::COUNT]);

impl Notices {
    fn admit(&mut self, cause: Cause, now: Monotonic) -> Verdict {
        let notice = &mut self.0[cause as usize];
        if now >= notice.until && notice.counted == 0 {
            *notice = Notice { until: now.after(WINDOW), ..Notice::default() };
        }
        if notice.logged < cause.at_once_max() {
            notice.logged += 1;
            return Verdict::Log;
        }
        notice.counted += 1;
        if notice.counted == 1 { Verdict::CountUntil(notice.until) } else { Verdict::Count }
    }

    /// How many lines of a cause were only counted; the next one is logged again.
    fn take_count(&mut self, cause: Cause) -> u64 {
        std::mem::take(&mut self.0[cause as usize]).counted
    }
}

impl Shard {
    /// Whether a line about `cause` is to be logged now. If not, it is counted, and the count is
    /// logged soon.
    pub(super) fn may_log(&mut self, cause: Cause) -> bool {
        match self.notices.admit(cause, self.now.monotonic) {
            Verdict::Log => true,
            Verdict::Count => false,
            Verdict::CountUntil(end) => {
                self.timers.set(end, Timer::Notice(cause));
                false
            }
        }
    }

    /// Logs how many lines of a cause were not logged.
    pub(super) fn log_count(&mut self, cause: Cause) {
        let count = self.notices.take_count(cause);
        let shard = self.id.0;
        match cause {
            Cause::BadRequest => {
                tracing::warn!(count, shard, "closed more connections for bad requests");
            }
            Cause::AcceptFailed => {
                tracing::warn!(count, shard, "still could not accept connections");
            }
            Cause::TooManyConnections => {
                tracing::warn!(count, shard, "refused more connections: max.connections");
            }
            Cause::Stalled => {
                tracing::warn!(count, shard, "closed more connections that sent no more");
            }
            Cause::Compaction => {
                tracing::warn!(count, "more topics ask for compaction, which is not there yet");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Monotonic = Monotonic(1);

    /// Goal: the first lines of a flood are logged at once, the rest is counted, once per window.
    #[test]
    fn a_flood_is_counted() {
        let mut notices = Notices::default();
        let most = Cause::BadRequest.at_once_max();
        for _ in 0..most {
            assert_eq!(notices.admit(Cause::BadRequest, START), Verdict::Log);
        }
        let end = START.after(WINDOW);
        assert_eq!(notices.admit(Cause::BadRequest, START), Verdict::CountUntil(end));
        for _ in 0..1_000 {
            assert_eq!(notices.admit(Cause::BadRequest, START), Verdict::Count);
        }
        // The timer may be late; nothing that comes before it is lost.
        assert_eq!(notices.admit(Cause::BadRequest, end), Verdict::Count);
        assert_eq!(notices.take_count(Cause::BadRequest), 1_002);
        assert_eq!(notices.admit(Cause::BadRequest, end), Verdict::Log);
    }

    /// Goal: a cause that comes now and then is logged each time, whatever others do.
    #[test]
    fn rare_lines_are_all_logged() {
        let mut notices = Notices::default();
        let mut now = START;
        for _ in 0..5 {
            assert_eq!(notices.admit(Cause::AcceptFailed, now), Verdict::Log);
            assert_eq!(notices.admit(Cause::TooManyConnections, now), Verdict::Log);
            now = now.after(WINDOW);
        }
    }
}
