//! The world keeps the promises of the seam, and notices who breaks them.

use super::network::End;
use super::turns::ShardTask;
use super::{Crash, Delay, Fault, SimIo, Weather, World};
use crate::random::Random;
use pinion::base::ShardId;
use pinion::io::{
    Completion, File, Gather, Io, IoError, Op, OpenMode, Output, Portion, Residency, Socket,
    Startup, Token,
};
use std::path::{Path, PathBuf};

fn gather(bytes: &[u8]) -> Gather {
    let mut gather = Gather::default();
    gather.push_copied(bytes);
    gather
}

fn boot(world: &World) -> SimIo {
    world.boot(1).pop().expect("one shard has one handle")
}

/// Waits for the next completion of `token`.
fn complete(io: &mut SimIo, token: u64) -> Completion {
    let mut completions = Vec::new();
    loop {
        io.wait(None, &mut completions);
        let found = completions.iter().position(|completion| completion.token == Token(token));
        if let Some(index) = found {
            return completions.swap_remove(index);
        }
    }
}

/// Waits for two completions; the one of the lower token first.
fn complete_both(io: &mut SimIo) -> [Completion; 2] {
    let mut completions = Vec::new();
    while completions.len() < 2 {
        io.wait(None, &mut completions);
    }
    completions.sort_by_key(|completion| completion.token.0);
    completions.try_into().expect("two operations complete twice")
}

fn run(io: &mut SimIo, op: Op) -> Result<Output, IoError> {
    Startup::new(io).run(op)
}

fn open(io: &mut SimIo, path: &str, mode: OpenMode) -> Result<File, IoError> {
    Startup::new(io).open(Path::new(path), mode)
}

fn write(io: &mut SimIo, file: File, position: u64, bytes: &[u8]) -> Result<(), IoError> {
    Startup::new(io).write(file, position, gather(bytes))
}

/// A run in which many writes, syncs and messages are in flight at once.
fn busy_run(seed: u64) -> (u64, Vec<u64>) {
    let world = World::new(seed);
    let mut io = boot(&world);
    let file = open(&mut io, "/a", OpenMode::Create).unwrap();
    for token in 0..20 {
        let data = gather(&[token as u8; 700]);
        io.submit(Token(token), Op::Write { file, position: token * 700, data });
    }
    io.submit(Token(20), Op::Sync { file });
    let mut order = Vec::new();
    let mut completions = Vec::new();
    while order.len() < 21 {
        io.wait(None, &mut completions);
        order.extend(completions.drain(..).map(|completion| completion.token.0));
    }
    world.crash(Crash::Power);
    let fingerprint = world.machine().trace.fingerprint();
    (fingerprint, order)
}

/// Goal: the seed is the whole description of a run.
#[test]
fn one_seed_is_one_run() {
    for seed in 0..50 {
        assert_eq!(busy_run(seed), busy_run(seed), "seed {seed}");
    }
    assert_ne!(busy_run(1), busy_run(2));
    assert!(!busy_run(3).1.is_sorted(), "independent operations complete in any order");
}

/// Goal: time passes while all wait, to the next completion or the deadline, and not else.
#[test]
fn time_passes_only_in_waits() {
    let world = World::new(1);
    let mut io = boot(&world);
    let start = io.now();
    let mut completions = Vec::new();
    let deadline = start.monotonic.after(std::time::Duration::from_secs(2));
    io.wait(Some(deadline), &mut completions);
    assert!(completions.is_empty());
    assert_eq!(io.now().monotonic, deadline);
    assert_eq!(io.now().wall.0 - start.wall.0, 2000);
    io.wait(Some(start.monotonic), &mut completions);
    assert_eq!(io.now().monotonic, deadline, "a deadline in the past is a poll");
    world.machine().agenda.step_wall_clock(-500);
    assert_eq!(io.now().wall.0 - start.wall.0, 1500);
}

