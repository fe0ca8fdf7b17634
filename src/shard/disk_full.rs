//! What a shard does when an append finds no room on the disk.

use super::Shard;
use crate::base::Monotonic;
use std::time::Duration;

/// How often it is said, and retired files are looked for, while the disk stays full.
const REPEAT_DELAY: Duration = Duration::from_secs(10);

/// How long no append must have been refused before the disk counts as having room again.
const QUIET_MIN: Duration = Duration::from_secs(1);

/// What a shard remembers of a disk that was full.
#[derive(Debug, Default)]
pub struct DiskFull {
    /// When it was last said, and something was done about it.
    said_at: Option<Monotonic>,
    /// When an append was last refused, unless appends have been taken since.
    refused_at: Option<Monotonic>,
}

impl Shard {
    /// Says that the disk is full, and removes at once the files that would only go after
    /// `file.delete.delay.ms`. Reads go on; appends are tried as they come.
    pub(super) fn on_disk_full(&mut self) {
        let now = self.now.monotonic;
        self.disk_full.refused_at = Some(now);
        if self.disk_full.said_at.is_some_and(|at| now.since(at) < REPEAT_DELAY) {
            return;
        }
        self.disk_full.said_at = Some(now);
        let data = &self.settings.data_directory_shown;
        tracing::error!(
            %data,
            "the disk is full: produce is refused, reads go on; delete topics or records, lower \
             retention.bytes or retention.ms, or free space otherwise"
        );
        self.make_room();
    }

    /// Says that the disk takes writes again, once an append has been written after it was full.
    pub(super) fn note_append_written(&mut self) {
        let now = self.now.monotonic;
        if self.disk_full.refused_at.is_some_and(|at| now.since(at) >= QUIET_MIN) {
            self.disk_full.refused_at = None;
            let data = &self.settings.data_directory_shown;
            tracing::info!(%data, "the disk takes writes again");
        }
    }

    /// Removes retired files at once where the disk was full a moment ago.
    pub(super) fn make_room_if_full(&mut self) {
        if self.disk_full.said_at.is_some_and(|at| self.now.monotonic.since(at) < 2 * REPEAT_DELAY)
        {
            self.make_room();
        }
    }

    fn make_room(&mut self) {
        for id in self.partitions.ids() {
            let mut out = self.take_log_out();
            self.partitions.get_mut(id).log.make_room(self.now, &mut out);
            self.drain_log_out(id, out);
        }
    }
}
