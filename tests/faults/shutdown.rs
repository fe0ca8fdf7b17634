//! The clean end: SIGTERM and SIGINT under load, held up, and asked for twice.
//!
//! Whatever the end, a start after it has every record that was acknowledged. Nothing here is
//! timed: a drain that must not be cut has a grace that outlasts the test.

use crate::support::broker::{Broker, BrokerOptions};
use crate::wire_client::{Fetch, WireClient, batch_of};
use pinion::wire::ErrorCode;
use rustix::process::Signal;
use std::collections::{BTreeMap, VecDeque};
use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const TOPIC: &str = "t";

/// Partitions with a producer and a consumer of their own in [`end_under_load`].
const LOADED_PARTITIONS: i32 = 4;

/// One that has no load.
const IDLE_PARTITION: i32 = LOADED_PARTITIONS;

/// The file whose presence says that the last end was a clean one.
const CLEAN_MARKER: &str = ".kafka_cleanshutdown";

/// Logged once the marker is on the disk.
const CLEAN_END: &str = "the clean end is complete";

const CLEAN_START: &str = "the last end was clean";

const UNCLEAN_START: &str = "no mark of a clean end";

const CUT_START: &str = "told to end before all logs were open";

/// Logged once the broker has taken the first signal.
const DRAINING: &str = "draining";

/// Signals that come within a second of the first are taken for the same one.
const ECHO_MAX: Duration = Duration::from_millis(1100);

/// Batches of one producer in flight.
const IN_FLIGHT_MAX: usize = 5;

/// Answers that each producer has before the broker is to end.
const ANSWERED_MIN: usize = 50;

/// Batches of a megabyte in an answer that no connection's kernel buffers hold.
const LARGE_ANSWER_BATCHES: usize = 24;

/// A receive buffer of a client, so small that the end of a large answer waits in the broker's.
const SMALL_BUFFER: usize = 256 << 10;

/// Requests that come after a drain has begun, a millisecond apart.
const LATE_REQUESTS: usize = 50;

/// Partitions of each topic that is created while the end comes, and topics created before it.
const WIDTH: i32 = 50;
const CREATED_MIN: usize = 6;

/// Partitions that are opened while the end comes.
const OPENED: i32 = 500;

/// In milliseconds: longer than the tests wait for an exit.
const ENDLESS_GRACE: u64 = 3_600_000;

/// How long the tests wait for what the broker logs.
const LOG_LIMIT: Duration = Duration::from_secs(60);

/// What one producer knows to be in its partition: values by offset.
type Acknowledged = BTreeMap<i64, String>;

/// How a broker ends under load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Every answer that begins is whole.
    Clean,
    /// An answer may be cut.
    Abrupt,
}

fn start(grace: u64) -> Broker {
    let options = BrokerOptions::default().set("pinion.shutdown.grace.ms", grace);
    let broker = Broker::start(options);
    WireClient::connect(&broker.bootstrap()).create_topic(TOPIC, LOADED_PARTITIONS + 1, &[]);
    broker
}

fn is_marked_clean(broker: &Broker) -> bool {
    broker.data_dir().join(CLEAN_MARKER).exists()
}

fn count_in_log(broker: &Broker, text: &str) -> usize {
    broker.log().matches(text).count()
}