/// Goal: a file and its name survive a power loss if both were synced, and may vanish if not.
#[test]
fn only_what_was_synced_is_sure_to_survive() {
    let mut outcomes = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let world = World::new(seed);
        let mut io = boot(&world);
        let mut startup = Startup::new(&mut io);
        startup.make_directory(Path::new("/d")).unwrap();
        startup.sync_directory(Path::new("/")).unwrap();
        startup.replace_file(Path::new("/d/safe"), b"safe").unwrap();
        let file = startup.open(Path::new("/d/unsafe"), OpenMode::Create).unwrap();
        startup.write(file, 0, gather(b"unsafe")).unwrap();
        world.crash(Crash::Power);

        let mut io = boot(&world);
        let mut startup = Startup::new(&mut io);
        assert_eq!(startup.read_file(Path::new("/d/safe")).unwrap().unwrap(), b"safe");
        assert_eq!(startup.read_file(Path::new("/d/safe.tmp")).unwrap(), None);
        outcomes.insert(startup.read_file(Path::new("/d/unsafe")).unwrap());
    }
    let kept = Some(b"unsafe".to_vec());
    assert!(outcomes.contains(&None) && outcomes.contains(&kept), "{outcomes:?}");
    assert!(outcomes.contains(&Some(Vec::new())), "a name may survive its bytes");
}

/// Goal: the page cache survives the process; a write in flight happens in part.
#[test]
fn a_killed_process_leaves_the_page_cache() {
    let mut lengths = std::collections::BTreeSet::new();
    for seed in 0..100 {
        let world = World::new(seed);
        let mut io = boot(&world);
        let file = open(&mut io, "/a", OpenMode::Create).unwrap();
        write(&mut io, file, 0, b"cached").unwrap();
        io.submit(Token(1), Op::Write { file, position: 6, data: gather(b"1234") });
        let deadline = now(&mut io);
        io.wait(Some(deadline), &mut Vec::new());
        world.crash(Crash::Process);
        assert!(io.is_dead());
        let died = complete(&mut io, 1);
        assert!(died.result.is_err(), "nothing succeeds in a dead process");
        let content = Startup::new(&mut boot(&world)).read_file(Path::new("/a")).unwrap();
        let content = content.expect("it was made");
        assert!(b"cached1234".starts_with(&content) && content.len() >= 6);
        lengths.insert(content.len());
    }
    assert_eq!(lengths.len(), 5);
}

fn now(io: &mut SimIo) -> pinion::base::Monotonic {
    io.now().monotonic
}

/// Goal: an armed crash strikes at its step, between any two effects on the disk.
#[test]
fn crash_points_can_be_enumerated() {
    let steps = |crash_at: Option<u64>| {
        let world = World::new(9);
        let mut io = boot(&world);
        if let Some(step) = crash_at {
            world.machine().crash_at_step(step, Crash::Process);
        }
        let result = (|| {
            let file = open(&mut io, "/a", OpenMode::Create)?;
            write(&mut io, file, 0, b"1")?;
            run(&mut io, Op::Sync { file })
        })();
        let machine = world.machine();
        assert_eq!(result.is_err(), crash_at.is_some());
        assert_eq!(machine.crashes(), u64::from(crash_at.is_some()));
        machine.disk_steps()
    };
    assert_eq!(steps(None), 3);
    for step in 0..3 {
        assert_eq!(steps(Some(step)), step);
    }
}

/// Goal: a full disk takes what fits, refuses the rest, and works again once there is room.
#[test]
fn a_full_disk_refuses_and_recovers() {
    let world = World::new(4);
    world.machine().disk.set_capacity(Some(3 * 4096));
    let mut io = boot(&world);
    let a = open(&mut io, "/a", OpenMode::Create).unwrap();
    let b = open(&mut io, "/b", OpenMode::Create).unwrap();
    write(&mut io, a, 0, &[1; 8192]).unwrap();
    assert!(write(&mut io, b, 0, &[2; 5000]).unwrap_err().is_no_space());
    assert!(run(&mut io, Op::Allocate { file: b, length: 8192 }).unwrap_err().is_no_space());
    assert!(open(&mut io, "/c", OpenMode::Create).unwrap_err().is_no_space());
    assert!(matches!(
        run(&mut io, Op::Space { path: PathBuf::from("/") }),
        Ok(Output::Space { total: 12_288, available: 0 })
    ));
    write(&mut io, b, 0, &[3; 4096]).unwrap();
    Startup::new(&mut io).unlink(Path::new("/a")).unwrap();
    assert!(write(&mut io, b, 4096, b"x").unwrap_err().is_no_space(), "/a is still open");
    Startup::new(&mut io).close(a).unwrap();
    write(&mut io, b, 4096, &[2; 904]).unwrap();
    assert_eq!(world.machine().disk.paths(), ["/b"]);
}

