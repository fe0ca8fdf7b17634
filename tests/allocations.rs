//! What a shard allocates on the heap to serve a request, and what it copies of payloads, once it
//! has warmed up.
//!
//! A real shard runs on a real ring, on a thread of its own whose allocations are counted; a client
//! on another thread keeps several requests in flight.

#[path = "wire_client/mod.rs"]
mod wire_client;

use pinion::base::limits::SMALL_FRAME_LENGTH_MAX;
use pinion::base::{BrokerId, ShardId};
use pinion::io::uring::{Listeners, RingRegistry, SocketBuffers, Uring, UringOptions, listen};
use pinion::metadata::{Opening, StaticConfig, config_keys};
use pinion::shard::{
    Mail, Mailbox, Message, Progress, Settings, Shard, open_metadata, open_partitions,
};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use wire_client::{Fetch, WireClient, batch_of};

/// Requests before any are counted: every buffer has its size, every segment its file.
const WARM_UP: usize = 1_000;

/// Fetches whose allocations are counted.
const FETCHES: usize = 3_000;

/// What a produce request may allocate.
const PER_PRODUCE_MAX: f64 = 2.0;

const TOPIC: &str = "t";

/// A shard on a thread of its own, and what it allocated in each phase.
struct Node {
    address: String,
    phase: Arc<AtomicUsize>,
    allocations: mpsc::Receiver<u64>,
    boxes: Arc<[Mailbox]>,
    registry: Arc<RingRegistry>,
    thread: std::thread::JoinHandle<()>,
}

fn settings(data: &Path, port: u16) -> Settings {
    Settings {
        broker_id: BrokerId(1),
        rack: None,
        advertised_host: "127.0.0.1".into(),
        advertised_port: port,
        data_directory: data.to_owned(),
        data_directory_shown: data.display().to_string(),
        request_bytes_max: 1 << 20,
        requests_in_flight_max: 100,
        request_bytes_in_flight_max: 64 << 20,
        receive_memory_bytes: 256 << 20,
        connection_count_max: 10,
        connection_idle_max: None,
        fetch_bytes_max: 1 << 20,
        checkpoint_interval: Duration::from_secs(3600),
        receive_stall_max: Duration::from_secs(10),
        shutdown_grace: Duration::from_secs(10),
    }
}

/// Answers come once the page cache has the records, so that many fit into a test.
fn page_cache_mode() -> StaticConfig {
    let mut config = StaticConfig::default();
    let key = config_keys::broker_key("log.flush.interval.messages").expect("a broker's key");
    config.set(key, &i64::MAX.to_string()).expect("a value of its kind");
    config
}

fn start_shard(settings: Settings, registry: Arc<RingRegistry>, mail: Mail) -> (Shard, Uring) {
    let mut io = Uring::new(UringOptions::new(ShardId(0), registry)).expect("io_uring is there");
    let opening = Opening {
        data_directory: &settings.data_directory,
        node_id: settings.broker_id,
        static_config: Arc::new(page_cache_mode()),
        random: [1, 2, 3, 4],
    };
    let opened = open_metadata(&mut io, &opening, None).expect("the directory is empty");
    let (image, last_end) = (Arc::clone(&opened.image), opened.last_end);
    let mut shard = Shard::new(ShardId(0), Arc::new(settings), image, mail);
    shard.lead(opened, 5);
    open_partitions(&mut shard, &mut io, last_end).expect("there are none");
    (shard, io)
}

impl Node {
    fn start(data: &Path) -> Node {
        let any = "127.0.0.1:0".parse().expect("an address");
        let Listeners { address, sockets } =
            listen(any, 1, SocketBuffers::default()).expect("a port is free");
        let registry = RingRegistry::new(1).expect("an eventfd can be had");
        let boxes: Arc<[Mailbox]> = [Mailbox::default()].into_iter().collect();
        let phase = Arc::new(AtomicUsize::new(0));
        let (counted, allocations) = mpsc::channel();
        let settings = settings(data, address.port());
        let on_thread = (Arc::clone(&registry), Arc::clone(&boxes), Arc::clone(&phase));
        let thread = std::thread::spawn(move || {
            let (registry, boxes, phase) = on_thread;
            let mail = Mail::new(ShardId(0), boxes);
            let (mut shard, mut io) = start_shard(settings, registry, mail);
            shard.serve(&mut io, sockets[0]);
            let mut progress = Progress::Running;
            while progress == Progress::Running {
                let now = phase.load(Ordering::Acquire);
                let info = allocation_counter::measure(|| {
                    while progress == Progress::Running && phase.load(Ordering::Acquire) == now {
                        progress = shard.tick(&mut io);
                    }
                });
                // The test may have ended before the shard.
                let _ = counted.send(info.count_total);
            }
        });
        Node { address: address.to_string(), phase, allocations, boxes, registry, thread }
    }

