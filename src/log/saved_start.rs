//! The file that says where a log begins, once records have been deleted from it.
//!
//! DeleteRecords is answered when the new start would survive a power loss. Kafka's own checkpoint
//! of starts cannot say so: it is one file for all partitions, written now and then, and names no
//! topic id, so that its line may be behind, or of a topic of the same name that was deleted. The
//! file here lies in the partition's directory, is replaced as a whole, and has a checksum.

use super::files::SAVED_START_NAME;
use super::seal::{RETRY_DELAY, Upkeep};
use super::{Log, LogFact, LogOut, State};
use crate::base::{Now, Offset};
use crate::io::IoError;
use crate::io::jobs::{Job, replace_file};

/// The file's content.
pub fn encode(log_start: Offset) -> String {
    let text = format!("version: 0\nlog_start_offset: {log_start}\n");
    let crc = crc32fast::hash(text.as_bytes());
    format!("{text}crc32: {crc:08x}\n")
}

/// Reads the file; `None` if it is not as [`encode`] makes it.
pub fn parse(bytes: &[u8]) -> Option<Offset> {
    let text = std::str::from_utf8(bytes).ok()?;
    let line = text.lines().nth(1)?.strip_prefix("log_start_offset: ")?;
    let log_start = Offset(line.parse().ok()?);
    (log_start >= Offset::ZERO && encode(log_start) == text).then_some(log_start)
}

/// How far the file is.
#[derive(Debug, Default, Clone, Copy)]
pub struct SavedStart {
    /// What it says.
    offset: Offset,
    /// What it is to say.
    wanted: Offset,
}

impl SavedStart {
    /// Of a log whose file says so.
    pub fn new(offset: Offset) -> SavedStart {
        SavedStart { offset, wanted: offset }
    }

    fn is_behind(self) -> bool {
        self.offset < self.wanted
    }
}

impl Log {
    /// Whatever happens, records below this offset do not come back.
    pub fn saved_log_start(&self) -> Offset {
        self.saved_start.offset
    }

    /// Has `start` written, the log's own from now on, unless the file says so. `LogStartSaved` or
    /// `LogStartUnsaved` follows.
    pub(super) fn save_log_start(&mut self, start: Offset) {
        self.saved_start.wanted = start;
        let is_under_way = self.upkeep.kinds().any(|kind| *kind == Upkeep::Start(start));
        if !self.saved_start.is_behind() || is_under_way {
            return;
        }
        // What waits to be written is older.
        self.upkeep.retain_waiting(|kind| !matches!(kind, Upkeep::Start(_)));
        let path = self.identity.directory.join(SAVED_START_NAME);
        let content = encode(start).into_bytes();
        self.upkeep.push(Job::new(Upkeep::Start(start), replace_file(path, content)));
    }

    /// Tries again what has failed.
    pub(super) fn retry_log_start(&mut self) {
        let is_possible = matches!(self.state, State::Open | State::Closing(_));
        if self.saved_start.is_behind() && is_possible {
            self.save_log_start(self.saved_start.wanted);
        }
    }

    pub(super) fn on_start_saved(&mut self, start: Offset, out: &mut LogOut) {
        self.saved_start.offset = start;
        out.facts.push(LogFact::LogStartSaved(start));
    }

    /// On a full disk the segments that were deleted make room first.
    pub(super) fn on_start_unsaved(&mut self, error: IoError, now: Now, out: &mut LogOut) {
        let is_removal = |kind: &Upkeep| matches!(kind, Upkeep::Retire | Upkeep::Purge);
        let makes_room = self.retirement.has_removals() || self.upkeep.kinds().any(is_removal);
        if error.is_no_space() && makes_room {
            return self.hasten_removals(now, out);
        }
        self.give_up_log_start(error, now, out);
    }

    /// Tells who waits for the start that it is not on the disk, after a failure of what had to
    /// come first. Everything that failed is tried again later.
    pub(super) fn give_up_log_start(&mut self, error: IoError, now: Now, out: &mut LogOut) {
        self.sealing.retry_at = Some(now.monotonic.after(RETRY_DELAY));
        if self.saved_start.is_behind() {
            out.facts.push(LogFact::LogStartUnsaved(error));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: the offset comes back as it went, and no byte can change without notice.
    #[test]
    fn every_flipped_bit_is_noticed() {
        let text = encode(Offset(1234));
        assert_eq!(parse(text.as_bytes()), Some(Offset(1234)));
        for bit in 0..text.len() * 8 {
            let mut bytes = text.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(parse(&bytes), None, "bit {bit}");
        }
        for bad in ["", "version: 0\n", &text[..text.len() - 1], &encode(Offset(-1))] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