/// Goal: the planned call fails, and no other.
#[test]
fn planned_faults_strike() {
    let world = World::new(5);
    let fault = Fault { operation: "sync", call: 1, count: 1, errno: libc::EIO };
    world.machine().disk.faults.plan(fault);
    let mut io = boot(&world);
    let file = open(&mut io, "/a", OpenMode::Create).unwrap();
    run(&mut io, Op::Sync { file }).unwrap();
    let error = run(&mut io, Op::Sync { file }).unwrap_err();
    assert_eq!(error, IoError { operation: "sync", errno: libc::EIO });
    world.machine().disk.faults.clear();
    run(&mut io, Op::Sync { file }).unwrap();
    assert_eq!(world.machine().disk.faults.calls("sync"), 3);
}

/// Goal: the directory operations do what their documentation says.
#[test]
fn names_change_as_documented() {
    let world = World::new(6);
    let mut io = boot(&world);
    let mut startup = Startup::new(&mut io);
    let path = Path::new;
    startup.make_directory(path("/d")).unwrap();
    startup.make_directory(path("/d")).unwrap();
    startup.make_directory(path("/d/e")).unwrap();
    let file = startup.open(path("/d/f"), OpenMode::CreateEmpty).unwrap();
    startup.write(file, 2, gather(b"xy")).unwrap();
    assert_eq!(startup.read(file, 0, 10).unwrap(), b"\0\0xy");
    startup.truncate(file, 3).unwrap();
    assert_eq!(startup.length(file).unwrap(), 3);
    startup.close(file).unwrap();
    startup.rename(path("/d/f"), path("/d/e/g")).unwrap();
    startup.rename(path("/d/e/g"), path("/d/e/h")).unwrap();
    assert_eq!(startup.open(path("/d/f"), OpenMode::Read).unwrap_err().errno, libc::ENOENT);
    assert_eq!(startup.remove_directory(path("/d/e")).unwrap_err().errno, libc::ENOTEMPTY);
    let entries = startup.read_directory(path("/d/e")).unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!((entries[0].name.as_str(), entries[0].length), ("h", 3));
    startup.unlink(path("/d/e/h")).unwrap();
    startup.unlink(path("/d/e/h")).unwrap();
    startup.remove_directory(path("/d/e")).unwrap();
    assert!(startup.read_directory(path("/d")).unwrap().is_empty());
}

/// A process with one shard, a client connected to it, and the shard's socket.
fn connected(world: &World) -> (SimIo, super::ConnectionId, Socket) {
    let mut io = boot(world);
    let listener = world.machine().listen(ShardId(0));
    io.submit(Token(100), Op::Accept { listener });
    let client = world.connect().expect("somebody listens");
    let Completion { result: Ok(Output::Accepted { socket, .. }), .. } = complete(&mut io, 100)
    else {
        panic!("the client was not accepted")
    };
    (io, client, socket)
}

/// Goal: a stream arrives whole and in order, however it is cut; its end follows.
#[test]
fn a_stream_arrives_in_order() {
    for seed in 0..50 {
        let world = World::new(seed);
        world.machine().network.weather.out_of_buffers_one_in = 50;
        let (mut io, client, socket) = connected(&world);
        let sent: Vec<u8> = (0..30_000u32).map(|i| (i % 251) as u8).collect();
        world.client_send(client, &sent);
        world.client_close(client);
        let mut received = Vec::new();
        let mut starved = 0;
        io.submit(Token(1), Op::Receive { socket });
        loop {
            let completion = complete(&mut io, 1);
            match completion.result {
                Ok(Output::Received(bytes)) if bytes.is_empty() => break,
                Ok(Output::Received(bytes)) => received.extend_from_slice(&bytes),
                Err(error) if error.errno == libc::ENOBUFS => starved += 1,
                other => panic!("{other:?}"),
            }
            if !completion.more {
                io.submit(Token(1), Op::Receive { socket });
            }
        }
        assert_eq!(received, sent, "seed {seed}, {starved} times out of buffers");
        io.submit(Token(2), Op::CloseSocket { socket });
        complete(&mut io, 2).result.unwrap();
    }
}