    /// What the shard allocated from the last call to this one. The shard notices at its next
    /// request, so `client` makes one.
    fn begin_phase(&self, client: &mut WireClient) -> u64 {
        self.phase.fetch_add(1, Ordering::Release);
        client.topic_names();
        self.allocations.recv().expect("the shard runs")
    }

    /// Payload bytes that the shard has copied so far.
    fn copied_bytes(&self) -> u64 {
        let (sender, snapshot) = mpsc::channel();
        self.post(Message::Snapshot(sender));
        snapshot.recv().expect("the shard answers").counters.payload_copied_bytes
    }

    fn post(&self, message: Message) {
        assert!(self.boxes[0].post(message).is_ok(), "the mailbox has room");
        self.registry.waker(ShardId(0)).wake();
    }

    fn stop(self) {
        self.post(Message::Shutdown);
        self.thread.join().expect("the shard ends without a panic");
    }
}

/// Has `count` requests served with `in_flight` of them on their way.
fn produce(client: &mut WireClient, batch: &[u8], in_flight: usize, count: usize) {
    let mut unanswered = std::collections::VecDeque::new();
    for _ in 0..count {
        if unanswered.len() == in_flight {
            let first = unanswered.pop_front().expect("some are in flight");
            let produced = client.end_produce(first).expect("the shard answers");
            assert_eq!(produced.error, pinion::wire::ErrorCode::None);
        }
        unanswered.push_back(client.begin_produce((TOPIC, 0), batch, -1).expect("it is taken"));
    }
    for rest in unanswered {
        client.end_produce(rest).expect("the shard answers");
    }
}

/// Goal: in steady state the shard serves produce requests out of memory that it has, and large
/// batches reach the disk from where they were received.
#[test]
fn produce_requests_allocate_twice_at_most_and_copy_nothing() {
    let data = tempfile::tempdir().expect("a directory can be had");
    let node = Node::start(data.path());
    let mut client = WireClient::connect(&node.address);
    client.create_topic(TOPIC, 1, &[]);
    let mut figures = Vec::new();
    for (size, in_flight, count) in [(1 << 10, 16, 10_000), (64 << 10, 5, 3_000)] {
        let batch = batch_of(&[vec![b'x'; size]]);
        produce(&mut client, &batch, in_flight, WARM_UP);
        node.begin_phase(&mut client);
        let copied_before = node.copied_bytes();
        produce(&mut client, &batch, in_flight, count);
        let copied = node.copied_bytes() - copied_before;
        figures.push((size, copied, node.begin_phase(&mut client) as f64 / count as f64));
    }
    let fetch = Fetch::from(TOPIC, 0, 100).max_bytes(10_000);
    let fetches = |client: &mut WireClient, count: usize| {
        (0..count).for_each(|_| assert!(!client.fetch(&fetch).records.is_empty()));
    };
    fetches(&mut client, WARM_UP);
    node.begin_phase(&mut client);
    fetches(&mut client, FETCHES);
    let per_fetch = node.begin_phase(&mut client) as f64 / FETCHES as f64;
    node.stop();
    println!("{per_fetch:.3} allocations per fetch of one partition");
    for (size, copied, per_produce) in figures {
        println!("{copied} payload bytes copied of batches of {size} bytes");
        println!("{per_produce:.3} allocations per produce of {size} bytes");
        // A small frame may lie across two of the ring's buffers; a large one has its own.
        assert!(copied == 0 || size < SMALL_FRAME_LENGTH_MAX, "{copied} bytes were copied");
        assert!(per_produce <= PER_PRODUCE_MAX, "{per_produce} for a batch of {size} bytes");
    }
}
