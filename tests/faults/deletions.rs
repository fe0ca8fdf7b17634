//! Deleted records stay deleted, however the broker ends after it has said so.

use crate::support::broker::{Broker, BrokerOptions};
use crate::wire_client::{WireClient, batch};
use std::fs;

const OF: (&str, i32) = ("shrinking", 0);

/// Records of a batch.
const RECORDS: usize = 10;

/// Goal: what DeleteRecords has answered holds after a SIGKILL right behind the answer, with
/// nothing written meanwhile that would tell the next start; in both flush modes, within a segment
/// and over segments, to an offset and to the high watermark.
#[test]
fn an_answered_deletion_survives_a_kill() {
    for flush_messages in [1, i64::MAX] {
        let options = BrokerOptions::default()
            .set("log.flush.interval.messages", flush_messages)
            .set("log.flush.offset.checkpoint.interval.ms", 3_600_000);
        let mut broker = Broker::start(options);
        let mut client = WireClient::connect(&broker.bootstrap());
        client.create_topic(OF.0, OF.1 + 1, &[("internal.segment.bytes", "4096")]);
        let mut end = 0;
        for before in [3, 17, 98, -1] {
            (0..5).for_each(|number| {
                client.append(OF, &batch(&format!("{before}-{number}"), RECORDS));
            });
            end += 5 * RECORDS as i64;
            let start = if before == -1 { end } else { before };
            assert_eq!(client.delete_records(OF, before), Ok(start));
            broker.kill();
            broker.restart();
            client = WireClient::connect(&broker.bootstrap());
            assert_eq!(client.start_offset(OF), start, "flush.messages={flush_messages}");
            assert_eq!(client.end_offset(OF), end);
        }
        let directory = broker.data_dir().join(format!("{}-{}", OF.0, OF.1));
        assert!(fs::exists(directory.join("log-start-offset")).expect("it can be looked at"));
    }
}