/// Goal: a receive into a buffer stops at its limit and leaves the rest for the next one.
#[test]
fn a_receive_into_a_buffer_respects_its_limit() {
    let world = World::new(3);
    let (mut io, client, socket) = connected(&world);
    world.client_send(client, b"0123456789");
    let mut buffer = b"-".to_vec();
    while buffer.len() < 5 {
        io.submit(Token(1), Op::ReceiveInto { socket, buffer, length_max: 5 });
        match complete(&mut io, 1).result {
            Ok(Output::ReceivedInto { buffer: grown, count }) => {
                assert!(count > 0);
                buffer = grown;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(buffer, b"-0123");
}

/// Goal: a send waits while the client does not read, and completes once it does.
#[test]
fn a_slow_client_holds_its_sender_back() {
    let world = World::new(11);
    world.machine().network.weather = Weather { send_buffer: 1000, ..Weather::default() };
    let (mut io, client, socket) = connected(&world);
    io.submit(Token(1), Op::Send { socket, data: gather(&[5; 5000]), portion: Portion::Whole });
    let mut completions = Vec::new();
    let until = io.now().monotonic.after(std::time::Duration::from_secs(1));
    io.wait(Some(until), &mut completions);
    assert!(completions.is_empty(), "the buffer holds 1,000 bytes");
    let mut received = Vec::new();
    while received.len() < 5000 {
        received.extend(world.client_read(client, 300));
        let until = io.now().monotonic.after(std::time::Duration::from_millis(1));
        io.wait(Some(until), &mut completions);
    }
    assert!(matches!(completions[0].result, Ok(Output::Sent(_))));
    assert_eq!(received, [5; 5000]);
}

/// Goal: sendfile refers to pages: what a file becomes before they arrive is what arrives.
#[test]
fn sendfile_shows_later_changes() {
    let mut was_changed = 0;
    for seed in 0..40 {
        let world = World::new(seed);
        world.machine().network.weather.latency = Delay::micros(10, 1000);
        let (mut io, client, socket) = connected(&world);
        let file = open(&mut io, "/a", OpenMode::Create).unwrap();
        write(&mut io, file, 0, b"old!").unwrap();
        let residency = Residency::Resident;
        io.submit(Token(1), Op::SendFile { socket, file, position: 0, length: 9, residency });
        let Ok(Output::SentFile { count }) = complete(&mut io, 1).result else { panic!() };
        assert!((1..=4).contains(&count));
        write(&mut io, file, 0, b"new!").unwrap();
        let until = io.now().monotonic.after(std::time::Duration::from_millis(10));
        io.wait(Some(until), &mut Vec::new());
        let received = world.client_read(client, 10);
        assert_eq!(received.len(), count as usize);
        was_changed += usize::from(received.starts_with(b"n"));
        io.submit(Token(2), Op::SendFile { socket, file, position: 4, length: 9, residency });
        let at_end = complete(&mut io, 2).result;
        assert!(matches!(at_end, Ok(Output::SentFile { count: 0 })));
        run(&mut io, Op::CloseFile { file }).unwrap();
    }
    assert!((1..40).contains(&was_changed), "{was_changed} of 40");
}

/// Goal: shutting a connection ends what is in flight on it, on both sides.
#[test]
fn a_shutdown_ends_operations_in_flight() {
    let world = World::new(12);
    let (mut io, client, socket) = connected(&world);
    io.submit(Token(1), Op::ReceiveInto { socket, buffer: Vec::new(), length_max: 10 });
    io.submit(Token(3), Op::Shutdown { socket });
    let [ended, _shut] = complete_both(&mut io);
    assert!(matches!(ended.result, Ok(Output::ReceivedInto { count: 0, .. })), "{ended:?}");
    io.submit(Token(2), Op::Send { socket, data: gather(b"x"), portion: Portion::BeforeRange });
    assert_eq!(complete(&mut io, 2).result.unwrap_err().errno, libc::EPIPE);
    io.submit(Token(4), Op::CloseSocket { socket });
    complete(&mut io, 4).result.unwrap();
    while world.client_end(client).is_none() {
        assert!(world.machine().step(), "the end is under way");
    }
    assert_eq!(world.client_end(client), Some(End::Closed));
    world.client_forget(client);
}

/// Goal: what the client sends to an end that only sends no more arrives, and its own end after it.
#[test]
fn an_end_of_sending_leaves_the_other_direction() {
    let world = World::new(16);
    let (mut io, client, socket) = connected(&world);
    io.submit(Token(1), Op::EndSending { socket });
    complete(&mut io, 1).result.unwrap();
    world.client_send(client, b"late");
    io.submit(Token(2), Op::ReceiveInto { socket, buffer: Vec::new(), length_max: 1 });
    let received = complete(&mut io, 2).result;
    assert!(matches!(received, Ok(Output::ReceivedInto { count: 1, .. })), "{received:?}");
    io.submit(Token(3), Op::Send { socket, data: gather(b"x"), portion: Portion::Whole });
    assert_eq!(complete(&mut io, 3).result.unwrap_err().errno, libc::EPIPE);
    while world.client_end(client).is_none() {
        assert!(world.machine().step(), "the end is under way");
    }
    assert_eq!(world.client_end(client), Some(End::Closed));
}

/// Goal: a reset breaks both directions, and a crash does so for all clients.
#[test]
fn resets_break_connections() {
    let world = World::new(13);
    let (mut io, client, socket) = connected(&world);
    world.client_reset(client);
    io.submit(Token(1), Op::ReceiveInto { socket, buffer: Vec::new(), length_max: 10 });
    assert_eq!(complete(&mut io, 1).result.unwrap_err().errno, libc::ECONNRESET);
    io.submit(Token(2), Op::Send { socket, data: gather(b"x"), portion: Portion::Whole });
    assert_eq!(complete(&mut io, 2).result.unwrap_err().errno, libc::ECONNRESET);

    let world = World::new(14);
    let (_io, client, _socket) = connected(&world);
    world.crash(Crash::Process);
    assert_eq!(world.client_end(client), Some(End::Reset));
    assert!(world.connect().is_none(), "nobody listens");
}

/// Goal: a cancelled operation completes as cancelled, and the listener can be closed.
#[test]
fn a_cancelled_operation_completes() {
    let world = World::new(15);
    let (mut io, _client, socket) = connected(&world);
    io.submit(Token(1), Op::ReceiveInto { socket, buffer: Vec::new(), length_max: 10 });
    io.submit(Token(2), Op::Cancel { target: Token(1) });
    let [cancelled, cancel] = complete_both(&mut io);
    assert!(cancelled.result.unwrap_err().is_cancelled());
    cancel.result.unwrap();
    io.submit(Token(2), Op::Cancel { target: Token(1) });
    complete(&mut io, 2).result.expect("there may be nothing left to cancel");
}

/// Goal: a wake reaches the other shard, which would have slept on.
#[test]
fn a_wake_reaches_the_other_shard() {
    let world = World::new(16);
    let mut shards = world.boot(2);
    shards[0].submit(Token(1), Op::Wake { shard: ShardId(1) });
    assert!(matches!(complete(&mut shards[0], 1).result, Ok(Output::Done)));
    let mut completions = Vec::new();
    shards[1].wait(None, &mut completions);
    assert_eq!(completions[0].token, Token::WOKEN);
    assert!(matches!(completions[0].result, Ok(Output::Woken)));
}

/// Goal: shards run turn by turn, and die in their sleep with the process.
#[test]
fn shards_take_turns() {
    let world = World::new(18);
    let (said, says) = std::sync::mpsc::channel();
    let spawn = |(name, io): (u64, SimIo)| {
        let said = said.clone();
        ShardTask::new(io, move |io| {
            let until = io.now().monotonic.after(std::time::Duration::from_micros(name));
            io.wait(Some(until), &mut Vec::new());
            said.send(name).unwrap();
            io.wait(None, &mut Vec::new());
            unreachable!("nothing completes");
        })
    };
    let mut shards: Vec<_> = (1..).zip(world.boot(2)).map(spawn).collect();
    shards.iter_mut().for_each(ShardTask::turn);
    let wakes_at = |shard: &ShardTask| {
        world.machine().stations.get(shard.station()).wakes_at().expect("it has a deadline")
    };
    assert!(wakes_at(&shards[0]) < wakes_at(&shards[1]));
    let instant = wakes_at(&shards[0]);
    world.machine().run_until(instant);
    let is_awake = |shard: &ShardTask| {
        let now = world.machine().agenda.now().monotonic;
        world.machine().stations.get(shard.station()).is_awake(now)
    };
    assert_eq!((is_awake(&shards[0]), is_awake(&shards[1])), (true, false));
    shards[0].turn();
    assert_eq!(says.try_iter().collect::<Vec<_>>(), [1]);
    world.crash(Crash::Process);
    drop(shards);
    assert!(says.try_recv().is_err());
}

/// What the seam forbids, and a word of the message that says so.
type Misuse = (&'static str, fn(&mut SimIo, Socket, File));

const MISUSES: [Misuse; 8] = [
    ("closed with operations", |io, socket, _| {
        io.submit(Token(1), Op::Receive { socket });
        io.submit(Token(2), Op::CloseSocket { socket });
    }),
    ("not open", |io, socket, _| {
        io.submit(Token(1), Op::CloseSocket { socket });
        io.submit(Token(2), Op::Receive { socket });
    }),
    ("two sends", |io, socket, _| {
        io.submit(Token(1), Op::Send { socket, data: gather(b"1"), portion: Portion::Whole });
        io.submit(Token(2), Op::Send { socket, data: gather(b"2"), portion: Portion::Whole });
    }),
    ("two receives", |io, socket, _| {
        io.submit(Token(1), Op::Receive { socket });
        io.submit(Token(2), Op::Receive { socket });
    }),
    ("opened for reading", |io, _, file| {
        io.submit(Token(1), Op::Write { file, position: 0, data: gather(b"1") });
    }),
    ("closed with operations", |io, _, file| {
        io.submit(Token(1), Op::Sync { file });
        io.submit(Token(2), Op::CloseFile { file });
    }),
    ("not open", |io, _, file| {
        io.submit(Token(1), Op::CloseFile { file });
        io.submit(Token(2), Op::Length { file });
    }),
    ("is written while", |io, _, _| {
        let file = open(io, "/w", OpenMode::Create).unwrap();
        io.submit(Token(1), Op::Write { file, position: 0, data: gather(b"12") });
        io.submit(Token(2), Op::Write { file, position: 1, data: gather(b"2") });
    }),
];

/// Goal: each misuse of the seam is noticed where it happens.
#[test]
fn misuse_is_noticed() {
    for (expected, misuse) in MISUSES {
        let world = World::new(17);
        let (mut io, _client, socket) = connected(&world);
        open(&mut io, "/r", OpenMode::Create).unwrap();
        let file = open(&mut io, "/r", OpenMode::Read).unwrap();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            misuse(&mut io, socket, file);
            let deadline = now(&mut io);
            io.wait(Some(deadline), &mut Vec::new());
        }));
        let message = outcome.expect_err(expected);
        let message = message.downcast_ref::<String>().expect("a formatted message");
        assert!(message.contains(expected), "{message}");
    }
}

/// Goal: other draws of the disk do not shift those of a part with its own generator.
#[test]
fn forks_are_independent() {
    let mut a = Random::new(1);
    let mut fork = a.fork();
    assert_ne!(a.bits(), fork.bits());
    assert!((0..10).contains(&fork.pick(&[1, 5, 9])));
}
