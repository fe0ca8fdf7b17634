//! The counters and gauges of a shard, each with the name and help text that operators see.

/// How a value behaves, which decides what a reader may do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, from 0 at the start of the process.
    Counter,
    /// Goes up and down; the values of several shards add up.
    Gauge,
    /// A counter of nanoseconds, shown in seconds.
    Seconds,
}

/// What describes one field of [`Counters`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Description {
    /// The name without the `pinion_` in front. Fields that differ in their label share it, and
    /// stand next to each other.
    pub name: &'static str,
    /// One label and its value.
    pub label: Option<(&'static str, &'static str)>,
    /// One sentence.
    pub help: &'static str,
    /// How the value behaves.
    pub kind: Kind,
}

macro_rules! counters {
    ($(
        #[doc = $help:literal]
        $field:ident: $kind:ident $name:literal $({ $label:ident = $value:literal })?,
    )*) => {
        /// Plain numbers, raised in place by the shard that owns them.
        ///
        /// The doc comment of a field is its help text in the Prometheus output.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct Counters {
            $(#[doc = $help] pub $field: u64,)*
        }

        impl Counters {
            /// Adds the numbers of another shard.
            pub fn merge(&mut self, other: &Counters) {
                $(self.$field = self.$field.saturating_add(other.$field);)*
            }

            /// Every number with its description, in the order of declaration.
            pub fn for_each(&self, mut visit: impl FnMut(Description, u64)) {
                $(visit(
                    Description {
                        name: $name,
                        label: counters!(@label $($label = $value)?),
                        help: $help.trim_ascii(),
                        kind: Kind::$kind,
                    },
                    self.$field,
                );)*
            }
        }
    };
    (@label) => { None };
    (@label $label:ident = $value:literal) => { Some((stringify!($label), $value)) };
}

counters! {
    /// Connections that are open.
    connections_open: Gauge "connections",
    /// Connections accepted.
    connections_accepted: Counter "connections_accepted_total",
    /// Connections refused because a limit on connections was reached.
    connections_refused: Counter "connections_refused_total",
    /// Connections closed, by reason.
    connections_closed_by_peer: Counter "connections_closed_total" { reason = "peer" },
    /// Connections closed, by reason.
    connections_closed_on_error: Counter "connections_closed_total" { reason = "io_error" },
    /// Connections closed, by reason.
    connections_closed_refused: Counter "connections_closed_total" { reason = "bad_request" },
    /// Connections closed, by reason.
    connections_closed_idle: Counter "connections_closed_total" { reason = "idle" },
    /// Connections closed, by reason.
    connections_closed_stalled: Counter "connections_closed_total" { reason = "stalled" },
    /// Connections closed, by reason.
    connections_closed_at_shutdown: Counter "connections_closed_total" { reason = "shutdown" },
    /// Bytes received from clients.
    received_bytes: Counter "received_bytes_total",
    /// Bytes sent to clients.
    sent_bytes: Counter "sent_bytes_total",
    /// Requests that were received and not yet answered.
    requests_in_flight: Gauge "requests_in_flight",
    /// Frames that closed their connection: bad length, unknown API or version, malformed request.
    frames_refused: Counter "frames_refused_total",
    /// Record batches refused: structure, CRC, size, sequence, timestamp, missing key.
    batches_refused: Counter "batches_refused_total",
    /// Record batches appended.
    batches_in: Counter "produced_batches_total",
    /// Records appended.
    records_in: Counter "produced_records_total",
    /// Bytes of record batches appended.
    produced_bytes: Counter "produced_bytes_total",
    /// Duplicate batches of idempotent producers, answered with their first offset.
    batches_duplicate: Counter "duplicate_batches_total",
    /// Bytes of record batches sent to consumers.
    fetched_bytes: Counter "fetched_bytes_total",
    /// Fetches that wait for data.
    fetches_waiting: Gauge "fetches_waiting",
    /// Bytes sent from log files, by whether their pages were in memory.
    hot_sent_bytes: Counter "file_sent_bytes_total" { cache = "hot" },
    /// Bytes sent from log files, by whether their pages were in memory.
    cold_sent_bytes: Counter "file_sent_bytes_total" { cache = "cold" },
    /// Vectored writes to logs.
    log_writes: Counter "log_writes_total",
    /// Bytes written to logs.
    log_written_bytes: Counter "log_written_bytes_total",
    /// Syncs of log files to the disk.
    log_syncs: Counter "log_syncs_total",
    /// Failed reads, writes and syncs of logs.
    log_errors: Counter "log_errors_total",
    /// Partitions taken out of service by a fault until the next start.
    partitions_failed: Gauge "partitions_failed",
    /// Partitions that this shard owns.
    partitions: Gauge "partitions",
    /// Segments of the partitions that this shard owns.
    segments: Gauge "log_segments",
    /// Bytes of the logs that this shard owns.
    log_bytes: Gauge "log_size_bytes",
    /// Payload bytes copied in user space between receive and write.
    payload_copied_bytes: Counter "payload_copied_bytes_total",
    /// Entries into the kernel for the ring.
    syscalls: Counter "syscalls_total",
    /// Runs of the shard's loop.
    ticks: Counter "ticks_total",
    /// Messages sent to other shards.
    messages_sent: Counter "shard_messages_total",
    /// Messages to other shards that had to wait for room in a mailbox.
    messages_delayed: Counter "shard_messages_delayed_total",
    /// Bytes of buffers that large requests are received into.
    receive_buffer_bytes: Gauge "receive_buffer_bytes",
    /// Time spent at work, as opposed to waiting for events.
    busy_nanos: Seconds "busy_seconds_total",
    /// Time spent looking out for the next request before a sleep, on top of the busy time.
    looked_nanos: Seconds "lookout_seconds_total",
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: the output is legal Prometheus: counters end in `_total`, one kind and one help text
    /// per name, and all fields of one name stand together.
    #[test]
    fn names_follow_prometheus() {
        let mut seen: Vec<Description> = Vec::new();
        Counters::default().for_each(|description, _| {
            let counter = description.name.ends_with("_total");
            assert_eq!(counter, description.kind != Kind::Gauge, "{}", description.name);
            if let Some(first) = seen.iter().find(|d| d.name == description.name) {
                assert_eq!((first.help, first.kind), (description.help, description.kind));
                assert_ne!(first.label, description.label, "{}", description.name);
                assert_eq!(seen.last().map(|d| d.name), Some(description.name));
            }
            seen.push(description);
        });
    }

    #[test]
    fn merge_adds_up() {
        let mut sum = Counters { partitions: 2, ..Counters::default() };
        sum.merge(&Counters { partitions: 3, records_in: 5, ..Counters::default() });
        assert_eq!(sum, Counters { partitions: 5, records_in: 5, ..Counters::default() });
    }
}
