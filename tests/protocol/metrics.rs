//! What `/metrics` says about the requests that a client has sent.

use crate::support::broker::{Broker, BrokerOptions, free_port};
use crate::wire_client::{Fetch, WireClient, batch, idempotent_batch};
use pinion::wire::api::api_versions::ApiVersionsRequest;
use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

/// How often the numbers are looked at, until they are as they should be.
const LOOKS: usize = 100;
const PAUSE: Duration = Duration::from_millis(100);

/// Metrics by name and labels, as the broker shows them.
struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    fn read(address: &str) -> Metrics {
        let text = scrape(address);
        let values = text.lines().filter(|line| !line.starts_with('#'));
        let values = values.map(|line| line.rsplit_once(' ').expect("NAME VALUE"));
        Metrics(values.map(|(name, v)| (name.to_owned(), v.parse().expect("a number"))).collect())
    }

    /// The sum over the shards of each counter and gauge, by its name and other labels.
    fn sums(&self) -> BTreeMap<String, f64> {
        let mut sums = BTreeMap::new();
        for (series, value) in &self.0 {
            let Some((name, labels)) = series.split_once("{shard=\"") else { continue };
            let labels = labels.split_once(',').map_or("", |(_, rest)| rest.trim_end_matches('}'));
            *sums.entry(format!("{name} {labels}").trim_end().to_owned()).or_default() += value;
        }
        sums
    }

    /// One number of the distribution of an API's stage; `None` if nothing was counted.
    fn stage(&self, number: &str, api: &str, stage: &str) -> Option<f64> {
        let name = format!("pinion_request_duration_seconds_{number}");
        self.0.get(&format!("{name}{{api=\"{api}\",stage=\"{stage}\"}}")).copied()
    }
}

fn scrape(address: &str) -> String {
    let mut response = ureq::get(format!("http://{address}/metrics")).call().expect("200");
    response.body_mut().read_to_string().expect("text")
}

fn start_with(options: BrokerOptions) -> (Broker, WireClient, String) {
    let address = format!("127.0.0.1:{}", free_port());
    let (broker, client) = crate::start_with(options.set("pinion.metrics.listen", &address));
    (broker, client, address)
}

/// Goal: the stages of each API's requests add up to the whole, whatever a request waits for, and
/// whichever shard has the partition.
#[test]
fn stages_add_up_to_the_whole() {
    let (_broker, mut client, address) = start_with(BrokerOptions::default());
    client.create_topic("t", 4, &[]);
    for partition in 0..4 {
        client.append(("t", partition), &batch("value", 10));
        client.call(12, &Fetch::from("t", partition, 10).waiting(5, 1 << 20).request());
        client.begin_produce(("t", partition), &batch("value", 10), 0).expect("a connection");
    }
    client.call(0, &ApiVersionsRequest::default());
    // The answer to this one comes after the others are counted.
    client.call(0, &ApiVersionsRequest::default());

    let metrics = Metrics::read(&address);
    for (api, stages) in [
        ("Produce", &["parse", "append", "sync", "reply"][..]),
        ("Fetch", &["parse", "wait", "reply"]),
        ("ApiVersions", &["parse", "reply"]),
        ("CreateTopics", &["parse", "wait", "reply"]),
    ] {
        let sum =
            |stage| metrics.stage("sum", api, stage).unwrap_or_else(|| panic!("{api}.{stage}"));
        let parts: f64 = stages.iter().map(|stage| sum(stage)).sum();
        let whole = sum("whole");
        assert!(whole > 0.0, "{api}: {whole}");
        assert!((parts - whole).abs() <= whole * 1e-9, "{api}: {parts} s is not {whole} s");
    }
    let count = |stage| metrics.stage("count", "Produce", stage);
    assert_eq!((count("parse"), count("whole")), (Some(8.0), Some(8.0)));
    // Half of them asked for no reply.
    assert_eq!((count("append"), count("sync"), count("reply")), (Some(4.0), Some(4.0), Some(4.0)));
}