/// Waits until the log has `text` so many times.
fn await_log(broker: &Broker, text: &str, times: usize) {
    let deadline = Instant::now() + LOG_LIMIT;
    while count_in_log(broker, text) < times {
        assert!(Instant::now() < deadline, "the log has not enough of {text:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Waits for the first byte of an answer, or for the end of the connection. True: it has ended.
fn has_ended(client: &WireClient) -> bool {
    match client.stream().peek(&mut [0]) {
        Ok(count) => count == 0,
        Err(error) if error.kind() == ErrorKind::ConnectionReset => true,
        Err(error) => panic!("neither an answer nor the end of the connection: {error}"),
    }
}

/// Produces until the broker takes nothing more, and reads every answer that it gives.
fn produce_until_the_end(
    bootstrap: &str,
    partition: i32,
    answered: &AtomicUsize,
    end: End,
) -> Acknowledged {
    let mut client = WireClient::connect(bootstrap);
    let mut acknowledged = Acknowledged::new();
    let mut in_flight = VecDeque::new();
    let mut takes_more = true;
    for number in 0.. {
        if takes_more {
            let values = [format!("{partition}-{number}-a"), format!("{partition}-{number}-b")];
            match client.begin_produce((TOPIC, partition), &batch_of(&values), -1) {
                Ok(unanswered) => in_flight.push_back((unanswered, values)),
                Err(_) => takes_more = false,
            }
        }
        if takes_more && in_flight.len() < IN_FLIGHT_MAX {
            continue;
        }
        if has_ended(&client) {
            break;
        }
        let (unanswered, values) = in_flight.pop_front().expect("answers are to requests");
        let produced = match client.end_produce(unanswered) {
            Ok(produced) => produced,
            Err(_) if end == End::Abrupt => break,
            Err(error) => panic!("an answer is cut: {error}"),
        };
        assert_eq!(produced.error, ErrorCode::None, "{produced:?}");
        acknowledged.extend((produced.base_offset..).zip(values));
        answered.fetch_add(1, Ordering::Relaxed);
    }
    acknowledged
}

/// Reads from the start, again and again, until the broker closes: answers come whole.
fn consume_until_the_end(bootstrap: &str, partition: i32, end: End) {
    let mut client = WireClient::connect(bootstrap);
    loop {
        let fetch = Fetch::from(TOPIC, partition, 0).waiting(100, 1);
        let sent = client.send(12, &fetch.request());
        if has_ended(&client) {
            return;
        }
        let correlation_id = sent.expect("what was answered was sent");
        let fetched = match client.end_fetch(correlation_id) {
            Ok(fetched) => fetched,
            Err(_) if end == End::Abrupt => return,
            Err(error) => panic!("an answer is cut: {error}"),
        };
        assert_eq!(fetched[0].error, ErrorCode::None);
        fetched[0].values();
    }
}

/// Ends a broker by `bring_about` while clients produce to every partition and read it.
fn end_under_load(
    broker: &mut Broker,
    end: End,
    bring_about: impl FnOnce(&mut Broker),
) -> Vec<Acknowledged> {
    let bootstrap = &broker.bootstrap();
    let answered = [const { AtomicUsize::new(0) }; LOADED_PARTITIONS as usize];
    std::thread::scope(|scope| {
        let producers: Vec<_> = (0..)
            .zip(&answered)
            .map(|(partition, answered)| {
                scope.spawn(move || consume_until_the_end(bootstrap, partition, end));
                scope.spawn(move || produce_until_the_end(bootstrap, partition, answered, end))
            })
            .collect();
        let is_loaded = || answered.iter().all(|n| n.load(Ordering::Relaxed) >= ANSWERED_MIN);
        while !is_loaded() && producers.iter().all(|producer| !producer.is_finished()) {
            std::thread::sleep(Duration::from_millis(1));
        }
        bring_about(broker);
        producers.into_iter().map(|producer| producer.join().expect("no client panics")).collect()
    })
}

/// Checks that every record that was acknowledged is in its place.
fn check_acknowledged(broker: &Broker, acknowledged: &[Acknowledged]) {
    let mut client = WireClient::connect(&broker.bootstrap());
    for (partition, acknowledged) in (0..).zip(acknowledged) {
        assert!(acknowledged.len() >= ANSWERED_MIN, "partition {partition} had no load");
        let found: Acknowledged = client.read_from((TOPIC, partition), 0).into_iter().collect();
        for (offset, value) in acknowledged {
            assert_eq!(found.get(offset), Some(value), "partition {partition} at {offset}");
        }
    }
}

/// Ends a broker by `signal` under load and starts it again, twice.
fn end_cleanly_by(signal: Signal) {
    let mut broker = start(ENDLESS_GRACE);
    let acknowledged = end_under_load(&mut broker, End::Clean, |broker| {
        broker.signal(signal);
        let status = broker.wait();
        assert_eq!(status.code(), Some(0), "{status}");
    });
    assert!(is_marked_clean(&broker));
    assert_eq!(count_in_log(&broker, UNCLEAN_START), 0, "there was no log to scan");
    assert_eq!(count_in_log(&broker, CLEAN_END), 1);
    let clean_starts = count_in_log(&broker, CLEAN_START);
    broker.restart();
    assert_eq!(count_in_log(&broker, CLEAN_START), clean_starts + 1);
    assert!(!is_marked_clean(&broker), "a running broker's directory is not at rest");
    check_acknowledged(&broker, &acknowledged);
    let mut client = WireClient::connect(&broker.bootstrap());
    let last = client.append((TOPIC, 0), &batch_of(&["after the restart"]));
    assert_eq!(client.end_offset((TOPIC, 0)), last + 1);
}

/// Goal: SIGTERM under load ends with answers whole and nothing lost, and the next start knows it.
#[test]
fn sigterm_under_load_drains() {
    end_cleanly_by(Signal::TERM);
}

/// Goal: SIGINT is as good as SIGTERM.
#[test]
fn sigint_under_load_drains() {
    end_cleanly_by(Signal::INT);
}

/// Fills a partition with more than the kernel buffers of a connection hold.
fn fill(broker: &Broker, partition: i32) {
    let mut client = WireClient::connect(&broker.bootstrap());
    for _ in 0..LARGE_ANSWER_BATCHES {
        client.append((TOPIC, partition), &batch_of(&[vec![b'x'; 1_000_000]]));
    }
}

/// A client whose large answer has begun, of which it has read nothing yet, and its request.
fn begin_large_answer(broker: &Broker, partition: i32) -> (WireClient, i32) {
    let mut client = WireClient::connect(&broker.bootstrap());
    let fetch = Fetch::from(TOPIC, partition, 0).partition_max_bytes(64 << 20);
    let correlation_id = client.send(12, &fetch.request()).expect("the broker serves");
    assert!(!has_ended(&client), "the answer begins");
    (client, correlation_id)
}

/// Goal: a client that is slow to read its answer gets all of it, and the end only then.
#[test]
fn a_drain_waits_for_a_slow_reader() {
    let mut broker = start(ENDLESS_GRACE);
    fill(&broker, 0);
    let (mut client, correlation_id) = begin_large_answer(&broker, 0);
    broker.signal(Signal::TERM);
    await_log(&broker, DRAINING, 1);
    let fetched = client.end_fetch(correlation_id).expect("an answer that began is whole");
    assert_eq!(fetched[0].values().len(), LARGE_ANSWER_BATCHES);
    client.expect_close();
    assert_eq!(broker.wait().code(), Some(0));
    assert!(is_marked_clean(&broker));
}

/// Goal: requests that come when the drain has begun do not cut the answer to an earlier one.
#[test]
fn late_requests_do_not_cut_an_answer() {
    let mut broker = start(ENDLESS_GRACE);
    fill(&broker, 0);
    let (mut client, correlation_id) = begin_large_answer(&broker, 0);
    let socket = socket2::SockRef::from(client.stream());
    socket.set_recv_buffer_size(SMALL_BUFFER).expect("a socket takes a small buffer");
    broker.signal(Signal::TERM);
    await_log(&broker, DRAINING, 1);
    for _ in 0..LATE_REQUESTS {
        client.send(12, &Fetch::from(TOPIC, 0, 0).request()).expect("the connection is open");
        // Some have to come when nobody reads requests any more.
        std::thread::sleep(Duration::from_millis(1));
    }
    let fetched = client.end_fetch(correlation_id).expect("an answer that began is whole");
    assert_eq!(fetched[0].values().len(), LARGE_ANSWER_BATCHES);
    drop(client);
    assert_eq!(broker.wait().code(), Some(0));
}

/// Connects until nobody listens any more, and gives all connections that came about.
fn connect_until_refused(bootstrap: &str) -> Vec<TcpStream> {
    let deadline = Instant::now() + LOG_LIMIT;
    let mut connections = Vec::new();
    loop {
        match TcpStream::connect(bootstrap) {
            Ok(connection) => connections.push(connection),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => return connections,
            // The listener closed while the kernel was letting this one in.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => panic!("neither connected nor refused: {error}"),
        }
        assert!(Instant::now() < deadline, "new clients are still let in");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Goal: while an answer is still on its way, new clients are refused, and those that came while
/// the listeners were closed are not left waiting.
#[test]
fn a_drain_refuses_new_clients() {
    let mut broker = start(ENDLESS_GRACE);
    fill(&broker, 0);
    let (mut client, correlation_id) = begin_large_answer(&broker, 0);
    let connections = std::thread::scope(|scope| {
        let bootstrap = broker.bootstrap();
        let connecting = scope.spawn(move || connect_until_refused(&bootstrap));
        broker.signal(Signal::TERM);
        connecting.join().expect("connecting does not panic")
    });
    for mut connection in connections {
        connection.set_read_timeout(Some(LOG_LIMIT)).expect("a limit that is not zero");
        match connection.read(&mut [0]) {
            Ok(count) => assert_eq!(count, 0, "nobody was asked anything"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
        }
    }
    let fetched = client.end_fetch(correlation_id).expect("an answer that began is whole");
    assert_eq!(fetched[0].values().len(), LARGE_ANSWER_BATCHES);
    assert_eq!(broker.wait().code(), Some(0));
}

/// Goal: a signal that comes twice at once, as timeout(1) sends it, is one wish to drain.
#[test]
fn a_doubled_signal_drains() {
    let mut broker = start(100);
    fill(&broker, 0);
    let holding = begin_large_answer(&broker, 0);
    broker.signal(Signal::TERM);
    await_log(&broker, DRAINING, 1);
    broker.signal(Signal::TERM);
    broker.signal(Signal::INT);
    assert_eq!(broker.wait().code(), Some(0));
    drop(holding);
    assert!(is_marked_clean(&broker));
}

/// Goal: a second signal ends a drain that is held up, at once and not as a success; the next
/// start recovers everything that was acknowledged.
#[test]
fn a_second_signal_ends_a_drain_at_once() {
    let mut broker = start(ENDLESS_GRACE);
    let mut holding = None;
    let acknowledged = end_under_load(&mut broker, End::Abrupt, |broker| {
        fill(broker, IDLE_PARTITION);
        holding = Some(begin_large_answer(broker, IDLE_PARTITION));
        broker.signal(Signal::TERM);
        await_log(broker, DRAINING, 1);
        std::thread::sleep(ECHO_MAX);
        broker.signal(Signal::TERM);
        let status = broker.wait();
        assert!(status.code().is_some_and(|code| code != 0), "{status}");
    });
    drop(holding);
    assert!(!is_marked_clean(&broker));
    let unclean_starts = count_in_log(&broker, UNCLEAN_START);
    broker.restart();
    assert_eq!(count_in_log(&broker, UNCLEAN_START), unclean_starts + 1);
    check_acknowledged(&broker, &acknowledged);
}

/// Goal: a client that never reads holds the end up for no longer than the grace, and leaves it a
/// clean one.
#[test]
fn a_client_that_never_reads_cannot_hold_up_the_end() {
    let mut broker = start(100);
    fill(&broker, 0);
    let holding = begin_large_answer(&broker, 0);
    let status = broker.terminate();
    assert_eq!(status.code(), Some(0), "{status}");
    drop(holding);
    assert!(is_marked_clean(&broker));
    broker.restart();
    let mut client = WireClient::connect(&broker.bootstrap());
    assert_eq!(client.end_offset((TOPIC, 0)), LARGE_ANSWER_BATCHES as i64);
}

/// Creates wide topics until the connection ends; gives the names of those that were acknowledged.
fn create_until_the_end(bootstrap: &str, creator: usize, answered: &AtomicUsize) -> Vec<String> {
    let mut client = WireClient::connect(bootstrap);
    let mut created = Vec::new();
    for number in 0.. {
        let name = format!("wide-{creator}-{number}");
        match client.try_create(&name, WIDTH) {
            Ok(ErrorCode::None) => created.push(name),
            Ok(error) => panic!("the creation of {name}: {error}"),
            Err(_) => break,
        }
        answered.fetch_add(1, Ordering::Relaxed);
    }
    created
}

/// Goal: a signal in the middle of the creation of many partitions ends well; the next start has
/// every topic that was acknowledged or is listed, with all its partitions.
#[test]
fn sigterm_while_partitions_are_created() {
    let mut broker = start(ENDLESS_GRACE);
    let bootstrap = &broker.bootstrap();
    let answered = &AtomicUsize::new(0);
    let created: Vec<String> = std::thread::scope(|scope| {
        let creators: Vec<_> = (0..4)
            .map(|creator| scope.spawn(move || create_until_the_end(bootstrap, creator, answered)))
            .collect();
        while answered.load(Ordering::Relaxed) < CREATED_MIN {
            assert!(!creators.iter().any(|creator| creator.is_finished()), "topics are created");
            std::thread::sleep(Duration::from_millis(1));
        }
        let status = broker.terminate();
        assert_eq!(status.code(), Some(0), "{status}");
        creators.into_iter().flat_map(|creator| creator.join().expect("no panic")).collect()
    });
    broker.restart();
    let mut client = WireClient::connect(&broker.bootstrap());
    let listed = client.topic_names();
    assert!(created.iter().all(|name| listed.contains(name)), "{created:?}, but {listed:?}");
    println!("{} topics acknowledged, {} listed", created.len(), listed.len() - 1);
    for name in listed.iter().filter(|name| name.starts_with("wide")) {
        for partition in 0..WIDTH {
            assert_eq!(client.append((name, partition), &batch_of(&["value"])), 0);
        }
    }
}

/// Goal: a signal in the middle of a start ends that start as asked, whether all logs are open by
/// then or not, and the next one has all partitions and their records.
#[test]
fn sigterm_while_partitions_are_opened() {
    let mut broker = start(ENDLESS_GRACE);
    let mut client = WireClient::connect(&broker.bootstrap());
    client.create_topic("wide", OPENED, &[]);
    for partition in 0..OPENED {
        client.append(("wide", partition), &batch_of(&["value"]));
    }
    broker.kill();
    let starts = count_in_log(&broker, UNCLEAN_START);
    broker.spawn();
    await_log(&broker, UNCLEAN_START, starts + 1);
    assert_eq!(broker.terminate().code(), Some(0));
    let was_cut = count_in_log(&broker, CUT_START) > 0;
    assert_ne!(was_cut, is_marked_clean(&broker), "only what was open ends cleanly");
    broker.restart();
    let mut client = WireClient::connect(&broker.bootstrap());
    for partition in 0..OPENED {
        assert_eq!(client.end_offset(("wide", partition)), 1, "partition {partition}");
    }
}