/// Goal: the wait for the disk is told from that for the page cache: without another shard in
/// between, it is nothing where an ack does not ask for it.
#[test]
fn the_disk_has_its_own_stage() {
    let options = BrokerOptions { shards: 1, ..BrokerOptions::default() };
    for (flush_messages, waits) in [(1, true), (i64::MAX, false)] {
        let options = options.clone().set("log.flush.interval.messages", flush_messages);
        let (_broker, mut client, address) = start_with(options);
        client.create_topic("t", 1, &[]);
        for _ in 0..10 {
            client.append(("t", 0), &batch("value", 10));
        }
        client.call(0, &ApiVersionsRequest::default());
        let sync = Metrics::read(&address).stage("sum", "Produce", "sync").expect("ten appends");
        assert_eq!(sync > 0.0, waits, "flush.messages={flush_messages}: {sync}");
    }
}

/// Counters and gauges that stay at 0 in the test below, and why.
const STILL: [(&str, &str); 10] = [
    ("pinion_connections_closed_total reason=\"idle\"", "nobody is idle for so long"),
    ("pinion_connections_closed_total reason=\"io_error\"", "the network is sound"),
    ("pinion_connections_closed_total reason=\"shutdown\"", "the broker that ends shows nothing"),
    ("pinion_connections_closed_total reason=\"stalled\"", "there is memory for all"),
    ("pinion_connections_refused_total", "there are few connections"),
    ("pinion_file_sent_bytes_total cache=\"cold\"", "what was just written is in memory"),
    ("pinion_log_errors_total", "the disk is sound"),
    ("pinion_lookout_seconds_total", "nobody reads 64 KiB at a time"),
    ("pinion_partitions_failed", "the disk is sound"),
    ("pinion_shard_messages_delayed_total", "no mailbox is ever full"),
];

/// Goal: each counter and gauge moves when what it counts happens, and no other does.
#[test]
fn every_counter_and_gauge_moves() {
    let (broker, mut client, address) = start_with(BrokerOptions::default());
    client.create_topic("t", 4, &[]);
    let (id, epoch) = client.init_producer_id();
    let record = idempotent_batch((id, epoch), 0, &["value"]);
    for partition in 0..4 {
        client.append(("t", partition), &batch("a value that is long enough to be sent", 200));
        client.append(("t", partition), &record);
        client.append(("t", partition), &record);
        client.read_from(("t", partition), 0);
    }
    let mut damaged = record.clone();
    damaged[20] ^= 1;
    client.produce(("t", 0), &damaged);
    let mut stranger = WireClient::connect(&broker.bootstrap());
    stranger.send_frame(&[0xff; 8]).expect("it is connected");
    stranger.expect_close();

    // A large frame of which only the beginning comes: it has its buffer, and is copied there.
    let mut slow = WireClient::connect(&broker.bootstrap());
    slow.send_bytes(&[&[0, 0x40, 0, 0], &[0; 1000][..]].concat()).expect("it is connected");
    let mut reader = WireClient::connect(&broker.bootstrap());
    reader.send(12, &Fetch::from("t", 0, 201).waiting(60_000, 1).request()).expect("a connection");
    client.call(0, &ApiVersionsRequest::default());
    let is_still = |name: &str| STILL.iter().any(|(still, _)| *still == name);
    let mut wrong = Vec::new();
    // The waiting fetch may arrive late, and the broker shows the same numbers for a moment.
    for _ in 0..LOOKS {
        let sums = Metrics::read(&address).sums().into_iter();
        wrong = sums.filter(|(name, value)| (*value > 0.0) == is_still(name)).collect();
        if wrong.is_empty() {
            return;
        }
        thread::sleep(PAUSE);
    }
    panic!("these should move or stay, and did not: {wrong:?}");
}

/// Goal: `docs/METRICS.md` has each metric that is shown, with its kind, and no other.
#[test]
fn the_documentation_has_every_metric() {
    let (_broker, mut client, address) = start_with(BrokerOptions::default());
    client.call(0, &ApiVersionsRequest::default());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/METRICS.md");
    let text = std::fs::read_to_string(path).expect("the documentation");
    let row = |line: &str| {
        let (name, rest) = line.strip_prefix("| `pinion_")?.split_once("` | ")?;
        Some((name.to_owned(), rest.split(' ').next()?.to_owned()))
    };
    let documented: BTreeMap<String, String> = text.lines().filter_map(row).collect();
    let text = scrape(&address);
    let kind = |line: &str| {
        let (name, kind) = line.strip_prefix("# TYPE pinion_")?.split_once(' ')?;
        Some((name.to_owned(), kind.to_owned()))
    };
    let shown: BTreeMap<String, String> = text.lines().filter_map(kind).collect();
    assert!(!shown.is_empty());
    assert_eq!(documented, shown);
}
